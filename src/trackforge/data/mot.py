"""MOTChallenge folders as a labelled data set.

A sequence is a folder with ``seqinfo.ini``, ``gt/gt.txt`` and the frames in ``img1/`` (or a video file beside them); a
set is a folder of sequences, or of parts (``train``, ``test``) that hold sequences.

Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016; the class numbers are those of table 3 there
and, 13, of MOT20.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from trackforge.data.columns import Boxes, Images
from trackforge.data.files import PicturePlacer, Place, file_names, list_pictures, read_lines, write_names, write_text
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.io.mot import SequenceInfo, read_mot, read_seqinfo, seqinfo_lines, write_mot
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import VIDEO_SUFFIXES
from trackforge.table import TrackTable

__all__ = ["MOT_CLASSES", "Rule", "read_mot_set", "sniff_mot", "write_mot_set"]

MOT_CLASSES = (
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non-motorised vehicle", "static person",
    "distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd",
)  # fmt: skip
"""What the class numbers 1, 2, ... of MOTChallenge ground truth mean."""
Rule: TypeAlias = Literal["pedestrian", "official", "all"]
_PERSON_LIKE = (2, 7, 8, 12, 13)  # neither to be learned nor to be punished
_OFFICIAL_IGNORED = (2, 7, 8, 12)
_OFFICIAL_DROPPED = (3, 4, 5, 6, 9, 10, 11)
_DETECTOR = re.compile(r"-(DPM|FRCNN|SDP)$")


def sniff_mot(path: Path) -> bool:
    """Tell whether a path looks like MOTChallenge sequences."""
    return path.is_dir() and next(_sequences(path), None) is not None


@dataclass(frozen=True)
class _Sequence:
    folder: Path
    split: str = ""


def _is_sequence(folder: Path) -> bool:
    return (folder / "seqinfo.ini").is_file() or (folder / "gt" / "gt.txt").is_file()


def _sequences(path: Path) -> Iterator[_Sequence]:
    if _is_sequence(path):
        yield _Sequence(path)
        return
    for child in sorted(p for p in path.iterdir() if p.is_dir()):
        if _is_sequence(child):
            yield _Sequence(child)
        else:
            yield from (_Sequence(p, child.name) for p in sorted(child.iterdir()) if p.is_dir() and _is_sequence(p))


def read_mot_set(
    path: Path, *, findings: Findings, split: str | None = None, rule: Rule = "pedestrian", detector: str | None = None
) -> Dataset:
    """Read MOTChallenge sequences.

    Args:
        path: A sequence, a folder of sequences, or a folder of parts.
        findings: Where malformed files are reported.
        split: Read this part only.
        rule: Which rows become what. ``"pedestrian"``: class 1 with flag 1 is the one class; person-like distractors
            (2, 7, 8, 12, crowds 13) and pedestrians with flag 0 are ignore regions; the rest is background.
            ``"official"``: as ByteTrack's converter: rows with flag 0 and classes 3-6 and 9-11 are left out, 2, 7, 8
            and 12 are ignore regions. ``"all"``: every class is itself, flag 0 is an ignore region; loses nothing.
            Sequences with their own ``gt/labels.txt`` keep its classes in every case.
        detector: Of MOT17's copies of each sequence (-DPM, -FRCNN, -SDP) take this one; FRCNN, or what there is,
            unless said. ``"all"`` keeps the copies.
    """
    found = list(_sequences(path))
    if split is not None:
        found = [s for s in found if s.split == split] or [s for s in found if s.split.startswith(split)]
    found, skipped = _without_copies(found, detector)
    if not found:
        raise DataError("There must be sequences (folders with gt/gt.txt or seqinfo.ini); none was found.", path=path)
    parts = []
    for sequence in found:
        try:
            parts.append(_read_sequence(path, sequence, rule))
        except DataError as error:
            if len(found) == 1:
                raise
            findings.caught(error)
    if not parts:
        raise DataError(f"None of the {len(found)} sequences can be read; try one to see why.", path=path)
    made = parts[0] if len(parts) == 1 else concatenate(parts, identities="shared")
    notes = [f"{skipped} copies of sequences with other detectors' names were left out"] if skipped else []
    return made.replace(root=path, name=path.name, notes=tuple(notes))


def _without_copies(found: Sequence[_Sequence], detector: str | None) -> tuple[list[_Sequence], int]:
    if detector == "all":
        return list(found), 0
    groups: dict[tuple[str, str], list[_Sequence]] = {}
    for s in found:
        groups.setdefault((s.split, _DETECTOR.sub("", s.folder.name)), []).append(s)
    kept = []
    for group in groups.values():
        wanted = [s for s in group if s.folder.name.endswith(f"-{detector or 'FRCNN'}")]
        if detector is None or wanted or not _DETECTOR.search(group[0].folder.name):
            kept.append((wanted or group)[0])
    return kept, len(found) - len(kept)


def _read_sequence(root: Path, sequence: _Sequence, rule: Rule) -> Dataset:
    folder = sequence.folder
    truth = folder / "gt" / "gt.txt"
    table = read_mot(truth, kind="truth", sequence=folder.name) if truth.is_file() else TrackTable.empty(folder.name)
    paths, info = _frames(folder, int(table.frame.max()) + 1 if len(table) else 0)
    last = int(table.frame.max()) if len(table) else -1
    if last >= info.length:
        raise DataError(
            f"The sequence has {info.length} frames by its seqinfo.ini, but its ground truth goes up to frame "
            f"{last + 1}. Correct seqLength.",
            path=truth,
        )
    prefix = "" if folder == root else folder.relative_to(root).as_posix() + "/"
    n = info.length
    images = Images(
        path=np.array([prefix + paths[k] if k in paths else "" for k in range(n)], np.str_),
        width=np.full(n, info.width),
        height=np.full(n, info.height),
        sequence=np.full(n, folder.name),
        frame=np.arange(n),
        split=np.full(n, sequence.split),
        extra={"rate": np.full(n, info.rate)},
    )
    boxes, classes = _boxes(table, folder, rule)
    return Dataset(images=images, boxes=boxes, classes=classes, root=root)


def _boxes(table: TrackTable, folder: Path, rule: Rule) -> tuple[Boxes, tuple[str, ...]]:
    labels = folder / "gt" / "labels.txt"
    own = tuple(line for _, line in read_lines(labels)) if labels.is_file() else ()
    number = np.where(table.class_id < 1, 1, table.class_id)  # MOT15 states no class: all are pedestrians
    flag = table.extra["flag"] if len(table) else np.empty(0, np.int64)
    classes = own or (MOT_CLASSES if rule == "all" else MOT_CLASSES[:1])
    if own or rule == "all":
        keep, ignore, class_id = np.ones(len(table), bool), flag == 0, number - 1
        if len(number) and number.max() > len(classes):
            raise DataError(f"The class must be 1..{len(classes)}; got {number.max()}.", path=folder / "gt" / "gt.txt")
    elif rule == "official":
        keep = (flag == 1) & ~np.isin(number, _OFFICIAL_DROPPED)
        ignore, class_id = np.isin(number, _OFFICIAL_IGNORED), np.zeros(len(table), np.int64)
    else:
        keep = np.isin(number, (1, *_PERSON_LIKE))
        ignore, class_id = (number != 1) | (flag == 0), np.zeros(len(table), np.int64)
    extra = {"world": table.extra["world"]} if "world" in table.extra else {}
    visibility = table.extra["visibility"] if len(table) else np.empty(0)
    boxes = Boxes(
        image=table.frame,
        xyxy=table.xyxy,
        class_id=class_id,
        track_id=table.track_id,
        visibility=visibility,
        ignore=ignore,
        extra=extra,
    )
    return boxes[keep], classes


def _frames(folder: Path, least: int) -> tuple[dict[int, str], SequenceInfo]:
    """Return the picture of each frame, relative to the sequence's folder, and what is known of the sequence."""
    stated = read_seqinfo(folder) if (folder / "seqinfo.ini").is_file() else None
    image_dir = stated.image_dir if stated else "img1"
    if (folder / image_dir).is_dir():
        paths = {}
        for file in list_pictures(folder / image_dir):
            number = re.search(r"(\d+)$", file.stem)
            if number and int(number[1]) > 0:
                paths[int(number[1]) - 1] = file.relative_to(folder).as_posix()
    else:
        films = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        length = stated.length if stated else least
        paths = {k: f"{films[0]}#{k}" for k in range(length)} if len(films) == 1 else {}
    length = stated.length if stated else max(least, max(paths, default=-1) + 1)
    width, height = (stated.width, stated.height) if stated else (0, 0)
    if not (width and height) and paths and "#" not in (first := paths[min(paths)]):
        width, height = picture_size(folder / first)
    if stated and (folder / image_dir).is_dir():  # a frame that should be there and is not has its name: it is missed
        for k in set(range(length)) - set(paths):
            paths[k] = f"{image_dir}/{k + 1:06d}{stated.image_ext}"
    rate = stated.rate if stated else 30.0
    return paths, SequenceInfo(name=folder.name, length=length, rate=rate, width=width, height=height)


def write_mot_set(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write a folder of sequences; return what is worth knowing.

    Classes other than those of MOTChallenge go into ``gt/labels.txt``, as CVAT writes them. Stills become a sequence
    named after the set. A box without identity gets one of its own, for the format knows no box without.

    Args:
        dataset: What to write.
        target: Folder for the sequences (or for parts that hold them, where the set has parts).
        images: What to do with the pictures.
    """
    notes = []
    stills = (dataset.images.sequence == "") | (dataset.images.frame < 0)
    if stills.any():
        name = dataset.name or "images"
        while name in dataset.sequences:
            name += "-stills"
        frame = np.where(stills, np.cumsum(stills) - 1, dataset.images.frame)
        sequence = np.where(stills, name, dataset.images.sequence)
        notes.append(f"{int(stills.sum())} stills became the frames of a sequence named {name!r}")
        dataset = dataset.replace(images=dataset.images.replace(sequence=sequence, frame=frame))
    unknown = int((dataset.boxes.track_id < 0).sum())
    if unknown:
        notes.append(f"{unknown} boxes without identity got one each, for MOT files hold no box without")
    gaps = 0
    splits = file_names(dataset.images.split.tolist(), "A split", dataset)
    sequences = file_names(dataset.sequences, "A sequence", dataset)
    placer = PicturePlacer(dataset, images)
    for split in dict.fromkeys(dataset.images.split.tolist()):
        for name in dict.fromkeys(dataset.images.sequence[dataset.images.split == split].tolist()):
            rows = np.flatnonzero((dataset.images.split == split) & (dataset.images.sequence == name))
            _write_sequence(dataset, rows, target / splits[split] / sequences[name], placer)
            gaps += int(dataset.images.frame[rows].max()) + 1 - len(rows)
    if gaps:
        notes.append(f"{gaps} frames are not in the set; MOT counts from the first: they are there without picture")
    return notes + placer.notes()


def _write_sequence(dataset: Dataset, rows: Any, folder: Path, placer: PicturePlacer) -> None:
    part = dataset[rows]
    order = part.images.frame
    boxes = part.boxes
    official = set(part.classes) <= set(MOT_CLASSES)
    number = np.array([MOT_CLASSES.index(c) + 1 if official else k + 1 for k, c in enumerate(part.classes)], np.int64)
    track = boxes.track_id.copy()
    unknown = track < 0
    track[unknown] = max(int(track.max(initial=0)), 0) + 1 + np.arange(int(unknown.sum()))
    extra = {"flag": (~boxes.ignore).astype(np.int64), "visibility": boxes.visibility}
    world = boxes.extra.get("world")
    if world is not None and np.isfinite(world).all() and (number[boxes.class_id] == 1).all():
        extra["world"] = world
    table = TrackTable(
        frame=order[boxes.image],
        track_id=track,
        xyxy=boxes.xyxy,
        class_id=number[boxes.class_id],
        extra=extra,
        sequence=folder.name,
    )
    write_mot(folder / "gt" / "gt.txt", table, kind="truth", decimals=9)
    if not official:
        write_names(folder / "gt" / "labels.txt", part.classes)
    suffix = placer.suffix(int(rows[0]))
    for row, frame in zip(rows.tolist(), order.tolist(), strict=True):
        placer.place(row, folder / "img1" / f"{frame + 1:06d}{placer.suffix(row)}")
    rate = float(part.images.extra["rate"][0]) if "rate" in part.images.extra else np.nan
    rate = rate if np.isfinite(rate) and rate > 0 else 30.0
    info = SequenceInfo(
        name=folder.name,
        length=int(order.max(initial=-1)) + 1,
        rate=rate,
        width=int(part.images.width.max(initial=0)),
        height=int(part.images.height.max(initial=0)),
        image_ext=suffix,
    )
    write_text(folder / "seqinfo.ini", seqinfo_lines(info))
