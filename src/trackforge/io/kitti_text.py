"""KITTI tracking text: a box a line, its words between blanks; one reader for data sets and for scores.

The words of a line are::

    1      frame, counted from 0
    2      id; -1 for a region that nobody labelled
    3      type: Car, Pedestrian, ...; DontCare is a region to be left out
    4-5    truncated (0 to 2) and occluded (0 to 3); -1 = not stated
    6      alpha, the observation angle; -10 = not stated
    7-10   left, top, right, bottom in pixels, continuous
    11-13  height, width, length in metres; -1000 (or -1) = not stated
    14-16  x, y, z in metres in the camera's coordinates; -1000 = not stated
    17     rotation about y; -10 = not stated
    18     score, of results only

Source: Geiger et al., "Are we ready for Autonomous Driving? The KITTI Vision Benchmark Suite", CVPR 2012; the readme of
its tracking development kit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from trackforge.errors import DataError
from trackforge.intake.rows import Row, first_row, read_rows
from trackforge.table import TrackTable

__all__ = ["DONT_CARE", "KITTI_SPACE", "KITTI_TYPES", "KittiBox", "is_kitti", "kitti_boxes", "kitti_table"]

log = logging.getLogger(__name__)
KITTI_TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person", "Cyclist", "Tram", "Misc")
"""The types of the tracking benchmark."""
DONT_CARE = "DontCare"
KITTI_SPACE = ("alpha", "height_m", "width_m", "length_m", "x_m", "y_m", "z_m", "rotation_y")
"""Our names for what words 6 and 11 to 17 say."""
_AT = (5, 10, 11, 12, 13, 14, 15, 16)
_NOT_STATED = {-10.0, -1000.0, -1.0}
_WORDS = "frame, id, type, truncated, occluded, alpha, left, top, right, bottom, ..."


@dataclass(frozen=True)
class KittiBox:
    """A line.

    Attributes:
        frame: 0-based.
        track_id: -1 where none.
        type: As the file says.
        xyxy: Pixels.
        score: None in ground truth.
        extra: Whatever else is stated, by name: ``truncated``, ``occluded`` and `KITTI_SPACE`.
        row: The line itself, for messages.
    """

    frame: int
    track_id: int
    type: str
    xyxy: tuple[float, float, float, float]
    score: float | None
    extra: dict[str, float]
    row: Row


def is_kitti(path: Path) -> bool:
    """Tell from its first line whether a file is KITTI tracking text."""
    row = first_row(path)
    if row is None or len(row) not in (10, 17, 18):
        return False
    try:
        _box(row)
    except DataError:
        return False
    try:
        float(row.words[2])
    except ValueError:
        return True
    return False


def kitti_boxes(path: Path) -> Iterator[KittiBox | DataError]:
    """Yield what each line says, or what is wrong with it.

    Raises:
        DataError: The file is not text.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    for row in read_rows(path, "A KITTI label file"):
        try:
            yield _box(row)
        except DataError as error:
            yield error


def _box(row: Row) -> KittiBox:
    row.needs(10, _WORDS)
    extra = {}
    for at, name in ((3, "truncated"), (4, "occluded")):
        value = row.number(at, name.capitalize())
        if value >= 0:
            extra[name] = int(value) if value.is_integer() else value
    space = {
        name: row.number(at, f"The value {name}") for at, name in zip(_AT, KITTI_SPACE, strict=True) if at < len(row)
    }
    if not set(space.values()) <= _NOT_STATED:
        extra |= space
    return KittiBox(
        frame=row.frame(0, base=0),
        track_id=row.whole(1, "The id", least=-1),
        type=row.words[2],
        xyxy=row.box(6, corners=True),
        score=row.number(17, "The score") if len(row) > 17 else None,
        extra=extra,
        row=row,
    )


@cache
def _say_together() -> None:
    log.warning("KITTI's types are scored together here, DontCare left out; the benchmark scores each alone.")


def kitti_table(path: Path, *, kind: str, sequence: str) -> TrackTable:
    """Read a file for scores: all types together, without the regions that are to be left out.

    Args:
        path: The file.
        kind: ``"truth"``: classes count from 1, and ``extra["flag"]`` is 1; else they count from 0.
        sequence: What to call the sequence.

    Raises:
        DataError: A line is malformed, or an id stands twice in a frame.
    """
    _say_together()
    boxes = []
    for box in kitti_boxes(path):
        if isinstance(box, DataError):
            raise box
        if box.type != DONT_CARE and (box.track_id >= 0 or kind == "detections"):
            boxes.append(box)
    seen: set[tuple[int, int]] = set()
    for box in boxes if kind != "detections" else ():
        if (box.frame, box.track_id) in seen:
            raise box.row.fault(
                f"An id may stand once in a frame; id {box.track_id} stands twice in frame {box.frame}."
            )
        seen.add((box.frame, box.track_id))
    names = list(KITTI_TYPES) + sorted({b.type for b in boxes} - set(KITTI_TYPES))
    n, truth = len(boxes), kind == "truth"
    return TrackTable(
        frame=np.array([b.frame for b in boxes], np.int64),
        track_id=np.array([-1 if kind == "detections" else b.track_id for b in boxes], np.int64),
        xyxy=np.array([b.xyxy for b in boxes], np.float64).reshape(n, 4),
        score=np.array([1.0 if b.score is None else b.score for b in boxes]),
        class_id=np.array([names.index(b.type) + truth for b in boxes], np.int64),
        extra={"flag": np.ones(n, np.int64), "visibility": np.ones(n)} if truth else {},
        sequence=sequence,
    )
