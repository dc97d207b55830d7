"""The description of the server: it has every route, and what it says holds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Server, served
from starlette.routing import Route, WebSocketRoute

from trackforge.serving import Engine, ServingRun, create_app
from trackforge.serving.http.operations import operations_of

FILES = {"/", "/static/{name}"}
"""Routes that are no operations: the page."""
SOCKETS = "/stream(.mjpeg)?$"
CONFIG = """
[checks]
positive_data_acceptance.enabled = false  # a schema cannot say what is a picture
negative_data_rejection.expected-statuses = [400, 403, 404, 405, 409, 410, 413, 415, 429]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = ("--request-timeout", 5, "--max-sessions", 1000, "--max-body", 100_000)
    with served(tmp_path_factory.mktemp("described"), *limits) as running:
        yield running


def test_every_route_is_described_and_every_description_has_a_route(server: Server) -> None:
    app = create_app(Engine(ServingRun(detector="motion", port=0)))
    there = set()
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            there.add((route.path, "get"))
            assert operations_of(route)[0].websocket, route.path
        elif isinstance(route, Route) and route.path not in FILES:
            there |= {(route.path, method.lower()) for method in (route.methods or ()) if method != "HEAD"}
    said = server.get("/openapi.json").json
    described = {(path, method) for path, methods in said["paths"].items() for method in methods}
    assert there == described
    for path, methods in said["paths"].items():
        for method, one in methods.items():
            places = {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert places == set(re.findall(r"\{(\w+)", path)), path
            assert one["summary"].endswith("."), path
            assert any(status[0] in "12" for status in one["responses"]), (path, method)
    identities = [one["operationId"] for methods in said["paths"].values() for one in methods.values()]
    assert len(identities) == len(set(identities))


def test_the_page_shows_every_operation(server: Server) -> None:
    page = server.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    text = page.body.decode()
    for path in server.get("/openapi.json").json["paths"]:
        assert f"<code>{path}</code>" in text
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(https?:)?//", text)  # nothing comes from elsewhere
    assert "<script" not in text


def test_what_is_described_holds_whatever_is_sent(server: Server, tmp_path: Path) -> None:
    """Schemathesis' requests, of the described kind and of others, find no answer that is not described."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--seed", "1", "--no-color",
            "--no-shrink", "--max-examples", "2", "--phases", "coverage,fuzzing", "--exclude-path-regex", SOCKETS,
        ],
        capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None
    assert int(generated[1]) > 200
    assert server.get("/readyz").status == 200
    assert "Traceback" not in server.log
    assert " error " not in server.log
