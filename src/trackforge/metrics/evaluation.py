"""From truth and results to a `Report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.metrics import doubts
from trackforge.metrics.clear import clear, combine_clear
from trackforge.metrics.hota import combine_hota, hota
from trackforge.metrics.identity import combine_identity, identity
from trackforge.metrics.inputs import Input, Job, pair_up
from trackforge.metrics.overlaps import Overlaps
from trackforge.metrics.preprocessing import Preprocessing, prepare
from trackforge.metrics.report import Report
from trackforge.metrics.scores import Scores

__all__ = ["evaluate"]

Parts: TypeAlias = tuple[dict[str, Any], dict[str, float], dict[str, float], dict[str, float]]


def evaluate(
    truth: Input,
    tracks: Input,
    *,
    preprocessing: Preprocessing = "none",
    iou_threshold: float = 0.5,
    sequences: Sequence[str] | None = None,
    lengths: Mapping[str, int] | int | None = None,
    truth_file: str = "gt/gt.txt",
) -> Report:
    """Score tracks against ground truth: HOTA, CLEAR, identity.

    ``truth`` and ``tracks`` may each be a `TrackTable`, a mapping from sequence names to tables or files, a
    MOTChallenge, COCO, JSON lines or Parquet file, or a folder: for truth ``<sequence>/gt/gt.txt`` or
    ``<sequence>.txt``, for tracks ``<sequence>.txt``.

    What looks wrong is logged as a warning: truth and tracks swapped, nothing in common, nothing that counts.

    Args:
        truth: Ground truth.
        tracks: Results. Sequences that the truth does not have are left out.
        preprocessing: ``"none"`` and ``"mot15"`` score everything that is not flagged 0, whatever its class;
            ``"mot16"``, ``"mot17"`` and ``"mot20"`` are the rules of these benchmarks: only pedestrians count, and
            results on distractors are taken out.
        iou_threshold: What a pair must have to match in CLEAR and identity metrics.
        sequences: Names to evaluate; all that the truth has, where None.
        lengths: Frames of each sequence, or of all of them; where None, what ``seqinfo.ini`` beside the truth says,
            else up to the last frame that has a box.
        truth_file: Where the truth of a sequence lies in its folder, e.g. ``"gt/gt_val_half.txt"``.

    Returns:
        The report; ratios are fractions of 1.

    Raises:
        DataError: A file is malformed, or has frames after the end of its sequence.
        InvalidInputError: Names do not fit, an id is missing, or classes are not those of the benchmark.
        ConfigError: There is no such preprocessing.
        MissingFileError: A path does not exist.

    Source: TrackEval 1.3.0 (MIT); every number is tested to equal it within 1e-9.
    """
    if not 0 < iou_threshold <= 1:
        raise InvalidInputError(f"iou_threshold must be > 0 and <= 1; got {iou_threshold}.")
    parts: dict[str, Parts] = {}
    doubtful = []
    for job in pair_up(truth, tracks, sequences=sequences, lengths=lengths, truth_file=truth_file):
        overlaps = _prepare(job, preprocessing)
        doubt = doubts.doubt(job, overlaps)
        if doubt:
            doubtful.append((job.name, doubt))
        parts[job.name] = _score(overlaps, iou_threshold)
    doubts.say(doubtful)
    combined = _scores(
        (
            combine_hota([p[0] for p in parts.values()]),
            combine_clear([p[1] for p in parts.values()]),
            combine_identity([p[2] for p in parts.values()]),
            {name: sum(p[3][name] for p in parts.values()) for name in next(iter(parts.values()))[3]},
        )
    )
    return Report(
        combined=combined,
        sequences={name: _scores(part) for name, part in parts.items()},
        preprocessing=preprocessing,
    )


def _prepare(job: Job, preprocessing: str) -> Overlaps:
    for table, what in ((job.truth, "truth"), (job.tracks, "tracks")):
        if len(table) and table.track_id.min() < 0:
            row = int(np.flatnonzero(table.track_id < 0)[0])
            raise InvalidInputError(
                f"Every row must have an id to be evaluated; {what} of {job.name!r} has none in row {row} (frame "
                f"{table.frame[row]}). Leave such rows out: table[table.track_id >= 0], or the lines; detections are "
                "scored without ids (average_precision, eval --detections)."
            )
        if len(table) and table.frame[-1] >= job.length:
            raise InvalidInputError(
                f"Sequence {job.name!r} has {job.length} frames; {what} has a box in frame {table.frame[-1] + 1} "
                "(counted from 1). Cut the table, or give the true length: lengths=..."
            )
    return prepare(job.truth, job.tracks, preprocessing, job.length)


def _score(overlaps: Overlaps, threshold: float) -> Parts:
    o = overlaps
    count: dict[str, float] = {
        "Dets": len(o.track_id),
        "GT_Dets": len(o.truth_id),
        "IDs": int(o.track_id.max()) + 1 if len(o.track_id) else 0,
        "GT_IDs": int(o.truth_id.max()) + 1 if len(o.truth_id) else 0,
        "Frames": o.frames,
    }
    return hota(o), clear(o, threshold), identity(o, threshold), count


def _scores(parts: Parts) -> Scores:
    curves = {name: value for name, value in parts[0].items() if isinstance(value, np.ndarray)}
    single = {name: value for name, value in parts[0].items() if name not in curves}
    return Scores({**single, **parts[1], **parts[2], **parts[3]}, curves)
