"""The door: a detector on a labelled set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trackforge.data.formats import read
from trackforge.data.model import Dataset
from trackforge.errors import InvalidInputError
from trackforge.metrics.boxes_of_pictures import PictureBoxes, match_boxes
from trackforge.metrics.curves import class_curves, mean_curves
from trackforge.metrics.detection import score_entries
from trackforge.metrics.detection_entries import Entries
from trackforge.metrics.mistakes import judge
from trackforge.protocols import Detector
from trackforge.registry import doors
from trackforge.types import Detections
from trackforge.validation.looking import check_set, look
from trackforge.validation.naming import SharedClasses, share_classes
from trackforge.validation.report import ValidationReport

__all__ = ["validate"]

HIGH = 0.05
"""Score above which a detector leaves out boxes that average precision counts."""


def validate(
    data: str | Path | Dataset,
    detector: Detector | str,
    *,
    classes: Sequence[str] = (),
    map: Mapping[str, str] | Sequence[tuple[str, str]] = (),  # noqa: A002 - what it does, as the command calls it
    one_class: bool = False,
    score: float | None = None,
    batch_size: int = 1,
    ahead: int = 4,
    advance: Callable[[], object] = lambda: None,
) -> ValidationReport:
    """Score a detector on a labelled set, and find out what it does wrong.

    Average precision is COCO's, to the last digit that of pycocotools on the same boxes. It counts boxes of every
    score, so that the detector should leave out none: ``trackforge.detector("yolox", score=0.001)``. What is read off
    at one score (confusion, mistakes) is so at the score where the mean F1 is best.

    Args:
        data: The set, or where it lies (see `trackforge.data.read`).
        detector: A Detector, or the name of one that needs no settings.
        classes: Only these classes of the set.
        map: Which class of the set is which of the detector, where they are called differently:
            ``{"pedestrian": "person"}``.
        one_class: Count all boxes as of one class.
        score: Least score at which confusion and mistakes are counted; where None, the one of the best mean F1.
        batch_size: Pictures that the detector gets at once.
        ahead: Pictures that are decoded ahead.
        advance: Called after each picture.

    Raises:
        DataError: The set is malformed, or a picture is missing or broken.
        ConfigError: Set and detector have no class in common, or the detector needs films.
        MissingDependencyError: faster-coco-eval is not installed.
        InvalidInputError: The score is no share of 1.
    """
    if score is not None and not 0 <= score <= 1:
        raise InvalidInputError(f"score must be >= 0 and <= 1; got {score}.")
    dataset = data if isinstance(data, Dataset) else read(data)
    made = doors.detector(detector) if isinstance(detector, str) else detector
    check_set(dataset)
    boxes = dataset.boxes
    known = np.where((boxes.class_id >= 0) & (boxes.class_id < len(dataset.classes)), boxes.class_id, -1)
    counts = np.bincount(known[(known >= 0) & ~boxes.ignore], minlength=len(dataset.classes))
    shared = share_classes(
        dataset.classes, tuple(made.classes), pairs=map, only=classes, one_class=one_class, counts=counts
    )
    begin = time.perf_counter()
    seen = look(dataset, made, batch_size=batch_size, ahead=ahead, advance=advance)
    seconds = time.perf_counter() - begin
    truth, area = _truth(dataset, shared.of_truth[known])
    found, others = _found(seen, shared)
    precision = score_entries(_entries(truth, found, area, shared.names, len(dataset)))
    matching = match_boxes(truth, found)
    curves = class_curves(truth, found, matching, len(shared.names))
    mean = mean_curves(curves)
    at = score if score is not None else mean.best_score if mean.best_score == mean.best_score else 0.5
    return ValidationReport(
        dataset=dataset,
        classes=shared.names,
        precision=precision,
        curves=dict(zip(shared.names, curves, strict=True)),
        mean=mean,
        mistakes=judge(truth, found, matching, len(shared.names), score=at),
        truth=truth,
        found=found,
        notes=(*dataset.notes, *shared.notes, *_notes(found, others, precision.ignored)),
        seconds=seconds,
    )


def _truth(dataset: Dataset, class_id: npt.NDArray[np.int64]) -> tuple[PictureBoxes, npt.NDArray[np.float64]]:
    """Return the true boxes of classes that are scored, and their areas: as the set states them, else of the box."""
    boxes, kept = dataset.boxes, class_id >= 0
    area = boxes.size.prod(axis=1)
    stated = boxes.extra.get("area")
    if stated is not None:
        area = np.where(np.isfinite(stated), stated, area)
    truth = PictureBoxes(
        image=boxes.image[kept], xyxy=boxes.xyxy[kept], class_id=class_id[kept], ignore=boxes.ignore[kept]
    )
    return truth, area[kept]


def _found(seen: Sequence[Detections], shared: SharedClasses) -> tuple[PictureBoxes, int]:
    """Return what was found of the classes that are scored, and how many boxes were of others."""
    number = np.concatenate([one.class_id for one in seen])
    last = len(shared.of_found) - 1
    class_id = shared.of_found[np.where((number >= 0) & (number < last), number, last)]
    kept = class_id >= 0
    found = PictureBoxes(
        image=np.repeat(np.arange(len(seen)), [len(one) for one in seen])[kept],
        xyxy=np.concatenate([one.xyxy for one in seen])[kept],
        class_id=class_id[kept],
        score=np.concatenate([one.score for one in seen])[kept],
    )
    return found, int((~kept).sum())


def _entries(
    truth: PictureBoxes, found: PictureBoxes, area: npt.NDArray[np.float64], names: tuple[str, ...], images: int
) -> Entries:
    """Return both sides in COCO's terms."""
    made = Entries(images=images, names=names)
    for entry, size, ignore in zip(_rows(truth), area.tolist(), truth.ignore.tolist(), strict=True):
        made.add_truth(entry, size, ignore)
    made.results += [entry | {"score": score} for entry, score in zip(_rows(found), found.score.tolist(), strict=True)]
    return made


def _rows(boxes: PictureBoxes) -> list[dict[str, object]]:
    xywh = np.concatenate((boxes.xyxy[:, :2], boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]), axis=1)
    return [
        {"image_id": image, "category_id": category, "bbox": bbox}
        for image, category, bbox in zip(
            (boxes.image + 1).tolist(), (boxes.class_id + 1).tolist(), xywh.tolist(), strict=True
        )
    ]


def _notes(found: PictureBoxes, others: int, ignored: int) -> list[str]:
    notes = []
    if not len(found):
        notes.append(
            "the detector found nothing of the classes that are scored"
            + (f"; {others} boxes are of others" if others else "")
        )
    elif found.score.min() >= HIGH:
        notes.append(
            f"the detector gave no box below score {found.score.min():.2g}, where average precision would count them, "
            "so that it comes out a little too low; let it give all: --conf 0.001"
        )
    if ignored:
        notes.append(f"{ignored} ignore regions: what is found inside one is neither right nor wrong")
    return notes
