"""``trackforge tune`` as people run it."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_runs import ENVIRONMENT, command, run, run_json
from tuning_scenes import write_scenes

from trackforge import source
from trackforge.io.mot import write_mot

pytest.importorskip("optuna")
SMALL = ("--tune", "tracker.high_score=0.2:0.9", "--tune", "tracker.max_lost=1:60:int")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), frames=30)


def asked(scenes: Path, out: Path) -> list[object]:
    return ["tune", scenes / "gt", "--detections", scenes / "det", "--val", "c", "-o", out]


def test_from_detections_to_a_file_that_track_takes(scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    facts = run_json(*asked(scenes, out), *SMALL, "--trials", 8, "--preprocessing", "mot15")
    assert (facts["train"], facts["val"]) == (["a", "b"], ["c"])
    assert facts["space"] == {"tracker.high_score": "0.2:0.9", "tracker.max_lost": "1:60:int"}
    assert sum(facts["trials"].values()) == 8
    assert facts["best"]["value"] >= facts["scores"]["train"]["default"]["combined"]["HOTA"]
    assert facts["gain"]["val"] is not None
    assert all(Path(file).stat().st_size for file in facts["files"])
    tracked = run_json(
        "track",
        "frames",
        "--set",
        "source.length=30",
        "--set",
        "source.size=640x480",
        "--detector",
        "file",
        "--set",
        f"detector.path={scenes / 'det' / 'c.txt'}",
        "--config",
        out / "best.toml",
        "--truth",
        scenes / "gt" / "c" / "gt" / "gt.txt",
        "--preprocessing",
        "mot15",
    )
    assert tracked["tracker"]["settings"]["max_lost"] == facts["best"]["values"]["tracker.max_lost"]
    expected = facts["scores"]["val"]["best"]["combined"]
    assert tracked["scores"]["combined"]["HOTA"] == expected["HOTA"]


def test_the_same_command_goes_on_and_then_only_reports(scenes: Path, tmp_path: Path) -> None:
    first = run_json(*asked(scenes, tmp_path), *SMALL, "--trials", 3)
    second = run_json(*asked(scenes, tmp_path), *SMALL, "--trials", 5)
    third = run_json(*asked(scenes, tmp_path), *SMALL, "--trials", 5)
    assert [sum(one["trials"].values()) for one in (first, second, third)] == [3, 5, 5]
    assert second["best"] == third["best"]
    again = run_json("tune", "--config", tmp_path / "run.toml", "-o", tmp_path / "again", cwd=tmp_path)
    assert again["best"] == third["best"]  # in a study of its own
    assert {"python", "numpy", "optuna"} <= again["versions"].keys()
    refused = run(*asked(scenes, tmp_path), "--tune", "tracker.min_hits", code=2)
    assert "holds a study of something else: space differ" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_interrupted_it_keeps_everything(scenes: Path, tmp_path: Path, number: int, workers: int) -> None:
    words = [*asked(scenes, tmp_path), *SMALL, "--workers", workers]
    process = subprocess.Popen(
        command(*words, "--trials", 100_000), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    journal = tmp_path / "study.journal"
    end = time.monotonic() + 300
    while not (journal.exists() and journal.read_text().count('"state":1') >= 3) and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 128 + number, errors
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    done = sum(row["state"] != "failed" for row in rows)
    assert done >= 3
    facts = run_json(*words, "--trials", done + 2)
    assert sum(n for state, n in facts["trials"].items() if state != "failed") == done + 2


def test_a_detector_runs_once(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("av")
    settings = {"frames": 30, "size": "320x240", "walkers": 4}
    street = source("synthetic", **settings)
    write_mot(tmp_path / "truth.txt", street.truth, kind="truth")
    sets = [word for key, value in settings.items() for word in ("--set", f"source.{key}={value}")]
    words = ["tune", "synthetic", *sets, "--truth", tmp_path / "truth.txt", "-o", tmp_path / "out"]
    first = run_json(*words, *SMALL, "--tune", "detector.min_score=0.05:0.5", "--trials", 3, timeout=300)
    assert set(first["best"]["values"]) == {"tracker.high_score", "tracker.max_lost", "detector.min_score"}
    (stored,) = (tmp_path / "out" / "detections").iterdir()
    written = stored.stat().st_mtime_ns
    second = run_json(*words, *SMALL, "--tune", "detector.min_score=0.05:0.5", "--trials", 5, timeout=300)
    assert stored.stat().st_mtime_ns == written
    assert sum(second["trials"].values()) == 5
    assert second["gain"]["val"] is None


def test_search_in_a_file(scenes: Path, tmp_path: Path) -> None:
    config = tmp_path / "tune.toml"
    config.write_text(
        f"""
sources = ["{scenes / "gt"}"]
detections = "{scenes / "det"}"
val = ["a"]
trials = 3
objective = "IDF1"

[search]
tracker.min_hits = "1:3:int"
associator.fuse_score = [true, false]
motion.name = ["xyah", "xywh"]
motion.position_std = "0.02:0.1:log"

[tracker]
name = "online"
max_lost = 20
""",
        encoding="utf-8",
    )
    space = run_json("tune", "--config", config, "--show-space")
    assert space["motion.name"] == "xyah,xywh"
    facts = run_json("tune", "--config", config, "-o", tmp_path / "out")
    assert facts["val"] == ["a"]
    assert facts["objective"] == "IDF1"
    best = (tmp_path / "out" / "best.toml").read_text()
    assert "[associator]" in best
    assert "[motion]" in best
    assert "max_lost = 20" in best


def test_default_space_and_help(tmp_path: Path) -> None:
    shown = run("tune", "--show-space", "--tracker", "ocsort").stdout.splitlines()
    assert "tracker.det_thresh=0.3:0.8" in shown
    assert "Usage: trackforge tune" in run("tune", "--help").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--tune", "tracker.hi=0:1"], 2, "has no setting 'hi'"),
        (["--tune", "tracker.high_score=1:0"], 2, "from less to more"),
        (["--tune", "motion.position_std"], 2, "take the tracker 'online'"),
        (["--val-share", "0.5"], 2, "--val or --val-share"),
        (["--objective", "HOT"], 2, "There is no score 'HOT'"),
        (["--detector", "motion"], 2, "--detections or --detector"),
        (["--preprocessing", "mot18"], 2, "preprocessing must be one of"),
        (["--truth", "nowhere"], 1, "there is no nowhere"),
    ],
)
def test_wrong_usage_is_explained(scenes: Path, tmp_path: Path, words, code: int, message: str) -> None:
    done = run(*asked(scenes, tmp_path), *words, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_sequences_and_detections(scenes: Path, tmp_path: Path) -> None:
    assert "needs sequences with ground truth" in run("tune", code=2).stderr
    no_file = run("tune", scenes / "gt", "--detections", tmp_path, "-o", tmp_path / "o", "--val", "c", code=1)
    assert "a.txt" in no_file.stderr
