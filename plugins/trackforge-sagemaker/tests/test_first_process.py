"""Process 1 of a process namespace, as in a container: signals, orphans, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aws_tools
import pytest

from trackforge_sagemaker.first_process import carry_out

BEGIN = """
import os, signal, subprocess, sys, time
from pathlib import Path
from trackforge_sagemaker.first_process import carry_out

def act():
    told = Path(sys.argv[1])
"""
END = """
raise SystemExit(carry_out(act))
"""


def start(tmp_path, body):
    script = tmp_path / "script.py"
    script.write_text(BEGIN + "".join(f"    {line}\n" for line in body) + END)
    words = [sys.executable, str(script), str(tmp_path / "told")]
    return subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *words])


@pytest.fixture(autouse=True)
def namespaces():
    if not aws_tools.can_unshare():
        pytest.skip("needs namespaces of its own (unshare --mount --pid), which this user or machine does not grant")


@pytest.mark.parametrize(("ending", "code"), [("return 7", 7), ("sys.exit(3)", 3), ("1 / 0", 1)])
def test_it_ends_as_the_command_ended(tmp_path, ending, code):
    assert start(tmp_path, [ending]).wait(60) == code


def test_a_command_that_a_signal_ended_is_told_as_a_shell_tells_it(tmp_path):
    assert start(tmp_path, ["os.kill(os.getpid(), signal.SIGKILL)"]).wait(60) == 128 + signal.SIGKILL


def test_sigterm_reaches_the_command_which_has_the_last_word(tmp_path):
    body = ["signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))", "told.write_text(str(os.getpid()))"]
    process = start(tmp_path, [*body, "while True: time.sleep(60)"])
    told = _appears(tmp_path / "told")
    assert told.read_text() != "1", "process 1 is not the command itself"
    (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert process.wait(60) == 5


def test_orphans_are_gathered(tmp_path):
    # A shell that ends at once leaves its child to process 1; a zombie's state would be Z.
    body = [
        "for _ in range(20): subprocess.run(['sh', '-c', 'sleep 0.05 &'])",
        "end = time.monotonic() + 30",
        "alive = lambda: [p for p in Path('/proc').iterdir() if p.name.isdigit()]",
        "while len(alive()) > 2 and time.monotonic() < end: time.sleep(0.05)",
        "told.write_text(str(len(alive())))",
        "return 0",
    ]
    assert start(tmp_path, body).wait(60) == 0
    assert (tmp_path / "told").read_text() == "2", "process 1 and the command"


def test_elsewhere_nothing_is_forked():
    assert carry_out(os.getpid) == os.getpid()


def _appears(path: Path) -> Path:
    end = time.monotonic() + 60
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)
    return path
