"""``trackforge train`` from a terminal, with the smallest YOLOX from random weights."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("trackforge_yolox")

from cli_runs import ENVIRONMENT, command, run, run_json  # noqa: E402
from tiny_training import squares  # noqa: E402

from trackforge import data  # noqa: E402

TINY = (
    "--set", "trainer.variant=yolox-nano", "--set", "trainer.weights=random", "--set", "trainer.size=64x64",
    "--set", "train.batch_size=4", "--set", "train.workers=0", "--set", "train.tensorboard=false",
)  # fmt: skip


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    data.write(squares(root, count=8, sequence=True), root / "labels.json")
    return root / "labels.json"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "OMP_NUM_THREADS", "1")


def test_train_and_detect_with_the_result(labels: Path, tmp_path: Path) -> None:
    """Half of the sequence is for validation; --config gives a setting that --set overrules, and one that stays."""
    config = tmp_path / "run.toml"
    config.write_text(f'data = "{labels.as_posix()}"\nhalves = "bytetrack"\n[train]\nepochs = 7\nseed = 3\n')
    done = run("train", "yolox", "--config", config, "-o", tmp_path / "run", *TINY, "--set", "train.epochs=1")
    model = tmp_path / "run/model.pth"
    lines = done.stderr.splitlines()
    assert lines[0].startswith("reading ")
    assert "scoring the starting weights (epoch 0): 3/3 pictures" in lines
    assert any(line.startswith("epoch 0/1  ap ") for line in lines)
    assert lines[-1].startswith("epoch 1/1  loss ")
    first, best, judged, last = done.stdout.splitlines()
    assert judged.startswith("training made it ")
    again = run("train", "--config", tmp_path / "run/run.toml", "-o", tmp_path / "again")
    assert again.stdout.splitlines()[1] == best
    assert first.startswith("1 epochs, 2 steps (")
    assert re.match(r"best: epoch [01], AP ", best)
    assert last == str(model)
    told = json.loads((tmp_path / "run/summary.json").read_text())
    assert (told["start"]["epoch"], told["last"]["epoch"], told["interrupted"]) == (0, 1, False)
    assert told["best"]["epoch"] == int(best.split()[2].rstrip(","))
    assert told["verdict"] == judged
    assert (told["data"]["train"]["pictures"], told["data"]["validation"]["pictures"]) == (5, 3)
    assert told["trainer"]["settings"]["variant"] == "yolox-nano"
    assert {"python", "numpy", "torch"} <= told["versions"].keys()
    assert told["began"] <= told["ended"]
    bundle = torch.load(model, weights_only=True)
    assert bundle["training"]["settings"]["seed"] == 3
    assert (bundle["training"]["data"]["pictures"], bundle["training"]["validation"]["pictures"]) == (5, 3)
    tracked = run_json(
        "track",
        labels.parent / "img",
        "--detector",
        "yolox",
        "--set",
        f"detector.weights={model}",
        "--set",
        "detector.backend=torch",
        "-o",
        tmp_path / "tracks",
    )
    assert tracked["sequences"][0]["frames"] == 8


def test_sigterm_saves_and_resume_goes_on(labels: Path, tmp_path: Path) -> None:
    words = ("train", "yolox", "--data", labels, "-o", tmp_path / "run", *TINY, "--set", "train.epochs=2")
    many = [*words, "--set", "train.epochs=500", "--set", "train.log_every=1"]
    with subprocess.Popen(command(*many), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 300
        table = tmp_path / "run/losses.csv"
        while not (table.is_file() and len(table.read_text().splitlines()) > 2):
            assert time.monotonic() < until
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.1)
        assert "trackforge train --config run.toml" in (tmp_path / "run/run.toml").read_text()  # from the start on
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "a checkpoint is saved after this step" in said
    done = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]
    again = run("train", "yolox", "--data", labels, "-o", tmp_path / "run", *TINY, code=2)
    assert "holds a run already" in again.stderr
    longer = ("--set", "train.epochs=500", "--set", f"train.max_steps={done + 1}")
    facts = run_json("train", "yolox", "--data", labels, "-o", tmp_path / "run", *TINY, *longer, "--resume")
    assert (facts["steps"], facts["stopped"]) == (done + 1, "steps")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "--data must name a data set"),
        (("--data", "nothing"), 1, "nothing here"),
        (("--data", "nothing", "--set", "train.monitor=ap-50"), 2, "got 'ap-50'. Did you mean 'ap50'?"),
        (("--data", "SET", "--set", "train.epoch=3"), 2, "no setting 'epoch'. Did you mean 'epochs'?"),
        (("--data", "SET", "--set", "trainer.sise=64"), 2, "trainer 'yolox'"),
        (
            ("--data", "SET", "--set", "epochs=3"),
            2,
            "--set must read section.key=value, with a section of trainer, train",
        ),
        (("--data", "SET", "--halves", "bytetrack", "--val", "SET"), 2, "said in one way"),
        (("--data", "SET", "--rename", "a"), 2, "--rename takes OLD=NEW"),
        (("--data", "SET", "--split", "day"), 1, "split must be one of the set's"),
        (("--data", "SET", "--config", "nothing.toml"), 2, "must name a TOML file"),
    ],
)
def test_what_is_wrong_is_said(labels: Path, tmp_path: Path, words: Any, code: int, message: str) -> None:
    words = [str(labels) if word == "SET" else word for word in words]
    done = run("train", "yolox", *TINY, *words, "-o", tmp_path / "run", code=code)
    assert message in done.stderr
    *before, said = done.stderr.splitlines()
    assert said.startswith("error: ")
    assert all(line.startswith("reading ") for line in before)
    assert not (tmp_path / "run").exists()


def test_help_shows_every_setting() -> None:
    specs = run_json("train", "yolox", "--help-settings")
    names = [{setting["name"] for setting in spec["settings"]} for spec in specs]
    assert {"variant", "weights", "size"} <= names[0]
    assert {"epochs", "batch_size", "accumulate", "precision", "devices", "nodes", "tracker", "patience"} <= names[1]
    assert all(setting["help"] for spec in specs for setting in spec["settings"])
    assert "--resume" in run("train", "--help").stdout
