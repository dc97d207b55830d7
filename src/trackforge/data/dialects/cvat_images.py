"""CVAT's XML for images, version 1.1, as a labelled data set, both ways.

``annotations.xml`` with the pictures in ``images/`` beside it. The attributes ``track_id``, ``ignore`` and
``visibility`` mean what they mean in a data set; others become further columns. Polygons and masks are the box around
them, and its pixels.

Source: CVAT's documentation, "XML annotation format", version 1.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.dialects.cvat_meta import (
    attribute_lines,
    attribute_texts,
    attributes,
    cvat_files,
    label_lines,
    label_names,
    looks_like_cvat,
    tasks,
    typed,
)
from trackforge.data.dialects.cvat_shapes import SHAPES, read_shape, shape_of
from trackforge.data.dialects.frames import relative, size_of
from trackforge.data.dialects.keyframes import envelope
from trackforge.data.dialects.markup import Element, as_text, parse_xml, quoted
from trackforge.data.files import PicturePlacer, Place, require_order, stems, write_text
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.limits import check_limit
from trackforge.intake.names import LONGEST, inside, plain_name, relative_name
from trackforge.intake.reading import reading
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["read_cvat_images", "sniff_cvat_images", "write_cvat_images"]

WHAT = "A CVAT file"
OTHERS = ("polyline", "points", "cuboid", "skeleton", "ellipse")


def sniff_cvat_images(path: Path) -> bool:
    """Tell whether a path is CVAT's XML for images, or a folder with such."""
    return looks_like_cvat(path, "images")


@dataclass(frozen=True)
class _Box:
    image: int
    label: str
    xyxy: list[float]
    occluded: str
    attributes: dict[str, str]
    mask: Any = None


def read_cvat_images(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read CVAT's XML for images.

    Args:
        path: The file, or a folder with such.
        findings: Where malformed entries are reported.
        split: Read the images of this subset only.
    """
    with reading(path, WHAT):
        root = path.parent if path.is_file() else path
        build, names, boxes, others = Builder(), dict[str, None](), list[_Box](), 0
        for file in cvat_files(path, "images"):
            try:
                tree = parse_xml(file, WHAT)
                subsets = {key: task.subset for key, task in tasks(tree).items()}
            except DataError as error:
                findings.caught(error)
                continue
            names |= dict.fromkeys(label_names(tree))
            for node in tree.all("image"):
                try:
                    row = _image(build, node, subsets, root)
                except DataError as error:
                    findings.caught(error)
                    continue
                others += sum(child.tag in OTHERS for child in node.children)
                for child in node.children:
                    try:
                        if child.tag in ("box", *SHAPES):
                            boxes.append(_box(child, row, build.size(row)))
                    except DataError as error:
                        findings.caught(error)
        if others:
            build.notes.append(
                f"{others} shapes other than boxes, polygons and masks were left out; the set holds boxes"
            )
        names |= dict.fromkeys(box.label for box in boxes)
        for box, extra in zip(boxes, typed([b.attributes for b in boxes], build.notes), strict=True):
            _add(build, box, extra, list(names))
        made = build.finish(list(names), root=root, name=path.stem if path.is_file() else path.name)
        return made.in_split(split) if split is not None else made


def _image(build: Builder, node: Element, subsets: dict[str, str], root: Path) -> int:
    name = relative_name(node.stated("name"), "The picture", path=node.path, line=node.line)
    subset = node.attributes.get("subset", "")[:LONGEST] or subsets.get(node.attributes.get("task_id", ""), "")
    picture = _picture(node.path.parent, name, subset)
    stated = node.attributes.get("width") and node.attributes.get("height")
    size = (node.whole("width"), node.whole("height")) if stated else (0, 0)
    check_limit("pixels", size[0] * size[1], "The size of the picture", path=node.path, line=node.line)
    if min(size) <= 0 and picture.is_file():
        size = size_of(picture)
    return build.image(relative(picture, root), size, split=subset)


def _picture(here: Path, name: PurePosixPath, subset: str) -> Path:
    """Return where a picture lies, or would lie in CVAT's own export."""
    places = [here / "images", here]
    if subset and "/" not in subset and subset not in (".", ".."):
        places = [here / "images" / subset, *places]
    endings = ("",) if name.suffix.lower() in IMAGE_SUFFIXES else ("", *IMAGE_SUFFIXES, ".PNG", ".JPG")
    tried = [place / f"{name}{ending}" for place in places for ending in endings]
    return next((p for p in tried if p.is_file()), places[0] / name)


def _box(node: Element, image: int, size: tuple[int, int]) -> _Box:
    if node.tag in SHAPES:
        corners, mask = read_shape(node, size)
        return _Box(image, node.stated("label"), corners, node.attributes.get("occluded", ""), attributes(node), mask)
    corners = [node.number(name) for name in ("xtl", "ytl", "xbr", "ybr")]
    if corners[2] < corners[0] or corners[3] < corners[1]:
        raise node.fault("The corners of a box must be in order, xtl <= xbr and ytl <= ybr.")
    if "rotation" in node.attributes:
        turned = envelope(np.array([corners]), np.array([node.number("rotation")]))
        corners = turned[0].tolist()
    return _Box(image, node.stated("label"), corners, node.attributes.get("occluded", ""), attributes(node))


def _add(build: Builder, box: _Box, extra: dict[str, Any], names: list[str]) -> None:
    track = extra.pop("track_id", -1)
    ignore, visibility = extra.pop("ignore", False), extra.pop("visibility", 1.0)
    if box.occluded in ("0", "1") and not isinstance(extra.get("occluded"), str):  # an attribute may be called so
        extra["occluded"] = int(box.occluded)
    build.box(
        box.image,
        box.xyxy,
        names.index(box.label),
        track_id=track if type(track) is int and track >= 0 else -1,
        visibility=float(visibility) if isinstance(visibility, (int, float)) else 1.0,
        ignore=ignore is True,
        extra=extra,
        mask=box.mask,
    )


# ---- writing


def write_cvat_images(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``annotations.xml`` and ``images/``; return what is worth knowing.

    Args:
        dataset: What to write.
        target: Folder.
        images: What to do with the pictures.
    """
    require_order(dataset, "CVAT's boxes")
    placer = PicturePlacer(dataset, images)
    files = []
    for row, (stem, split) in enumerate(zip(stems(dataset), dataset.images.split.tolist(), strict=True)):
        folder = target / "images" / plain_name(split, "The split") if split else target / "images"
        files.append(stem + placer.suffix(row))
        placer.place(row, inside(folder, files[-1], "The picture"))
    count = Counter[str]()
    write_text(target / "annotations.xml", _lines(dataset, files, count))
    notes = (
        [f"CVAT knows no degrees of occlusion; {count['occluded']} boxes above 1 became 1"] if count["occluded"] else []
    )
    if count["masks"]:
        notes.append(f"CVAT takes boxes from their masks; {count['masks']} masks with another box were left out")
    return notes + placer.notes()


def _lines(dataset: Dataset, files: list[str], count: Counter[str]) -> Iterator[str]:
    boxes, pictures = dataset.boxes, dataset.images
    texts = attribute_texts(boxes)
    if (boxes.track_id >= 0).any():
        texts["track_id"] = [str(v) if v >= 0 else "" for v in boxes.track_id.tolist()]
    column = boxes.extra.get("occluded")
    hidden = column if column is not None and column.ndim == 1 and column.dtype.kind in "iufb" else np.zeros(len(boxes))
    count["occluded"] = int((hidden > 1).sum())
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>'
    yield f"      <name>{as_text(dataset.name)}</name>\n      <size>{len(dataset)}</size>"
    yield "      <mode>annotation</mode>"
    yield from label_lines(dataset.classes, texts)
    yield "    </task>\n  </meta>"
    k = 0
    sizes = list(zip(pictures.width.tolist(), pictures.height.tolist(), strict=True))
    counts = dataset.counts.tolist()
    for row, (file, split) in enumerate(zip(files, pictures.split.tolist(), strict=True)):
        subset = f" subset={quoted(split)}" if split else ""
        size = f'width="{int(pictures.width[row])}" height="{int(pictures.height[row])}"'
        yield f'  <image id="{row}" name={quoted(file)}{subset} {size}>'
        for _ in range(counts[row]):
            x1, y1, x2, y2 = (f"{v:.12g}" for v in boxes.xyxy[k].tolist())
            label = quoted(dataset.classes[int(boxes.class_id[k])])
            mask = None if boxes.mask is None else boxes.mask[k]
            shape = None if mask is None else shape_of(mask, boxes.xyxy[k], sizes[row])
            count["masks"] += mask is not None and shape is None
            tag, place = shape or ("box", f'xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"')
            yield f'    <{tag} label={label} source="file" occluded="{int(hidden[k] > 0)}" {place} z_order="0">'
            yield from attribute_lines(texts, k, "      ")
            yield f"    </{tag}>"
            k += 1
        yield "  </image>"
    yield "</annotations>"
