"""Pascal VOC: one xml file a picture.

``Annotations/x.xml``, ``JPEGImages/x.jpg``, ``ImageSets/Main/<split>.txt``. Corners are 1-based pixel numbers, both
inclusive, so the continuous box is ``(xmin - 1, ymin - 1, xmax, ymax)``; fractions are allowed. ``difficult`` marks
what is not judged: an ignore region.

Source: Everingham et al., "The PASCAL VOC Challenge 2012 Development Kit".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.parsers import expat
from xml.sax.saxutils import escape

from trackforge.data.building import Builder
from trackforge.data.files import PicturePlacer, Place, read_lines, require_sizes, stems, write_text
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.folders import natural_key
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["VOC_CLASSES", "read_voc", "sniff_voc", "write_voc"]

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The twenty classes of VOC 2007 and 2012."""


@dataclass
class _Node:
    """An xml element, with the line it stands on."""

    tag: str
    line: int
    text: str = ""
    children: list[_Node] = field(default_factory=list)

    def all(self, tag: str) -> list[_Node]:
        return [c for c in self.children if c.tag == tag]

    def find(self, path: str) -> _Node | None:
        node: _Node | None = self
        for tag in path.split("/"):
            node = next(iter(node.all(tag)), None) if node else None
        return node

    def value(self, path: str, default: str = "") -> str:
        node = self.find(path)
        return node.text.strip() if node else default


def sniff_voc(path: Path) -> bool:
    """Tell whether a path looks like Pascal VOC."""
    return path.is_dir() and next(_annotations(path).glob("*.xml"), None) is not None


def _annotations(path: Path) -> Path:
    return path / "Annotations" if (path / "Annotations").is_dir() else path


def read_voc(
    path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = (), origin: Literal[0, 1] = 1
) -> Dataset:
    """Read a Pascal VOC folder, or a folder of such xml files with the pictures.

    Args:
        path: Where it is.
        findings: Where malformed entries are reported.
        split: Read this part only.
        classes: Class names in order; without, those of ``classes.txt``, the twenty of VOC if they suffice, or what is
            found, sorted.
        origin: Number of the first pixel: 1, or 0 for tools that count from there (corners are then taken as they are).
    """
    parts = _parts(path, split)
    files = sorted(_annotations(path).glob("*.xml"), key=lambda p: natural_key(p.stem))
    if split is not None:
        files = [f for f in files if f.stem in parts]
    listed = path / "classes.txt"
    known = tuple(classes) or (tuple(line for _, line in read_lines(listed)) if listed.is_file() else ())
    names = dict.fromkeys(known)
    build = Builder()
    rows: list[tuple[_Node, Path, int]] = []
    for file in files:
        try:
            tree = _parse(file)
            picture, size = _picture(path, file, tree)
        except DataError as error:
            findings.caught(error)
            continue
        row = build.image(picture, size, split=parts.get(file.stem, ""))
        for node in tree.all("object"):
            name = node.value("name")
            if known and name not in names:
                findings.bad(
                    f"The class must be one of {', '.join(known)}; got {name!r}.",
                    path=file,
                    line=node.line,
                    kind="class-range",
                )
                continue
            names[name] = None
            rows.append((node, file, row))
    order = known or (VOC_CLASSES if set(names) <= set(VOC_CLASSES) else tuple(sorted(names)))
    for node, file, row in rows:
        try:
            _object(build, node, file, row, order, origin)
        except DataError as error:
            findings.caught(error)
    return build.finish(order, root=path)


def _parts(path: Path, split: str | None) -> dict[str, str]:
    """Return the part of each picture; ``trainval`` and the lists of single classes only serve when asked for."""
    folder = path / "ImageSets" / "Main"
    lists = {p.stem: p for p in sorted(folder.glob("*.txt"))}
    if split is not None:
        if split not in lists:
            raise DataError(f"There is no split {split!r}; there are: {', '.join(lists) or 'none'}.", path=folder)
        lists = {split: lists[split]}
    parts: dict[str, str] = {}
    for name, file in lists.items():
        entries = [line.split() for _, line in read_lines(file)]
        if split is None and (name == "trainval" or any(len(e) > 1 and e[1] in ("1", "-1", "0") for e in entries)):
            continue
        for entry in entries:
            parts.setdefault(entry[0], name)
    return parts


def _picture(root: Path, file: Path, tree: _Node) -> tuple[str, tuple[int, int]]:
    """Return the picture of an xml file, relative to the root, and its size."""
    stated = tree.value("filename")
    names = [stated] if Path(stated).suffix else []
    names += [stem + suffix for stem in (file.stem, stated) if stem for suffix in (*IMAGE_SUFFIXES, ".JPG", ".JPEG")]
    folders = [root / "JPEGImages", file.parent, root / "images", root]
    found = next((f / n for f in folders for n in names if (f / n).is_file()), folders[0] / names[0])
    try:
        size = (int(float(tree.value("size/width", "0"))), int(float(tree.value("size/height", "0"))))
    except ValueError as error:
        raise DataError(f"The size must be numbers; {error}.", path=file, line=tree.line) from error
    if min(size) <= 0:
        size = picture_size(found)
    return found.relative_to(root).as_posix(), size


def _object(build: Builder, node: _Node, file: Path, row: int, classes: Sequence[str], origin: int) -> None:
    box = node.find("bndbox")
    if box is None:
        raise DataError("An object must have a bndbox.", path=file, line=node.line)
    corners = []
    for name in ("xmin", "ymin", "xmax", "ymax"):
        try:
            corners.append(float(box.value(name)))
        except ValueError:
            corners.append(math.nan)
    if not all(map(math.isfinite, corners)):
        raise DataError("A bndbox must have numbers xmin, ymin, xmax, ymax.", path=file, line=box.line)
    track = node.value("trackid", "-1")  # ImageNet VID's addition
    extra: dict[str, str | int] = {key: node.value(key) for key in ("pose",) if node.find(key)}
    extra |= {key: int(node.value(key) or 0) for key in ("truncated", "occluded") if node.value(key) in ("0", "1")}
    build.box(
        row,
        (corners[0] - origin, corners[1] - origin, corners[2], corners[3]),
        classes.index(node.value("name")),
        track_id=int(track) if track.isdecimal() else -1,
        ignore=node.value("difficult", "0") == "1",
        extra=extra,
    )


def _parse(file: Path) -> _Node:
    parser = expat.ParserCreate()
    stack = [_Node("", 0)]

    def start(tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG001 - expat's signature
        node = _Node(tag, parser.CurrentLineNumber)
        stack[-1].children.append(node)
        stack.append(node)

    def text(data: str) -> None:
        stack[-1].text += data

    def entity(*_: object) -> None:
        raise DataError("Entities are not allowed in annotations.", path=file, line=parser.CurrentLineNumber)

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EntityDeclHandler = start, text, entity
    parser.EndElementHandler = lambda _: stack.pop()
    try:
        parser.Parse(file.read_bytes(), True)
    except expat.ExpatError as error:
        raise DataError(
            f"The file must be xml; {expat.errors.messages[error.code]}.", path=file, line=error.lineno
        ) from error
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror or error}.", path=file) from error
    return stack[0].children[0]


# ---- writing


def write_voc(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``Annotations/``, ``JPEGImages/``, ``ImageSets/Main/`` ``classes.txt``; return what is worth knowing."""
    require_sizes(dataset, "VOC files state the size of the picture")
    placer = PicturePlacer(dataset, images)
    names = stems(dataset)
    for row, stem in enumerate(names):
        picture = stem + placer.suffix(row)
        placer.place(row, target / "JPEGImages" / picture)
        write_text(target / "Annotations" / f"{stem}.xml", _lines(dataset, row, picture))
    for split in dataset.splits:
        chosen = [n for n, s in zip(names, dataset.images.split.tolist(), strict=True) if s == split]
        write_text(target / "ImageSets" / "Main" / f"{split}.txt", chosen)
    write_text(target / "classes.txt", dataset.classes)
    return placer.notes()


def _lines(dataset: Dataset, row: int, picture: str) -> Iterator[str]:
    boxes = dataset.labels(row)
    width, height = int(dataset.images.width[row]), int(dataset.images.height[row])
    yield "<annotation>"
    yield f"  <folder>JPEGImages</folder>\n  <filename>{escape(picture)}</filename>"
    yield f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n  <segmented>0</segmented>"
    for k in range(len(boxes)):
        yield f"  <object>\n    <name>{escape(dataset.classes[int(boxes.class_id[k])])}</name>"
        for key in ("pose", "truncated", "occluded"):
            value = boxes.extra[key][k] if key in boxes.extra else ""
            if str(value) not in ("", "-1"):
                yield f"    <{key}>{escape(str(value))}</{key}>"
        yield f"    <difficult>{int(boxes.ignore[k])}</difficult>"
        x1, y1, x2, y2 = (f"{v:.12g}" for v in (boxes.xyxy[k] + [1, 1, 0, 0]).tolist())
        yield f"    <bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
        yield "  </object>"
    yield "</annotation>"
