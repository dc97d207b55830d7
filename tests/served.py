"""Real servers in processes of their own: ``trackforge serve`` on a free port, with a tiny detector."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bright_detector import install
from cli_runs import ENVIRONMENT, command

PATIENCE = 120.0
"""Seconds that anything may take before it counts as failed; machines are busy."""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server that runs; `served` starts one."""

    process: subprocess.Popen[bytes]
    port: int
    errors: Path
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.errors.read_text(encoding="utf-8", errors="replace")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request and return the whole answer; underscores in names of headers stand for hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            said = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
            if isinstance(body, (dict, list)):
                body, said = json.dumps(body), {"Content-Type": "application/json", **said}
            connection.request(method, path, body, said)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def open(self, **said: Any) -> str:
        """Open a session and return its id."""
        answer = self.ask("POST", "/v1/sessions", said)
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def frame(self, session: str, picture: bytes, query: str = "") -> Answer:
        """Send a frame of a session."""
        path = f"/v1/sessions/{session}/frames{query}"
        return self.ask("POST", path, picture, Content_Type="application/octet-stream")

    def raw(self) -> socket.socket:
        """Return a connection to be talked on by hand."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def metric(self, name: str) -> float:
        """Return the value of a series of ``/metrics``, labels included in its name; 0 where it is absent."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def end(self, *signals: int) -> int:
        """Send signals and return the exit code."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def until(what: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something holds."""
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.02)


@contextlib.contextmanager
def running(
    line: list[str], folder: Path, port: Path, errors: Path, environment: dict[str, str], *, ready: str, **more: Any
) -> Iterator[Server]:
    """Run a process that serves while the block does.

    Args:
        line: Its command.
        folder: Where it runs.
        port: The file that it writes its port into.
        errors: The file that its log is added to.
        environment: All of its variables.
        ready: A path to ask until it answers 200; none to wait for the port alone.
        more: For `subprocess.Popen`.
    """
    port.unlink(missing_ok=True)
    with errors.open("ab") as log:
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=log, cwd=folder, env=environment, **more)
    try:
        until(lambda: port.exists() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        server = Server(process, int(port.read_text()), errors)
        if ready:
            until(lambda: server.get(ready).status == 200)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def served(
    folder: Path,
    *words: object,
    detector: str = "bright",
    ready: bool = True,
    largest: int = 0,
    **environment: str,
) -> Iterator[Server]:
    """Run a server while the block does.

    Args:
        folder: New or empty; the plugin, the port and the log go there.
        words: Further words of the command line.
        detector: Its name; none leaves the choice to the server.
        ready: Wait until it is.
        largest: Bytes of any file that it may write; 0 for no limit.
        environment: Further variables.
    """
    plugins = folder / "plugins" if (folder / "plugins").is_dir() else install(folder / "plugins")
    port, errors = folder / "port", folder / "stderr"
    path = os.pathsep.join([str(plugins), *filter(None, [ENVIRONMENT.get("PYTHONPATH")])])

    def bound() -> None:
        if largest:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    line = command("serve", "--port", 0, "--port-file", port, *(("--detector", detector) if detector else ()), *words)
    told = {**ENVIRONMENT, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment}
    with running(line, folder, port, errors, told, ready="/readyz" if ready else "", preexec_fn=bound) as server:
        yield server
