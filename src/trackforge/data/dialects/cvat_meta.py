"""What CVAT's XML says of its tasks, labels and attributes, both ways; for video and for images.

Frames are numbered as the film numbers them: a task that begins at ``start_frame`` and takes every ``step``-th frame
has the frames ``start_frame``, ``start_frame + step``, ... in its XML.

Source: CVAT's documentation, "XML annotation format", version 1.1; cvat issues 764, 847, 7290 and 7498.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.columns import Boxes
from trackforge.data.dialects.frames import below
from trackforge.data.dialects.markup import Element, as_text, first_tag, mentions
from trackforge.intake.limits import check_limit

__all__ = [
    "Task",
    "attribute_lines",
    "attribute_texts",
    "attributes",
    "cvat_files",
    "cvat_kind",
    "label_lines",
    "label_names",
    "looks_like_cvat",
    "tasks",
    "typed",
]

LOOKED_AT = 4
"""Files of a folder that are looked at to tell what it holds."""
PATTERNS = ("*.xml", "*/*.xml", "*/*/*.xml")
LONGEST, MOST = 200, 100
"""Characters of an attribute's name or value, and attributes of a file, that are kept."""
_TAKEN = frozenset(
    {"id", "image", "image_id", "bbox", "xyxy", "category_id", "class_id", "instance_id", "segmentation", "iscrowd"}
)
"""What columns, or fields of COCO, are called already."""
_UNSTATED = frozenset({"coco_id", "rate", "area", "occluded"})
"""Columns that are no attributes: numbers of other formats, and what XML says in its own place."""


@dataclass(frozen=True)
class Task:
    """What a file says of a task.

    Attributes:
        name: Its name; empty where none is stated.
        subset: The part of the project that it belongs to.
        start: Number of its first frame in the film.
        step: Every how many frames of the film it has one.
        last: Number of its last frame; None where it is not stated.
        size: Width and height; (0, 0) where not stated.
        source: File name of the film.
        tracked: Whether its objects are tracks.
    """

    name: str = ""
    subset: str = ""
    start: int = 0
    step: int = 1
    last: int | None = None
    size: tuple[int, int] = (0, 0)
    source: str = ""
    tracked: bool = True


def cvat_kind(file: Path) -> str:
    """Return ``"video"``, ``"images"``, or nothing where a file is not CVAT's XML."""
    if file.suffix.lower() != ".xml" or first_tag(file) != "annotations":
        return ""
    first = mentions(file, "track", "image", "mode", "version")
    if first in ("mode", "version"):
        first = mentions(file, "track", "image") or ("track" if mentions(file, "start_frame") else "")
    return {"track": "video", "image": "images"}.get(first, "")


def looks_like_cvat(path: Path, kind: str) -> bool:
    """Tell from the first few XML files of a folder, or from a file, whether it is CVAT's of a kind."""
    files = [path] if path.is_file() else islice(below(path, PATTERNS), LOOKED_AT)
    return any(cvat_kind(file) == kind for file in files)


def cvat_files(path: Path, kind: str) -> Iterator[Path]:
    """Yield the files of a kind: the path itself, or those in its folder and two folders below."""
    files = [path] if path.is_file() else below(path, PATTERNS)
    return (file for file in files if cvat_kind(file) == kind)


def tasks(tree: Element) -> dict[str, Task]:
    """Return the tasks of a file by id; a file that names none has one, with an empty id.

    Raises:
        DataError: A number of frames is none, or beyond the limit.
    """
    meta = tree.find("meta")
    if meta is None:
        return {"": Task()}
    project = meta.find("project", "tasks")
    found = list(project.all("task")) if project is not None else []
    if not found:
        single = meta.find("task") or meta.find("job")
        return {"": _task(single, meta)} if single is not None else {"": Task(source=meta.value("source"))}
    return {node.value("id"): _task(node, node) for node in found}


def _task(node: Element, meta: Element) -> Task:
    start = node.whole_text("start_frame") or 0
    step = re.search(r"step\s*=\s*(\d{1,9})", node.value("frame_filter"))
    every = max(int(step[1]), 1) if step else 1
    count, stop = node.whole_text("size"), node.whole_text("stop_frame")
    last = start + (count - 1) * every if count else stop
    if last is not None:
        check_limit("frames", last, "The last frame", path=node.path, line=node.line)
    size = (node.whole_text("original_size", "width") or 0, node.whole_text("original_size", "height") or 0)
    check_limit("pixels", size[0] * size[1], "The size of the pictures", path=node.path, line=node.line)
    return Task(
        name=node.value("name"),
        subset=node.value("subset")[:LONGEST],
        start=start,
        step=every,
        last=last,
        size=size,
        source=meta.value("source") or node.value("source"),
        tracked=node.value("mode") != "annotation",
    )


def label_names(tree: Element) -> list[str]:
    """Return the labels that a file declares, in its order, without the parts of skeletons."""
    owners = (tree.find("meta", owner, "labels") for owner in ("task", "job", "project"))
    labels = (label for labels in owners if labels is not None for label in labels.all("label"))
    whole = (label for label in labels if not label.value("parent") and label.value("type") != "skeleton")
    return list(dict.fromkeys(name for label in whole if (name := label.value("name"))))


# ---- attributes


def attributes(element: Element) -> dict[str, str]:
    """Return what a box states beyond its corners; empty values are left out."""
    found = {node.attributes.get("name", ""): node.text for node in element.all("attribute")}
    return {name: text for name, text in found.items() if name and text}


def typed(rows: Sequence[Mapping[str, str]], notes: list[str]) -> list[dict[str, Any]]:
    """Return attributes as truth values or numbers, where all that one attribute holds are such.

    A column is as wide as its longest text, in every row: what is too long, or too many, is left out.

    Args:
        rows: Of each box.
        notes: Takes what was left out, one sentence each.
    """
    values: dict[str, dict[str, None]] = {}  # the same few texts stand in most rows
    for row in rows:
        for name, text in row.items():
            values.setdefault(name, {})[text] = None
    short = (name for name, texts in values.items() if len(name) <= LONGEST and max(map(len, texts)) <= LONGEST)
    kept = dict.fromkeys(islice(short, MOST))
    if len(kept) < len(values):
        notes.append(
            f"{len(values) - len(kept)} attributes were left out; {MOST} of up to {LONGEST} characters are kept"
        )
    kinds = (_truth, _whole, _number, str)
    kind = {name: next(k for k in kinds if all(k(v) is not None for v in values[name])) for name in kept}
    made = {name: {text: kind[name](text) for text in values[name]} for name in kept}
    columns = {name: f"attribute_{name}" if name in _TAKEN else name for name in kept}
    return [{columns[name]: made[name][text] for name, text in row.items() if name in made} for row in rows]


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"0|-?[1-9]\d{0,17}", text) else None


def _number(text: str) -> float | None:
    """Take a number that is written as we write one: ``0042`` is a word."""
    value = float(text) if re.fullmatch(r"-?\d{1,300}(\.\d{1,40})?(e[+-]\d{1,3})?", text) else math.nan
    plain = not re.match(r"-?0\d", text)
    return value if plain and math.isfinite(value) else None


def attribute_texts(boxes: Boxes) -> dict[str, list[str]]:
    """Return what attributes of boxes to write, by name: ``ignore``, ``visibility`` where needed, further columns."""
    out: dict[str, list[str]] = {}
    if boxes.ignore.any():
        out["ignore"] = [str(v).lower() for v in boxes.ignore.tolist()]
    if (boxes.visibility != 1).any():
        out["visibility"] = [repr(v) for v in boxes.visibility.tolist()]
    for name, column in boxes.extra.items():
        if column.ndim == 1 and (name not in _UNSTATED or (name == "occluded" and column.dtype.kind == "U")):
            texts = [_written(v) for v in column.tolist()]
            if any(texts):
                out[name] = texts
    return out


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else ""
    return str(value)


def attribute_lines(texts: Mapping[str, Sequence[str]], row: int, indent: str) -> Iterator[str]:
    """Yield the attributes of one box as XML."""
    for name, values in texts.items():
        yield f'{indent}<attribute name="{as_text(name).replace(chr(34), "&quot;")}">{as_text(values[row])}</attribute>'


def label_lines(classes: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Yield the declaration of labels, each with all attributes; without it CVAT would leave these out."""
    names = list(names)
    yield "      <labels>"
    for label in classes:
        yield f"        <label>\n          <name>{as_text(label)}</name>\n          <attributes>"
        for name in names:
            yield (
                f"            <attribute>\n              <name>{as_text(name)}</name>\n"
                "              <mutable>True</mutable>\n              <input_type>text</input_type>\n"
                "              <default_value></default_value>\n              <values></values>\n"
                "            </attribute>"
            )
        yield "          </attributes>\n        </label>"
    yield "      </labels>"
