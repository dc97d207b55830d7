"""MOTChallenge text: one grammar for results, ground truth and detections, whoever reads or writes them.

A line is a box. Values stand between commas, semicolons, tabs or spaces; blank lines, and a separator at the end of a
line, are tolerated. All lines have as many values as the first, 6 or more, in these columns::

    1     frame, counted from 1; a file that has a frame 0 counts from 0, which is said, and all of it is shifted by one
    2     id. Of detections -1, and whatever stands there is left out; of ground truth -1 is a box without identity
    3-6   left, top, width, height in pixels
    7     score; of ground truth the flag, a whole number, 0 = do not consider. Detections may leave it out: 1
    8     class, counted from 1; -1 or left out = not stated
    9     visibility, 0 to 1: of ground truth with 9 columns (MOT16 and later), else without meaning
    9-10  with 10 columns: truncation and occlusion where VisDrone writes them, kept as they are
    8-10  world coordinates x, y, z instead (MOT15 ground truth, and results), see below

A file does not say which it is: the reader is told the ``kind``. What is open then is decided in `_columns` and nowhere
else:

* Lines of 10 values hold a class if column 8 is a whole number from 0 on, or -1, in most of the lines in which columns
  8 to 10 say anything; the others are errors then. They hold world coordinates if it is not. ``world=`` decides
  otherwise.
* In ground truth ``class_id`` is the file's number, for the numbers have meanings there (1 = pedestrian). In results
  and detections class n is ``class_id`` n - 1, and 0 where none is stated; a file that has a class 0 counts from 0,
  which is said, and n is ``class_id`` n.
* Results of one class are written with -1, as the benchmark wants them. Where there are several, every line states its
  own: `class_column`.

Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016, section 4.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.reading import reading
from trackforge.io.kitti_text import is_kitti, kitti_table
from trackforge.io.mot_lines import Floats, Ints, exact_ids, first_values, line_of, read_values
from trackforge.table import LARGEST, TrackTable

__all__ = ["Kind", "class_column", "looks_like", "read_mot", "sequence_of"]

log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["tracks", "truth", "detections"]
LEAST_COLUMNS = {"tracks": 7, "truth": 7, "detections": 6}
FLAG = (
    "The flag (seventh value) of ground truth must be a whole number, 0 = do not consider (results have scores there: "
    "are truth and results swapped?)"
)


def read_mot(
    path: str | Path, *, kind: Kind = "tracks", sequence: str | None = None, world: bool | None = None
) -> TrackTable:
    """Read a MOTChallenge file; an empty file is an empty table. KITTI tracking text is known by its words, and read.

    Args:
        path: The file. Its lines may come in any order of frames.
        kind: ``"tracks"``: results, every row must have an id. ``"truth"``: ``class_id`` is the file's number (1 =
            pedestrian, -1 = not stated), ``track_id`` -1 for boxes without identity, ``extra["flag"]`` int64 and
            ``extra["visibility"]`` float64 (1 where not stated). ``"detections"``: ids are left out.
        sequence: Name of the sequence; where None it is taken from the path (``<sequence>/gt/gt.txt`` or
            ``<sequence>.txt``).
        world: Whether lines of 10 values end in world coordinates; where None, the values tell.

    Returns:
        The table, frames 0-based; world coordinates, where there are any, as ``extra["world"]`` (R, 3), and what stands
        behind a class in lines of 10 values as ``extra["after_class"]`` (R, 2).

    Raises:
        DataError: A line is malformed, with its number; a frame or class is above the limits; or the file is not text.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    name = sequence_of(path) if sequence is None else sequence
    with reading(path, "A MOTChallenge file"):
        try:
            values = read_values(path)
        except DataError:
            if is_kitti(path):
                return kitti_table(path, kind=kind, sequence=name)
            raise
        return _table(values, path, kind, name, world)


def _table(values: Floats, path: Path, kind: Kind, name: str, world: bool | None) -> TrackTable:
    if not values.size:
        return TrackTable.empty(name)
    if values.shape[1] < LEAST_COLUMNS[kind]:
        raise DataError(
            f"A line of a {kind} file must have {LEAST_COLUMNS[kind]} values or more (frame, id, left, top, width, "
            f"height, ...); got {values.shape[1]}.",
            path=path,
            line=line_of(path, 0),
        )
    if world is None:
        world = _has_world(values)
    _check_values(values, kind, world, path)
    ids = np.full(len(values), -1) if kind == "detections" else exact_ids(path, values)
    order = np.argsort(values[:, 0], kind="stable") if (np.diff(values[:, 0]) < 0).any() else None
    rows, ids = (values, ids) if order is None else (values[order], ids[order])
    table = TrackTable.unchecked(**_columns(rows, ids, kind, world, path), sequence=name)
    twice = table.duplicates()
    if len(twice):
        row = int(twice[0])
        raise DataError(
            f"An id may stand once in a frame; id {table.track_id[row]} stands twice in frame {table.frame[row] + 1} "
            f"({len(twice)} such lines in all). Keep the better box of each.",
            path=path,
            line=line_of(path, row if order is None else int(order[row])),
        )
    return table


def sequence_of(path: Path) -> str:
    """Return the name of the sequence that a file belongs to: ``<sequence>/gt/gt.txt``, or ``<sequence>.txt``."""
    folder = path.absolute().parent
    return folder.parent.name or path.stem if path.stem == folder.name and path.stem in ("gt", "det") else path.stem


def looks_like(path: str | Path) -> Kind | None:
    """Tell by its first line what a MOTChallenge file may be; None where that does not tell.

    Results and detections have 10 values that end in -1; ground truth has 9: flag, class and visibility last.
    """
    first = first_values(Path(path))
    if len(first) >= 10 and first[8:10] == [-1, -1]:
        return "detections" if first[1] == -1 else "tracks"
    truth = len(first) == 9 and first[6] in (0, 1) and first[7] >= 1 and 0 <= first[8] <= 1
    return "truth" if truth else None


def _check_values(values: Floats, kind: Kind, world: bool, path: Path) -> None:
    frame, track, width, height = (values[:, k] for k in (0, 1, 4, 5))
    checks: list[tuple[Any, str]] = [
        (_wild(values), "Every value must be at most 3e38, and a finite number"),
        (~(frame >= 0) | (frame != np.rint(frame)), "The frame (first value) must be a whole number >= 1"),
        ((width < 0) | (height < 0), "Width and height (fifth and sixth value) must be >= 0"),
    ]
    if kind != "detections":
        checks.append((track != np.rint(track), "The id (second value) must be a whole number"))
        least, what = (0, "A result file holds only boxes that have an id: the second value must be >= 0")
        if kind == "truth":
            least, what = -1, "The id (second value) must be >= 0, or -1 for a box without identity"
        checks.append((track < least, what))
    if kind == "truth":
        checks.append((values[:, 6] != np.rint(values[:, 6]), FLAG))
    stated = values[:, 7] if values.shape[1] >= 8 and not world else np.empty(0)
    checks.append((stated != np.rint(stated), "The class (eighth value) must be a whole number"))
    for bad, rule in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            got = ",".join(f"{value:g}" for value in values[row])
            raise DataError(
                f"{rule}; got {got}. Repair the line or leave it out ({int(bad.sum())} such lines in all).",
                path=path,
                line=line_of(path, row),
            )
    most = limits()
    for name, column, what in (("frames", frame, "The frame"), ("classes", stated, "The class")):
        if len(column) and column.max() > getattr(most, name):
            row = int(column.argmax())
            check_limit(name, float(column[row]), what, path=path, line=line_of(path, row))


def _wild(values: Floats) -> Any:
    """Return the rows that hold what no table can, (R,), or nothing where there are none."""
    if max(values.max(), -values.min()) <= LARGEST / 2:
        return np.empty(0, np.bool_)
    corners = values[:, 2:4] + values[:, 4:6]
    return ~(np.abs(values) <= 2 * LARGEST).all(axis=1) | ~(np.abs(corners) <= LARGEST).all(axis=1)


def _has_world(values: Floats) -> bool:
    """Tell whether columns 8 to 10 are world coordinates; see the head of the module."""
    if values.shape[1] < 10 or not (values[:, 8:10] != -1).any():
        return False
    told = values[(values[:, 7:10] != -1).any(axis=1), 7]
    classes = (told == np.rint(told)) & (told >= -1)
    return 2 * int(np.count_nonzero(classes)) < len(told)


def _columns(values: Floats, ids: Ints, kind: Kind, world: bool, path: Path) -> dict[str, Any]:
    """Return what the columns of a table are, by the kind of file, its width, and its values where that is open."""
    n, width = values.shape
    xyxy = values[:, 2:6].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    frame = values[:, 0].astype(np.int64)
    if frame[0]:
        frame -= 1
    else:
        _say_from_zero(path, "frames")
    world = world and width >= 10
    stated = np.maximum(values[:, 7], -1).astype(np.int64) if width >= 8 and not world else np.full(n, -1)
    extra = {}
    if world:
        extra["world"] = values[:, 7:10].copy()
    elif width >= 10 and (values[:, 8:10] != -1).any():
        extra["after_class"] = values[:, 8:10].copy()
    score = values[:, 6].copy() if width >= 7 else np.ones(n)
    if kind == "truth":
        extra["flag"] = score.astype(np.int64)
        extra["visibility"] = values[:, 8].copy() if width == 9 else np.ones(n)
        score = np.ones(n)
    elif (stated == 0).any():
        _say_from_zero(path, "classes")
    else:
        stated -= 1
    return {
        "frame": frame,
        "track_id": ids,
        "xyxy": xyxy,
        "score": score,
        "class_id": stated if kind == "truth" else np.maximum(stated, 0),
        "extra": extra,
    }


@lru_cache(maxsize=1024)  # a file that is read again says nothing again
def _say_from_zero(path: Path, what: str) -> None:
    log.warning(
        "%s counts its %s from 0, and MOTChallenge text from 1: all of them were taken as counted from 0", path, what
    )


def class_column(class_id: Ints, *, several: bool | None = None) -> Ints:
    """Return the numbers that results and detections state for classes ``(R,)``: n + 1, and -1 where there is only one.

    >>> class_column(np.array([0, 0])).tolist(), class_column(np.array([0, 2])).tolist()
    ([-1, -1], [1, 3])

    Args:
        class_id: Classes, counted from 0.
        several: Whether there is more than class 0; where None, these tell.
    """
    if several is None:
        several = bool((class_id > 0).any())
    return class_id + 1 if several else np.where(class_id > 0, class_id + 1, -1)
