"""MOTChallenge text: one grammar for results, ground truth and detections, whoever reads or writes them.

A line is a box. Values stand between commas, semicolons, tabs or spaces; blank lines, and a separator at the end of a
line, are tolerated. All lines have as many values as the first, 6 or more, in these columns::

    1     frame, counted from 1
    2     id; of detections -1, and whatever stands there is left out
    3-6   left, top, width, height in pixels
    7     score; of ground truth the flag, 0 = do not consider. Detections may leave it out: 1
    8     class, counted from 1; -1 or left out = not stated
    9     visibility, 0 to 1: of ground truth with 9 columns (MOT16 and later), else without meaning
    8-10  world coordinates x, y, z instead, with 10 columns (MOT15 ground truth, and results)

A file does not say which it is: the reader is told the ``kind``. What is open then is decided in `_columns` and nowhere
else: lines of 10 values hold world coordinates if the ninth or tenth is anything but -1 in any of them, and a class if
not. In ground truth ``class_id`` is the file's number, for the numbers have meanings there (1 = pedestrian); in results
and detections class n is ``class_id`` n - 1, and 0 where none is stated. Class 0 is not written, so that results of one
class are as the benchmark wants them.

Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.io.kitti_text import is_kitti, kitti_table
from trackforge.table import TrackTable

__all__ = ["Kind", "class_column", "read_mot", "sequence_of"]

Kind: TypeAlias = Literal["tracks", "truth", "detections"]
Floats: TypeAlias = npt.NDArray[np.float64]
LEAST_COLUMNS = {"tracks": 7, "truth": 7, "detections": 6}
LARGEST = 2.0**53
"""Above it not every whole number is a float any more."""


def read_mot(path: str | Path, *, kind: Kind = "tracks", sequence: str | None = None) -> TrackTable:
    """Read a MOTChallenge file; an empty file is an empty table. KITTI tracking text is known by its words, and read.

    Args:
        path: The file. Its lines may come in any order of frames.
        kind: ``"tracks"``: results, every row must have an id. ``"truth"``: ``class_id`` is the file's number (1 =
            pedestrian, -1 = not stated), ``extra["flag"]`` int64 and ``extra["visibility"]`` float64 (1 where not
            stated). ``"detections"``: ids are left out.
        sequence: Name of the sequence; where None it is taken from the path (``<sequence>/gt/gt.txt`` or
            ``<sequence>.txt``).

    Returns:
        The table, frames 0-based; world coordinates, where there are any, as ``extra["world"]`` (R, 3).

    Raises:
        DataError: A line is malformed, with its number; or the file is not text.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    if is_kitti(path):
        return kitti_table(path, kind=kind, sequence=sequence_of(path) if sequence is None else sequence)
    values = _values(path)
    if not values.size:
        return TrackTable.empty(sequence_of(path) if sequence is None else sequence)
    if values.shape[1] < LEAST_COLUMNS[kind]:
        raise DataError(
            f"A line of a {kind} file must have {LEAST_COLUMNS[kind]} values or more (frame, id, left, top, width, "
            f"height, ...); got {values.shape[1]}.",
            path=path,
            line=_line_of(path, 0),
        )
    _check_values(values, kind, path)
    order = np.argsort(values[:, 0], kind="stable") if (np.diff(values[:, 0]) < 0).any() else None
    rows = values if order is None else values[order]
    table = TrackTable.unchecked(**_columns(rows, kind), sequence=sequence_of(path) if sequence is None else sequence)
    twice = table.duplicates()
    if len(twice):
        row = int(twice[0])
        raise DataError(
            f"An id may stand once in a frame; id {table.track_id[row]} stands twice in frame {table.frame[row] + 1} "
            f"({len(twice)} such lines in all). Keep the better box of each.",
            path=path,
            line=_line_of(path, row if order is None else int(order[row])),
        )
    return table


def sequence_of(path: Path) -> str:
    """Return the name of the sequence that a file belongs to: ``<sequence>/gt/gt.txt``, or ``<sequence>.txt``."""
    return path.parent.parent.name if path.stem in ("gt", "det") and path.parent.parent.name else path.stem


def _delimiter(text: str) -> str | None:
    return next((mark for mark in ",;" if mark in text), None)


def _values(path: Path) -> Floats:
    """Return all numbers, (R, C); the slow pass over lines is only taken where the fast one stumbles."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip()), None)
        if first is None:
            return np.empty((0, 0))
        return np.loadtxt(path, delimiter=_delimiter(first), comments=None, ndmin=2, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"A MOTChallenge file is text; this one is not ({error.reason}).", path=path) from error
    except ValueError:
        return _values_line_by_line(path)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of every line that is not blank."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _values_line_by_line(path: Path) -> Floats:
    """Do as `_values`, slowly, tolerating a separator at the end of lines; names the line that cannot be read."""
    rows: list[list[float]] = []
    for number, line in _lines(path):
        delimiter = _delimiter(line)
        text = line.strip()
        if delimiter:
            text = text.rstrip(delimiter)
        row = []
        for word in text.split(delimiter):
            try:
                row.append(float(word))
            except ValueError:
                raise DataError(
                    f"Every value must be a number; got {word.strip()!r}. Repair the line or leave it out.",
                    path=path,
                    line=number,
                ) from None
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"Every line must have as many values as the first, {len(rows[0])}; got {len(row)}. "
                "Was the file cut off?",
                path=path,
                line=number,
            )
        rows.append(row)
    return np.array(rows)


def _line_of(path: Path, row: int) -> int:
    return next((number for count, (number, _) in enumerate(_lines(path)) if count == row), 0)


def _check_values(values: Floats, kind: Kind, path: Path) -> None:
    frame, track, width, height = (values[:, k] for k in (0, 1, 4, 5))
    wild = ~(np.abs(values) <= LARGEST)
    checks: list[tuple[Any, str]] = [
        (wild.any(axis=1) if wild.any() else wild[:, 0], "Every value must be at most 2**53, and a finite number"),
        (~(frame >= 1) | (frame != np.rint(frame)), "The frame (first value) must be a whole number >= 1"),
        ((width < 0) | (height < 0), "Width and height (fifth and sixth value) must be >= 0"),
    ]
    if kind != "detections":
        checks.append((track != np.rint(track), "The id (second value) must be a whole number"))
        what = "A result file holds only boxes that have an id: the second value must be >= 0"
        checks.append((track < 0, what if kind == "tracks" else "The id (second value) must be >= 0"))
    if values.shape[1] >= 8 and not _has_world(values):
        checks.append((values[:, 7] != np.rint(values[:, 7]), "The class (eighth value) must be a whole number"))
    for bad, rule in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            got = ",".join(f"{value:g}" for value in values[row])
            raise DataError(
                f"{rule}; got {got}. Repair the line or leave it out ({int(bad.sum())} such lines in all).",
                path=path,
                line=_line_of(path, row),
            )


def _has_world(values: Floats) -> bool:
    return values.shape[1] >= 10 and bool((values[:, 8:10] != -1).any())


def _columns(values: Floats, kind: Kind) -> dict[str, Any]:
    """Return what the columns of a table are, by the kind of file, its width, and its values where that is open."""
    n, width = values.shape
    xyxy = values[:, 2:6].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    world = _has_world(values)
    stated = values[:, 7].astype(np.int64) if width >= 8 and not world else np.full(n, -1)
    extra = {"world": values[:, 7:10].copy()} if world else {}
    score = values[:, 6].copy() if width >= 7 else np.ones(n)
    if kind == "truth":
        extra["flag"] = score.astype(np.int64)
        extra["visibility"] = values[:, 8].copy() if width == 9 else np.ones(n)
        score = np.ones(n)
    return {
        "frame": values[:, 0].astype(np.int64) - 1,
        "track_id": np.full(n, -1) if kind == "detections" else values[:, 1].astype(np.int64),
        "xyxy": xyxy,
        "score": score,
        "class_id": stated if kind == "truth" else np.maximum(stated - 1, 0),
        "extra": extra,
    }


def class_column(class_id: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the numbers that results and detections state for classes ``(R,)``: n + 1, and -1 for class 0."""
    return np.where(class_id > 0, class_id + 1, -1)
