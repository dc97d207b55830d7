"""Reading of MOTChallenge text; see `trackforge.io.mot` for the format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.table import TrackTable

__all__ = ["Kind", "read_mot", "sequence_of"]

Kind: TypeAlias = Literal["tracks", "truth", "detections"]
Floats: TypeAlias = npt.NDArray[np.float64]
LEAST_COLUMNS = {"tracks": 7, "truth": 7, "detections": 6}


def read_mot(path: str | Path, *, kind: Kind = "tracks", sequence: str | None = None) -> TrackTable:
    """Read a MOTChallenge file; an empty file is an empty table.

    Args:
        path: The file. Its lines may come in any order of frames.
        kind: ``"tracks"``: results, every row must have an id. ``"truth"``: ``class_id`` is the file's number (1 =
            pedestrian, -1 = not stated), ``extra["flag"]`` int64 and ``extra["visibility"]`` float64 (1 where not
            stated). ``"detections"``: ids are left out. In results and detections the file's class n becomes
            ``class_id`` n - 1, and 0 where none is stated.
        sequence: Name of the sequence; where None it is taken from the path (``<sequence>/gt/gt.txt`` or
            ``<sequence>.txt``).

    Returns:
        The table, frames 0-based; world coordinates, where there are any, as ``extra["world"]`` (R, 3).

    Raises:
        DataError: A line is malformed, with its number; or the file is not text.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
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
    table = _table(
        values if order is None else values[order], kind, sequence_of(path) if sequence is None else sequence
    )
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
    frame, track, size = values[:, 0], values[:, 1], values[:, 4:6]
    checks: list[tuple[Any, str]] = [
        (~np.isfinite(values).all(axis=1), "Every value must be a finite number"),
        (~(frame >= 1) | (frame != np.rint(frame)), "The frame (first value) must be a whole number >= 1"),
        ((size < 0).any(axis=1), "Width and height (fifth and sixth value) must be >= 0"),
    ]
    if kind != "detections":
        checks.append((track != np.rint(track), "The id (second value) must be a whole number"))
        what = "A result file holds only boxes that have an id: the second value must be >= 0"
        checks.append((track < 0, what if kind == "tracks" else "The id (second value) must be >= 0"))
    for bad, rule in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            got = ",".join(f"{value:g}" for value in values[row])
            raise DataError(
                f"{rule}; got {got}. Repair the line or leave it out ({int(bad.sum())} such lines in all).",
                path=path,
                line=_line_of(path, row),
            )


def _table(values: Floats, kind: Kind, sequence: str) -> TrackTable:
    n, width = values.shape
    xyxy = values[:, 2:6].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    world = width >= 10 and bool((values[:, 8:10] != -1).any())
    stated = values[:, 7].astype(np.int64) if width >= 8 and not world else np.full(n, -1)
    extra = {"world": values[:, 7:10].copy()} if world else {}
    score = values[:, 6].copy() if width >= 7 else np.ones(n)
    if kind == "truth":
        extra["flag"] = score.astype(np.int64)
        extra["visibility"] = values[:, 8].copy() if width == 9 else np.ones(n)
        score = np.ones(n)
    return TrackTable.unchecked(
        frame=values[:, 0].astype(np.int64) - 1,
        track_id=np.full(n, -1) if kind == "detections" else values[:, 1].astype(np.int64),
        xyxy=xyxy,
        score=score,
        class_id=stated if kind == "truth" else np.maximum(stated - 1, 0),
        extra=extra,
        sequence=sequence,
    )
