"""What is trained on and what is validated on, put together: nobody becomes two, and no two become one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fairmot_run import walkers

from trackforge import data
from trackforge.data import Dataset
from trackforge.training.run import TrainingRun, TrainingTask


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets as FairMOT publishes them, each a sequence ``S-01`` with a list of either half; returns their folder."""
    root = tmp_path_factory.mktemp("lists")
    for name in ("setA", "setB"):
        made = walkers(root / "source", count=8)
        pictures, labels = (root / name / part / "S-01" / "img1" for part in ("images", "labels_with_ids"))
        pictures.mkdir(parents=True)
        labels.mkdir(parents=True)
        listed = []
        for k in range(len(made)):
            (pictures / f"{k + 1:06d}.png").write_bytes((made.root / made.images.path[k]).read_bytes())
            boxes = made.labels(k)
            cxcywh = np.c_[(boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2, boxes.size] / (96, 64, 96, 64)
            rows = [f"0 {who} " + " ".join(map(str, box)) for who, box in zip(boxes.track_id, cxcywh, strict=True)]
            (labels / f"{k + 1:06d}.txt").write_text("\n".join(rows) + "\n")
            listed.append(f"{name}/images/S-01/img1/{k + 1:06d}.png\n")
        (root / f"{name}.half").write_text("".join(listed[:4]))
        (root / f"{name}.val").write_text("".join(listed[4:]))
    (root / "both.val").write_text((root / "setA.val").read_text() + (root / "setB.val").read_text())
    return root


def whole(root: Path, given: tuple[str, ...], val: str, **more: Any) -> Dataset:
    run = TrainingRun(trainer="fairmot", data=tuple(root / one for one in given), val=root / val, whole=True, **more)
    made, nothing = TrainingTask.of(run).sets()
    assert nothing is None
    return made


@pytest.mark.parametrize(
    ("given", "val", "sequences", "identities"),
    [
        (("setA.half",), "setA.val", {"S-01"}, 3),
        (("setA.half", "setB.half"), "setA.val", {"S-01", "setB-S-01"}, 6),
        (("setB.half", "setA.half"), "setA.val", {"S-01", "setA-S-01"}, 6),
        (("setA.half", "setB.half"), "both.val", {"S-01", "setB-S-01"}, 6),
        (("setA.half",), "both.val", {"S-01", "setB-S-01"}, 5),  # of the third, who leaves, no half of setB shows any
        (("setA.half",), "setB.val", {"S-01", "setB-S-01"}, 5),
    ],
)
def test_halves_of_a_sequence_show_the_same_people(
    lists: Path, given: tuple[str, ...], val: str, sequences: set[str], identities: int
) -> None:
    made = whole(lists, given, val)
    assert len(made.sequences) == len(sequences)
    assert "S-01" in made.sequences
    assert made.identities()[1] == identities
    parts = len(given) + (2 if val == "both.val" else 1)
    assert len(made) == len(set(made.images.path.tolist())) == 4 * parts


def test_folders_are_the_same_however_they_are_named(lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lists)
    made = whole(Path(), (str(lists / "setA.half"),), "setA.val")
    assert (made.sequences, made.identities()[1]) == (("S-01",), 3)


def test_halves_that_count_their_frames_alike_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There is no telling which frame of one is which of the other; so they are two sets, and that is said."""
    made = walkers(tmp_path)
    for name, rows in (("train", slice(0, 4)), ("val", slice(4, 8))):
        half = made[rows]
        data.write(half.replace(images=half.images.replace(frame=np.arange(4))), tmp_path / f"{name}.json")
    with caplog.at_level(logging.WARNING, "trackforge"):
        assert whole(tmp_path, ("train.json",), "val.json").identities()[1] == 5
    (told,) = caplog.messages
    assert "frame 0 of walk is in two of them" in told
    assert "whoever is in both is two identities" in told
