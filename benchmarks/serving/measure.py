"""Frames a second, latency, processor time and memory of ``trackforge serve``; whether every row is that of offline.

Real servers in processes of their own, asked over the loopback by a process that sends a real film as JPEGs of 768x576,
each session another stretch of it, the next frame when the step of the one before has come. Beside it, in turns, stand
the least that could serve the same (`benchmarks.serving.bare`) and LitServe (`benchmarks.serving.lit`), with the same
detector, tracker and decoder; LitServe is installed into a temporary folder where a package index can be reached.

Processor time is of the whole server, its children included, so that other programs on the machine blur it less than
they do clocks. What a frame takes offline is measured in the same run; the difference is the server's own.

    python -m benchmarks.serving             # writes results/serving.json and results/serving-memory.json
    python -m benchmarks.serving --load      # the first of them: three minutes on two cores that are free
    python -m benchmarks.serving --memory    # the second
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib.metadata
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import ROOT, save
from benchmarks.scaling import free_port
from benchmarks.serving.parts import DETECTORS, TRACKER, Known, differing, save_pictures, settings

FRAMES = {
    "stored detections": {1: 150, 4: 100, 16: 50, 64: 20},
    "YOLOX-nano, ONNX Runtime": {1: 100, 4: 50, 16: 20, 64: 8},
}
"""Frames of each session, by number of sessions."""
SESSIONS, EACH, AT_ONCE = 1000, 100, 8
"""For memory: sessions, frames of each, and how many are open at once."""
SIZE = (320, 240)
"""Of the pictures then: small, so that a hundred thousand are soon done."""
TICKS = os.sysconf("SC_CLK_TCK")
START = 120.0
"""Seconds that a server may take to start."""


@dataclass
class Server:
    """A server that runs.

    Attributes:
        name: As the table calls it.
        how: Ways to ask it.
        process: It.
        port: Where it listens.
    """

    name: str
    how: tuple[str, ...]
    process: subprocess.Popen[bytes]
    port: int

    def family(self) -> list[int]:
        """Return the ids of its processes."""
        found, parents = [self.process.pid], {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError):
                parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
        for parent in found:
            found += [child for child, of in parents.items() if of == parent]
        return found

    def cpu(self) -> float:
        """Return the seconds of processor time that it has taken."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident(self) -> float:
        """Return the MiB of memory that its first process has."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def metric(self, name: str) -> float:
        """Return one number of ``/metrics``."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START)
        link.request("GET", "/metrics")
        text = link.getresponse().read().decode()
        link.close()
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def detector(self) -> tuple[float, float]:
        """Return the seconds that its detector has taken so far, and for how many batches."""
        return self.metric("trackforge_detector_seconds_total"), self.metric("trackforge_detector_batches_total")

    def forget(self) -> None:
        """Let a server without sessions begin anew."""
        if self.how == ("http", "websocket"):
            return
        path, body = ("/forget", "") if self.name == "bare Starlette" else ("/predict", '{"forget": true}')
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START)
        link.request("POST", path, body, {"Content-Type": "application/json"})
        link.getresponse().read()
        link.close()


@contextlib.contextmanager
def started(name: str, how: tuple[str, ...], command: list[str], port: int, **more: str) -> Iterator[Server]:
    """Run a server until the block ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT.parent,
            env=environment,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
        try:
            path = "/readyz" if how[0] == "http" else "/health" if how[0] == "lit" else "/"
            end = time.monotonic() + START
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > end:
                    errors.seek(0)
                    raise SystemExit(f"{name} does not start:\n{errors.read().decode()[-3000:]}")
                time.sleep(0.1)
            yield Server(name, how, process, port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        link.request("GET", path)
        status = link.getresponse().status
        link.close()
    except OSError:
        return False
    return status == 200 or (path == "/" and status == 404)


def ours(label: str) -> tuple[str, tuple[str, ...], list[str], int]:
    """Return how ``trackforge serve`` is started."""
    name, given = settings(label)
    sets = [word for key, value in given.items() for word in ("--set", f"detector.{key}={_word(value)}")]
    port = free_port()
    words = ["serve", "--detector", name, "--tracker", TRACKER, "--port", str(port), "--quiet", *sets]
    return "trackforge serve", ("http", "websocket"), ["-m", "trackforge", *words], port


def _word(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def ask(server: Server, how: str, sessions: int, frames: int, film: Path) -> tuple[dict[str, Any], float]:
    """Let the client ask; return what it says, and the seconds of processor time that the server took for it."""
    job = {"port": server.port, "how": how, "sessions": sessions, "frames": frames, "film": str(film)}
    before = server.cpu()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.client", json.dumps(job)],
        cwd=ROOT.parent, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told, server.cpu() - before


def row(server: Server, how: str, sessions: int, frames: int, film: Path, known: Known) -> dict[str, Any]:
    """Measure one server under one load."""
    server.forget()
    own = how in ("http", "websocket")
    seconds, batches = server.detector() if own else (0.0, 0.0)
    told, cpu = ask(server, how, sessions, frames, film)
    took, count = np.asarray(told["took"]) * 1e3, sessions * frames
    wrong = sum(
        differing([one.encode() for one in answers], known.expected(number, frames))
        for number, answers in enumerate(told["answers"])
    )
    made = {
        "server": server.name,
        "how": how,
        "sessions": sessions,
        "frames": count,
        "lost": count - sum(map(len, told["answers"])),
        "rows unlike offline": wrong,
        "frames a second": round(count / told["seconds"], 1),
        "p50 ms": round(float(np.percentile(took, 50)), 2),
        "p99 ms": round(float(np.percentile(took, 99)), 2),
        "processor ms a frame": round(1e3 * cpu / count, 2),
    }
    if own:
        then = server.detector()
        made["detector ms a frame"] = round(1e3 * (then[0] - seconds) / count, 2)
        made["frames a batch"] = round(count / (then[1] - batches), 2)
    print(made, flush=True)
    return made


def memory(film: Path, sessions: int) -> dict[str, Any]:
    """Measure the memory of a server while many sessions come and go."""
    samples: list[tuple[float, float]] = []
    name, how, command, port = ours("stored detections")
    with started(name, how, command, port) as server:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                samples.append((server.metric("trackforge_detector_frames_total"), server.resident()))

        watching = threading.Thread(target=watch)
        job = {"port": port, "how": "http", "sessions": sessions, "frames": EACH, "film": str(film), "at_once": AT_ONCE}
        begun = time.perf_counter()
        watching.start()
        try:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.serving.client", json.dumps(job)],
                cwd=ROOT.parent, stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
        finally:
            over.set()
            watching.join()
        seconds = time.perf_counter() - begun
        opened, left = server.metric("trackforge_sessions_opened_total"), server.metric("trackforge_sessions_open")
        samples.append((server.metric("trackforge_detector_frames_total"), server.resident()))
    frames = samples[-1][0]
    marks = {share: _at(samples, share * frames) for share in (0.05, 0.25, 0.5, 0.75, 1.0)}
    return {
        "frames": int(frames),
        "sessions opened and closed": int(opened),
        "sessions open at the end": int(left),
        "open at once": AT_ONCE,
        "pictures": "{}x{}".format(*SIZE),
        "seconds": round(seconds, 1),
        "MiB by frames done": {str(int(share * frames)): round(mib, 1) for share, mib in marks.items()},
        "growth MiB over the second half": round(_settled(samples, 0.9, 1.0) - _settled(samples, 0.45, 0.55), 2),
    }


def _at(samples: list[tuple[float, float]], frames: float) -> float:
    return next(mib for done, mib in samples if done >= frames)


def _settled(samples: list[tuple[float, float]], low: float, high: float) -> float:
    frames = samples[-1][0]
    return statistics.median(mib for done, mib in samples if low * frames <= done <= high * frames)


@contextlib.contextmanager
def lit_serve() -> Iterator[dict[str, str] | None]:
    """Install LitServe where nothing else sees it; yield what finds it there, or None where it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "litserve"],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode or not (Path(folder) / "litserve").is_dir():
            print("LitServe cannot be installed here, and is left out", flush=True)
            yield None
            return
        found = importlib.metadata.distributions(name="litserve", path=[folder])
        yield {"PYTHONPATH": folder, "version": next(iter(found)).version}


def remembered(sessions: int) -> dict[str, Any]:
    """Measure the memory of a server over many frames and sessions."""
    import cv2

    with tempfile.TemporaryDirectory() as temporary:
        picture = cv2.imencode(".jpg", np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))[1]
        (Path(temporary) / "0.jpg").write_bytes(picture.tobytes())
        return {"name": "The memory of the server", **memory(Path(temporary), sessions)}


def run(frames: dict[str, dict[int, int]]) -> dict[str, Any]:
    """Measure every server under every load."""
    load = os.getloadavg()
    rows: dict[str, list[dict[str, Any]]] = {}
    offline: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary, lit_serve() as lit:
        film = Path(temporary) / "film"
        film.mkdir()
        save_pictures(film)
        for label in DETECTORS:
            known = Known(label)
            offline[label] = {f"{key} ms": round(1e3 * statistics.median(one), 2) for key, one in known.spent.items()}
            offline[label]["processor ms a frame"] = round(1e3 * known.cpu, 2)
            print(label, offline[label], flush=True)
            with contextlib.ExitStack() as stack:
                servers = [stack.enter_context(started(*ours(label)))]
                port = free_port()
                command = ["-m", "benchmarks.serving.bare", label, str(port)]
                servers.append(stack.enter_context(started("bare Starlette", ("bare",), command, port)))
                if lit is not None:
                    port = free_port()
                    command = ["-m", "benchmarks.serving.lit", label, str(port)]
                    one = started("LitServe", ("lit",), command, port, PYTHONPATH=lit["PYTHONPATH"])
                    servers.append(stack.enter_context(one))
                for server in servers:
                    ask(server, server.how[0], 1, 10, film)  # the first frames of all come later than any other
                rows[label] = [
                    row(server, how, sessions, each, film, known)
                    for sessions, each in frames[label].items()
                    for server in servers
                    for how in server.how
                ]
    wrong = sum(one["rows unlike offline"] + one["lost"] for those in rows.values() for one in those)
    return {
        "name": "The server under load",
        "input": "PETS09-S2L1 as JPEGs of 768x576, quality 90; detections stored by YOLOX-nano, or YOLOX-nano itself "
        "with one thread; tracker byte",
        "offline": offline,
        "rows": rows,
        "rows unlike offline or lost": wrong,
        "LitServe": None if lit is None else lit["version"],
        "load of the machine": {"before": round(load[1], 1), "after": round(os.getloadavg()[1], 1)},
    }


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", action="store_true", help="frames a second, latency and processor time alone")
    parser.add_argument("--memory", action="store_true", help="memory alone")
    said = parser.parse_args()
    if said.load or not said.memory:
        begun = time.perf_counter()
        result = run(FRAMES)
        print(save("serving", {**result, "seconds in all": round(time.perf_counter() - begun)}))
    if said.memory or not said.load:
        print(save("serving-memory", remembered(SESSIONS)))


if __name__ == "__main__":
    main()
