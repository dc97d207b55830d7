"""Putting data sets together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.data.columns import Boxes, Images
from trackforge.data.model import Dataset
from trackforge.errors import DataError, InvalidInputError

__all__ = ["absolute_paths", "allowed_folders", "concatenate"]


def concatenate(
    sets: Iterable[Dataset],
    *,
    identities: Literal["distinct", "shared"] = "distinct",
    classes: Sequence[str] | None = None,
    name: str = "",
) -> Dataset:
    """Mix several sets into one; classes are matched by name.

    Args:
        sets: What to put together, in this order.
        identities: ``"distinct"`` for sets that have nothing to do with each other: track ids of stills are shifted
            past those of the sets before, and a sequence name that an earlier set uses already gets the set's name in
            front. ``"shared"`` for parts of one set: ids and names stay.
        classes: The classes of the result and their order; without it, all names in the order of appearance. Where
            sets call one thing by two names, use `Dataset.rename_classes` first.
        name: What to call the result.

    Raises:
        InvalidInputError: Nothing to mix, a class that ``classes`` does not list, or (shared) one frame twice.
    """
    parts = list(sets)
    if not parts:
        raise InvalidInputError("Mixing needs at least one set; got none.")
    names = tuple(dict.fromkeys(c for p in parts for c in p.classes) if classes is None else classes)
    roots = {Path(os.path.abspath(p.root)) for p in parts}  # noqa: PTH100 - lexical: links stay as they are
    images, boxes, offset, next_id, taken = [], [], 0, 0, set[str]()
    for k, part in enumerate(parts):
        unknown = [c for c in part.classes if c not in names]
        if unknown:
            raise InvalidInputError(
                f"classes must list every class of every set; {', '.join(unknown)} of set {k} "
                f"({part.name or part.root}) is missing. Add it, or drop it with select_classes."
            )
        im, bx = part.images, part.boxes
        if len(roots) > 1:
            im = im.replace(path=absolute_paths(part))
        if identities == "distinct":
            im = im.replace(sequence=_distinct(im.sequence, taken, part.name or f"set{k}"))
            still = (im.sequence[bx.image] == "") & (bx.track_id >= 0)
            if next_id and still.any() and int(bx.track_id[still].max()) > 2**63 - 1 - next_id:
                raise InvalidInputError(
                    f"The identities of sets must leave room to tell them apart; those of set {k} "
                    f"({part.name or part.root}) reach {bx.track_id[still].max()}. Number them anew."
                )
            bx = bx.replace(track_id=np.where(still, bx.track_id + next_id, bx.track_id))
            next_id = max(next_id, int(bx.track_id[still].max()) + 1 if still.any() else 0)
        table = np.array([names.index(c) for c in part.classes], np.int64)
        if len(bx) and (bx.class_id.min() < 0 or bx.class_id.max() >= len(table)):
            raise DataError(f"class_id must be 0..{len(table) - 1}; got {bx.class_id.max()}.", path=part.root)
        boxes.append(bx.replace(image=bx.image + offset, class_id=table[bx.class_id] if len(bx) else bx.class_id))
        images.append(im)
        taken.update(im.sequence.tolist())
        offset += len(im)
    same = all(p.classes == names and p.class_numbers == parts[0].class_numbers for p in parts)
    made = Dataset(
        images=Images.concatenate(images),
        boxes=Boxes.concatenate(boxes),
        classes=names,
        name=name or parts[0].name,
        root=parts[0].root if len(roots) == 1 else Path(),
        notes=tuple(n for p in parts for n in p.notes),
        class_numbers=parts[0].class_numbers if same else (),
        folders=allowed_folders(parts),
    )
    if identities == "shared":
        _refuse_repeats(made)
    return made


def allowed_folders(parts: Sequence[Dataset]) -> tuple[Path, ...] | None:
    """Where pictures may be taken from: what each part allows; of one made in memory, where its pictures are."""
    if all(part.folders is None for part in parts):
        return None
    each = ({Path(p).parent for p in absolute_paths(s) if p} if s.folders is None else s.folders for s in parts)
    return tuple(sorted({Path(os.path.abspath(folder)) for folders in each for folder in folders}))  # noqa: PTH100


def absolute_paths(part: Dataset) -> list[str]:
    """Return where the pictures of a set lie, whatever its root; empty for labels without a picture."""
    root = Path(os.path.abspath(part.root))  # noqa: PTH100
    return [(root / p).as_posix() if p else "" for p in part.images.path.tolist()]


def _distinct(sequence: Any, taken: set[str], prefix: str) -> list[str]:
    clash = {s for s in set(sequence.tolist()) if s and s in taken}
    new = {}
    for s in clash:
        new[s], k = f"{prefix}-{s}", 2
        while new[s] in taken:
            new[s], k = f"{prefix}-{k}-{s}", k + 1
    return [new.get(s, s) for s in sequence.tolist()]


def _refuse_repeats(made: Dataset) -> None:
    images, seen = made.images, set()
    for key in zip(images.split.tolist(), images.sequence.tolist(), images.frame.tolist(), strict=True):
        if key[1] and key in seen:
            raise InvalidInputError(
                f"Parts of one set must not overlap; frame {key[2]} of {key[1]} is in two of them. Leave one out, or "
                "mix them as distinct sets."
            )
        seen.add(key)
