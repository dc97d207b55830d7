"""Real containers' processes: ``trackforge-sagemaker serve`` over a model folder, on a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cli_runs import ENVIRONMENT
from served import Server, until

SERVE = [sys.executable, "-c", "import sys; from trackforge_sagemaker.command import main; sys.exit(main())", "serve"]


@contextlib.contextmanager
def hosted(base: Path, name: str = "container", *, ready: bool = True, **environment: str) -> Iterator[Server]:
    """Run a container's process while the block does.

    Args:
        base: What it takes for ``/opt/ml``; its folder ``model`` has the model.
        name: Of the files for port and log, below ``base``.
        ready: Wait until ``/ping`` answers 200.
        environment: Further variables.
    """
    port, errors = base / f"{name}-port", base / f"{name}-log"
    port.unlink(missing_ok=True)
    with errors.open("wb") as log:
        process = subprocess.Popen(
            SERVE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=base,
            env={
                **ENVIRONMENT,
                "OMP_NUM_THREADS": "1",
                "SAGEMAKER_BASE_DIR": str(base),
                "TRACKFORGE_SERVE_PORT": "0",
                "TRACKFORGE_SERVE_PORT_FILE": str(port),
                **environment,
            },
        )
    try:
        until(lambda: port.exists() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        server = Server(process, int(port.read_text()), errors)
        if ready:
            until(lambda: server.get("/ping").status == 200)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def memory(pid: int) -> int:
    """Return the largest resident memory that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


if os.name == "nt":  # pragma: no cover - SIGTERM means something else there
    raise ImportError("containers run on Linux")
