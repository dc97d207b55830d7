"""Writing Pascal VOC; see `trackforge.data.voc` for what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from trackforge.data.files import PicturePlacer, Place, file_names, require_sizes, stems, write_names, write_text
from trackforge.data.model import Dataset
from trackforge.errors import DataError

__all__ = ["write_voc"]

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_voc(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``Annotations/``, ``JPEGImages/``, ``ImageSets/Main/`` ``classes.txt``; return what is worth knowing.

    Raises:
        DataError: A class has a name that XML, or a line, cannot hold; or the size of a picture is unknown.
    """
    require_sizes(dataset, "VOC files state the size of the picture")
    for name in dataset.classes:
        if _NOT_IN_XML.search(name):
            raise DataError(f"A class must have a name that XML can hold; got {name!a}. Rename it.")
    parts = file_names(dataset.splits, "A split", dataset)
    placer = PicturePlacer(dataset, images)
    names = stems(dataset)
    for row, stem in enumerate(names):
        picture = stem + placer.suffix(row)
        placer.place(row, target / "JPEGImages" / picture)
        write_text(target / "Annotations" / f"{stem}.xml", _lines(dataset, row, picture))
    for split in dataset.splits:
        chosen = [n for n, s in zip(names, dataset.images.split.tolist(), strict=True) if s == split]
        write_text(target / "ImageSets" / "Main" / f"{parts[split]}.txt", chosen)
    write_names(target / "classes.txt", dataset.classes)
    return placer.notes()


def _lines(dataset: Dataset, row: int, picture: str) -> Iterator[str]:
    boxes = dataset.labels(row)
    width, height = int(dataset.images.width[row]), int(dataset.images.height[row])
    yield "<annotation>"
    yield f"  <folder>JPEGImages</folder>\n  <filename>{_escaped(picture)}</filename>"
    yield f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n  <segmented>0</segmented>"
    for k in range(len(boxes)):
        yield f"  <object>\n    <name>{_escaped(dataset.classes[int(boxes.class_id[k])])}</name>"
        for key in ("pose", "truncated", "occluded"):
            value = boxes.extra[key][k] if key in boxes.extra else ""
            if str(value) not in ("", "-1"):
                yield f"    <{key}>{_escaped(str(value))}</{key}>"
        yield f"    <difficult>{int(boxes.ignore[k])}</difficult>"
        x1, y1, x2, y2 = (f"{v:.12g}" for v in (boxes.xyxy[k] + [1, 1, 0, 0]).tolist())
        yield f"    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
        yield "  </object>"
    yield "</annotation>"


def _escaped(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", text))
