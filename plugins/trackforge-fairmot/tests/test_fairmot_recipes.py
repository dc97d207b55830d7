"""The published recipes: every file is run as it is, up to its first step, on a few pictures in the layout it names."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from io_files import write_picture  # noqa: E402

from trackforge.runs.layers import from_assignments, from_toml  # noqa: E402
from trackforge.training.run import TrainingRun, TrainingTask  # noqa: E402
from trackforge_fairmot.model import FairMOT  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))
TINY = [
    "trainer.size=64x96",
    "train.max_steps=1",
    "train.workers=0",
    "train.tensorboard=false",
    "train.accelerator=cpu",
]
PEOPLE = 3
"""In every picture of every set."""
PICTURES = 4


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def boxes(number: int) -> list[tuple[int, int, int, int]]:
    return [(8 + 30 * k + number, 10, 16, 40) for k in range(PEOPLE)]


def sequence(folder: Path) -> None:
    """A MOTChallenge sequence; its last row is a distractor."""
    rows = []
    for frame in range(PICTURES):
        write_picture(folder / f"img1/{frame + 1:06d}.jpg", frame, size=(120, 80))
        for person, (x, y, w, h) in enumerate(boxes(frame), 1):
            rows.append(f"{frame + 1},{person},{x},{y},{w},{h},1,1,1")
    (folder / "gt").mkdir()
    (folder / "gt/gt.txt").write_text("\n".join([*rows, "1,9,60,10,20,20,0,8,1"]) + "\n")
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=25\nseqLength={PICTURES}\nimWidth=120\nimHeight=80\n"
        "imExt=.jpg\n"
    )


def listed(root: Path, name: str, folder: str) -> None:
    """Stills in JDE's layout, and the list of them; the last person of each is nobody known."""
    lines = []
    for number in range(PICTURES):
        picture = f"{folder}/{number:05d}.jpg"
        write_picture(root / picture, number, size=(120, 80))
        label = (root / picture.replace("images", "labels_with_ids")).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        shares = [((x + w / 2) / 120, (y + h / 2) / 80, w / 120, h / 80) for x, y, w, h in boxes(number)]
        known = [0, 1, -1]
        label.write_text(
            "".join(f"0 {k} {' '.join(map(str, share))}\n" for k, share in zip(known, shares, strict=True))
        )
        lines.append(picture)
    (root / name).write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets")
    for name in (
        "MOT17/train/MOT17-02-DPM",
        "MOT17/train/MOT17-02-SDP",
        "MOT17/train/MOT17-04-SDP",
        "MOT20/train/MOT20-01",
    ):
        sequence(folder / name)
    listed(folder, "caltech.all", "Caltech/data/images")
    listed(folder, "citypersons.train", "Citypersons/images/train/aachen")
    listed(folder, "cuhksysu.train", "CUHKSYSU/images")
    listed(folder, "prw.train", "PRW/images")
    listed(folder, "eth.train", "ETHZ/eth01/images")
    for part in ("train", "val"):
        lines = []
        for number in range(PICTURES):
            name = f"{part}-{number}"
            write_picture(folder / f"crowdhuman/Images/{name}.jpg", number, size=(120, 80))
            people = [
                {"tag": "person", "fbox": list(box), "extra": {"box_id": k}} for k, box in enumerate(boxes(number))
            ]
            crowd = {"tag": "mask", "fbox": [60, 10, 20, 20], "extra": {"ignore": 1}}
            lines.append(json.dumps({"ID": name, "gtboxes": [*people, crowd]}))
        (folder / f"crowdhuman/annotation_{part}.odgt").write_text("\n".join(lines) + "\n")
    return folder


WANTED = {
    "mot17": (2 * PICTURES, 2 * PEOPLE),
    "mot17-half": (PICTURES, 2 * PEOPLE),
    "mix": (7 * PICTURES, 2 * PEOPLE + 5 * 2),
    "crowdhuman": (2 * PICTURES, 2 * PICTURES * PEOPLE),
    "mot20": (PICTURES, PEOPLE),
    "yolov5s": (7 * PICTURES, 2 * PEOPLE + 5 * 2),
}
"""Pictures and identities that each recipe finds in the stand-in data."""


def test_there_is_a_recipe_for_every_published_run() -> None:
    assert {file.stem for file in RECIPES} == WANTED.keys()


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_runs_as_it_is(file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the input is smaller and the run shorter. What it starts from are weights of the network that it names."""
    monkeypatch.chdir(root)
    said = tomllib.loads(file.read_text())
    start = tmp_path / "start.pth"
    torch.manual_seed(0)
    weights = FairMOT(said["trainer"]["variant"]).state_dict()
    if said.get("weights", "").startswith("centernet"):  # as CenterNet has them: 80 classes, no embeddings, sizes
        weights = {key: value for key, value in weights.items() if not key.startswith("id.")}
        for key, rows in (("hm.2.weight", 80), ("hm.2.bias", 80), ("wh.2.weight", 2), ("wh.2.bias", 2)):
            weights[key] = torch.zeros(rows, *weights[key].shape[1:])
    torch.save({"epoch": 1, "state_dict": weights}, start)
    more = dataclasses.replace(
        from_assignments(TINY, TrainingRun),
        options={"out": tmp_path / "run", **({"weights": str(start)} if "weights" in said else {})},
    )
    task = TrainingTask.of(from_toml(file, TrainingRun), more)
    result = task.fit()
    assert (result.steps, result.stopped) == (1, "steps")
    assert np.isfinite(result.last["loss"])
    pictures, identities = WANTED[file.stem]
    checkpoint = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    head = checkpoint["trackforge"]
    assert head["pictures"] == pictures
    assert checkpoint["state_dict"]["joint.classifier.weight"].shape == (
        identities,
        said["trainer"].get("reid_dim", 128),
    )
    assert head["classes"] == ["pedestrian"]
    assert ("joint.s_id" in checkpoint["state_dict"]) == (file.stem != "yolov5s")
    if file.stem == "mot17-half":
        assert {"hota", "mota", "reid_map", "val_id_loss"} <= result.last.keys()
