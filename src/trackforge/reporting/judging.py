"""Scores of results and their worst moments, where there is ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.data.formats import opened
from trackforge.data.truth import truth_tables
from trackforge.errors import TrackforgeError
from trackforge.io.mot import read_mot
from trackforge.metrics import Report, evaluate
from trackforge.metrics.moments import Moments, moments
from trackforge.reporting.folders import Results
from trackforge.runs.scoring import Truth
from trackforge.table import TrackTable

__all__ = ["Judged", "judge", "judged_or_told", "read_truth", "rows_of"]


@dataclass
class Judged:
    """What came of comparing results with the truth.

    Attributes:
        report: Scores; None where there is no truth.
        truth: Truth boxes that count, by sequence, up to where the run went.
        missed: Rows of the truth that no track has, by sequence.
        false: Rows of the tracks that are no object, by sequence.
        moments: What went wrong, by sequence.
        notes: Why there are no scores, in words.
    """

    report: Report | None = None
    truth: dict[str, TrackTable] = field(default_factory=dict)
    missed: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    false: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_truth(paths: Sequence[Path], names: Sequence[str], preprocessing: str) -> dict[str, TrackTable]:
    """Read the ground truth of sequences, in any format that `trackforge.evaluate` or data sets know.

    Raises:
        TrackforgeError: It is not there, malformed, or lacks a sequence.
    """
    found: dict[str, TrackTable] = {}
    left: list[Path] = []
    for path in paths:
        tables = truth_tables(opened(path)) if path.exists() else None
        if tables is None:
            left.append(path)
            continue
        for name in names:
            one = tables.get(name) or (next(iter(tables.values())) if len(tables) == len(names) == 1 else None)
            if one is not None:
                found[name] = one if isinstance(one, TrackTable) else read_mot(one, kind="truth", sequence=name)
    missing = [name for name in names if name not in found]
    if missing:
        found |= Truth.find(left or paths, missing, preprocessing).tables
    return {name: found[name] for name in names}


def judge(results: Results, truth: Mapping[str, TrackTable], preprocessing: Any, iou_threshold: float) -> Judged:
    """Score results, and find what went wrong.

    A run that ended early counts up to there.

    Raises:
        TrackforgeError: Truth and tracks do not go together.
    """
    made = Judged()
    tables, scored = {}, {}
    for name, one in results.sequences.items():
        if len(one.table) and one.table.track_id.min() < 0:
            made.notes.append(f"{name}: boxes without ids are detections; tracks are scored here.")
            continue
        end = _end(results, name)
        table = truth[name]
        table = table if end is None else table[table.frame < end]
        first = _begin(results, name)
        scored[name] = table[(table.frame >= first) & ((table.frame - first) % results.stride == 0)]
        tables[name] = one.table
    if not tables:
        return made
    made.report = evaluate(scored, tables, preprocessing=preprocessing, iou_threshold=iou_threshold)
    for name, table in tables.items():
        wrong = moments(scored[name], table, preprocessing=preprocessing, iou_threshold=iou_threshold)
        counted = scored[name][rows_of(scored[name], wrong.counted)]
        made.truth[name], made.moments[name] = counted, wrong
        made.missed[name], made.false[name] = rows_of(counted, wrong.missed), rows_of(table, wrong.false)
    return made


def _begin(results: Results, name: str) -> int:
    """Return where in its film the run began."""
    one = results.sequences[name]
    if not results.start:
        return 0
    stated = one.facts.get("first_frame")
    if isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0:
        return stated
    if isinstance(results.start, int):
        return results.start
    return int(one.table.frame.min()) if len(one.table) else 0


def _end(results: Results, name: str) -> int | None:
    """Return where the run ended, where that is before its film does."""
    one = results.sequences[name]
    if not results.partial or one.processed is None:
        return None
    last = one.facts.get("last_frame")
    if isinstance(last, int):
        return last + 1
    return max(one.processed, int(one.table.frame[-1]) + 1 if len(one.table) else 0)


def rows_of(table: TrackTable, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which rows have one of the ``(W, 2)`` frames and ids."""
    if not len(table) or not len(wanted):
        return np.zeros(len(table), np.bool_)
    ids = np.unique(np.concatenate((table.track_id, wanted[:, 1])))
    code = table.frame * len(ids) + np.searchsorted(ids, table.track_id)
    mask: npt.NDArray[np.bool_] = np.isin(code, wanted[:, 0] * len(ids) + np.searchsorted(ids, wanted[:, 1]))
    return mask


def judged_or_told(
    results: Results, paths: Sequence[Path], preprocessing: str, iou_threshold: float, *, strict: bool
) -> Judged:
    """Judge where there is truth; what cannot be judged is told, or raised where somebody asked for it.

    Raises:
        TrackforgeError: With ``strict``: what reading and scoring raise.
    """
    if not paths:
        return Judged()
    try:
        truth = read_truth(paths, list(results.sequences), preprocessing)
        return judge(results, truth, preprocessing, iou_threshold)
    except TrackforgeError as error:
        if strict:
            raise
        return Judged(notes=[f"No scores: {error}"])
