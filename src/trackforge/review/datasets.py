"""Documents from labelled data sets of any format, and back, without losing attributes, names or empty frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.data.columns import Boxes, Images
from trackforge.data.dialects.cvat_meta import typed
from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.errors import InvalidInputError
from trackforge.review.pictures import picture_path
from trackforge.review.thinning import Rows, thinned
from trackforge.review.tracks import LabelTrack, Origin

__all__ = ["document_fields", "to_dataset"]

_OWN = frozenset({"score", "origin", "object_id"})
"""Columns of boxes that have their own place in a document."""
_NUMBERS = frozenset({"coco_id", "area", "rate", "confidence"})
"""Columns that other formats number or measure boxes by: no attributes."""
TEXTS = "Ubi"
"""Kinds of columns that say something of an object, rather than measure it on each frame."""


def document_fields(
    dataset: Dataset,
    sequence: str | None,
    *,
    source: str | None = None,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    files: Iterable[str] | None = None,
    wanted: Iterable[int] | None = None,
    tolerance: float = 0.5,
    origin: Origin = "model",
) -> dict[str, Any]:
    """Return the attributes of the document of one video of a set; see `Document.from_dataset`."""
    part = dataset[dataset.images.sequence == _named(dataset, sequence)]
    part = part[np.argsort(part.images.frame, kind="stable")]
    images, notes = part.images, list(dataset.notes)
    boxes = part.boxes
    if boxes.ignore.any():
        notes.append(f"{int(boxes.ignore.sum())} ignore regions were left out")
        boxes = boxes[~boxes.ignore]
    if (boxes.visibility != 1).any():
        notes.append("how far objects are visible was left out: it differs from frame to frame")
    of_track, of_box = _attributes(boxes)
    scores = boxes.extra.get("score")
    origins = boxes.extra.get("origin")
    rows = Rows(
        frame=images.frame[boxes.image],
        track_id=boxes.track_id,
        xyxy=boxes.xyxy,
        score=np.full(len(boxes), np.nan) if scores is None else scores.astype(np.float64),
        class_id=boxes.class_id,
        origins=[origin] if origins is None else [str(one) for one in origins],
        attributes=of_box,
    )
    names = {}
    if "object_id" in boxes.extra:
        names = dict(zip(rows.track_id.tolist(), map(str, boxes.extra["object_id"].tolist()), strict=True))
    found_source, found_files = _place(part)
    told_rate = images.extra.get("rate")
    if rate is None and told_rate is not None and len(told_rate) and np.isfinite(told_rate[0]) and told_rate[0] > 0:
        rate = float(told_rate[0])
    constant = {number: of_track[k] for k, number in enumerate(rows.track_id.tolist())} if of_track else {}
    frames = np.unique(images.frame)
    tracks = [
        LabelTrack(
            id=one.id,
            object_id=one.object_id,
            label=one.label,
            attributes=constant.get(one.id, {}),
            keyframes=one.keyframes,
        )
        for one in thinned(rows, frames, tolerance, names, notes)
    ]
    return {
        "sequence": str(images.sequence[0]),
        "source": found_source if source is None else source,
        "rate": rate,
        "size": size or (int(images.width.max(initial=0)), int(images.height.max(initial=0))),
        "frames": frames,
        "files": tuple(found_files if files is None else files),
        "classes": dataset.classes,
        "tracks": tuple(tracks),
        "checked": _marked(images, "checked"),
        "wanted": tuple(sorted(_marked(images, "wanted"))) if wanted is None else tuple(wanted),
        "notes": tuple(notes),
    }


def to_dataset(fields: Mapping[str, Any], tracks: Sequence[LabelTrack], root: str | Path) -> Dataset:
    """Return the labels of a document as a data set; see `Document.to_dataset`."""
    frames: npt.NDArray[np.int64] = fields["frames"]
    n = len(frames)
    paths = [""] * n
    if fields["source"]:
        paths = [
            picture_path(fields["source"], frames, fields["files"], frame, ".").as_posix() for frame in frames.tolist()
        ]
    marks = {
        name: np.isin(frames, np.array(sorted(fields[name]), np.int64))
        for name in ("checked", "wanted")
        if len(fields[name])
    }
    if fields["rate"] is not None:
        marks["rate"] = np.full(n, fields["rate"], np.float64)
    images = Images(
        path=np.array(paths, np.str_),
        width=np.full(n, fields["size"][0]),
        height=np.full(n, fields["size"][1]),
        sequence=np.full(n, fields["sequence"]),
        frame=frames,
        extra=marks,
    )
    return Dataset(
        images=images,
        boxes=_boxes(tracks, frames),
        classes=fields["classes"],
        root=Path(root),
        name=fields["sequence"],
        notes=fields["notes"],
    )


def _boxes(tracks: Sequence[LabelTrack], frames: npt.NDArray[np.int64]) -> Boxes:
    parts = [(one, one.seen(frames)) for one in tracks]
    if not parts:
        return Boxes(image=np.empty(0, np.int64))
    told = [{**one.attributes, **one.keyframes[k].attributes} for one, seen in parts for k in seen.keyframe.tolist()]
    extra: dict[str, Any] = {
        "score": np.concatenate([seen.score for _, seen in parts]),
        "origin": np.concatenate([np.where(seen.person, "person", "model") for _, seen in parts]),
    }
    if any(one.object_id for one in tracks):
        extra["object_id"] = np.concatenate([np.full(len(seen), one.object_id) for one, seen in parts])
    rows = typed(told, [])
    for name in dict.fromkeys(name for row in rows for name in row if name not in _OWN):
        values = [row.get(name) for row in rows]
        if None in values:  # not stated is not the same as no
            values = ["" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in values]
        extra[name] = np.array(values)
    return Boxes(
        image=np.concatenate([np.searchsorted(frames, seen.frame) for _, seen in parts]),
        xyxy=np.concatenate([seen.xyxy for _, seen in parts]),
        class_id=np.concatenate([np.full(len(seen), one.label) for one, seen in parts]),
        track_id=np.concatenate([np.full(len(seen), one.id) for one, seen in parts]),
        extra=extra,
    )


def _named(dataset: Dataset, sequence: str | None) -> str:
    names = dataset.sequences
    if sequence is None and len(names) == 1:
        return names[0]
    if sequence not in names:
        raise InvalidInputError(
            f"A document is of one video of the set; got {sequence!r}. It has: {', '.join(names) or 'none'}. Name one."
        )
    return str(sequence)


def _attributes(boxes: Boxes) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return what is said of each box: what is the same for its whole track, and what changes."""
    columns: dict[str, list[str]] = {}
    for name, column in boxes.extra.items():
        if column.ndim == 1 and column.dtype.kind in TEXTS and name not in _OWN | _NUMBERS:
            columns[name] = [str(v).lower() if isinstance(v, bool) else str(v) for v in column.tolist()]
    changing = {}
    for name, texts in columns.items():
        seen: dict[int, str] = {}
        known = zip(boxes.track_id.tolist(), texts, strict=True)
        changing[name] = any(number >= 0 and seen.setdefault(number, text) != text for number, text in known)
    rows = range(len(boxes))
    fixed, free = (
        [{name: texts[k] for name, texts in columns.items() if changing[name] == which and texts[k]} for k in rows]
        for which in (False, True)
    )
    return fixed, free if any(changing.values()) else []


def _place(part: Dataset) -> tuple[str, list[str]]:
    """Return source and files of the pictures of one video, absolute; empty where it has none."""
    paths = [str(one) for one in part.images.path.tolist()]
    if not paths or not all(paths):
        return "", []
    containers = {split_key(one)[0] for one in paths}
    keys = [split_key(one)[1] for one in paths]
    if len(containers) == 1 and keys == part.images.frame.tolist():
        return str((part.root / next(iter(containers))).absolute()), []
    if any(key is not None for key in keys):
        return str(part.root.absolute()), paths  # pages of a stack and the like
    absolute = [(part.root / one).absolute().as_posix() for one in paths]
    folder = os.path.commonpath([one.rpartition("/")[0] for one in absolute])
    return folder, [one[len(folder.rstrip("/")) + 1 :] for one in absolute]


def _marked(images: Images, name: str) -> frozenset[int]:
    column = images.extra.get(name)
    return frozenset() if column is None else frozenset(images.frame[np.asarray(column) == 1].tolist())
