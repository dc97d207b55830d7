"""Rows of a data set out of Ground Truth's labels: frames with their pictures, objects with their identities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.class_names import ClassNames
from trackforge.data.dialects.frames import relative
from trackforge.data.dialects.ground_truth_documents import JUDGED, SIDES
from trackforge.data.dialects.ground_truth_fields import (
    FRAME_OWN,
    OBJECT_OWN,
    REST,
    ClassMap,
    attribute_columns,
    attributes_of,
    difference,
    rest_text,
)
from trackforge.data.dialects.ground_truth_folders import Labelled
from trackforge.data.dialects.ground_truth_pictures import FramePictures
from trackforge.data.dialects.ground_truth_sequences import SequenceFile
from trackforge.data.model import Dataset
from trackforge.data.parts import frames_of_part, part_of
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.io.seqlabel_json import LabelledFrame, LabelledObject, SeqLabel, frame_numbers, object_class

__all__ = ["SequenceRows"]

_TOLD = {"human-annotated": "human_annotated", "job-name": "job_name", "creation-date": "creation_date"}
_TOLD |= {"adjustment-status": "adjustment_status"}


class _Frame(NamedTuple):
    """A frame that becomes a row: where it stands, what was said of it, where its picture lies."""

    file: str
    number: int
    position: int
    sequence: str
    labels: LabelledFrame | None
    tracked: bool
    picture: str
    size: tuple[int, int]
    extra: dict[str, Any]
    place: Path
    mapped: ClassMap | None


class SequenceRows:
    """Grows a data set sequence by sequence.

    Args:
        findings: Where what cannot be used is reported.
        names: Gathers the names of classes.
        roots: Folders that pictures, or films, may lie in.
        prefix: What addresses of pictures begin with.
    """

    def __init__(self, findings: Findings, names: ClassNames, roots: Sequence[Path], prefix: str) -> None:
        self.findings, self.names, self.roots = findings, names, tuple(dict.fromkeys(roots))
        self._pictures = FramePictures(self.roots, prefix)
        self._by_name = {name: number for number, name in enumerate(names.finish()[0])}
        self._frames: list[_Frame] = []
        self._seen = set[tuple[str, int]]()
        self._without = self._sequences = 0

    def state(self, number: int, name: str, *, path: Path, line: int | None = None) -> None:
        """Note the name of a class; raises as `ClassNames.state`."""
        self.names.state(number, name, path=path, line=line)
        self._by_name.setdefault(name, number)

    def add(
        self,
        sequence: str,
        one: Labelled,
        labels: SeqLabel,
        listed: SequenceFile | None,
        *,
        join: bool,
        size: tuple[int, int] | None,
        mapped: ClassMap | None = None,
    ) -> None:
        """Add a sequence.

        Args:
            sequence: Its name.
            one: Where it is labelled.
            labels: The labels.
            listed: Its sequence file, where it is here.
            join: Whether a clip becomes a part of its film.
            size: ``(width, height)`` where no picture tells.
            mapped: The class map, where there is one.

        Raises:
            DataError: A picture's name leads out of its folder.
        """
        place = one.labels or self.roots[-1]
        files, found = self._joined(labels, listed, place)
        numbers = frame_numbers(files, [frame.number if frame else None for frame in found] if listed is None else ())
        part, named = part_of(sequence), numbers
        if part is not None:
            numbers = frames_of_part(named, part, film=join, whole=listed is not None, path=place)
            sequence = part.film if join else sequence
        order = sorted(range(len(files)), key=numbers.__getitem__)
        pictures = self._pictures.of(one.name, files, listed, place)
        shape, lacking = self._pictures.size, [k for k in order if not pictures[k]]
        if len(lacking) == len(files):
            pictures, shape = self._pictures.of_film(one.name, part, named, whole=listed is not None, path=place)
            lacking = []
            self._without += not any(pictures)
        if min(shape) <= 0 and size is not None:
            shape = size
        self._sequences += 1
        told: dict[str, Any] = {
            column: str(one.metadata[key])[:200] for key, column in _TOLD.items() if key in one.metadata
        }
        times = listed.times if listed is not None else ()
        told |= {} if len(times) < 2 or join else _rate([times[k] for k in order])
        for position, k in enumerate(order):
            self._add(
                _Frame(
                    file=files[k],
                    number=numbers[k],
                    position=position,
                    sequence=sequence,
                    labels=found[k],
                    tracked=labels.tracked,
                    picture=pictures[k],
                    size=shape,
                    extra={
                        "frame_name": files[k],
                        **told,
                        **({"timestamp": times[k]} if times and np.isfinite(times[k]) else {}),
                    },
                    place=place,
                    mapped=mapped,
                ),
                lacking=k in lacking,
            )

    def _add(self, frame: _Frame, *, lacking: bool) -> None:
        if (frame.sequence, frame.number) in self._seen:
            self.findings.bad(
                f"Frame {frame.number} of {frame.sequence!r} must be there once; {frame.file[:80]!a} is it again.",
                path=frame.place,
                kind="frame-twice",
            )
            return
        self._seen.add((frame.sequence, frame.number))
        if lacking:
            self.findings.bad(
                f"The picture {frame.file[:80]!a} of {frame.sequence!r} must be there, as others of it are; it is "
                "missing. Restore it.",
                path=frame.place,
                kind="missing-picture",
            )
        self._frames.append(frame)

    def _joined(
        self, labels: SeqLabel, listed: SequenceFile | None, place: Path
    ) -> tuple[list[str], list[LabelledFrame | None]]:
        """Return the names of the frames, and the labels of each: joined by name, by number where there is none."""
        if listed is None:
            return [frame.file for frame in labels.frames], list(labels.frames)
        at = {name: k for k, name in enumerate(listed.files)}
        short = {PurePosixPath(name).name: k for name, k in at.items()}
        found: list[LabelledFrame | None] = [None] * len(listed.files)
        for frame in labels.frames:
            k = at.get(frame.file, short.get(PurePosixPath(frame.file).name)) if frame.file else frame.number
            if k is None or k >= len(found):
                self.findings.bad(
                    f"A labelled frame must be in the sequence file {listed.path.name}; "
                    f"{(frame.file or str(frame.number))[:80]!a} is not.",
                    path=place,
                    kind="unknown-frame",
                )
            elif found[k] is not None:
                self.findings.bad(
                    f"The frame {frame.file[:80]!a} must be labelled once; it is there twice.", path=place
                )
            else:
                found[k] = frame
        return list(listed.files), found

    def finish(self, root: Path, name: str, notes: list[str]) -> Dataset:
        """Make the data set."""
        build, ids = Builder(), _Ids()
        objects = [(frame, one) for frame in self._frames for one in (frame.labels.objects if frame.labels else ())]
        of_objects = iter(attribute_columns([one.attributes for _, one in objects]))
        of_frames = attribute_columns([frame.labels.attributes if frame.labels else {} for frame in self._frames])
        for frame, columns in zip(self._frames, of_frames, strict=True):
            row = build.image(
                "" if not frame.picture else relative(Path(frame.picture), root),
                frame.size,
                sequence=frame.sequence,
                frame=frame.number,
                extra={**columns, **frame.extra, **_rest_of_frame(frame, columns)},
            )
            present = set[int]()
            for one in frame.labels.objects if frame.labels else ():
                self._box(build, row, frame, one, ids, next(of_objects), present)
        if self._without:
            many = f"{self._without} of {self._sequences} sequences"
            notes = [*notes, f"the pictures of {many} are not here: labels only. If they lie elsewhere: pictures=..."]
        stated, unnamed = self.names.finish()
        build.notes += [*notes, *unnamed]
        made = build.finish(stated, root=root, name=name)
        return made.replace(folders=tuple(dict.fromkeys((*self.roots, root))))

    def _box(
        self,
        build: Builder,
        row: int,
        frame: _Frame,
        one: LabelledObject,
        ids: _Ids,
        columns: dict[str, Any],
        present: set[int],
    ) -> None:
        try:
            label = self._class(frame, one)
        except DataError as error:
            self.findings.caught(error, kind="class-range")
            return
        track = ids.number(frame.sequence, one.id) if frame.tracked and one.id else -1
        if track in present:
            self.findings.bad(
                f"An object must be in a frame once; {one.id[:80]!a} is twice in {frame.file[:80]!a}.",
                path=frame.place,
                kind="object-twice",
            )
            return
        if track >= 0:
            present.add(track)
        own = {"object_id": one.id, "object_name": one.name} if frame.tracked else {}
        extra = {**columns, **own, **_rest_of_object(frame, one, columns, label)}
        build.box(row, one.xyxy, label, track_id=track, extra=extra)

    def _class(self, frame: _Frame, one: LabelledObject) -> int:
        number, what = one.number, f"An object of {frame.file[:80]!a}"
        if number < 0:
            name = object_class(one.name) or "object"
            if name not in self._by_name:
                self.state(max(self._by_name.values(), default=-1) + 1, name, path=frame.place)
            number = self._by_name[name]
        elif frame.mapped is not None and not self.names.settled:
            frame.mapped.require(number, what, frame.place)
        return self.names.number(number, what, path=frame.place)


class _Ids:
    """Numbers objects from 1, sequence by sequence, as they come."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}
        self._count: dict[str, int] = {}

    def number(self, sequence: str, name: str) -> int:
        known = self._known.get((sequence, name))
        if known is None:
            known = self._known[sequence, name] = self._count[sequence] = self._count.get(sequence, 0) + 1
        return known


def _rate(times: Sequence[float]) -> dict[str, float]:
    """Return the frames a second that pictures were taken with, where their times tell."""
    gap = float(np.median(np.diff(times))) if np.isfinite(times).all() else 0.0
    return {"rate": round(1 / gap, 6)} if gap > 0 else {}


def _rest_of_object(frame: _Frame, one: LabelledObject, columns: dict[str, Any], label: int) -> dict[str, str]:
    """Return what the columns do not tell of what the file says; nothing for answers, which are never written."""
    if frame.labels is None or "annotations" not in frame.labels.entry:
        return {}
    made: dict[str, Any] = dict.fromkeys(SIDES) | {"class-id": str(label)}
    made["label-category-attributes"] = attributes_of(columns, OBJECT_OWN)
    if frame.tracked:
        made |= {"object-id": one.id, "object-name": one.name}
    rest = difference(one.entry, made, JUDGED)
    return {REST: rest_text(rest)} if rest else {}


def _rest_of_frame(frame: _Frame, columns: dict[str, Any]) -> dict[str, str]:
    if frame.labels is None or "annotations" not in frame.labels.entry:
        return {}
    made: dict[str, Any] = {"annotations": [], "frame-no": str(frame.position), "frame": frame.file}
    made["frame-attributes"] = attributes_of(columns, FRAME_OWN)
    counted = frame.labels.number == frame.position
    rest = difference(frame.labels.entry, made, ("annotations", "frame", *(["frame-no"] if counted else [])))
    return {REST: rest_text(rest)} if rest else {}
