"""Labels of a round as a document for people, and what they have said in one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trackforge.io.atomic import atomic_path
from trackforge.io.polygons import plain_segmentation
from trackforge.labelling.joining import CHECKED
from trackforge.review import Document, LabelTrack
from trackforge.table import TrackTable

__all__ = ["held", "load_table", "rebuilt", "save_table"]

COLUMNS = ("frame", "track_id", "xyxy", "score", "class_id")
MASK = "mask"


def held(document: Document | None) -> frozenset[int]:
    """Return the frames on which people have said something: those checked, and those with a box that they put."""
    if document is None:
        return frozenset()
    touched = {
        key.frame for one in document.tracks for key in one.keyframes if key.origin == "person" and not key.outside
    }
    return document.checked | touched


def rebuilt(
    table: TrackTable, before: Document | None, empty: Document, *, tolerance: float, wanted: Sequence[int] = ()
) -> Document:
    """Make a document of new labels; what people had said of tracks and boxes stays.

    Args:
        table: The labels, with ``extra["origin"]`` of `trackforge.labelling.joining`.
        before: The document that they take the place of.
        empty: What is known of the sequence, as a document without tracks.
        tolerance: How far a box may be off, pixels; of a model's only.
        wanted: Frames that people are asked to look at.
    """
    who = np.where(table.extra["origin"] == CHECKED, "person", "model")
    plain = TrackTable(
        frame=table.frame,
        track_id=table.track_id,
        xyxy=table.xyxy,
        score=table.score,
        class_id=table.class_id,
        extra={"origin": who},
        sequence=empty.sequence,
    )
    made = Document.from_table(
        plain,
        classes=empty.classes,
        frames=empty.frames.tolist(),
        sequence=empty.sequence,
        source=empty.source,
        rate=empty.rate,
        size=empty.size,
        files=empty.files,
        wanted=wanted,
        tolerance=tolerance,
        notes=empty.notes,
    )
    if before is None:
        return made
    old = {one.id: one for one in before.tracks}
    tracks = tuple(_remembering(one, old.get(one.id)) for one in made.tracks)
    return made.replace(tracks=tracks, checked=before.checked, effort=before.effort, edits=before.edits)


def _remembering(track: LabelTrack, old: LabelTrack | None) -> LabelTrack:
    """Return a track with the names and attributes that it had."""
    if old is None or not (old.object_id or old.attributes or any(one.attributes for one in old.keyframes)):
        return track
    keyframes = []
    for one in track.keyframes:
        was = old.at(one.frame) if one.origin == "person" and not one.outside else None
        keyframes.append(one if was is None else dataclasses.replace(one, attributes=was.attributes))
    return LabelTrack(
        id=track.id,
        object_id=old.object_id,
        label=track.label,
        attributes=old.attributes,
        keyframes=tuple(keyframes),
    )


def save_table(path: Path, table: TrackTable) -> None:
    """Keep the labels of a round with their scores and masks, whole or not at all.

    Raises:
        SinkError: The place cannot be written to.
    """
    columns = {name: getattr(table, name) for name in COLUMNS} | {"origin": table.extra["origin"]}
    masks = [] if table.mask is None else [mask and plain_segmentation(mask) for mask in table.mask]
    if any(masks):
        columns[MASK] = np.frombuffer(json.dumps(masks).encode(), np.uint8)
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **columns)


def load_table(path: Path, sequence: str = "") -> TrackTable:
    """Read what `save_table` kept."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        columns = {name: file[name] for name in COLUMNS}
        if MASK in file.files:
            columns[MASK] = np.empty(len(columns["frame"]), np.object_)
            columns[MASK][:] = json.loads(file[MASK].tobytes())
        return TrackTable(**columns, extra={"origin": file["origin"]}, sequence=sequence)
