"""The examples of docs/deploy: each is read, what they start is started, and what they ask is asked."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import shlex
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from cli_runs import ENVIRONMENT, command
from served import served

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
DOMAIN = "tracks.example.org"
OURS = ("--host", "--port")
"""What a test says itself."""


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def server(services, tmp_path_factory):
    """The server as the compose file starts it, but for its port and its folders."""
    folder = tmp_path_factory.mktemp("deploy")
    service = services["trackforge"]
    words = [word.replace("/var/lib/trackforge", str(folder / "state")) for word in service["command"]]
    assert service["entrypoint"] == ["trackforge"]
    assert words.pop(0) == "serve"
    for flag in OURS:
        del words[words.index(flag) : words.index(flag) + 2]
    told = {**service["environment"], "TRACKFORGE_SERVE_TOKEN": "secret", "TRACKFORGE_SERVE_HOSTS": DOMAIN}
    with served(folder, *words, "--host", "127.0.0.1", **told) as running:
        yield running


def test_the_compose_file_keeps_to_itself(services):
    service = services["trackforge"]
    assert "ports" not in service, "nobody reaches the server but the proxy"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["init"]
    assert ":?" in service["environment"]["TRACKFORGE_SERVE_TOKEN"], "without a token compose must refuse"
    grace = int(service["stop_grace_period"].removesuffix("s"))
    from trackforge.serving import ServingRun

    assert grace > ServingRun().grace


def test_the_health_check_of_the_compose_file_passes(services, server):
    kind, program, *words = services["trackforge"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python3")
    words[-1] = words[-1].replace(":8000", f":{server.port}")
    assert "127.0.0.1" in words[-1]
    assert subprocess.run(["python3", *words], check=False).returncode == 0
    closed = [*words[:-1], words[-1].replace("/readyz", "/nothing")]
    assert subprocess.run(["python3", *closed], check=False, capture_output=True).returncode != 0


def test_the_token_and_the_name_are_asked_for(server):
    assert server.get("/v1/sessions").status == 401
    assert server.get("/v1/sessions", Authorization="Bearer secret", Host=DOMAIN).status == 200
    assert server.get("/v1/sessions", Authorization="Bearer secret", Host="other.example.org").status == 421


def test_the_unit_starts_what_is_there(tmp_path):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(DEPLOY / "trackforge.service")
    words = shlex.split(unit["Service"]["ExecStart"].replace("%S", str(tmp_path)))
    assert Path(words[0]).name == "trackforge"
    # Every flag exists and takes its value.
    line = command(*words[1:], "--detector", "motion", "--help-settings")
    ran = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert unit["Service"]["DynamicUser"] == "yes"
    assert unit["Service"]["StateDirectory"] in words[words.index("--films-dir") + 1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path):
    text = (DEPLOY / "trackforge.service").read_text().replace("/opt/trackforge/bin/trackforge", "/bin/true")
    (tmp_path / "trackforge.service").write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "trackforge.service")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "trackforge.service" not in ran.stderr, ran.stderr


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    """A real nginx with TLS before the server (TRACKFORGE_NGINX, or on the PATH)."""
    nginx = os.environ.get("TRACKFORGE_NGINX") or shutil.which("nginx")
    if not nginx or not shutil.which("openssl"):
        pytest.skip("needs nginx (on the PATH, or TRACKFORGE_NGINX) and openssl")
    from aws_tools import free_port

    folder = tmp_path_factory.mktemp("nginx")
    certificate = ["-keyout", "privkey.pem", "-out", "fullchain.pem", "-days", "1", "-subj", f"/CN={DOMAIN}"]
    certificate += ["-addext", f"subjectAltName=DNS:{DOMAIN}"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    port = free_port()
    text = (DEPLOY / "nginx.conf.template").read_text().replace("${DOMAIN}", DOMAIN)
    text = text.replace("server trackforge:8000", f"server 127.0.0.1:{server.port}")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/nginx/certificates", str(folder))
    (folder / "site.conf").write_text(text)
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    head = f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
    (folder / "nginx.conf").write_text(f"{head}http {{ access_log off;\n{places} include {folder}/site.conf; }}\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([nginx, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"], stderr=log)
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            try:
                ssl.get_server_certificate(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.05)
        yield port, ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    finally:
        process.terminate()
        process.wait(30)


def test_the_proxy_lets_requests_and_streams_through(proxy, server):
    import socket

    from websockets.sync.client import connect

    port, trusted = proxy
    ok, picture = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))
    assert ok

    def dial():
        return trusted.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname=DOMAIN)

    def ask(method, path, body=b"", **headers):
        connection = http.client.HTTPSConnection(DOMAIN, port, timeout=60)
        connection.sock = dial()
        origin = f"https://{DOMAIN}:{port}"  # what a browser says of the page
        said = {"Authorization": "Bearer secret", "Origin": origin, "Host": f"{DOMAIN}:{port}", **headers}
        connection.request(method, path, body, said)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    assert ask("GET", "/readyz")[0] == 200
    status, said = ask("POST", "/v1/sessions", b"{}", **{"Content-Type": "application/json"})
    assert status == 201, said
    session = json.loads(said)["id"]
    large = b"x" * (3 * 2**20)  # larger than nginx takes by itself: the server's own answer must come
    assert ask("POST", f"/v1/sessions/{session}/frames", large, **{"Content-Type": "image/jpeg"})[0] == 400
    stream = f"wss://{DOMAIN}:{port}/v1/sessions/{session}/stream"
    token = {"Authorization": "Bearer secret"}
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    with connect(stream, sock=plain, ssl=trusted, server_hostname=DOMAIN, additional_headers=token) as socket_:
        for frame in range(3):
            socket_.send(picture.tobytes())
            assert json.loads(socket_.recv(60))["frame"] == frame
