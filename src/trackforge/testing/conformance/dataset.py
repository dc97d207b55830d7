"""The rules of `trackforge.data.Format`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from trackforge.data import Boxes, Dataset, Format, Images
from trackforge.data.problems import Findings
from trackforge.testing.conformance.rules import require, rule, run

__all__ = ["check_dataset_format"]

Make: TypeAlias = Callable[[], Format]
NEAR = 1.01
"""Pixels by which a box may be rounded."""


def check_dataset_format(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of a data set format, on a small set of drawn pictures. Needs OpenCV.

    Args:
        make: Returns the format, as the target of its component does.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("dataset", make, skip)


def _set(root: Path) -> Dataset:
    import cv2

    (root / "all").mkdir(parents=True)
    names = [f"all/{i + 1:06}.png" for i in range(3)]
    for i, name in enumerate(names):
        cv2.imwrite(str(root / name), np.full((48, 64, 3), 60 * i, np.uint8))
    images = Images(
        path=np.array(names),
        width=np.full(3, 64),
        height=np.full(3, 48),
        sequence=np.full(3, "walk"),
        frame=np.arange(3),
    )
    boxes = Boxes(
        image=np.array([0, 0, 2]),
        xyxy=np.array([[4.0, 6, 24, 40], [30, 8, 50, 44], [6, 6, 26, 40]]),
        class_id=np.array([0, 0, 0]),
        track_id=np.array([1, 2, 1]),
    )
    return Dataset(images=images, boxes=boxes, classes=("person",), root=root, name="walk")


@rule("dataset")
def describes_itself(make: Make) -> None:
    """A format has a name and a sentence, and does not take an empty folder for its own."""
    made = make()
    require(made.name and made.summary, f"its name is {made.name!r}, its summary {made.summary!r}.")
    with tempfile.TemporaryDirectory() as folder:
        require(not made.sniff(Path(folder)), "it takes an empty folder for its own.")


@rule("dataset")
def reads_what_it_writes(make: Make) -> None:
    """What it writes it knows again, and reads with the same pictures and boxes; with ids where it says so."""
    made = make()
    if made.write is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        given, target = _set(Path(folder) / "given"), Path(folder) / "written"
        made.write(given, target)
        found = [path for path in (target, *sorted(target.rglob("*"))) if made.sniff(path)]
        require(found, "it does not know what it wrote.")
        again = made.read(found[0], findings=Findings())
        require(len(again) == len(given) or "empty" not in made.holds, f"of 3 pictures {len(again)} came back.")
        require(len(again.boxes) == len(given.boxes), f"of 3 boxes {len(again.boxes)} came back.")
        error = float(np.abs(np.sort(again.boxes.xyxy, axis=0) - np.sort(given.boxes.xyxy, axis=0)).max())
        require(error < NEAR, f"a box came back {error:.2f} px away.")
        if "ids" in made.holds:
            ids = sorted(again.boxes.track_id.tolist())
            require(ids == [1, 1, 2], f"the ids came back as {ids}.")
