"""One set of labels from those that several workers made of the same pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.agreement import clusters, most_named, steady_mean
from trackforge.data.columns import Array, Boxes, Images, Ints
from trackforge.data.mixing import allowed_folders
from trackforge.data.model import Dataset
from trackforge.data.shared_identities import groups_of_tracks, ids_of_groups, share_out
from trackforge.data.shared_pictures import boxes_of_all, one_root, shared_pictures
from trackforge.errors import InvalidInputError
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.io.polygons import as_mask, plain_segmentation

__all__ = ["consolidate"]


def consolidate(parts: Sequence[Dataset], *, iou: float = 0.5, least: int | None = None) -> Dataset:
    """Make one set of the labels that several workers, or models, made of the same pictures.

    Boxes of one picture that overlap are one thing, at most one box of each worker, and are kept where enough workers
    drew it. Its class, its attributes, its pixels and whether it is an ignore region are what most say (an ignore
    region also where as many say so as don't); its box is the mean, without corners that stand far out; its identity is
    one over the whole sequence, whatever number each worker gave it. ``boxes.extra["confidence"]`` is the share of the
    workers who drew it and gave it that class.

    The same labels several times give these labels, and who comes first changes nothing.

    Args:
        parts: One set a worker. Pictures are the same where sequence and frame are, stills where the path is (below
            the set's own root). Who doesn't have a picture isn't asked about it.
        iou: Overlap from which on two boxes can be one thing, above 0.
        least: How many workers must have drawn a box; where None, more than half of those who have the picture.

    Raises:
        InvalidInputError: No set is given, a number is out of range, or a set has one picture twice.
    """
    if not parts:
        raise InvalidInputError("Consolidating needs the labels of at least one worker; got no set.")
    if not 0 < iou <= 1:
        raise InvalidInputError(f"iou must be above 0 and at most 1; got {iou}.")
    if least is not None and not 1 <= least <= len(parts):
        raise InvalidInputError(f"least must be 1 to {len(parts)}, the number of workers; got {least}.")
    # whatever depends on an order depends on this one, which knows only what the sets hold
    parts = sorted(parts, key=lambda part: (-len(part), _digest(part)))
    images, row_of = shared_pictures(parts)
    names = tuple(dict.fromkeys(name for part in parts for name in part.classes))
    every, worker = boxes_of_all(parts, row_of, names)
    sequence = images.sequence[every.image]
    group = groups_of_tracks(every, sequence, worker, iou)
    asked = np.bincount(np.concatenate(row_of), minlength=len(images)).astype(np.int64)
    kept: list[list[int]] = []
    identity: list[int] = []
    size = dict(Counter(group[group >= 0].tolist()))
    for rows in np.split(np.arange(len(every)), np.flatnonzero(np.diff(every.image)) + 1) if len(every) else ():
        found = clusters(every.xyxy[rows], worker[rows], every.class_id[rows], group[rows], iou)
        workers = int(asked[every.image[rows[0]]])
        enough = workers // 2 + 1 if least is None else least
        agreed = [rows[members].tolist() for members in found if len(members) >= enough]
        kept += agreed
        identity += share_out(agreed, group, size)
    boxes = _agreed(every, kept, asked)
    boxes = boxes.replace(mask=_masks(every, kept, images))
    numbers = {part.class_numbers for part in parts if part.classes == names}
    same = len(numbers) == 1 and all(part.classes == names for part in parts)
    return Dataset(
        images=images,
        boxes=boxes.replace(track_id=_ids(identity, kept, group, worker, every, sequence)),
        classes=names,
        class_numbers=numbers.pop() if same else (),
        root=parts[0].root if one_root(parts) else Path(),
        name=parts[0].name,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        folders=allowed_folders(parts),
    )


def _digest(part: Dataset) -> bytes:
    """Return what tells two sets apart, whoever comes first."""
    told = hashlib.sha256(repr((part.classes, part.class_numbers, part.name, str(part.root), part.notes)).encode())
    masks = () if part.boxes.mask is None else part.boxes.mask
    told.update(repr([mask and plain_segmentation(mask) for mask in masks]).encode())
    for table in (part.images, part.boxes):
        columns = {name: getattr(table, name) for name in table.__dataclass_fields__ if name not in ("extra", "mask")}
        for name, column in sorted({**columns, **table.extra}.items()):
            told.update(repr((name, column.dtype.kind, column.shape)).encode())
            told.update(repr(column.tolist()).encode())
    return told.digest()


def _agreed(every: Boxes, kept: Sequence[Sequence[int]], asked: Ints) -> Boxes:
    """Return one box for each cluster: what its boxes say together."""
    first = np.array([rows[0] for rows in kept], np.int64)
    class_id = np.array([most_named(every.class_id[rows].tolist()) for rows in kept], np.int64)
    agreeing = [int((every.class_id[rows] == one).sum()) for rows, one in zip(kept, class_id, strict=True)]
    extra = {name: _together(column, kept) for name, column in every.extra.items()}
    return every[first].replace(
        class_id=class_id,
        xyxy=np.array([steady_mean(every.xyxy[rows]) for rows in kept]).reshape(-1, 4),
        visibility=np.array([steady_mean(every.visibility[rows]) for rows in kept]),
        ignore=np.array([2 * int(every.ignore[rows].sum()) >= len(rows) for rows in kept], bool),
        extra=extra | {"confidence": np.array(agreeing, np.float64) / asked[every.image[first]]},
    )


def _together(column: Array, kept: Sequence[Sequence[int]]) -> Array:
    """Return what the boxes of each cluster say in a further column: the mean of decimals, else what most say."""
    if column.dtype.kind == "f":
        values = [steady_mean(column[rows]) for rows in kept]
    elif column.ndim == 1:
        values = [most_named(column[rows].tolist()) for rows in kept]
    else:
        values = [
            np.reshape(most_named([tuple(v.ravel().tolist()) for v in column[rows]]), column.shape[1:]) for rows in kept
        ]
    return np.array(values, column.dtype).reshape(len(kept), *column.shape[1:])


def _masks(every: Boxes, kept: Sequence[Sequence[int]], images: Images) -> list[Any] | None:
    """Return the pixels that most of those see who gave a mask; a mask that all gave alike, as it is."""
    if every.mask is None:
        return None
    found = []
    for rows in kept:
        masks = [every.mask[row] for row in rows if every.mask[row] is not None]
        if len({repr(plain_segmentation(mask)) for mask in masks}) < 2:
            found.append(masks[0] if masks else None)
            continue
        row = int(every.image[rows[0]])
        stated = int(images.height[row]), int(images.width[row])
        sizes = [(int(mask["size"][0]), int(mask["size"][1])) for mask in masks if isinstance(mask, Mapping)]
        size = stated if min(stated) > 0 else sizes[0] if sizes else _reach(masks)
        votes = sum(decode_mask(as_mask(mask, size)).astype(np.int64) for mask in masks)
        found.append(encode_mask(2 * votes > len(masks)))
    return found


def _reach(masks: Sequence[Any]) -> tuple[int, int]:
    """Return a size that holds all polygons, for a picture whose size nobody says."""
    corners = np.concatenate([np.asarray(polygon, np.float64).reshape(-1, 2) for mask in masks for polygon in mask])
    width, height = np.maximum(np.ceil(corners.max(axis=0)), 1).astype(int).tolist()
    return height, width


def _ids(
    identity: Sequence[int], kept: Sequence[Sequence[int]], group: Ints, worker: Ints, every: Boxes, sequence: Array
) -> Ints:
    """Return the id of each cluster; one whose identity stands in its picture already gets an id of its own."""
    ids = ids_of_groups(group, every.track_id, sequence)
    used: dict[str, int] = {}
    for one, row in zip(group.tolist(), range(len(every)), strict=True):
        if one >= 0:
            name = str(sequence[row])
            used[name] = max(used.get(name, 0), ids[one], int(every.track_id[row]))
    apart: dict[tuple[str, int, int], int] = {}
    out = []
    for one, rows in zip(identity, kept, strict=True):
        known = next((row for row in rows if every.track_id[row] >= 0), None)
        if one >= 0 or known is None:
            out.append(ids[one] if one >= 0 else -1)
            continue
        name = str(sequence[known])
        key = (name, int(worker[known]), int(every.track_id[known]))
        if key not in apart:
            used[name] += 1
            apart[key] = used[name]
        out.append(apart[key])
    return np.array(out, np.int64)
