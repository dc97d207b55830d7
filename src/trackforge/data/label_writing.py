"""Writing text labels beside pictures: YOLO and JDE; see `trackforge.data.labels` for what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trackforge.data.columns import Boxes
from trackforge.data.files import PicturePlacer, Place, file_names, require_sizes, stems, write_names, write_text
from trackforge.data.model import Dataset
from trackforge.data.yolo_yaml import yaml_text

__all__ = ["write_jde", "write_yolo"]


def write_yolo(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``images/``, ``labels/`` and ``data.yaml`` into the folder ``target``; return what is worth knowing.

    Boxes are cut off at the edge of the picture, and left out where nothing of them is in it: trainers drop a picture
    with a value outside 0..1.
    """
    require_sizes(dataset, "YOLO labels are relative to the size of the picture")
    parts = file_names(dataset.images.split.tolist(), "A split", dataset)
    placer = PicturePlacer(dataset, images)
    cut = gone = 0
    for row, stem in enumerate(stems(dataset)):
        part = parts[str(dataset.images.split[row])]
        placer.place(row, target / "images" / part / (stem + placer.suffix(row)))
        boxes, reaching, outside = _clipped(dataset, row)
        cut, gone = cut + reaching, gone + outside
        write_text(target / "labels" / part / f"{stem}.txt", _lines(dataset, row, boxes, ids=False))
    rest = bool((dataset.images.split == "").any())
    splits = {split: parts[split] for split in dataset.splits}
    write_text(target / "data.yaml", yaml_text(dataset.classes, splits, rest=rest).splitlines())
    notes = placer.notes()
    if cut:
        notes.append(f"{cut} boxes reach out of their pictures and were cut off at the edge")
    if gone:
        notes.append(f"{gone} boxes lie wholly outside their pictures and were left out")
    return notes


def write_jde(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``images/``, ``labels_with_ids/`` and ``classes.txt`` into ``target``; return what is worth knowing."""
    require_sizes(dataset, "JDE labels are relative to the size of the picture")
    parts = file_names(dataset.images.split.tolist(), "A split", dataset)
    sequences = file_names(dataset.sequences, "A sequence", dataset)
    placer = PicturePlacer(dataset, images)
    for row, stem in enumerate(stems(dataset)):
        sequence, frame = str(dataset.images.sequence[row]), int(dataset.images.frame[row])
        inside = f"{sequences[sequence]}/img1/{frame + 1:06d}" if sequence and frame >= 0 else stem
        inside = (Path(parts[str(dataset.images.split[row])]) / inside).as_posix()
        placer.place(row, target / "images" / (inside + placer.suffix(row)))
        boxes = dataset.labels(row)
        lines = _lines(dataset, row, boxes[~boxes.ignore], ids=True)
        write_text(target / "labels_with_ids" / f"{inside}.txt", lines)
    write_names(target / "classes.txt", dataset.classes)
    return placer.notes()


def _clipped(dataset: Dataset, row: int) -> tuple[Boxes, int, int]:
    """Return the objects of a picture within its edges, how many reached out, and how many were outside."""
    boxes = dataset.labels(row)
    boxes = boxes[~boxes.ignore]
    limit = np.array([dataset.images.width[row], dataset.images.height[row]] * 2, np.float64)
    inside = np.clip(boxes.xyxy, 0, limit)
    beyond = np.abs(inside - boxes.xyxy).max(axis=1, initial=0)
    gone = (beyond > 0) & (inside[:, 2:] <= inside[:, :2]).any(axis=1)
    # less than a hundredth of a pixel is rounding
    return boxes.replace(xyxy=inside)[~gone], int(((beyond > 0.01) & ~gone).sum()), int(gone.sum())


def _lines(dataset: Dataset, row: int, boxes: Boxes, *, ids: bool) -> Iterator[str]:
    size = np.array([dataset.images.width[row], dataset.images.height[row]], np.float64)
    centre = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2 / size
    share = np.concatenate((centre, boxes.size / size), axis=1)
    for label, track, values in zip(boxes.class_id.tolist(), boxes.track_id.tolist(), share.tolist(), strict=True):
        head = f"{label} {track}" if ids else f"{label}"
        yield head + "".join(f" {value:.12g}" for value in values)
