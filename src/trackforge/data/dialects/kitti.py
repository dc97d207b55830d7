"""KITTI tracking as a labelled data set, both ways.

``<part>/label_02/0000.txt`` with ``<part>/image_02/0000/000000.png``; the parts are ``training`` and ``testing``. What
a line says is told in `trackforge.io.kitti_text`. ``DontCare`` is an ignore region.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import add_frames, below, folders, numbered_pictures
from trackforge.data.files import PicturePlacer, Place, read_lines, require_order, write_text
from trackforge.data.filming import filmed
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.names import plain_name
from trackforge.intake.reading import reading
from trackforge.io.kitti_text import DONT_CARE, KITTI_SPACE, KITTI_TYPES, KittiBox, is_kitti, kitti_boxes

__all__ = ["KITTI_FIELDS", "read_kitti", "sniff_kitti", "write_kitti"]

KITTI_FIELDS = ("truncated", "occluded", *KITTI_SPACE, "score")
"""Further columns that the format holds."""
LABELS, PICTURES, RATE = "label_02", "image_02", 10.0


def sniff_kitti(path: Path) -> bool:
    """Tell whether a path looks like KITTI tracking: a label file, a folder of such, or of parts."""
    if path.is_file():
        return path.suffix.lower() == ".txt" and is_kitti(path)
    if (path / LABELS).is_dir() or any((p / LABELS).is_dir() for places in _parts(path).values() for p in places):
        return True
    first = next((p for p in below(path, ("*.txt",)) if p.name != "classes.txt"), None)
    return first is not None and is_kitti(first)


def _sequences(path: Path) -> Iterator[tuple[str, str, Path, Path]]:
    """Yield part, name, label file (which a sequence for tests lacks) and folder of the pictures."""
    if path.is_file():
        yield "", path.stem, path, path.parent.parent / PICTURES / path.stem
        return
    parts = {"": [path]} if (path / LABELS).is_dir() else _parts(path)
    if not parts:
        for file in below(path, ("*.txt",)):
            if file.name != "classes.txt":
                yield "", file.stem, file, path.parent / PICTURES / file.stem
    for part, places in parts.items():
        labelled = {file.stem: file for place in places for file in below(place / LABELS, ("*.txt",))}
        pictured = {folder.name: folder for place in places for folder in folders(place / PICTURES)}
        for name in dict.fromkeys([*labelled, *pictured]):
            absent = places[0] / LABELS / f"{name}.txt", places[0] / PICTURES / name
            yield part, name, labelled.get(name, absent[0]), pictured.get(name, absent[1])


def _parts(path: Path) -> dict[str, list[Path]]:
    """Return the folders of each part: labels and pictures come in archives of their own, often unpacked apart."""
    found: dict[str, list[Path]] = {}
    for base in (path, *folders(path)):
        for folder in folders(base):
            if (folder / LABELS).is_dir() or (folder / PICTURES).is_dir():
                found.setdefault(folder.name, []).append(folder)
    return found


def read_kitti(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read KITTI tracking labels.

    Args:
        path: A label file, a folder of such, a part (with ``label_02``), or a folder of parts.
        findings: Where malformed lines are reported.
        split: Read this part only; ``"train"`` finds ``training``.
    """
    with reading(path, "A KITTI data set"):
        found = list(_sequences(path))
        parts = dict.fromkeys(part for part, *_ in found)
        if split is not None:
            chosen = [p for p in parts if p == split] or [p for p in parts if p.startswith(split)]
            if len(chosen) != 1:
                raise DataError(f"There is no split {split!r}; there are: {', '.join(parts) or 'none'}.", path=path)
            found = [s for s in found if s[0] == chosen[0]]
        folder = path.parent if path.is_file() else path
        beside = not any(p.is_relative_to(folder) for *_, p in found) and (folder.parent / PICTURES).is_dir()
        root = folder.parent if beside else folder
        build = Builder()
        owned: list[tuple[KittiBox, int]] = []
        for part, name, labels, pictures in found:
            boxes = list(_boxes(labels, findings)) if labels.is_file() else []
            rows = add_frames(
                build,
                name,
                (b.frame for b in boxes),
                numbered_pictures(pictures, base=0),
                root=root,
                split=part,
                rate=RATE,
            )
            owned += [(b, rows[b.frame]) for b in boxes]
        if not found:
            raise DataError("There must be label files (label_02/0000.txt); none was found.", path=path)
        names = _classes(folder, {b.type for b, _ in owned} - {DONT_CARE})
        for box, row in owned:
            _add(build, box, row, names)
        order = list(dict.fromkeys(names.values()))
        return build.finish(order, root=root, name=path.stem if path.is_file() else path.name)


def _boxes(labels: Path, findings: Findings) -> Iterator[KittiBox]:
    for box in kitti_boxes(labels):
        if isinstance(box, DataError):
            findings.caught(box)
        else:
            yield box


def _classes(root: Path, types: set[str]) -> dict[str, str]:
    """Return the class that each type means: of ``classes.txt``, KITTI's eight if they suffice, or what is found."""
    listed = root / "classes.txt"
    if listed.is_file():
        own = {_type(name): name for _, name in read_lines(listed)}
        return own | {t: t for t in sorted(types - own.keys())}
    return {t: t for t in (KITTI_TYPES if types <= set(KITTI_TYPES) else sorted(types))}


def _add(build: Builder, box: KittiBox, row: int, names: dict[str, str]) -> None:
    extra: dict[str, Any] = box.extra if box.score is None else {**box.extra, "score": box.score}
    order = list(dict.fromkeys(names.values()))
    region = box.type == DONT_CARE
    build.box(
        row,
        box.xyxy,
        0 if region else order.index(names[box.type]),
        track_id=-1 if region else box.track_id,
        ignore=region,
        extra=extra,
    )


# ---- writing


def _type(name: str) -> str:
    """Return a class's name as one word, and as KITTI spells it where it is one of its types."""
    word = "_".join(name.split()) or "_"
    return next((known for known in KITTI_TYPES if known.lower() == word.lower()), word)


def write_kitti(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``label_02/`` and ``image_02/``, below a folder a part where there are parts.

    Ignore regions become ``DontCare``, which has neither class nor identity. Class names are written as KITTI spells
    its types, else with ``_`` for blanks; ``classes.txt`` has them as they are, unless they are KITTI's eight.

    Args:
        dataset: What to write; stills become the frames of a sequence of their own.
        target: Folder.
        images: What to do with the pictures.
    """
    require_order(dataset, "KITTI's boxes")
    words = [_type(name) for name in dataset.classes]
    if len(set(words)) < len(words) or DONT_CARE in words:
        raise InvalidInputError(
            f"KITTI's types are single words, each different and none {DONT_CARE}; got {', '.join(words)}. "
            "Rename the classes first."
        )
    dataset, notes = filmed(dataset, (f"{k:04d}" for k in itertools.count()))
    told = int((dataset.boxes.ignore & (dataset.boxes.track_id >= 0)).sum())
    if told:
        notes.append(f"{told} ignore regions became DontCare, which has no class and no identity")
    empty = int((dataset.counts == 0).sum())
    if empty and images == "none":
        notes.append(f"{empty} frames without a box are told by their pictures only, which were left where they are")
    placer = PicturePlacer(dataset, images)
    for split in dict.fromkeys(dataset.images.split.tolist()):
        folder = target / plain_name(split, "The split") if split else target
        part = dataset.images.split == split
        for name in dict.fromkeys(dataset.images.sequence[part].tolist()):
            rows = np.flatnonzero(part & (dataset.images.sequence == name))
            rows = rows[np.argsort(dataset.images.frame[rows], kind="stable")]
            plain = plain_name(name.replace("/", "_"), "The sequence")
            write_text(folder / LABELS / f"{plain}.txt", _lines(dataset, rows, words))
            for row in rows.tolist():
                file = f"{int(dataset.images.frame[row]):06d}{placer.suffix(row)}"
                placer.place(row, folder / PICTURES / plain / file)
    if dataset.classes != KITTI_TYPES:
        write_text(target / "classes.txt", dataset.classes)
    return notes + placer.notes()


def _lines(dataset: Dataset, rows: Any, words: list[str]) -> Iterator[str]:
    for row in rows.tolist():
        frame, boxes = int(dataset.images.frame[row]), dataset.labels(row)
        for k in range(len(boxes)):
            region = bool(boxes.ignore[k])
            track = -1 if region else int(boxes.track_id[k])
            kind = DONT_CARE if region else words[int(boxes.class_id[k])]
            truncated, occluded = (_stated(boxes.extra, name, k, -1.0) for name in KITTI_FIELDS[:2])
            alpha, *space = (
                _stated(boxes.extra, name, k, unknown)
                for name, unknown in zip(KITTI_SPACE, (-10.0, *[-1.0] * 3, *[-1000.0] * 3, -10.0), strict=True)
            )
            corners = [f"{v:.12g}" for v in boxes.xyxy[k].tolist()]
            score = [_stated(boxes.extra, "score", k, 0.0)] if "score" in boxes.extra else []
            yield " ".join([str(frame), str(track), kind, truncated, occluded, alpha, *corners, *space, *score])


def _stated(extra: Any, name: str, row: int, unknown: float) -> str:
    column = extra.get(name)
    value = unknown if column is None or column.ndim != 1 or column.dtype.kind not in "iufb" else float(column[row])
    return f"{value if np.isfinite(value) else unknown:.12g}"
