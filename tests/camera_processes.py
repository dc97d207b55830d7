"""`camera_server` in processes of their own, stopped and started again at will."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cli_runs import ENVIRONMENT

HERE = Path(__file__).parent


class Cameras:
    """A process of cameras; the port stays when it is started again."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        line = [sys.executable, str(HERE / "camera_server.py"), str(self.port)]
        path = os.pathsep.join([str(HERE), ENVIRONMENT.get("PYTHONPATH", "")])
        env = {**ENVIRONMENT, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def http(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def rtsp(self, path: str, user: str = "") -> str:
        return f"rtsp://{user and user + '@'}127.0.0.1:{self.port}/h264/{path}"
