"""Writing augmented manifests; see `trackforge.data.dialects.manifest` for what they are."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.dialects.manifest_labels import KIND, TOLD
from trackforge.data.files import (
    PicturePlacer,
    Place,
    file_names,
    require_order,
    require_sizes,
    stems,
    write_names,
    write_text,
)
from trackforge.data.model import Dataset
from trackforge.data.recordio import ALL
from trackforge.data.recordio_writing import empty_notes
from trackforge.data.records import is_picture
from trackforge.errors import ConfigError, DataError
from trackforge.io.manifest_lines import METADATA
from trackforge.io.recordio import RecordWriter
from trackforge.io.sagemaker_boxes import Box, annotation

__all__ = ["picture_line", "write_manifest"]


def write_manifest(
    dataset: Dataset,
    target: Path,
    *,
    images: Place = "copy",
    prefix: str = "",
    attribute: str = "bounding-box",
    wrapped: bool = False,
) -> list[str]:
    """Write ``<split>.manifest``, ``images/`` and ``classes.txt`` into a folder; return what is worth knowing.

    Args:
        dataset: What to write.
        target: The folder.
        images: Whether pictures are brought along.
        prefix: What stands before ``images/...`` in ``source-ref``: the address that the folder is uploaded to.
        attribute: What the attribute with the boxes is called.
        wrapped: Write what Pipe mode would make of the manifests, ``<split>.rec``, pictures inside, and no manifests.

    Raises:
        ConfigError: A stream is to be written without its pictures, or the attribute's name is none.
        DataError: A box is inverted, the size of a picture is unknown, or a stream would hold neither JPEG nor PNG.
        SinkError: The place cannot be written to.
    """
    if wrapped and images != "copy":
        raise ConfigError(f"A stream holds its pictures; images must be 'copy', got {images!r}. Leave it out.")
    if not attribute or attribute.endswith(("-ref", METADATA)):
        raise ConfigError(
            f"The attribute must have a name that ends neither in -ref nor in {METADATA}; got {attribute!r}."
        )
    require_order(dataset, "SageMaker's boxes")
    require_sizes(dataset, "A manifest states the size of the picture")
    splits = dict.fromkeys(dataset.images.split.tolist())
    files = file_names([split or ALL for split in splits], "A split", dataset)
    placer, names = PicturePlacer(dataset, images), stems(dataset)
    target.mkdir(parents=True, exist_ok=True)
    now = _now()
    for split in splits:
        rows = np.flatnonzero(dataset.images.split == split).tolist()
        base = files[split or ALL]
        if wrapped:
            with (target / f"{base}.rec").open("wb") as out:
                writer = RecordWriter(out)
                for row in rows:
                    writer.write(_picture(placer, row))
                    writer.write(json.dumps(_labels(dataset, row)).encode())
            continue
        lines = []
        for row in rows:
            picture = f"images/{names[row]}{placer.suffix(row)}"
            placer.place(row, target / picture)
            lines.append(json.dumps(picture_line(dataset, row, prefix + picture, attribute, now), ensure_ascii=False))
        write_text(target / f"{base}.manifest", lines)
    write_names(target / "classes.txt", dataset.classes)
    notes = placer.notes() + empty_notes(dataset)
    if not prefix and not wrapped:
        notes.append(
            "source-ref names pictures in the folder; for SageMaker say where it is uploaded to: prefix=s3://..."
        )
    return notes


def picture_line(
    dataset: Dataset, row: int, address: str, attribute: str, now: str = "", *, human: bool = True
) -> dict[str, Any]:
    """Return the line of a picture.

    Args:
        dataset: The set.
        row: Of the picture.
        address: Of the picture.
        attribute: What the attribute with the boxes is called; empty for a line without.
        now: When the labels were made; now, unless given.
        human: Whether people made or checked them, where the set states nothing; else it is a model that is so sure.
    """
    line: dict[str, Any] = {"source-ref": address}
    if attribute:
        line[attribute] = _labels(dataset, row)
        line[f"{attribute}{METADATA}"] = _metadata(dataset, row, now or _now(), human=human)
    return line


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _picture(placer: PicturePlacer, row: int) -> bytes:
    """Return a picture of a stream, whose readers know pictures by how they begin."""
    content = placer.content(row)[0]
    if not is_picture(content):
        raise DataError(
            "A picture of a stream must be a JPEG or PNG; this is neither. Convert it, or leave out wrapped=true.",
            path=placer.dataset.image_path(row),
        )
    return content


def _objects(dataset: Dataset, row: int) -> Any:
    boxes = dataset.labels(row)
    return boxes[~boxes.ignore]


def _labels(dataset: Dataset, row: int) -> dict[str, Any]:
    boxes = _objects(dataset, row)
    size = {"width": int(dataset.images.width[row]), "height": int(dataset.images.height[row]), "depth": 3}
    numbered = zip(boxes.class_id.tolist(), boxes.xyxy.tolist(), strict=True)
    return {
        "image_size": [size],
        "annotations": [annotation(Box(label, tuple(corners))) for label, corners in numbered],
    }


def _metadata(dataset: Dataset, row: int, now: str, *, human: bool) -> dict[str, Any]:
    boxes = _objects(dataset, row)
    stated = boxes.extra.get("confidence", np.full(len(boxes), np.nan))
    if not human and "confidence" not in boxes.extra and "score" in boxes.extra:
        stated = boxes.extra["score"].astype(np.float64).round(6)
    unknown = 1 if human else 0
    made = {
        "objects": [{"confidence": unknown if value != value else value} for value in stated.tolist()],
        "class-map": {str(k): dataset.classes[k] for k in sorted(set(boxes.class_id.tolist()))},
        "type": KIND,
        "human-annotated": "yes" if human else "no",
        "creation-date": now,
        "job-name": "trackforge",
    }
    for key, column in TOLD.items():
        told = dataset.images.extra.get(column)
        if told is not None and told.dtype.kind == "U" and told[row]:
            made[key] = str(told[row])
    return made
