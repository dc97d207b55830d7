"""Parts of JDE sets, and the lists of pictures that JDE and FairMOT publish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from io_files import write_picture

from trackforge import data
from trackforge.errors import DataError

FRAMES = (
    "A/images/train/S-1/img1/000001.jpg",
    "A/images/train/S-1/img1/000002.jpg",
    "A/images/test/S-2/img1/000001.jpg",
)
STILLS = ("B/images/x.png", "B/images/y.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate((*FRAMES, *STILLS)):
        write_picture(tmp_path / name, number, size=(100, 50))
        label = (tmp_path / name.replace("images", "labels_with_ids")).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"0 {number} 0.5 0.5 0.2 0.4\n")
    return tmp_path


def names(made: data.Dataset) -> list[str]:
    return [Path(path).as_posix() for path in made.images.path.tolist()]


def test_a_folder_of_pictures_is_a_part(root: Path) -> None:
    made = data.read(root / "A/images/train/S-1", "jde")
    assert made.boxes.track_id.tolist() == [0, 1]
    assert made.images.sequence.tolist() == ["S-1", "S-1"]
    assert made.images.split.tolist() == ["train", "train"]
    assert len(data.read(root / "A/images", "jde")) == 3
    assert len(data.read(root / "A")) == 3
    with pytest.raises(DataError, match="looks like none"):
        data.read(root / "A/images/train")


def test_a_list_names_pictures_of_several_sets_with_their_labels(root: Path) -> None:
    (root / "mix.train").write_text("\n".join((FRAMES[1], STILLS[0], "/data/MOT/" + FRAMES[2])) + "\n")
    made = data.read(root / "mix.train")
    assert names(made) == [FRAMES[1], STILLS[0], FRAMES[2]]
    assert made.boxes.track_id.tolist() == [1, 3, 2]
    assert made.images.sequence.tolist() == ["S-1", "", "S-2"]
    assert made.images.frame.tolist() == [1, -1, 0]
    np.testing.assert_allclose(made.boxes.xyxy[0], [40, 15, 60, 35], atol=1e-9)
    assert made.image_path(1) == root / STILLS[0]


@pytest.mark.parametrize("line", ["A/images/train/S-1/img1/000009.jpg", "../A/images/x.jpg", "A/labels_with_ids/x.png"])
def test_what_is_not_below_the_list_is_refused(root: Path, line: str) -> None:
    (root / "mix.train").write_text(f"{STILLS[0]}\n{line}\n")
    with pytest.raises(DataError, match=r"mix\.train:2: A line must be a picture below an 'images' folder"):
        data.read(root / "mix.train")


def test_a_text_file_of_something_else_is_no_list(root: Path) -> None:
    (root / "notes.txt").write_text("buy milk\n")
    with pytest.raises(DataError, match="looks like none"):
        data.read(root / "notes.txt")
