"""Is this data set fit to train on? Everything that is wrong with it, and a summary of what it holds."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.data.columns import Array
from trackforge.data.formats import read_with
from trackforge.data.mask_checking import check_masks
from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader, size_advice, split_key
from trackforge.data.problems import Findings, Problem
from trackforge.errors import DataError
from trackforge.intake.showing import visible

__all__ = ["CheckReport", "Summary", "check", "summarise"]

SIZES = (0, 16, 32, 64, 96, 128, 256, 512)
"""Lower bounds of the size classes, pixels (square root of the area)."""
_MOST = {"error": 20, "warning": 3}
"""Findings of one kind that are listed one by one; the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a data set holds.

    Attributes:
        images: Number of pictures.
        empty_images: Number of pictures without a box.
        boxes: Number of boxes, ignore regions left out.
        ignored: Number of ignore regions.
        identities: Number of identities.
        classes: Number of boxes of each class.
        splits: Number of pictures in each part.
        sequences: Number of frames in each sequence.
        sizes: Number of boxes by size: ``"0-16"`` and so on, pixels, square root of the area.
        picture_sizes: The commonest picture sizes, ``"1920x1080"``, with their number.
    """

    images: int
    empty_images: int
    boxes: int
    ignored: int
    identities: int
    classes: dict[str, int]
    splits: dict[str, int]
    sequences: dict[str, int]
    sizes: dict[str, int]
    picture_sizes: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What `check` found.

    Attributes:
        path: Where the set lies.
        format: Its format.
        summary: What it holds.
        problems: What is wrong, errors first.
        counts: How often each kind of problem occurs, also beyond those listed.
        notes: What the reader left out, one sentence each.
    """

    path: Path
    format: str
    summary: Summary
    problems: tuple[Problem, ...]
    counts: dict[str, int]
    notes: tuple[str, ...]

    @property
    def errors(self) -> int:
        """Number of errors listed; 0: the set can be trained on."""
        return sum(p.level == "error" for p in self.problems)

    def __str__(self) -> str:
        s = self.summary
        lines = [
            f"{self.path} ({self.format})",
            f"{s.images} images ({s.empty_images} without a box), {s.boxes} boxes, {s.ignored} ignore regions, "
            f"{s.identities} identities, {len(s.classes)} classes, {len(s.sequences)} sequences",
        ]
        for title, counts in (
            ("splits", s.splits),
            ("classes", s.classes),
            ("box size, px", s.sizes),
            ("picture size", s.picture_sizes),
        ):
            if counts:
                lines += [f"{title}:", *_bars(counts)]
        lines += [f"note: {note}" for note in self.notes]
        listed: dict[str, int] = {}
        for problem in self.problems:
            lines.append(str(problem))
            listed[problem.kind] = listed.get(problem.kind, 0) + 1
        lines += [f"... and {n - listed[k]} more [{k}]" for k, n in self.counts.items() if n > listed.get(k, 0)]
        return "\n".join(lines)


def _bars(counts: dict[str, int], most: int = 20) -> Iterator[str]:
    largest, block = (
        max(counts.values()),
        "█" if "█".encode(getattr(sys.stdout, "encoding", None) or "utf-8", "ignore") else "#",
    )
    shown = [(visible(name, keep=""), count) for name, count in list(counts.items())[:most]]
    width = max(len(name) for name, _ in shown)
    for name, count in shown:
        bar = block * round(24 * count / largest) if largest else ""
        yield f"  {name:<{width}} {count:>8} {bar}".rstrip()
    if len(counts) > most:
        yield f"  ... {len(counts) - most} more"


def check(
    source: str | Path | Dataset,
    *,
    format: str | None = None,  # noqa: A002 - the natural word
    pictures: Literal["exist", "size", "decode"] = "size",
    **options: Any,
) -> CheckReport:
    """Look for everything that is wrong with a data set; raises only where nothing can be read at all.

    Errors: malformed lines, classes out of range, missing or broken pictures, pictures of another size than labelled,
    boxes without area or (in stills) wholly outside, one identity twice in a picture, one picture twice, masks that are
    damaged or of another size than their picture, an empty set.
    Warnings: boxes that reach out of the picture, the same box twice, labels without a picture, classes without a box.

    Args:
        source: Path, or a set in memory.
        format: Format of the path; found out unless given.
        pictures: How closely to look at pictures: ``"exist"``; ``"size"`` reads their headers; ``"decode"`` reads them
            whole, which is slow and finds every broken one.
        options: Of the format.

    Raises:
        DataError: There is no data set at the path.
    """
    findings = Findings(gather=True)
    if isinstance(source, Dataset):
        dataset, name, path = source, "dataset", source.root
    else:
        path = Path(source)
        dataset, chosen = read_with(path, format, findings, options)
        name = chosen.name
    _check_boxes(dataset, findings)
    check_masks(dataset, findings, partial(_place, dataset))
    _check_identities(dataset, findings)
    _check_pictures(dataset, findings, pictures)
    if not len(dataset):
        findings.bad("The set holds no picture.", path=path, kind="empty-set")
    elif not len(dataset.boxes):
        findings.bad("The set holds no box.", path=path, kind="empty-set")
    summary = summarise(dataset)
    for label, count in summary.classes.items():
        if not count:
            findings.warn(f"The class {label!r} has no box.", kind="empty-class")
    counts: dict[str, int] = {}
    kept = []
    for problem in sorted(findings.problems, key=lambda p: p.level != "error"):
        counts[problem.kind] = counts.get(problem.kind, 0) + 1
        if counts[problem.kind] <= _MOST[problem.level]:
            kept.append(problem)
    return CheckReport(
        path=path, format=name, summary=summary, problems=tuple(kept), counts=counts, notes=dataset.notes
    )


def summarise(dataset: Dataset) -> Summary:
    """Count what a data set holds."""
    images, boxes = dataset.images, dataset.boxes
    real = boxes[~boxes.ignore]
    valid = real.class_id[(real.class_id >= 0) & (real.class_id < len(dataset.classes))]
    per_class = np.bincount(valid, minlength=len(dataset.classes))
    with np.errstate(invalid="ignore"):
        side = np.sqrt(np.maximum(real.size, 0).prod(axis=1))
    per_size = np.histogram(side[np.isfinite(side)], bins=[*SIZES, np.inf])[0]
    names = [f"{a}-{b}" for a, b in itertools.pairwise(SIZES)] + [f"{SIZES[-1]}+"]
    pairs, count = np.unique(np.stack((images.width, images.height), axis=1), axis=0, return_counts=True)
    common = np.argsort(-count, kind="stable")[:5]
    return Summary(
        images=len(dataset),
        empty_images=int((dataset.counts == 0).sum()),
        boxes=len(real),
        ignored=int(boxes.ignore.sum()),
        identities=dataset.identities()[1],
        classes=dict(zip(dataset.classes, per_class.tolist(), strict=True)),
        splits={s: int((images.split == s).sum()) for s in dataset.splits},
        sequences={s: int((images.sequence == s).sum()) for s in dataset.sequences},
        sizes=dict(zip(names, per_size.tolist(), strict=True)) if len(real) else {},
        picture_sizes={f"{w}x{h}" if w else "unknown": int(count[k]) for k in common for w, h in [pairs[k]]},
    )


def _check_boxes(dataset: Dataset, findings: Findings) -> None:
    images, boxes = dataset.images, dataset.boxes
    place_of = cache(partial(_place, dataset))  # as many as there may be things wrong
    xyxy = boxes.xyxy
    finite = np.isfinite(xyxy).all(axis=1)
    flat = finite & (boxes.size <= 0).any(axis=1)
    known = (images.width > 0)[boxes.image] & finite & ~flat
    limit = np.stack((images.width, images.height), axis=1)[boxes.image]
    outside = known & ((xyxy[:, 2:] <= 0) | (xyxy[:, :2] >= limit)).any(axis=1)
    # text formats round: half a pixel over the edge is no finding
    over = known & ~outside & ((xyxy[:, :2] < -0.5) | (xyxy[:, 2:] > limit + 0.5)).any(axis=1)
    wrong_class = (boxes.class_id < 0) | (boxes.class_id >= len(dataset.classes))
    for rows, kind, what in (
        (~finite, "not-finite", "has a corner that is no finite number"),
        (flat, "zero-size", "has no area"),
        (wrong_class, "class-range", f"has a class not in 0..{len(dataset.classes) - 1}"),
    ):
        for row in np.flatnonzero(rows):
            findings.bad(f"{_box(dataset, row)} {what}.", path=place_of(boxes.image[row]), kind=kind)
    walks = (dataset.images.sequence != "")[boxes.image]
    for row in np.flatnonzero(outside):
        place, message = place_of(boxes.image[row]), f"{_box(dataset, row)} lies wholly outside the picture."
        if walks[row]:  # labellers of videos follow people a little beyond the edge
            findings.warn(message, path=place, kind="outside")
        else:
            findings.bad(message, path=place, kind="outside")
    if known.sum() >= 3 and np.abs(xyxy[known]).max() <= 1.5:
        message = (
            "All boxes lie within 1.5 pixels of the left upper corner; are they shares of the picture, not pixels?"
        )
        findings.warn(message, kind="normalised")
    for row in np.flatnonzero(over):
        message = f"{_box(dataset, row)} reaches out of the picture."
        findings.warn(message, path=place_of(boxes.image[row]), kind="partly-outside")
    rows = _repeats(np.column_stack((boxes.image, boxes.class_id, xyxy, boxes.track_id)))
    for row in rows:
        message = f"{_box(dataset, row)} is there twice."
        findings.warn(message, path=place_of(boxes.image[row]), kind="duplicate-box")


def _check_identities(dataset: Dataset, findings: Findings) -> None:
    boxes, place_of = dataset.boxes, cache(partial(_place, dataset))
    known = np.flatnonzero(boxes.track_id >= 0)
    for row in known[_repeats(np.column_stack((boxes.image, boxes.track_id))[known])]:
        findings.bad(
            f"The identity {boxes.track_id[row]} is there twice in one picture.",
            path=place_of(boxes.image[row]),
            kind="duplicate-id",
        )


def _repeats(keys: Array) -> Array:
    """Return the rows that an earlier row equals."""
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return np.flatnonzero(first[inverse.reshape(-1)] != np.arange(len(keys)))


def _check_pictures(dataset: Dataset, findings: Findings, how: str) -> None:
    images, reader, seen = dataset.images, PictureReader(), set()
    containers: dict[Path, bool] = {}
    for row in range(len(dataset)):
        path = dataset.image_path(row)
        if path is None:
            continue
        if path in seen:
            findings.bad("The picture is in the set twice.", path=path, kind="duplicate-picture")
        seen.add(path)
        file, key = split_key(path)
        if key is None or file not in containers:
            containers[file] = file.is_file()
            if not containers[file]:
                findings.bad("The picture is missing.", path=file, kind="missing-picture")
        if not containers[file] or how == "exist":
            continue
        try:
            if how == "decode":
                height, width = reader.read(path).shape[:2]
            else:
                width, height = reader.size(path)
        except DataError as error:
            findings.caught(error, kind="broken-picture")
            continue
        given = int(images.width[row]), int(images.height[row])
        if given not in ((0, 0), (width, height)):
            message = f"The picture is {width}x{height}, but its labels are for {given[0]}x{given[1]}."
            findings.bad(f"{message} {size_advice(given, (width, height))}", path=path, kind="size-mismatch")
    reader.close()


def _place(dataset: Dataset, image: Any) -> Path:
    path = dataset.image_path(int(image))
    if path is not None:
        return path
    images = dataset.images
    name = f"{images.sequence[image]} frame {images.frame[image]}" if images.sequence[image] else f"image {image}"
    return dataset.root / name


def _box(dataset: Dataset, row: Any) -> str:
    boxes = dataset.boxes
    corners = ", ".join(f"{v:.6g}" for v in boxes.xyxy[row])
    label = int(boxes.class_id[row])
    name = visible(dataset.classes[label], keep="") if 0 <= label < len(dataset.classes) else label
    return f"The box ({corners}) of class {name}"
