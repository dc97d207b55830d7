"""The demonstration, whole."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import trackforge
from trackforge.errors import SinkError
from trackforge.io.mot import read_mot
from trackforge.synthetic.demo import run

TRACKFORGE = Path(sys.executable).with_name("trackforge")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    ticks = []
    return run(out, frames=150, seed=0, progress=lambda: ticks.append(1)), ticks


def test_every_output_is_there_and_whole(demo):
    summary, ticks = demo
    assert len(ticks) == summary["frames"] == 150
    frames = list(trackforge.source(summary["video"]))
    assert len(frames) == 150
    assert frames[0].size == (960, 540)
    assert len(list(trackforge.source(summary["street"]))) == 150
    assert summary["picture"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not list(summary["video"].parent.rglob("*.partial*"))


def test_the_scores_are_those_of_the_files(demo):
    summary, _ = demo
    truth, tracks = read_mot(summary["truth"], kind="truth"), read_mot(summary["tracks"])
    report = trackforge.evaluate(truth, tracks, lengths=150)
    for name in ("HOTA", "MOTA", "IDF1"):
        assert report.combined[name] == pytest.approx(summary[name], abs=5e-3)  # files have two decimals
    assert summary["walkers"] == len(set(truth.track_id.tolist()))


def test_most_walkers_are_found_and_kept_apart(demo):
    summary, _ = demo
    assert summary["MOTA"] > 0.4
    assert summary["IDF1"] > 0.5
    assert summary["HOTA"] > 0.35


def test_the_commands_that_it_names_work_as_printed(tmp_path):
    def shell(command):
        words = [str(TRACKFORGE), *shlex.split(command)[1:]]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    made = shell("trackforge demo -q --frames 60 --out 'my demo'")
    assert made.returncode == 0, made.stderr
    commands = made.stdout.partition("Now you:\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        ran = shell(command.strip())
        assert ran.returncode == 0, (command, ran.stderr)
    assert (tmp_path / "my demo" / "mine" / "street.mp4").is_file()


def test_an_unusable_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SinkError):
        run(tmp_path / "file" / "demo", frames=2)
