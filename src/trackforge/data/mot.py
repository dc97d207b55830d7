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
from typing import Literal, TypeAlias

import numpy as np

from trackforge.data.columns import Boxes, Images
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion
from trackforge.intake.names import readable
from trackforge.io.mot import read_labels, read_mot
from trackforge.io.pictures import picture_size
from trackforge.io.seqinfo import SequenceInfo, numbered_pictures, picture_folder, read_seqinfo, video_beside
from trackforge.table import TrackTable

__all__ = ["MOT_CLASSES", "Rule", "read_mot_set", "sniff_mot"]

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
    for child in sorted(p for p in path.iterdir() if p.is_dir() and not is_companion(p.name)):
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
            Sequences with a ``labels.txt`` (in ``gt/``, beside it, or for the whole set) keep its classes in any case.
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
    bare = [part.sequences[0] for part in parts if part.sequences and not part.images.path[0]]
    if bare:
        notes.append(f"{len(bare)} sequences are without pictures or video, the first is {bare[0]}")
    return made.replace(root=path, name=path.name, notes=(*notes, *made.notes))


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
    folder, name = sequence.folder, readable(sequence.folder.name)
    truth = folder / "gt" / "gt.txt"
    table = read_mot(truth, kind="truth", sequence=name) if truth.is_file() else TrackTable.empty(name)
    last = int(table.frame[-1]) if len(table) else -1
    notes: list[str] = []
    paths, info = _frames(folder, last + 1, notes)
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
        sequence=np.full(n, name),
        frame=np.arange(n),
        split=np.full(n, sequence.split),
        extra={"rate": np.full(n, info.rate)},
    )
    boxes, classes = _boxes(table, folder, root, rule, notes)
    return Dataset(
        images=images,
        boxes=boxes,
        classes=classes,
        root=root,
        notes=tuple(f"{name}: {note}" for note in notes),
    )


def _boxes(table: TrackTable, folder: Path, root: Path, rule: Rule, notes: list[str]) -> tuple[Boxes, tuple[str, ...]]:
    """Return the boxes that a rule keeps, and the classes."""
    truth = folder / "gt" / "gt.txt"
    own = read_labels(truth) or read_labels(folder / "gt") or read_labels(root / "any")
    if not len(table):
        return Boxes(image=np.empty(0, np.int64)), own or (MOT_CLASSES if rule == "all" else MOT_CLASSES[:1])
    flag = table.extra["flag"]
    number = np.where(table.class_id < 1, 1, table.class_id)  # MOT15 states no class: all are pedestrians
    if own and ((table.class_id == 0) & (flag != 0)).any():  # with flag 0 it is VisDrone's region to ignore
        notes.append("the classes count from 0: line 1 of labels.txt is class 0")
        number = np.maximum(table.class_id, 0) + 1
    classes = own or (MOT_CLASSES if rule == "all" else MOT_CLASSES[:1])
    if len(own) > 1 and (table.class_id < 0).any():
        notes.append(f"{int((table.class_id < 0).sum())} boxes state no class and were taken for {own[0]!r}")
    if own or rule == "all":
        keep, ignore, class_id = np.ones(len(table), bool), flag == 0, number - 1
        if number.max() > len(classes):
            row = int(number.argmax())
            raise DataError(
                f"The class must be 1..{len(classes)}; got {table.class_id[row]} in frame {table.frame[row] + 1}. Name "
                "all classes in gt/labels.txt, one a line.",
                path=truth,
            )
    elif rule == "official":
        keep = (flag == 1) & ~np.isin(number, _OFFICIAL_DROPPED)
        ignore, class_id = np.isin(number, _OFFICIAL_IGNORED), np.zeros(len(table), np.int64)
    else:
        keep = np.isin(number, (1, *_PERSON_LIKE))
        ignore, class_id = (number != 1) | (flag == 0), np.zeros(len(table), np.int64)
    if rule == "pedestrian" and not keep.all():
        gone = int((~keep).sum())
        notes.append(f"{gone} boxes of other classes are background; rule='all', or a gt/labels.txt, keeps them")
    boxes = Boxes(
        image=table.frame,
        xyxy=table.xyxy,
        class_id=class_id,
        track_id=table.track_id,
        visibility=table.extra["visibility"],
        ignore=ignore,
        extra={name: table.extra[name] for name in ("world", "after_class") if name in table.extra},
    )
    return boxes[keep], classes


def _frames(folder: Path, least: int, notes: list[str]) -> tuple[dict[int, str], SequenceInfo]:
    """Return the picture of each frame, relative to the sequence's folder, and what is known of the sequence."""
    stated = read_seqinfo(folder) if (folder / "seqinfo.ini").is_file() else None
    place = picture_folder(folder, stated)
    width, height = (stated.width, stated.height) if stated else (0, 0)
    paths: dict[int, str] = {}
    if place is None:
        length = stated.length if stated else least
        film = video_beside(folder, folder.name)
        paths = {k: f"{film.name}#{k}" for k in range(length)} if film else {}
    else:
        pictures = numbered_pictures(place, stated.image_ext if stated else None)
        length = stated.length if stated else max(least, max(pictures.files, default=-1) + 1)
        if length > 10_000 and length > 100 * len(pictures.files):
            raise DataError(
                f"The sequence must have its frames; it has {len(pictures.files)} pictures for {length:,} frames. "
                "Correct seqLength, or restore the pictures.",
                path=folder,
            )
        paths = {k: file.relative_to(folder).as_posix() for k, file in pictures.files.items()}
        first = paths[min(paths)] if paths else ""
        if not (width and height) and first:
            width, height = picture_size(folder / first)
        if stated:  # a frame that should be there and is not has its name: it is missed
            digits = re.search(r"\d+$", Path(first).stem, re.ASCII)
            wide, ending = (len(digits[0]) if digits else 6), Path(first).suffix or stated.image_ext
            for k in set(range(length)) - set(paths):
                number = k if pictures.from_zero else k + 1
                paths[k] = f"{place.relative_to(folder).as_posix()}/{number:0{wide}d}{ending}"
        if pictures.from_zero:
            notes.append("the pictures are numbered from 0; that is the first frame")
        beyond = sum(k >= length for k in pictures.files)
        if beyond or pictures.others:
            notes.append(f"{beyond + pictures.others} pictures have no number of a frame and were left out")
    rate = stated.rate if stated else 30.0
    return paths, SequenceInfo(name=folder.name, length=length, rate=rate, width=width, height=height)
