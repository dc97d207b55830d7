"""Truth and detections as COCO's evaluator takes them: images, boxes and results that know each other by number.

What the classes of both sides mean is decided here: those of a COCO file are its categories, by id for a list of
results, by name for another such file; those of MOTChallenge text are its numbers, where both sides state several.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError, did_you_mean
from trackforge.intake.reading import reading
from trackforge.io.coco import places_of, read_coco_classes
from trackforge.io.coco_entries import CocoBox, Id, id_order
from trackforge.io.coco_json import CocoFile, load_coco, parse_coco
from trackforge.io.mot_labels import holds_names, read_names
from trackforge.io.tables import FORMATS, read_classes
from trackforge.metrics.inputs import Input, Job, pair_up
from trackforge.metrics.preprocessing import PEDESTRIAN, PREPROCESSING
from trackforge.table import TrackTable

__all__ = ["Entries", "coco_entries", "job_entries", "numbered_classes"]

log = logging.getLogger(__name__)
Ints = npt.NDArray[np.int64]


@dataclass
class Entries:
    """What is evaluated; images, categories and truth boxes count from 1.

    Attributes:
        images: How many.
        names: Of the classes.
        boxes: Truth, in COCO's terms.
        results: Detections, in COCO's terms.
        ignored: Ignore regions among the truth.
    """

    images: int
    names: tuple[str, ...]
    boxes: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    ignored: int = 0

    def add_truth(self, entry: dict[str, Any], area: float, crowd: bool) -> None:
        """Add a truth box; one that is a crowd is an ignore region."""
        self.boxes.append(entry | {"id": len(self.boxes) + 1, "area": area, "iscrowd": int(crowd)})
        self.ignored += crowd


def job_entries(jobs: Sequence[Job], preprocessing: str, names: Sequence[str]) -> Entries:
    """Take truth and detections from tables; with one name only, all boxes are of that class.

    Raises:
        InvalidInputError: A box lies behind the end of its sequence, or a class has no name.
    """
    made = Entries(images=sum(job.length for job in jobs), names=tuple(names))
    offset = 1
    for job in jobs:
        for table, what in ((job.truth, "truth"), (job.tracks, "detections")):
            if len(table) and table.frame[-1] >= job.length:
                raise InvalidInputError(
                    f"Sequence {job.name!r} has {job.length} frames; {what} has a box in frame {table.frame[-1] + 1} "
                    "(counted from 1). Cut the table, or give the true length: lengths=..."
                )
        truth, ignore = _considered(job.truth, preprocessing)
        areas = (truth.xyxy[:, 2:] - truth.xyxy[:, :2]).prod(axis=1).tolist()
        for entry, area, crowd in zip(_rows(truth, offset, names), areas, ignore.tolist(), strict=True):
            made.add_truth(entry, area, crowd)
        made.results += [
            entry | {"score": score}
            for entry, score in zip(_rows(job.tracks, offset, names), job.tracks.score.tolist(), strict=True)
        ]
        offset += job.length
    return made


def _considered(truth: TrackTable, preprocessing: str) -> tuple[TrackTable, npt.NDArray[np.bool_]]:
    """Return the truth that matters, and which of it is to be ignored."""
    ignore = truth.extra["flag"] == 0 if "flag" in truth.extra else np.zeros(len(truth), np.bool_)
    distractors = PREPROCESSING[preprocessing]
    if not distractors:
        return truth, ignore
    keep = np.isin(truth.class_id, (PEDESTRIAN, *distractors))
    return truth[keep], (ignore | (truth.class_id != PEDESTRIAN))[keep]


def _rows(table: TrackTable, offset: int, names: Sequence[str]) -> list[dict[str, Any]]:
    classes = np.zeros(len(table), np.int64) if len(names) == 1 else table.class_id
    strange = (classes < 0) | (classes >= len(names))
    if strange.any():
        row = int(np.flatnonzero(strange)[0])
        raise InvalidInputError(
            f"Every class_id must have a name; sequence {table.sequence!r} has class_id {classes[row]} in row {row}, "
            f"and there are {len(names)} names. Give all, or none to score without classes."
        )
    return [
        {"image_id": frame, "category_id": category, "bbox": bbox}
        for frame, category, bbox in zip(
            (table.frame + offset).tolist(), (classes + 1).tolist(), _xywh(table), strict=True
        )
    ]


def _xywh(table: TrackTable) -> list[list[float]]:
    boxes: list[list[float]] = np.concatenate(
        (table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]), axis=1
    ).tolist()
    return boxes


def numbered_classes(jobs: Sequence[Job]) -> tuple[tuple[str, ...], list[Job]] | None:
    """Tell the classes of MOTChallenge text, as numbers, and renumber the boxes; None where a side states none.

    Class n of the truth is ``class_id`` n, class n of detections n - 1. Ignore regions are those of every class.
    """
    truths = [_considered(job.truth, "none") for job in jobs]
    numbers = np.unique(np.concatenate([truth.class_id[~ignore] for truth, ignore in truths]))
    found = np.unique(np.concatenate([job.tracks.class_id for job in jobs]))
    if len(numbers) < 2 or len(found) < 2 or numbers[0] < 1:
        return None
    out, others = [], 0
    for job, (truth, ignore) in zip(jobs, truths, strict=True):
        real, regions, known = truth[~ignore], truth[ignore], np.isin(job.tracks.class_id + 1, numbers)
        others += int((~known).sum())
        tracks = job.tracks[known]
        table = TrackTable.unchecked(
            frame=np.concatenate((real.frame, np.repeat(regions.frame, len(numbers)))),
            xyxy=np.concatenate((real.xyxy, np.repeat(regions.xyxy, len(numbers), axis=0))),
            class_id=np.concatenate(
                (np.searchsorted(numbers, real.class_id), np.tile(np.arange(len(numbers)), len(regions)))
            ),
            extra={"flag": np.repeat([1, 0], [len(real), len(regions) * len(numbers)])},
            sequence=truth.sequence,
        )
        renumbered = TrackTable.unchecked(
            frame=tracks.frame.copy(),
            xyxy=tracks.xyxy.copy(),
            score=tracks.score.copy(),
            class_id=np.searchsorted(numbers, tracks.class_id + 1),
            sequence=tracks.sequence,
        )
        out.append(Job(job.name, table[np.argsort(table.frame, kind="stable")], renumbered, job.length))
    _say_others(others)
    return tuple(f"class {number}" for number in numbers.tolist()), out


def coco_entries(truth: Input, detections: Input, sequences: Sequence[str] | None) -> Entries | None:
    """Take the truth from a COCO file with categories, as pycocotools does; None where it is no such file.

    Ids, areas and widths are those of the file, to the last digit. Detections of categories that it does not have, or
    of frames without an image, are left out and counted.

    Raises:
        DataError: A file is malformed; the message names the entry.
        InvalidInputError: There is no such sequence, or no class is called the same on both sides.
    """
    path = Path(truth) if isinstance(truth, (str, Path)) else None
    if path is None or path.suffix.lower() != ".json" or not path.is_file():
        return None
    with reading(path, "A COCO file"):
        document = load_coco(path)
        if not isinstance(document, dict) or not document.get("categories"):
            return None
        file = parse_coco(document, path)
        places = places_of(file, path.stem)
        if sequences is not None:
            _check_known(sequences, dict.fromkeys(sequence for sequence, _ in places.values()))
            places = {number: place for number, place in places.items() if place[0] in sequences}
        images = {number: k for k, number in enumerate(sorted(places, key=id_order), 1)}
        names = file.categories.names
        categories = {number: k for k, number in enumerate(sorted(names, key=id_order), 1)}
        made = Entries(images=len(images), names=tuple(names[number] for number in categories))
        for box in file.boxes(document.get("annotations") or []):
            if box.image in images:
                entry = _entry(box, images, categories, file, "annotations")
                area = entry["bbox"][2] * entry["bbox"][3] if box.area is None else box.area
                made.add_truth(entry, area, box.ignore)
    found = Path(detections) if isinstance(detections, (str, Path)) else Path()
    listed = load_coco(found) if found.suffix.lower() == ".json" and found.is_file() else None
    if isinstance(listed, list):
        with reading(found, "A COCO list of results"):
            _add_results(made, replace(file, path=found), listed, images, categories)
        return made
    by_place = {places[number]: k for number, k in images.items()}
    jobs = list(pair_up(truth, detections, sequences=sequences, kind="detections"))
    return _add_tables(made, jobs, by_place, _stated(found) or None)


def _stated(found: Path) -> tuple[str, ...]:
    """Return the names of the classes of detections, where their file, or what stands beside it, has them."""
    suffix = found.suffix.lower()
    if found.is_file() and suffix in FORMATS:
        return read_coco_classes(found) if suffix == ".json" else read_classes(found, FORMATS[suffix])
    texts = [*found.glob("*.txt"), *found.glob("*/det/det.txt")] if found != Path() and found.is_dir() else []
    return read_names([path for path in texts if not holds_names(path)])


def _add_results(
    made: Entries, file: CocoFile, listed: list[Any], images: Mapping[Id, int], categories: Mapping[Id, int]
) -> None:
    others = 0

    def report(message: str, kind: str) -> None:
        nonlocal others
        if kind != "class-range":
            raise DataError(message, path=file.path)
        others += 1

    for box in replace(file, report=report).boxes(listed, "results"):
        if box.image in images:
            made.results.append(_entry(box, images, categories, file, "results") | {"score": box.score})
    _say_others(others)


def _entry(
    box: CocoBox, images: Mapping[Id, int], categories: Mapping[Id, int], file: CocoFile, what: str
) -> dict[str, Any]:
    bbox = [float(value) for value in box.entry["bbox"]]
    if not min(bbox[2:]) >= 0:
        raise DataError(f"{what}[{box.at}] must have width and height >= 0; got {bbox}.", path=file.path)
    return {"image_id": images[box.image], "category_id": categories[box.category], "bbox": bbox}


def _add_tables(
    made: Entries, jobs: Sequence[Job], by_place: Mapping[tuple[str, int], int], stated: tuple[str, ...] | None
) -> Entries:
    """Add detections from tables, whose classes are called ``stated``; None: the numbers of the truth's, if any."""
    index = np.arange(len(made.names))
    if stated is not None:
        index = np.array([made.names.index(name) if name in made.names else -1 for name in stated], np.int64)
        if len(stated) == len(made.names) == 1:
            index = np.zeros(1, np.int64)
        elif (index < 0).all():
            raise InvalidInputError(
                "Classes must be called the same on both sides; the truth has "
                f"{', '.join(made.names)}, the detections {', '.join(stated)}. Rename those of one side."
            )
    elif len(made.names) > 1 and not any(job.tracks.class_id.any() for job in jobs):
        log.warning("the detections state no classes: all boxes are scored as one class")
        made.names = ("object",)
        made.boxes = [box | {"category_id": 1} for box in made.boxes]
    others = elsewhere = 0
    for job in jobs:
        table = job.tracks
        for frame, label, bbox, score in zip(
            table.frame.tolist(), table.class_id.tolist(), _xywh(table), table.score.tolist(), strict=True
        ):
            image = by_place.get((job.name, frame))
            number = int(index[label]) if 0 <= label < len(index) else -1
            elsewhere += image is None
            others += number < 0
            if image is not None and number >= 0:
                made.results.append({"image_id": image, "category_id": number + 1, "bbox": bbox, "score": score})
    _say_others(others)
    if elsewhere:
        log.warning("%d detections lie in frames of which the truth has no image; they are left out", elsewhere)
    return made


def _check_known(sequences: Sequence[str], known: Mapping[str, Any]) -> None:
    for name in sequences:
        if name not in known:
            raise InvalidInputError(
                f"There is no truth for sequence {name!r}.{did_you_mean(name, known)} There is: {', '.join(known)}."
            )


def _say_others(others: int) -> None:
    if others:
        log.warning("%d detections are of classes that the truth does not have; they are left out", others)
