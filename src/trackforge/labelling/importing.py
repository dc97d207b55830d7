"""Labels that people checked elsewhere, read back: joined to the project's by sequence, frame and file name.

Frames that were asked for count as checked when they come back; others stay a model's, since a tool gives back what
nobody has looked at as well. What people have said before stays, unless what came shall take its place. Which object is
which is told by the boxes, not by numbers: those of two clips of a film begin anew in each, and those of another
program mean nothing here.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge import data
from trackforge.boxes import iou
from trackforge.data import Dataset
from trackforge.errors import ConfigError, DataError, did_you_mean
from trackforge.labelling.documents import held, rebuilt
from trackforge.labelling.joining import joined, only
from trackforge.labelling.matching import places_of, some
from trackforge.labelling.project import Project
from trackforge.review import Document
from trackforge.table import TrackTable

__all__ = ["Imported", "bring_in"]

log = logging.getLogger(__name__)
Ints: TypeAlias = npt.NDArray[np.int64]
SUFFIX = ".labels.json"
OVERLAP = 0.5
"""IoU from which a box that came back means one that was there."""


@dataclasses.dataclass(frozen=True)
class Imported:
    """What was read back.

    Attributes:
        frames: Frames that are checked now and were not, or have other labels.
        boxes: Boxes on them.
        sequences: Names of the sequences that they belong to.
        left_out: Frames that came and were not asked for.
        kept: Frames that came, and stay as people have labelled them before.
        notes: What is worth knowing, one sentence each.
    """

    frames: int
    boxes: int
    sequences: tuple[str, ...]
    left_out: int
    kept: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dataclasses.asdict(self)


def bring_in(
    project: Project,
    path: Path,
    format: str | None = None,  # noqa: A002 - the natural word
    *,
    every: bool = False,
    replace: bool = False,
    rename: Sequence[str] = (),
    sequences: Sequence[str] = (),
) -> Imported:
    """Take labels over as people's.

    Args:
        project: The project.
        path: What came back, in any format of `trackforge.data`; or documents of the page, of which what is checked
            counts.
        format: Its format, where it does not tell.
        every: Take every frame that came, not only those that were asked for.
        replace: Let what came take the place of what people have said of a frame before.
        rename: Names of the project's classes for those that came, ``OLD=NEW``.
        sequences: Names of the project's sequences, or of clips of them, for those that came, ``OLD=NEW``.

    Raises:
        ConfigError: The project has no such class, or what is said of names is no ``OLD=NEW``.
        DataError: What came back cannot be read, fits no sequence or frame of the project, or has nothing new.
    """
    names = _pairs(sequences, "--sequence")
    dataset = _named(_read(path, format), project, _pairs(rename, "--rename"))
    documents = project.documents()
    parts: dict[str, list[tuple[Ints, TrackTable]]] = {}
    notes: list[str] = list(dataset.notes)
    for sequence in dict.fromkeys(dataset.images.sequence.tolist()):
        part = dataset[dataset.images.sequence == sequence]
        for name, frames, rows in places_of(part, str(sequence), documents, path, names):
            known = np.isin(frames, documents[name].frames)
            if not known.any():
                raise DataError(
                    f"Frames must be the project's; of {sequence or 'the pictures'} none is: {some(frames)}. "
                    f"{name} has {some(documents[name].frames)}.",
                    path=path,
                )
            if not known.all():
                notes.append(f"{int((~known).sum())} frames of {name} are not the project's: {some(frames[~known])}")
            parts.setdefault(name, []).append((frames[known], _table(part, frames, rows, known)))
    taken = boxes = left_out = kept = 0
    changed: dict[str, Document] = {}
    for name, clips in parts.items():
        document = documents[name]
        asked = set(document.frames.tolist()) if every else set(document.asked)
        came = {frame for frames, _ in clips for frame in frames.tolist()}
        said = came & asked & held(document) if not replace else set[int]()
        counted = (came & asked) - said
        left_out, kept = left_out + len(came - asked), kept + len(said)
        if said:
            which = some(np.array(sorted(said)))
            notes.append(
                f"{len(said)} frames of {name} stay as people have labelled them before: {which}; replace=True "
                "(--replace) takes those that came"
            )
        if not counted:
            continue
        mine = _one_name_each(document, [only(table, counted) for _, table in clips])
        changed[name] = _taken(document, mine, frozenset(counted))
        taken, boxes = taken + len(counted), boxes + len(mine)
    if not changed and kept:
        raise DataError(
            f"Frames must be ones that nobody has labelled yet; people have said what is on all {kept} of those that "
            "came. Let these take their place with replace=True (--replace).",
            path=path,
        )
    if not changed:
        raise DataError(
            "None of the frames that came was asked for. Take all of them with every=True (--every), or ask for them.",
            path=path,
        )
    for name, document in changed.items():
        document.save(project.path(name))
    return Imported(taken, boxes, tuple(changed), left_out, kept, tuple(dict.fromkeys(notes)))


def _read(path: Path, name: str | None) -> Dataset:
    """Read a set; of documents, the frames that are checked."""
    files = [path] if path.name.endswith(SUFFIX) else sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else []
    if not files or name is not None:
        return data.read(path, name)
    parts = []
    for file in files:
        document = Document.load(file)
        whole = document.to_dataset(file.parent)
        parts.append(whole[np.isin(whole.images.frame, np.array(sorted(document.checked), np.int64))])
    parts = [part for part in parts if len(part)]
    if not parts:
        raise DataError("What comes back must be checked; no frame of these documents is.", path=path)
    return parts[0] if len(parts) == 1 else data.concatenate(parts)


def _pairs(told: Sequence[str], what: str) -> dict[str, str]:
    """Return new names by old ones."""
    if any("=" not in pair for pair in told):
        raise ConfigError(f"{what} takes OLD=NEW; got {','.join(told)}.")
    return {old.strip(): new.strip() for old, new in (pair.split("=", 1) for pair in told)}


def _named(dataset: Dataset, project: Project, names: Mapping[str, str]) -> Dataset:
    """Return a set whose classes are the project's, and which has no ignore regions."""
    dataset = dataset.rename_classes(names) if names else dataset
    dataset = dataset.without_ignored()
    used = {dataset.classes[k] for k in np.unique(dataset.boxes.class_id).tolist()}
    for name in sorted(used):
        if name not in project.classes:
            raise ConfigError(
                f"Classes must be the project's; {name!r} is none.{did_you_mean(name, project.classes)} It has: "
                f"{', '.join(project.classes)}. Give its name here: --rename {name}={project.classes[0]}."
            )
    number = {name: k for k, name in enumerate(project.classes)}
    table = np.array([number.get(name, 0) for name in dataset.classes] or [0], np.int64)
    boxes = dataset.boxes.replace(class_id=table[dataset.boxes.class_id], extra={})
    return dataset.replace(boxes=boxes, classes=project.classes)


def _table(part: Dataset, frames: Ints, rows: Ints, known: npt.NDArray[np.bool_]) -> TrackTable:
    """Return the boxes on some pictures of a set as a table."""
    place = np.full(len(part), -1, np.int64)
    place[rows[known]] = frames[known]
    at = place[part.boxes.image]
    boxes = part.boxes[at >= 0]
    return TrackTable(frame=at[at >= 0], track_id=boxes.track_id, xyxy=boxes.xyxy, class_id=boxes.class_id)


def _one_name_each(document: Document, clips: Sequence[TrackTable]) -> TrackTable:
    """Number what came as the document does: by the tracks that its boxes lie on; what is new gets a new number."""
    there = document.table()
    following = int(there.track_id.max(initial=0)) + 1
    parts: list[TrackTable] = []
    for clip in clips:
        on = _lies_on(clip, there)
        ids = np.full(len(clip), -1, np.int64)
        tracks = np.unique(clip.track_id[clip.track_id >= 0]).tolist()
        pairs = []
        for track in tracks:
            rows = np.flatnonzero(clip.track_id == track)
            of, counts = np.unique(on[rows][on[rows] >= 0], return_counts=True)
            pairs += [(-int(n), track, int(one)) for one, n in zip(of.tolist(), counts.tolist(), strict=True)]
        given: dict[int, int] = {}
        for _, track, one in sorted(pairs):
            if track not in given and one not in given.values():
                given[track] = one
        for track in tracks:
            if track not in given:
                given[track], following = following, following + 1
            ids[clip.track_id == track] = given[track]
        for row in np.flatnonzero(ids < 0).tolist():  # boxes of pictures, which say nothing of identity
            taken = ids[clip.frame == clip.frame[row]]
            if on[row] >= 0 and on[row] not in taken:
                ids[row] = on[row]
            else:
                ids[row], following = following, following + 1
        parts.append(TrackTable(frame=clip.frame, track_id=ids, xyxy=clip.xyxy, class_id=clip.class_id))
    try:
        return TrackTable.concatenate(parts, sequence=document.sequence)
    except ValueError as error:
        raise DataError(f"Clips of {document.sequence} must not share frames; they do. ({error})") from error


def _lies_on(clip: TrackTable, there: TrackTable) -> Ints:
    """Return, for every box that came, the track of the document whose box it overlaps most, -1 for none."""
    out = np.full(len(clip), -1, np.int64)
    for frame in clip.frames.tolist():
        rows, others = clip.rows(frame), there.rows(frame)
        overlaps = iou(clip.xyxy[rows], there.xyxy[others])
        if overlaps.size:
            best = overlaps.argmax(axis=1)
            near = overlaps[np.arange(len(best)), best] >= OVERLAP
            out[rows] = np.where(near, there.track_id[others][best], -1)
    return out


def _taken(document: Document, mine: TrackTable, frames: frozenset[int]) -> Document:
    """Return a document in which some frames are checked, with these labels."""
    there = document.table()
    before = held(document) - frames
    earlier = only(there, before)
    people = TrackTable.concatenate([mine, _bare(earlier)], sequence=document.sequence)
    labels = joined(people, _bare(there), before | frames)
    made = rebuilt(labels, document, document.replace(tracks=(), checked=(), wanted=()), tolerance=0.5)
    return made.replace(checked=document.checked | frames, wanted=document.wanted, edits=document.edits + 1)


def _bare(table: TrackTable) -> TrackTable:
    return TrackTable(
        frame=table.frame,
        track_id=table.track_id,
        xyxy=table.xyxy,
        score=table.score,
        class_id=table.class_id,
        sequence=table.sequence,
    )
