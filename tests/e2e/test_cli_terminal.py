"""What a person at a terminal meets: progress, completion, a stop that cannot wait."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import ENVIRONMENT, command, run

from trackforge.cli.app import app

pty = pytest.importorskip("pty", reason="terminals of this kind are a matter of Unix")
SMALL = ("track", "synthetic", "--set", "source.frames=30", "--set", "source.size=160x120")


def on_a_terminal(*words: object) -> str:
    """Run with stderr on a terminal and return what appears there."""
    ours, theirs = pty.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not block:
            break
        seen += block
    os.close(ours)
    assert process.wait(timeout=300) == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())


def test_progress_shows_frames_rate_and_time_left() -> None:
    seen = on_a_terminal(*SMALL)
    assert "street" in seen
    assert "30/30" in seen
    assert re.search(r"\d+\.\d fps", seen)
    assert re.search(r"\d+:\d\d", seen)


@pytest.mark.parametrize("words", [("--quiet",), ("-q", "--json")])
def test_quiet_shows_nothing(words: tuple[str, ...]) -> None:
    assert on_a_terminal(*SMALL, *words) == ""


def test_without_a_terminal_there_is_no_progress() -> None:
    said = run(*SMALL).stderr.splitlines()
    assert [line.partition(":")[0] for line in said] == ["detector", "Nothing will be kept"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(shell: str) -> None:
    script = app.generate_completion(shell=shell)  # type: ignore[arg-type]
    for word in ("track", "plugins", "detector", "preprocessing", "truth"):
        assert word in script


STUCK = """
import sys, threading
import trackforge
from trackforge import pipeline
from trackforge.runs import stopping

stopping.GRACE = 0.5
out = sys.argv[1]

def frames():
    for index in range(5):
        yield trackforge.Frame(index=index, size=(9, 9))
    threading.Event().wait(3600)  # a camera that gives nothing any more

class Nothing:
    classes, embedding_dim = ("thing",), None
    def detect(self, frames):
        return [trackforge.Detections.empty() for _ in frames]

pipeline.PATIENCE = 0.5
with stopping.Stopping() as stop:
    stop.patient = stop.waiting = True
    for step in trackforge.track(frames(), Nothing(), "online", sinks=[out]):
        if step.frame.index == 4:
            print("stuck", flush=True)
            continue
        if stop.signal:
            break
sys.exit(stop.exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_enforced_when_no_frame_comes(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, tmp_path / "a.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 128 + number, err
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 5


def test_work_goes_on_where_nobody_reads_the_messages_any_more(tmp_path: Path) -> None:
    """As in ``trackforge track ... 2>&1 | head -1``: what is said is lost, what is written is not."""
    (tmp_path / "det.txt").write_text("".join(f"{k},-1,5000,5000,9,9,95,-1,-1,-1\n" for k in range(1, 80)))
    reader, writer = os.pipe()
    os.close(reader)
    words = ("track", "synthetic", "--set", "source.frames=40", "--detector", "file", "--set", "detector.path=det.txt")
    try:
        done = subprocess.run(
            command(*words, "-o", "out.txt"), stdout=writer, stderr=writer, cwd=tmp_path, env=ENVIRONMENT, check=False
        )
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "out.txt").read_text().count("\n") > 30
