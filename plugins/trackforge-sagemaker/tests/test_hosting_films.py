"""``trackforge-sagemaker serve``: films, answered as offline, bounded, and ended when nobody waits for them."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from bright_detector import install
from bright_model import HEIGHT, WIDTH, write_film
from hosted import hosted, invoke, opened, plain, sessions, shown
from served import until
from starlette.requests import ClientDisconnect

import trackforge
from trackforge.serving import step_json
from trackforge_sagemaker.serving.files import file_response


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "camera.mp4", 9, 40)


def test_a_film_is_answered_in_every_form_as_offline(container, detector, film, tmp_path):
    body = film.read_bytes()
    offline = list(trackforge.track(str(film), detector, "byte", sinks=[tmp_path / "out.txt", tmp_path / "out.jsonl"]))
    expected = [plain(step_json(step, detector.classes)) for step in offline]
    assert sum(len(step["tracks"]) for step in expected) > 40
    ours = invoke(container, body, "video/mp4").json
    assert ours == {"frames": expected}
    assert invoke(container, body, "application/octet-stream", Accept="application/json").json == ours
    rows = invoke(container, body, "video/mp4", Accept="text/csv")
    assert rows.body == (tmp_path / "out.txt").read_bytes()
    lines = invoke(container, body, "video/mp4", Accept="application/jsonlines").body.splitlines()
    assert [json.loads(line)["tracks"] for line in lines] == [step["tracks"] for step in expected]
    example = invoke(container, body, "video/mp4", Accept="application/json;format=bytetrack").json
    for row in example:
        assert row.endswith(",-1,-1,-1")
    assert [row.split(",")[:2] for row in example] == [
        [str(step["frame"]), track] for step in expected for track in shown(step)
    ]
    drawn = invoke(container, body, "video/mp4", Accept="video/mp4")
    assert drawn.headers["content-type"] == "video/mp4"
    (tmp_path / "drawn.mp4").write_bytes(drawn.body)
    frames = list(trackforge.source(str(tmp_path / "drawn.mp4")))
    assert len(frames) == 40
    assert frames[0].size == (WIDTH, HEIGHT)


def test_every_nth_frame_of_a_film_is_tracked_and_not_for_ever(film, tmp_path):
    plugins = install(tmp_path / "plugins")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\npause = 0.05\n')
    with hosted(tmp_path, FRAME_INTERVAL="7", TS_DEFAULT_RESPONSE_TIMEOUT="1", PYTHONPATH=str(plugins)) as server:
        frames = invoke(server, film.read_bytes(), "video/mp4").json["frames"]
        assert [(one["frame"], one["timestamp"]) for one in frames] == [(k, k / 25) for k in range(0, 40, 7)]
        long = write_film(tmp_path / "long.mp4", 1, 7 * 80)  # 80 frames at .05 s
        late = invoke(server, long.read_bytes(), "video/mp4")
        assert late.status == 504
        assert "TS_DEFAULT_RESPONSE_TIMEOUT" in late.json["detail"]
        assert sessions(server) == 0


def test_what_is_no_film_is_refused_and_nothing_is_left_of_it(base, tmp_path):
    with hosted(base, "films", SAGEMAKER_SESSIONS_PATH=str(tmp_path / "spool")) as server:
        playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
        concat = b"ffconcat version 1.0\nfile '/etc/passwd'\n"
        for body in (b"nonsense" * 100, b"", playlist, concat):
            answer = invoke(server, body, "video/mp4")
            assert answer.status in (400, 422), answer.body
            assert b"passwd" not in answer.body
            assert str(tmp_path) not in answer.body.decode()
        (folder,) = (tmp_path / "spool").iterdir()
        assert list(folder.iterdir()) == []
        with_session = invoke(server, b"x", "video/mp4", session=opened(server))
        assert with_session.status == 400
        assert server.end(15) == 0
        assert list((tmp_path / "spool").iterdir()) == []


def test_a_client_that_leaves_ends_its_film(base, film, tmp_path):
    plugins = install(tmp_path / "plugins")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\npause = 0.5\n')
    with hosted(tmp_path, PYTHONPATH=str(plugins)) as server:
        body = film.read_bytes()
        head = (
            f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with server.raw() as client:
            client.sendall(head.encode() + body)
            until(lambda: sessions(server) == 1)
        until(lambda: sessions(server) == 0)  # 40 frames at half a second would take longer
        assert "Traceback" not in server.log


def test_an_answer_lets_go_of_its_file_when_its_client_leaves(tmp_path):
    path = tmp_path / "answer.mp4"
    path.write_bytes(bytes(3 << 18))

    async def leave(message):
        if message["type"] == "http.response.body":
            raise ClientDisconnect

    async def wait():
        await asyncio.Event().wait()

    async def answered():
        response = file_response(path, "video/mp4", {})
        with pytest.raises(ClientDisconnect):
            await response({"type": "http", "asgi": {"spec_version": "2.3"}}, wait, leave)
        return [place for place in Path("/proc/self/fd").iterdir() if path.name in os.path.realpath(place)]

    assert asyncio.run(answered()) == []
    assert list(tmp_path.iterdir()) == []
