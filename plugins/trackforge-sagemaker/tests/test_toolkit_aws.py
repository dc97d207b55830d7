"""The servers of AWS's own images answer as ours does."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import aws_tools
import pytest
from bright_model import png, scene, write_film, write_model
from hosted import fairmot
from served import PATIENCE

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]


def ask(address, body, content_type, accept="", session=""):
    """Send a request and return status, type, body and headers."""
    headers = {"Content-Type": content_type, "Accept": accept, "X-Amzn-SageMaker-Session-Id": session}
    request = urllib.request.Request(
        f"{address}/invocations", body, {name: value for name, value in headers.items() if value}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read(), error.headers


def conversation(address, film):
    """Everything that an endpoint is asked here, and what it answers, ids of sessions apart."""
    images = list(scene(7, 6))
    forms = (
        "",
        "application/json;format=builtin",
        "application/json;annotation=1",
        "application/json;format=bytetrack",
    )
    said = [ask(address, png(images[0]), "application/x-image", accept)[:3] for accept in forms]
    forms = ("application/json", "application/json;format=bytetrack", "text/csv", "application/jsonlines")
    said += [ask(address, film, "video/mp4", accept)[:3] for accept in forms]
    said.append(ask(address, film, "video/mp4", "video/mp4")[:2])
    first = ask(address, png(images[0]), "image/png", "", "NEW_SESSION")
    identity = first[3]["x-amzn-sagemaker-new-session-id"].partition(";")[0]
    said.append(first[:3])
    said += [ask(address, png(image), "image/png", "", identity)[:3] for image in images[1:4]]
    for index, image in enumerate(images[4:], start=4):
        body = json.dumps(fairmot(index, image)).encode()
        said.append(ask(address, body, "application/json", "application/json", identity)[:3])
    closed = ask(address, b'{"requestType": "CLOSE"}', "application/json", "", identity)
    assert closed[3]["x-amzn-sagemaker-closed-session-id"] == identity
    said.append((closed[0], closed[1], json.loads(closed[2])["frames"]))
    for body, kind, accept, session in (
        (png(images[0]), "image/png", "", identity),
        (b"no picture", "image/png", "", ""),
        (b"nonsense", "video/mp4", "", ""),
        (png(images[0]), "image/png", "application/json;format=none", ""),
        (base64.b64encode(b"x"), "text/html", "", ""),
    ):
        status, kind, body, _ = ask(address, body, kind, accept, session)
        problem = json.loads(body)
        problem.pop("request_id", None)
        said.append((status, kind, str(problem).replace(identity, "...")))
    return said


@pytest.mark.parametrize("server", [aws_tools.mms, aws_tools.torchserve], ids=["mms", "torchserve"])
@pytest.mark.parametrize("functions", ["toolkit", "toolkit_transform"])
def test_the_servers_of_aws_images_answer_as_ours_does(server, functions, container, tmp_path):
    folder = write_model(tmp_path / "ml" / "model")
    if functions == "toolkit_transform":
        line = "from trackforge_sagemaker.toolkit_transform import model_fn, transform_fn\n"
        (folder / "code" / "inference.py").write_text(line)
    film = write_film(tmp_path / "film.mp4", 8, 12).read_bytes()
    expected = conversation(container.url, film)
    assert [status for status, *_ in expected].count(200) == 16
    with server(tmp_path / "ml", tmp_path / "log.txt") as address:
        assert conversation(address, film) == expected
