"""The launcher: what it passes on, whom it kills, and what it says of it; its workers are small programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from sagemaker_run import TRAIN, environment, tree

from trackforge_sagemaker.training.endings import ending

pytest.importorskip("trackforge_yolox")

LAUNCH = """
import json, sys
from trackforge_sagemaker.training.launching import Workers
from trackforge_sagemaker.training.machine import Placement

workers = Workers(Placement(processes=2), [sys.executable, "-c", sys.argv[1]], grace=float(sys.argv[2]))
codes = workers.run()
print(json.dumps([codes, workers.stopped, workers.killed, workers.broken]), flush=True)
"""
PATIENT = "import os, signal, sys, time; {}; os.write(1, b'here\\n'); time.sleep(60)"


def _launch(worker, *, grace=20.0, signalled=False):
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH, worker, str(grace)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        if signalled:
            assert [launcher.stdout.readline() for _ in range(2)] == ["here\n"] * 2
            launcher.send_signal(signal.SIGTERM)
        last = launcher.stdout.read().splitlines()[-1]
    codes, stopped, killed, broken = json.loads(last)
    return {"codes": codes, "stopped": stopped, "killed": killed, "broken": broken and tuple(broken)}


def _ending(found):
    return ending(found.pop("codes"), **found)


def test_each_process_is_told_its_place(tmp_path):
    names = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR")
    words = (
        "import os, pathlib; "
        f"pathlib.Path({str(tmp_path)!r}, os.environ['RANK']).write_text(' '.join(os.environ[n] for n in {names}))"
    )
    assert _launch(words) == {"codes": [0, 0], "stopped": False, "killed": False, "broken": None}
    assert (tmp_path / "0").read_text() == "2 0 0 2 0 127.0.0.1"
    assert (tmp_path / "1").read_text() == "2 1 1 2 0 127.0.0.1"


def test_a_signal_is_passed_on_to_all():
    found = _launch(PATIENT.format("signal.signal(15, lambda *_: sys.exit(143))"), signalled=True)
    assert found == {"codes": [143, 143], "stopped": True, "killed": False, "broken": None}
    assert _ending(found) == (143, "")


def test_who_does_not_end_in_time_is_killed_and_that_is_no_crash():
    found = _launch(PATIENT.format("signal.signal(15, signal.SIG_IGN)"), grace=0.5, signalled=True)
    assert found == {"codes": [-9, -9], "stopped": True, "killed": True, "broken": None}
    assert _ending(found) == (143, "")


def test_one_that_crashes_takes_the_others_along():
    found = _launch(PATIENT.format("os.environ['LOCAL_RANK'] == '1' and os.kill(os.getpid(), 9)"))
    assert found["codes"] == [-signal.SIGTERM, -signal.SIGKILL]
    assert found["broken"] == (1, -signal.SIGKILL)
    code, words = _ending(found)
    assert code == 1
    assert words.startswith("Process 1 of the training was ended by SIGKILL, as the system does when memory runs out")


def test_an_exit_code_without_a_word_is_a_failure_too():
    assert ending([0, 3]) == (1, "Process 1 of the training ended with exit code 3; the log may say more.")
    assert ending([143, 1], stopped=True)[0] == 1
    assert ending([0, 0], stopped=True) == (0, "")


def test_a_signal_before_the_training_ends_the_job_at_once(tmp_path):
    """The launcher waits for a pipe that nobody makes."""
    channels = {"train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO"}}
    tree(tmp_path, {"trainer": "yolox"}, **channels)
    with subprocess.Popen(TRAIN, env=environment(tmp_path), stdout=subprocess.PIPE, text=True, cwd=tmp_path) as job:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".trackforge-*")):
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.05)
        os.kill(job.pid, signal.SIGTERM)
        said, _ = job.communicate(timeout=30)
    assert job.returncode == 143, said
    assert "before the training began" in said
    assert not (tmp_path / "output/failure").exists()
    assert not list(tmp_path.glob(".trackforge-*"))
