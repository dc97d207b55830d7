"""Who may use a server: the token, the cookie of the page, addresses that everybody can reach, other origins."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bright_detector import encoded, scene
from served import PATIENCE, Server, served, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from trackforge.cli import main

TOKEN = "a long s3cret"
PICTURE = encoded(scene(0))
BEARER = f"Bearer {TOKEN}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    more = {"TRACKFORGE_SERVE_TOKEN": TOKEN, "TRACKFORGE_SERVE_ORIGINS": "https://Wall.example/"}
    with served(tmp_path_factory.mktemp("guarded"), "--host", "0.0.0.0", "--verbose", **more) as running:
        yield running


def test_without_the_token_nothing_but_health_is_told(server: Server) -> None:
    for path in ("/healthz", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"):
        assert server.get(path).status == 200, path
    for method, path in (
        ("GET", "/v1/sessions"), ("POST", "/v1/sessions"), ("POST", "/v1/detect"), ("GET", "/metrics"), ("GET", "/v2"),
        ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/v1/nothing"), ("POST", "/v1/films"), ("GET", "/healthz/"),
        ("POST", "/v1/cameras"), ("GET", "/v2/models/bright"), ("GET", "/static/../metrics"), ("GET", "//metrics"),
    ):  # fmt: skip
        for headers in (
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": TOKEN},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": "Bearer gr\xfcn"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Cookie": f"trackforge={TOKEN}"},
            {"Cookie": "trackforge="},
        ):
            answer = server.ask(method, path, **headers)
            if path.startswith("/static"):
                assert answer.status == 404
                continue
            assert answer.status == 401, (method, path, headers)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert TOKEN not in answer.body.decode()
    for path in ("/v1/sessions?token=", "/metrics?token="):
        assert server.get(path + TOKEN.replace(" ", "+")).status == 401  # it would stand in logs


def test_with_the_token_everything_works(server: Server) -> None:
    session = server.ask("POST", "/v1/sessions", {}, Authorization=BEARER).json["id"]
    path = f"/v1/sessions/{session}/frames"
    assert server.ask("POST", path, PICTURE, Authorization=BEARER, Content_Type="image/png").status == 200
    assert server.get("/v1/sessions", Authorization=BEARER).json["sessions"][0]["id"] == session
    address = f"ws://127.0.0.1:{server.port}/v1/sessions/{session}/stream"
    with pytest.raises(InvalidStatus) as refused, connect(address, open_timeout=PATIENCE):
        pass
    assert refused.value.response.status_code == 401
    with connect(address, open_timeout=PATIENCE, additional_headers={"Authorization": BEARER}) as client:
        client.send(PICTURE)
        assert '"tracks"' in client.recv(timeout=PATIENCE)


def test_a_browser_gets_a_cookie_that_is_not_the_token(server: Server) -> None:
    for wrong in ("/?token=wrong", "/?token=", "/?token=&x=1"):
        assert server.get(wrong).status == 401
    assert server.get("/?mytoken=1").status == 200  # the page, which is empty without
    assert server.get("/?" + "&".join(f"a{k}=1" for k in range(1000))).status in (200, 400)
    entered = server.get("/?token=a+long+s3cret")
    assert entered.status == 303
    assert entered.headers["Location"] == "/"
    cookie = entered.headers["Set-Cookie"]
    assert TOKEN not in cookie
    for word in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert word.lower() in cookie.lower()
    kept = cookie.partition(";")[0]
    assert server.get("/v1/sessions", Cookie=f"other=1; {kept}").status == 200
    assert server.get("/v1/sessions", Cookie=kept[:-1]).status == 401
    own = server.url
    assert server.ask("POST", "/v1/sessions", {}, Cookie=kept, Origin=own).status == 201
    assert server.ask("POST", "/v1/sessions", {}, Cookie=kept, Origin="http://evil.example").status == 403
    session = server.ask("POST", "/v1/sessions", {}, Cookie=kept).json["id"]
    address = f"ws://127.0.0.1:{server.port}/v1/sessions/{session}/stream"
    with connect(address, open_timeout=PATIENCE, origin=own, additional_headers={"Cookie": kept}) as client:
        client.send(PICTURE)
        assert client.recv(timeout=PATIENCE)
    with (
        pytest.raises(InvalidStatus),
        connect(address, open_timeout=PATIENCE, origin="http://evil.example", additional_headers={"Cookie": kept}),
    ):
        pass


def test_no_log_line_holds_the_token(server: Server) -> None:
    for path in ("/?token=a+long+s3cret", "/v1/sessions?token=a+long+s3cret", "/?token=%61+long+s3cret&x=1"):
        server.get(path)
    assert "s3cret" not in server.log
    assert "warning" not in server.log  # with a token nobody needs to be warned


def test_a_page_that_may_is_let_in_and_told_so(server: Server) -> None:
    wall = "https://wall.example"
    asked = server.ask(
        "OPTIONS",
        "/v1/sessions",
        Origin=wall,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization",  # which a browser does not send with this
    )
    assert asked.status == 200
    assert asked.headers["Access-Control-Allow-Origin"] == wall
    answer = server.ask("POST", "/v1/sessions", {}, Origin=wall, Authorization=BEARER)
    assert answer.status == 201
    assert answer.headers["Access-Control-Allow-Origin"] == wall
    wrong = server.ask("POST", "/v1/sessions", {}, Origin=wall, Authorization="Bearer x")
    assert (wrong.status, wrong.headers["Access-Control-Allow-Origin"]) == (401, wall)  # so that the page can read it
    other = {"Origin": "https://other.example", "Access_Control_Request_Method": "POST"}
    assert server.ask("POST", "/v1/sessions", {}, **other, Authorization=BEARER).status == 403
    refused = server.ask("OPTIONS", "/v1/sessions", **other)
    assert refused.status == 400
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert server.ask("OPTIONS", "/v1/sessions", Origin=wall).status == 401  # nothing that a browser asks first


def test_an_open_server_warns_hides_ids_and_opens_no_cameras(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0") as server:
        assert "anybody who can reach" in server.log
        assert "Cameras are refused" in server.log
        session = server.open()
        listed = server.get("/v1/sessions").json["sessions"]
        assert [one["id"] for one in listed] == [session[:8]]
        assert server.get(f"/v1/sessions/{session[:8]}").status == 404
        assert server.frame(session, PICTURE).status == 200
        assert server.get("/healthz", Host="any.example").status == 200
    with served(tmp_path, "--host", "0.0.0.0", "--hosts", "gate.example", "--allow-cameras") as server:
        assert "Cameras may be opened all the same" in server.log
        assert [server.get("/healthz", Host=name).status for name in ("gate.example:80", "other.example")] == [200, 421]


def test_an_address_of_version_6_is_served(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "::1", ready=False) as server:
        connection = http.client.HTTPConnection("::1", server.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        finally:
            connection.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_https(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    trusting = ssl.create_default_context(cafile=cert)
    words = ("--tls-cert", cert, "--tls-key", key)
    with served(tmp_path, *words, ready=False, TRACKFORGE_SERVE_TOKEN=TOKEN) as server:
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=PATIENCE, context=trusting)
        with contextlib.closing(connection):
            connection.request("GET", "/?token=a+long+s3cret")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 303
            assert "Secure" in answer.headers["Set-Cookie"]

            def ready() -> bool:
                connection.request("GET", "/readyz")
                said = connection.getresponse()
                said.read()
                return said.status == 200

            until(ready)
            connection.request("POST", "/v1/sessions", headers={"Authorization": BEARER})
            session = json.loads(connection.getresponse().read())["id"]
        address = f"wss://localhost:{server.port}/v1/sessions/{session}/stream"
        with connect(
            address, ssl=trusting, open_timeout=PATIENCE, additional_headers={"Authorization": BEARER}
        ) as client:
            client.send(PICTURE)
            assert '"tracks"' in client.recv(timeout=PATIENCE)
        with server.raw() as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not plain.recv(1000).startswith(b"HTTP/1.1 200")
        assert "Traceback" not in server.log
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], check=True, capture_output=True
    )
    for wrong in (("--tls-cert", key), ("--tls-key", key), ("--tls-cert", cert, "--tls-key", locked)):
        assert main(["serve", "--detector", "motion", "--port", "0", *map(str, wrong)]) == 2
        assert "must name a certificate and its key" in capfd.readouterr().err
