"""Training jobs as SageMaker starts them: a tree like ``/opt/ml``, and ``trackforge-sagemaker train`` on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fairmot_run import walkers
from tiny_training import squares

from trackforge import data

TRAIN = (sys.executable, "-c", "import sys; from trackforge_sagemaker.command import main; sys.exit(main(['train']))")
"""The command of the container, by the Python at hand."""
TINY = {
    "trainer": "yolox", "trainer__variant": "yolox-nano", "trainer__weights": "random", "input_size_h": "64",
    "input_size_w": "64", "random_size_h": "2", "random_size_w": "2", "train__workers": "0",
    "train__tensorboard": "false", "batch_size": "4", "trainer__mosaic": "0", "trainer__mixup": "0",
    "train__plain_epochs": "0", "trainer__warmup": "0", "halves": "bytetrack",
}  # fmt: skip
"""The smallest YOLOX by ByteTrack's names and ours, as texts: 5 pictures of a sequence to learn, 3 to validate on."""
TINY_FAIRMOT = {
    "arch": "yolov5n", "input_h": "64", "input_w": "96", "data_name": "walk", "num_epochs": "2", "batch_size": "4",
    "num_workers": "0", "lr": "0.001", "id_loss": "focal",
    "train__tensorboard": "false", "train__validate_start": "false",
}  # fmt: skip
"""The smallest FairMOT by the names of its published job."""


def tree(
    root: Path,
    hyperparameters: Mapping[str, Any],
    *,
    hosts: Sequence[str] = ("algo-1",),
    host: str = "",
    **channels: Any,
) -> Path:
    """Make what a training container finds; channels are what ``inputdataconfig.json`` says of them."""
    config = root / "input/config"
    config.mkdir(parents=True, exist_ok=True)
    resources = {"current_host": host or hosts[0], "hosts": list(hosts), "network_interface_name": "eth0"}
    resources["current_instance_type"] = "ml.m5.large"
    for name, content in (
        ("hyperparameters", dict(hyperparameters)),
        ("inputdataconfig", {"train": {}, **channels}),
        ("resourceconfig", resources),
    ):
        (config / f"{name}.json").write_text(json.dumps(content))
    return root


def squares_channel(root: Path) -> Path:
    """Make the channel ``train`` of `TINY`: a sequence of eight pictures, as COCO."""
    folder = root / "input/data/train"
    data.write(squares(folder, count=8, sequence=True), folder / "labels.json")
    return folder


def walkers_channel(root: Path) -> Path:
    """Make the channel ``train`` of `TINY_FAIRMOT`: ``walk/data.json`` with lists, pictures and labels as in JDE."""
    folder = root / "input/data/train" / "walk"
    made = walkers(root / "raw")
    data.write(made, folder / "MOT", format="jde", images="copy")
    pictures = sorted((folder / "MOT/images").rglob("*.png"))
    for name, some in (("walk.train", pictures[:5]), ("walk.val", pictures[5:])):
        (folder / name).write_text("".join(f"{one.relative_to(folder / 'MOT').as_posix()}\n" for one in some))
    said = {"root": "/data/somebody/MOT", "train": {"walk": "./data/walk.train"}, "test": {"walk": "./data/walk.val"}}
    (folder / "data.json").write_text(json.dumps(said))
    return folder


def environment(root: Path, **more: str) -> dict[str, str]:
    """Return the variables of a container whose tree is ``root``, without those of this process's launcher."""
    left_out = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
    usual = {name: value for name, value in os.environ.items() if name not in left_out and not name.startswith("SM_")}
    return {**usual, "SAGEMAKER_BASE_DIR": str(root), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **more}


def train(root: Path, *, code: int | None = 0, timeout: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the job of a tree to its end; its log is all that it said, standard error behind standard output."""
    done = subprocess.run(
        TRAIN, env=environment(root, **more), capture_output=True, text=True, timeout=timeout, check=False, cwd=root
    )
    assert code is None or done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def metrics(log: str, definitions: Sequence[Mapping[str, str]]) -> dict[str, list[float]]:
    """Read the metrics of a log as SageMaker does: every definition's expression is searched for in every line."""
    found: dict[str, list[float]] = {}
    for line in log.splitlines():
        for one in definitions:
            match = re.search(one["Regex"], line)
            if match:
                found.setdefault(one["Name"], []).append(float(match[1]))
    return found


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, and these in their turn."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(one) for one in listed.read_text().split()] if listed.exists() else []
    return [*found, *(inner for one in found for inner in children(one))]
