"""Labelled data sets as MOTChallenge folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.files import PicturePlacer, Place, file_names, write_names, write_text
from trackforge.data.filming import filmed, still_names
from trackforge.data.model import Dataset
from trackforge.data.mot import MOT_CLASSES
from trackforge.io.mot import LABELS, write_mot
from trackforge.io.seqinfo import SequenceInfo, seqinfo_lines
from trackforge.table import TrackTable

__all__ = ["write_mot_set"]


def write_mot_set(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write a folder of sequences; return what is worth knowing.

    The names of classes go into ``gt/labels.txt``, as CVAT writes them, but for pedestrians alone and for all classes
    of MOTChallenge. Where every class is one of MOTChallenge's it has its number there. Stills become a sequence named
    after the set. A box without identity gets one of its own, for the format knows no box without.

    Args:
        dataset: What to write.
        target: Folder for the sequences (or for parts that hold them, where the set has parts).
        images: What to do with the pictures.
    """
    dataset, notes = filmed(dataset, still_names(dataset.name))
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
    labels = part.classes
    if official:
        labels = MOT_CLASSES[: 1 + max((MOT_CLASSES.index(name) for name in part.classes), default=0)]
    number = np.array([MOT_CLASSES.index(c) + 1 if official else k + 1 for k, c in enumerate(part.classes)], np.int64)
    track = boxes.track_id.copy()
    unknown = track < 0
    track[unknown] = max(int(track.max(initial=0)), 0) + 1 + np.arange(int(unknown.sum()))
    extra = {"flag": (~boxes.ignore).astype(np.int64), "visibility": boxes.visibility}
    world = boxes.extra.get("world")
    if world is not None and np.isfinite(world).all() and (number[boxes.class_id] == 1).all():
        extra["world"] = world
    elif "after_class" in boxes.extra and np.isfinite(boxes.extra["after_class"]).all():
        extra["after_class"] = boxes.extra["after_class"]
    table = TrackTable(
        frame=order[boxes.image],
        track_id=track,
        xyxy=boxes.xyxy,
        class_id=number[boxes.class_id],
        extra=extra,
        sequence=folder.name,
    )
    write_mot(folder / "gt" / "gt.txt", table, kind="truth", decimals=9)
    if not (official and (len(labels) == 1 or len(part.classes) == len(MOT_CLASSES))):
        write_names(folder / "gt" / LABELS, labels)
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
