"""``trackforge tune train`` as people run it, on real trainings of a toy family that is installed as a plugin."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")
torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import quick_trials  # noqa: E402
import tuned_toy  # noqa: E402
from cli_runs import ENVIRONMENT, command, run  # noqa: E402

from trackforge.cli import main  # noqa: E402
from trackforge.registry import registry  # noqa: E402
from trackforge.training import apart  # noqa: E402

TINY = (
    "--set", "train.workers=0", "--set", "train.tensorboard=false", "--set", "train.batch_size=4",
    "--objective", "val_loss",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sets, and beside it the plugin."""
    folder = tmp_path_factory.mktemp("world")
    tuned_toy.install(folder / "site")
    return tuned_toy.labels(folder / "set")


@pytest.fixture(autouse=True)
def installed(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", str(world.parent / "site"))
    monkeypatch.setitem(ENVIRONMENT, "OMP_NUM_THREADS", "1")


@pytest.fixture
def here(world: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin in this process, and in those that it starts."""
    monkeypatch.syspath_prepend(world.parent / "site")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    registry().register(tuned_toy, "tuned-toy")
    monkeypatch.chdir(world)
    yield
    registry().unregister("tuned-toy")


def asked(out: Path) -> list[object]:
    return ["tune", "train", "tuned-toy", "--data", "train.json", "--val", "val.json", "-o", out, *TINY]


def test_from_labels_to_a_model_of_the_whole_set(world: Path, tmp_path: Path) -> None:
    """Two at a time: one runs out of memory, the others end; then the command that is printed trains on everything."""
    out = tmp_path / "tuned set"  # a name that needs quotes in a shell
    words = [*asked(out), "-t", "lr=0.003:0.1:log", "-t", "id_loss=ce,greedy", "--set", "train.epochs=4"]
    done = run(*words, "--trials", 3, "--workers", 2, "--seed", 1, cwd=world)
    for line in ("trained on: 12 pictures, validated on 12", "searched: trainer.lr=0.003:0.1:log, ", "the default set"):
        assert line in done.stderr
    assert "out of memory: " in done.stderr
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"complete", "failed"}
    assert float(rows[0]["trainer.lr"]) == 0.005
    facts = json.loads((out / "tuning.json").read_text())
    best = facts["best"]
    assert best["value"] == min(float(row["value"]) for row in rows if row["value"])
    with (Path(best["folder"]) / "epochs.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    assert min(float(row["val_loss"]) for row in epochs if row["epoch"] != "0") == pytest.approx(best["value"])
    assert (Path(best["folder"]) / "model.pth").is_file()
    assert "rate 0.005" not in (Path(best["folder"]) / "run.toml").read_text()
    assert "optimistic" in done.stdout

    (printed,) = [line.strip() for line in done.stdout.splitlines() if line.startswith("  trackforge train")]
    program, *rest = shlex.split(printed)
    assert program == "trackforge"
    again = run(*rest, cwd=world)
    bundle = torch.load(out / "retrained/model.pth", weights_only=True)["training"]
    assert bundle["data"]["pictures"] == 24
    assert bundle["validation"] is None
    assert bundle["recipe_settings"]["rate"] == best["values"].get("trainer.lr", 0.005)
    told = json.loads((out / "retrained/summary.json").read_text())
    assert told["steps"] == facts["epoch"] * 6  # 24 pictures in fours
    assert told["epochs"] == facts["epoch"]
    assert str(out / "retrained/model.pth") in again.stdout


def test_killed_in_the_middle_of_a_trial_it_goes_on(
    here: None, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After kill -9 of the search its trial ends too; the same command goes on from the trial's last checkpoint."""
    out, lines = tmp_path / "out", tmp_path / "out/trials/0000/trial.jsonl"
    words = [*asked(out), "-t", "lr=0.003:0.1", "--set", "train.epochs=6", "--trials", 1]
    slow = [*words, "--set", "trainer.pause=0.15"]
    with subprocess.Popen(
        command(*slow), env=ENVIRONMENT, cwd=world, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        until = time.monotonic() + 300
        while not (lines.is_file() and '"epoch": 2' in lines.read_text()):
            assert time.monotonic() < until
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert main([*map(str, slow)]) == 0
    assert "1 complete trials" in capsys.readouterr().out
    told = [json.loads(line) for line in lines.read_text().splitlines() if line.strip()]
    epochs = [fact["epoch"] for fact in told if "epoch" in fact]
    assert sorted(set(epochs)) == list(range(7))
    assert len(epochs) <= 7 + 1, "at most the epoch that was under way is made over"
    with (out / "trials/0000/epochs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(7))
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])


def test_help_and_space(here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["tune", "train", "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage: trackforge tune train" in said
    for flag in ("--objective", "--repeats", "--keep", "--no-pruning", "--val-share", "--show-space"):
        assert flag in said
    assert "--resume" not in said
    assert main(["tune", "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage: trackforge tune" in said
    assert "tune train NAME" in said
    monkeypatch.setenv("TRACKFORGE_TUNE_TRAIN_TUNE", "id_loss")
    assert main(["tune", "train", "tuned-toy", "-t", "lr", "--show-space"]) == 0
    assert capsys.readouterr().out == "trainer.lr=1e-05:0.005:log\n", "a flag counts more than the environment"
    assert main(["tune", "train", "tuned-toy", "--show-space", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"trainer.id_loss": "ce,half,crash,greedy"}
    assert main(["tune", "--tracker", "byte", "-t", "tracker.min_hits", "--show-space"]) == 0
    assert capsys.readouterr().out == "tracker.min_hits=1:5:int\n", "which is no variable of the other command"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "Say what to search"),
        (("-t", "lrr=0:1"), 2, "nor the loop has a setting 'lrr'. Did you mean 'lr'"),
        (("-t", "lr=0:3"), 2, "must be >= 0 and <= 1; got 3"),
        (("-t", "lr=0:1", "--set", "train.epoch=3"), 2, "no setting 'epoch'. Did you mean 'epochs'"),
        (("-t", "lr=0:1", "--set", "train.monitor=ap"), 2, "got --objective val_loss and train.monitor=ap"),
        (("-t", "lr=0:1", "--data", "nothing.json"), 1, "nothing here"),
        (("-t", "lr=0:1", "--trials", "0"), 2, "trials must be >= 1"),
        (("-t", "lr=0:1", "--pick", "worst"), 2, "pick must be best | steady"),
        (("-t", "lr=0:1", "--halves", "fairmot"), 2, "said in one way"),
    ],
)
def test_wrong_usage_is_explained(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Any, code: int, message: str
) -> None:
    assert main([*map(str, asked(tmp_path / "out")), *words]) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_the_word_train_and_a_folder_of_that_name(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "train"]) == 2
    assert "tune train needs the name of a trainer" in capsys.readouterr().err
    assert main(["tune", "train", "yolo-x", "-t", "a=0:1"]) == 2
    assert "yolo-x" in capsys.readouterr().err
    (tmp_path / "train").mkdir()
    assert main(["tune", "train", "--val", "a"]) != 0
    assert "sequence" in capsys.readouterr().err, "the folder was meant"
    assert main(["tune", "train", "Tuned-Toy"]) == 2
    assert "Say what to search" in capsys.readouterr().err, "a trainer's name follows"
    assert main(["tune", "./train", "tuned-toy"]) != 0
    assert "Say what to search" not in capsys.readouterr().err


def test_ctrl_c_keeps_everything(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "MODULE", quick_trials.__name__)
    out, lines = tmp_path / "out", tmp_path / "out/trials/0001/trial.jsonl"
    words = [*map(str, asked(out)), "--set", "train.epochs=8", "--set", "trainer.pause=0.1", "-t", "lr=0.001:0.1"]

    def interrupt() -> None:
        until = time.monotonic() + 300
        while not (lines.is_file() and '"epoch": 2' in lines.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert main([*words, "--trials", "4"]) == 130
    thread.join()
    said = capsys.readouterr()
    assert "stopped after 1 of 4 trials; the same command goes on from there" in said.err
    assert "1 complete, 1 unfinished trials" in said.out
    assert "trackforge train --config" not in said.out
    with (out / "trials.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["complete", "unfinished"]
    assert main([*words, "--trials", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == {"complete": 4}


def test_what_fails_at_once_is_told_and_leaves_no_report(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that only the data know to be wrong is found by the first trial, before its first step."""
    out = tmp_path / "out"
    words = ["--data", "train.json", "--val", "val.json", "--set", "train.workers=0", "-t", "lr=0:1"]
    assert main(["tune", "train", "tuned-toy", *words, "--objective", "ap_50", "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "train.monitor must be one of" in said
    assert "Did you mean 'ap50'" in said
    assert not (out / "best.toml").exists()
