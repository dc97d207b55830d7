"""What strangers may try at a container's routes: refused with a clear status, and nobody else notices."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib

import numpy as np
import pytest
from bright_model import HEIGHT, WIDTH, png, scene
from hosted import fairmot, hosted, invoke, opened, sessions
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def container(base):
    with hosted(base) as server:
        yield server
        assert "Traceback" not in server.log


@pytest.fixture(autouse=True)
def _nobody_notices(container):
    """A camera is tracked before and after, and nothing is left open."""
    image = png(next(scene(1, 1)))
    identity, before = opened(container), sessions(container)
    assert invoke(container, image, session=identity).json["frame"] == 0
    yield
    assert invoke(container, image, session=identity).json["frame"] == 1
    assert sessions(container) == before
    assert invoke(container, {"requestType": "CLOSE"}, session=identity).status == 200
    assert container.get("/ping").status == 200


def talk(server, head: bytes, body: bytes = b"") -> bytes:
    """Send bytes as they are, and return the whole answer."""
    with server.raw() as client:
        client.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer


def bomb() -> bytes:
    """A PNG of some bytes that says that it has 4,000,000,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 200_000, 20_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/tmp/evil", "0; rm -rf /", "..\\x", "\x00", "1e3", -1, 2**70, True, [0], {"a": 1}]
)
def test_a_frame_s_number_is_a_number_and_never_a_path(container, name):
    answer = invoke(container, fairmot(name, next(scene(1, 1))))
    assert answer.status == 400
    assert "frame_id" in answer.json["detail"]


def test_pictures_within_base64_are_bounded_like_others(container):
    large = {"frame_id": 0, "frame_data": "A" * (7 << 20)}
    assert invoke(container, large).status == 413
    small = {"frame_id": 0, "frame_data": base64.b64encode(bomb()).decode()}
    assert invoke(container, small).status == 413
    assert invoke(container, bomb()).status == 413
    assert invoke(container, {"frame_id": 0, "frame_data": "QUJD"}).status == 400
    wrong = fairmot(0, np.zeros((HEIGHT, WIDTH, 3), np.uint8), frame_w=1920, frame_h=1080)
    assert invoke(container, wrong).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'"text"', b"{", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000,
        b'{"frame_id": ' + b"9" * 10_000 + b"}",
        b'{"frame_id": 0, "frame_data": "\\ud800"}', b'{"requestType": "NEW_SESSION", "tracker": "../../x"}',
        b'{"requestType": "NEW_SESSION", "tracker": {"name": "byte", "no_such_setting": 1}}',
        b'{"requestType": "NEW_SESSION", "state": "AAAA"}', b'{"requestType": "CLOSE"}',
    ],
)  # fmt: skip
def test_json_that_is_no_request_is_refused(container, body):
    answer = invoke(container, body, "application/json")
    assert answer.status == 400, answer.body
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize(
    "kind", ["text/html", "application/x-npy", "multipart/form-data; boundary=x", "image", "a/b/c"]
)
def test_other_types_are_refused_with_those_that_are_taken(container, kind):
    answer = invoke(container, b"x", kind)
    assert answer.status == 415
    assert "image/jpeg" in answer.json["detail"]


def test_bodies_in_an_encoding_are_refused(container):
    assert invoke(container, b"x", Content_Encoding="gzip").status == 415
    assert invoke(container, b"x", "video/mp4", Content_Encoding="br").status == 415


def test_a_body_without_end_is_cut_off(container):
    piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    with container.raw() as client:
        head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + piece * 7)
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "session",
    ["0" * 32, "a" * 256, "a" * 257, "../../x", "a b", "NEW_SESSION;x", "\xe9", "' OR 1=1", "-", "new_session"],
)
def test_unknown_sessions_and_what_is_no_id_are_refused(container, session):
    image = png(next(scene(1, 1)))
    for body in (image, {"requestType": "CLOSE"}):
        answer = invoke(container, body, session=session)
        assert answer.status in (400, 404), answer.body
        assert "x-amzn-sagemaker-closed-session-id" not in answer.headers


def test_a_session_is_its_holder_s_alone(container):
    mine = opened(container)
    listed = container.get("/v1/sessions").body.decode()
    assert mine not in listed  # who has no token is not told whole ids
    for guess in (mine[:8], mine[:-1], mine.upper() + "0", mine + "-a"):
        assert invoke(container, {"requestType": "CLOSE"}, session=guess).status == 404
    assert invoke(container, {"requestType": "NEW_SESSION"}, session=mine).status == 400
    assert invoke(container, {"requestType": "CLOSE"}, session=mine).status == 200
    assert invoke(container, {"requestType": "CLOSE"}, session=mine).status == 410
    assert invoke(container, png(next(scene(1, 1))), session=mine).status == 410


@pytest.mark.parametrize("header", [b"X-Amzn-SageMaker-Session-Id", b"X-Amzn-SageMaker-Custom-Attributes"])
@pytest.mark.parametrize("breaks", [b"\n", b"\r", b"\x00", b"\r\n\t", b"\xe2\x80\xa8", b"%0d%0a"])
def test_no_header_gets_into_an_answer_from_within_another(container, header, breaks):
    image = png(next(scene(1, 1)))
    head = (
        b"POST /invocations HTTP/1.1\nHost: x\nConnection: close\nContent-Type: image/png\nContent-Length: %d\n"
        % len(image)
    )
    head = head.replace(b"\n", b"\r\n") + header + b": a" + breaks + b"X-Evil: 1\r\n\r\n"
    with container.raw() as client:
        client.sendall(head + image)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    lines = answer.partition(b"\r\n\r\n")[0].lower().splitlines()
    assert lines[0].split()[1] in (b"200", b"400", b"404")
    assert not any(line.startswith((b"x-evil", b"\tx-evil")) for line in lines)


def test_inference_ids_and_custom_attributes_are_echoed_where_harmless(container):
    image = png(next(scene(1, 1)))
    said = {"X_Amzn_SageMaker_Custom_Attributes": "a=<script>; b='%0d'", "X_Amzn_SageMaker_Inference_Id": "id-7"}
    answer = invoke(container, image, **said)
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "a=<script>; b='%0d'"
    assert answer.headers["x-amzn-sagemaker-inference-id"] == "id-7"
    long = invoke(container, image, X_Amzn_SageMaker_Custom_Attributes="a" * 2000)
    assert "x-amzn-sagemaker-custom-attributes" not in long.headers


def test_pages_of_others_may_not_use_it(container):
    image = png(next(scene(1, 1)))
    assert invoke(container, image, Origin="http://evil.example").status == 403
    assert invoke(container, image, Sec_Fetch_Site="cross-site").status == 403
    address = f"ws://127.0.0.1:{container.port}/invocations-bidirectional-stream"
    with pytest.raises(InvalidStatus) as refused, connect(address, origin="http://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    assert talk(container, b"POST /invocations HTTP/1.1\nConnection: close\nContent-Length: 0")[9:12] in (
        b"400",
        b"421",
    )


def test_cameras_are_no_way_into_the_network(container):
    answer = container.ask("POST", "/v1/cameras", {"address": "http://169.254.169.254/latest/meta-data"})
    assert answer.status == 403


def test_answers_tell_no_path_of_the_container(container):
    for body, kind in ((b"nonsense", "video/mp4"), (b"nonsense", "image/png"), (b"{}", "application/json")):
        text = json.dumps(invoke(container, body, kind).json)
        assert "/tmp" not in text
        assert "/opt" not in text


def test_damaged_requests_are_refused_and_never_fail_the_server(container):
    rng = random.Random(0)
    image = next(scene(1, 1))
    whole = [png(image), json.dumps(fairmot(0, image)).encode(), b'{"requestType": "NEW_SESSION", "frame_rate": 25}']
    kinds = ("image/png", "application/json", "video/mp4", "", "image/jpeg; q=x")
    accepted = ("", "*/*", "application/json;annotation=1", "text/csv", 'a/b;;;=,"', "application/json;format=fairmot")
    for _ in range(200):
        body = bytearray(rng.choice(whole))
        for _ in range(rng.choice((1, 3, 20))):
            place = rng.randrange(len(body))
            body[place : place + rng.randrange(4)] = rng.randbytes(rng.randrange(4))
            body = body if body else bytearray(b"x")
        answer = invoke(container, bytes(body), rng.choice(kinds), Accept=rng.choice(accepted))
        assert answer.status < 500, (bytes(body), answer.body)
        opened_now = answer.headers.get("x-amzn-sagemaker-new-session-id")
        if opened_now:
            invoke(container, {"requestType": "CLOSE"}, session=opened_now.partition(";")[0])
