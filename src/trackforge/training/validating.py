"""Validation: average precision, and tracking scores where identities are labelled."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist

from trackforge.data.columns import Boxes
from trackforge.data.model import Dataset
from trackforge.data.samples import Samples
from trackforge.errors import DataError, MissingDependencyError
from trackforge.metrics.detection import DetectionReport, average_precision
from trackforge.metrics.evaluation import evaluate
from trackforge.registry.doors import tracker as make_tracker
from trackforge.table import TrackTable
from trackforge.training.loading import validation_batches
from trackforge.types import Detections, Frame, Step

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Validation", "predictions", "validate", "validation_set"]

MONITORED = ("ap", "ap50", "hota", "mota", "idf1")


@dataclass(frozen=True, eq=False, kw_only=True)
class Validation:
    """What `validate` found.

    Attributes:
        scores: ``ap``, ``ap50``, ``ap75``, ``recall``, ``ap <class>`` and ``ap50 <class>``; with a tracker ``hota``,
            ``mota``, ``idf1``. Fractions of 1; NaN where the set has no truth for it.
        found: Detections of each picture, by row; only on the first process.
        report: Average precision in full; only on the first process.
    """

    scores: Mapping[str, float]
    found: Sequence[Detections] = field(default=(), repr=False)
    report: DetectionReport | None = None


def validation_set(dataset: Dataset, classes: Sequence[str], tracker: str) -> Samples:
    """Check a set before training begins, and number its classes as the training set does.

    Raises:
        DataError: It is empty or faulty, lacks a class, or has no identities though a tracker is to be scored.
        MissingDependencyError: What computes average precision is not installed.
        UnknownComponentError: There is no such tracker.
    """
    if importlib.util.find_spec("faster_coco_eval") is None:
        raise MissingDependencyError(
            "Validation needs faster-coco-eval, which is not installed; run: pip install 'trackforge-mot[train]'",
            name="faster_coco_eval",
        )
    missing = [name for name in classes if name not in dataset.classes]
    if missing:
        raise DataError(
            f"The validation set must have the classes of the training set; it has no {missing[0]!r}. It has: "
            f"{', '.join(dataset.classes)}. Rename or select classes.",
            path=dataset.root,
        )
    if tuple(classes) != dataset.classes:
        dataset = dataset.select_classes(classes)
    samples = Samples(dataset)
    if tracker:
        make_tracker(tracker)
        if not _labelled_sequences(dataset):
            raise DataError(
                f"To score tracker {tracker!r}, the validation set must have a sequence with identities; it has none. "
                "Leave out the tracker.",
                path=dataset.root,
            )
    return samples


def validate(
    module: TrainingModule, samples: Samples, *, batch: int = 8, workers: int = 0, tracker: str = ""
) -> Validation | None:
    """Run the model over a set and score it; the processes share the pictures.

    Args:
        module: Whose ``detect`` to call; put into eval mode for the time being.
        samples: From `validation_set`.
        batch: Pictures at a time.
        workers: Processes that read pictures.
        tracker: Name of the tracker to score sequences with; empty for none.

    Returns:
        The scores, the same on all processes; None where somebody asked to stop meanwhile.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    rank, world = (dist.get_rank(), dist.get_world_size()) if several else (0, 1)
    mine = range(rank, len(samples), world)
    found: dict[int, Detections] = {}
    training = module.training
    module.eval()
    try:
        pieces = validation_batches(samples, mine, batch=batch, workers=workers)
        with torch.no_grad(), contextlib.closing(pieces):
            for piece in pieces:
                if module.stop_asked:
                    break
                images = [sample.image for sample in piece]
                found |= zip((sample.index for sample in piece), module.detect(images), strict=True)
    finally:
        module.train(training)
    parts: list[Any] = [(found, module.stop_asked)]
    if several:
        parts = [None] * world
        dist.all_gather_object(parts, (found, module.stop_asked))
    if any(stop for _, stop in parts):
        return None
    result: list[Any] = [None]
    if rank == 0:
        everything = {row: one for part, _ in parts for row, one in part.items()}
        result = [_score(samples.dataset, [everything[row] for row in range(len(samples))], tracker)]
    scored: Validation | None = result[0]
    if several:
        scores = [dict(scored.scores)] if scored else [None]
        dist.broadcast_object_list(scores, src=0)
        scored = scored or Validation(scores=scores[0] or {})
    return scored


def predictions(dataset: Dataset, found: Sequence[Detections], *, least: float = 0.3) -> Dataset:
    """Return the set with detections that score ``least`` in the place of labels, to be drawn."""
    kept = [one[one.score >= least] for one in found]
    boxes = Boxes(
        image=np.repeat(np.arange(len(kept)), [len(one) for one in kept]),
        xyxy=np.concatenate([one.xyxy for one in kept]),
        class_id=np.concatenate([one.class_id for one in kept]),
    )
    return dataset.replace(boxes=boxes)


def _score(dataset: Dataset, found: Sequence[Detections], tracker: str) -> Validation:
    boxes = dataset.boxes
    truth = TrackTable(
        frame=boxes.image,
        track_id=boxes.track_id,
        xyxy=boxes.xyxy,
        class_id=boxes.class_id,
        extra={"flag": (~boxes.ignore).astype(np.int64)},
        sequence="val",
    )
    report = average_precision(
        {"val": truth},
        {"val": _table(found, range(len(found)), "val")},
        classes=dataset.classes,
        lengths={"val": len(dataset)},
    )
    mean = report.mean
    scores = {"ap": mean.ap, "ap50": mean.ap50, "ap75": mean.ap75, "recall": mean.recall}
    if len(dataset.classes) > 1:
        scores |= {f"ap {name}": one.ap for name, one in report.classes.items()}
        scores |= {f"ap50 {name}": one.ap50 for name, one in report.classes.items()}
    if tracker:
        scores |= _track(dataset, found, tracker)
    return Validation(scores=scores, found=found, report=report)


def _track(dataset: Dataset, found: Sequence[Detections], name: str) -> dict[str, float]:
    """Track every labelled sequence with the detections found, and score the tracks of all classes together."""
    tracker = make_tracker(name)
    truth: dict[str, TrackTable] = {}
    tracks: dict[str, TrackTable] = {}
    lengths: dict[str, int] = {}
    for sequence in _labelled_sequences(dataset):
        rows = np.flatnonzero(dataset.images.sequence == sequence)
        rows = rows[np.argsort(dataset.images.frame[rows], kind="stable")]
        tracker.reset()
        steps = []
        for row in rows.tolist():
            size = int(dataset.images.width[row]), int(dataset.images.height[row])
            frame = Frame(index=int(dataset.images.frame[row]), size=size, sequence=sequence)
            steps.append(Step(frame=frame, detections=found[row], tracks=tracker.update(found[row], frame)))
        part = dataset[rows]
        truth[sequence] = TrackTable(
            frame=part.images.frame[part.boxes.image],
            track_id=part.boxes.track_id,
            xyxy=part.boxes.xyxy,
            class_id=part.boxes.class_id,
            extra={"flag": (~part.boxes.ignore).astype(np.int64)},
            sequence=sequence,
        )
        tracks[sequence] = TrackTable.from_steps(steps, sequence=sequence)
        lengths[sequence] = int(part.images.frame[-1]) + 1
    combined = evaluate(truth, tracks, lengths=lengths).combined
    return {"hota": combined["HOTA"], "mota": combined["MOTA"], "idf1": combined["IDF1"]}


def _labelled_sequences(dataset: Dataset) -> list[str]:
    """Names of the sequences in which every box that counts has an identity."""
    sequence = dataset.images.sequence[dataset.boxes.image]
    counts = ~dataset.boxes.ignore
    known = {s for s in sequence[counts].tolist() if s}
    return [
        s for s in dataset.sequences if s in known and (dataset.boxes.track_id[counts & (sequence == s)] >= 0).all()
    ]


def _table(found: Sequence[Detections], frames: Sequence[int], sequence: str) -> TrackTable:
    counts = [len(one) for one in found]
    return TrackTable(
        frame=np.repeat(np.asarray(frames, np.int64), counts),
        xyxy=np.concatenate([one.xyxy for one in found]),
        score=np.concatenate([one.score for one in found]),
        class_id=np.concatenate([one.class_id for one in found]),
        track_id=np.full(sum(counts), -1, np.int64),
        sequence=sequence,
    )
