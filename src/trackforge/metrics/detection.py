"""Average precision of detections, by COCO's rules.

Source: cocodataset.org, "Detection evaluation"; computed by faster-coco-eval (Apache-2.0).
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, InvalidInputError, MissingDependencyError, did_you_mean
from trackforge.io.atomic import atomic_path
from trackforge.metrics.detection_entries import Entries, coco_entries, job_entries, numbered_classes
from trackforge.metrics.inputs import Input, pair_up
from trackforge.metrics.preprocessing import PREPROCESSING, Preprocessing

__all__ = ["ClassPrecision", "DetectionReport", "average_precision", "score_entries"]

Floats: TypeAlias = npt.NDArray[np.float64]
COLUMNS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "recall", "truths")
_OTHER = (".json", ".jsonl", ".parquet")
"""Endings of files that are no MOTChallenge text; their classes count from 0."""
HEADER = ("class", "AP", "AP50", "AP75", "AP small", "AP medium", "AP large", "recall", "boxes")


@dataclass(frozen=True, kw_only=True)
class ClassPrecision:
    """Average precision of one class, or the mean of all; fractions of 1, NaN where there is no truth.

    Attributes:
        ap: Mean over IoU 0.5, 0.55 ... 0.95.
        ap50: At IoU 0.5.
        ap75: At IoU 0.75.
        ap_small: Of truth boxes smaller than 32 x 32 pixels.
        ap_medium: Of those up to 96 x 96 pixels.
        ap_large: Of larger ones.
        recall: Share of truth boxes found, mean over the same IoU (COCO's AR).
        truths: Truth boxes, ignore regions not counted.
        recall1: ``recall`` with the best detection of a frame and class only.
        recall10: With the best ten.
        recall_small: Of truth boxes smaller than 32 x 32 pixels.
        recall_medium: Of those up to 96 x 96 pixels.
        recall_large: Of larger ones.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    recall: float
    truths: int
    recall1: float = math.nan
    recall10: float = math.nan
    recall_small: float = math.nan
    recall_medium: float = math.nan
    recall_large: float = math.nan


@dataclass(frozen=True, kw_only=True)
class DetectionReport:
    """What `average_precision` returns.

    Attributes:
        mean: Over the classes that have truth.
        classes: By name.
        images: Frames evaluated.
        detections: Boxes evaluated.
        ignored: Ignore regions.
        precision: ``(101,)`` precision at recall 0, 0.01 ... 1 for IoU 0.5, mean over classes; for plots.
    """

    mean: ClassPrecision
    classes: Mapping[str, ClassPrecision]
    images: int
    detections: int
    ignored: int
    precision: Floats

    def table(self) -> str:
        """Return a plain text table, in percent."""
        rows = [[*HEADER]]
        named = [*self.classes.items()] if len(self.classes) > 1 else []
        for name, one in [*named, ("ALL", self.mean)]:
            values = [getattr(one, column) for column in COLUMNS[:-1]]
            cells = ["-" if math.isnan(value) else f"{100 * value:.2f}" for value in values]
            rows.append([name, *cells, str(one.truths)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        )

    __str__ = table

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers; None where there is no truth."""

        def plain(one: ClassPrecision) -> dict[str, Any]:
            return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(one).items()}

        return {
            "mean": plain(self.mean),
            "classes": {name: plain(one) for name, one in self.classes.items()},
            "images": self.images,
            "detections": self.detections,
            "ignored": self.ignored,
            "precision": [None if math.isnan(value) else value for value in self.precision.tolist()],
        }

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON.

        Raises:
            SinkError: The place cannot be written to.
        """
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")


def average_precision(
    truth: Input,
    detections: Input,
    *,
    preprocessing: Preprocessing = "none",
    classes: Sequence[str] | None = None,
    max_detections: int = 100,
    sequences: Sequence[str] | None = None,
    lengths: Mapping[str, int] | int | None = None,
    truth_file: str = "gt/gt.txt",
) -> DetectionReport:
    """Score detections against ground truth by COCO's average precision.

    Args:
        truth: As for `trackforge.evaluate`. Rows flagged 0 are ignore regions: a detection mostly inside one is neither
            right nor wrong.
        detections: The same forms; a folder may also hold ``<sequence>/det/det.txt``.
        preprocessing: ``"mot16"``, ``"mot17"`` and ``"mot20"`` score pedestrians only and make ignore regions of the
            benchmark's distractors; other rules take every truth box as it is.
        classes: Names by ``class_id``, which must mean the same on both sides; one name: all boxes are of one class.
            Where None, a COCO file as truth has its categories, which lists of results mean by id, other files by name;
            MOTChallenge files have the numbers of their classes, where both sides state several; else, and with the
            rules that know pedestrians only, all boxes are of one class.
        max_detections: Best detections of a frame that count.
        sequences: Names to evaluate; all that the truth has, where None.
        lengths: Frames of each sequence, as for `trackforge.evaluate`; frames without truth count as empty.
        truth_file: Where the truth of a sequence lies in its folder.

    Raises:
        MissingDependencyError: faster-coco-eval is not installed.
        InvalidInputError: Names do not fit, or a class has no name.
        ConfigError: There is no such preprocessing.
    """
    if preprocessing not in PREPROCESSING:
        raise ConfigError(
            f"preprocessing must be one of {', '.join(PREPROCESSING)}; got {preprocessing!r}."
            f"{did_you_mean(preprocessing, PREPROCESSING)}"
        )
    free = classes is None and not PREPROCESSING[preprocessing]
    entries = coco_entries(truth, detections, sequences) if free and lengths is None else None
    if entries is None:
        names = ("object",) if classes is None or PREPROCESSING[preprocessing] else tuple(classes)
        jobs = list(
            pair_up(truth, detections, sequences=sequences, lengths=lengths, truth_file=truth_file, kind="detections")
        )
        told = numbered_classes(jobs) if free and _are_text(truth, detections) else None
        names, jobs = told or (names, jobs)
        entries = job_entries(jobs, preprocessing, names)
        if told:
            entries.ignored //= len(names)  # a region for every class is one region
    return score_entries(entries, max_detections)


def score_entries(entries: Entries, max_detections: int = 100) -> DetectionReport:
    """Score what stands in COCO's terms already; raises as `average_precision` does."""
    names = entries.names
    if not entries.images:
        raise InvalidInputError("There must be at least one frame to evaluate; got none. Give lengths=...")
    precision, recall = _coco(entries, max_detections)
    counts = np.bincount([b["category_id"] - 1 for b in entries.boxes if not b["iscrowd"]], minlength=len(names))
    return DetectionReport(
        mean=_summary(precision, recall, int(counts.sum())),
        classes={name: _summary(precision[:, :, [k]], recall[:, [k]], int(counts[k])) for k, name in enumerate(names)},
        images=entries.images,
        detections=len(entries.results),
        ignored=entries.ignored,
        precision=_mean(precision[0, :, :, 0], axis=1),
    )


def _are_text(*sides: Input) -> bool:
    return all(isinstance(side, (str, Path)) and Path(side).suffix.lower() not in _OTHER for side in sides)


def _coco(entries: Entries, most: int) -> tuple[Floats, Floats]:
    """Return precision (IoU, recall, class, area) and recall (IoU, class, area, most); -1 where there is no truth."""
    try:
        library: Any = importlib.import_module("faster_coco_eval")
    except ImportError as error:
        raise MissingDependencyError(
            "Average precision needs faster-coco-eval, which is not installed; run: pip install 'trackforge-mot[ap]'",
            name="faster_coco_eval",
        ) from error
    truth = library.COCO(
        {
            "info": {},
            "images": [{"id": number} for number in range(1, entries.images + 1)],
            "annotations": entries.boxes,
            "categories": [{"id": number, "name": str(number)} for number in range(1, len(entries.names) + 1)],
        }
    )
    evaluator = library.COCOeval_faster(truth, truth.loadRes(entries.results), iouType="bbox")
    evaluator.params.maxDets = [1, min(10, most), most]
    evaluator.evaluate()
    evaluator.accumulate()
    return np.asarray(evaluator.eval["precision"])[..., -1], np.asarray(evaluator.eval["recall"])


def _mean(values: Floats, axis: int | None = None) -> Any:
    """Return the mean of the values that are there (not -1), NaN where none is."""
    there = values > -1
    count = there.sum(axis=axis)
    total = np.where(there, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _summary(precision: Floats, recall: Floats, truths: int) -> ClassPrecision:
    return ClassPrecision(
        ap=float(_mean(precision[..., 0])),
        ap50=float(_mean(precision[0, ..., 0])),
        ap75=float(_mean(precision[5, ..., 0])),
        ap_small=float(_mean(precision[..., 1])),
        ap_medium=float(_mean(precision[..., 2])),
        ap_large=float(_mean(precision[..., 3])),
        recall=float(_mean(recall[..., 0, -1])),
        truths=truths,
        recall1=float(_mean(recall[..., 0, 0])),
        recall10=float(_mean(recall[..., 0, 1])),
        recall_small=float(_mean(recall[..., 1, -1])),
        recall_medium=float(_mean(recall[..., 2, -1])),
        recall_large=float(_mean(recall[..., 3, -1])),
    )
