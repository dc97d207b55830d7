"""CVAT's XML for video, version 1.1, as a labelled data set.

A track is told by keyframes, and read as CVAT imports it:

* only boxes with ``keyframe="1"`` count; what lies between is interpolated, whatever the file has there;
* between two keyframes the corners move in straight lines; occlusion and attributes are those of the earlier one;
* from a keyframe with ``outside="1"`` to the next the object is not there;
* after its last keyframe, unless that is outside, a track goes on to the end of the task;
* frames are those of the film: ``start_frame``, ``start_frame + step``, ...

A box that is turned becomes the upright box around it. The attributes ``ignore`` and ``visibility`` mean what they mean
in a data set, others become further columns.

Source: CVAT's documentation, "XML annotation format", version 1.1; how CVAT's server interpolates (MIT), facts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.dialects.cvat_meta import Task, attributes, cvat_files, label_names, looks_like_cvat, tasks, typed
from trackforge.data.dialects.frames import add_frames, numbered_pictures
from trackforge.data.dialects.keyframes import Floats, Ints, between, envelope
from trackforge.data.dialects.markup import Element, parse_xml
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.names import LONGEST, name_problem
from trackforge.intake.reading import reading
from trackforge.registry.suffixes import VIDEO_SUFFIXES

__all__ = ["read_cvat", "sniff_cvat"]

WHAT = "A CVAT file"
WHOLE = 100_000
"""Frames up to which a task gets all of them, also those without label or picture."""


def sniff_cvat(path: Path) -> bool:
    """Tell whether a path is CVAT's XML for video, or a folder with such."""
    return looks_like_cvat(path, "video")


@dataclass(frozen=True)
class _Track:
    """The boxes that a track means, B of them."""

    label: str
    number: int
    frames: Ints
    xyxy: Floats
    occluded: list[int | None]
    attributes: list[dict[str, str]]


def read_cvat(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read CVAT's XML for video.

    The pictures of a task are found beside the file: the film that it names, else numbered pictures in ``images/`` or
    in a folder of the task's name, by their numbers or, where these are others, in order.

    Args:
        path: The file, or a folder with one a task.
        findings: Where malformed tracks are reported.
        split: Read the tasks of this subset only.
    """
    with reading(path, WHAT):
        root = path.parent if path.is_file() else path
        build, names, taken = Builder(), dict[str, None](), set[str]()
        held: list[tuple[_Track, dict[int, int]]] = []
        for file in cvat_files(path, "video"):
            try:
                tree = parse_xml(file, WHAT)
                known = tasks(tree)
            except DataError as error:
                findings.caught(error)
                continue
            names |= dict.fromkeys(label_names(tree))
            for key, task in known.items():
                if not task.tracked and len(known) > 1:
                    continue
                tracks, last = _tracks(build, tree, task, key if len(known) > 1 else None, findings)
                rows = _rows(build, task, last, tracks, _Place(file, root, taken))
                held += [(track, rows) for track in tracks]
        names |= dict.fromkeys(track.label for track, _ in held)
        _add(build, held, list(names))
        if not len(build):
            raise DataError("There must be tasks with frames; none was found.", path=path)
        made = build.finish(list(names), root=root, name=path.stem if path.is_file() else path.name)
        return made.in_split(split) if split is not None else made


def _tracks(
    build: Builder, tree: Element, task: Task, key: str | None, findings: Findings
) -> tuple[list[_Track], int | None]:
    """Return the tracks of a task, and its last frame."""
    nodes = [t for t in tree.all("track") if key is None or t.attributes.get("task_id") == key]
    told = [(node, _keyframes(build, node, task, findings)) for node in nodes]
    latest = max((frames[-1][0] for _, frames in told if frames), default=None)
    last = task.last if latest is None else max(latest, -1 if task.last is None else task.last)
    tracks: list[_Track] = []
    total = 0
    for node, keyframes in told:
        if not keyframes or last is None:
            continue
        try:
            track = _interpolated(node, keyframes, task.step, last, total, number=len(tracks))
        except DataError as error:
            findings.caught(error)
            continue
        total += len(track.frames)
        tracks.append(track)
    return tracks, last


_Key = tuple[int, Element]


def _keyframes(build: Builder, track: Element, task: Task, findings: Findings) -> list[_Key]:
    """Return the keyframes of a track in order."""
    found: dict[int, Element] = {}
    others = [c for c in track.children if c.tag not in ("box", "attribute")]
    if others:
        build.notes.append(f"the track {track.attributes.get('id', '')} is of <{others[0].tag}> and was left out")
        return []
    most = limits().frames
    boxes = [b for b in track.all("box") if b.attributes.get("keyframe", "1") == "1"]
    if not boxes and track.children:
        build.notes.append(f"the track {track.attributes.get('id', '')} has no keyframe and was left out, as by CVAT")
    for box in boxes:
        try:
            frame = box.whole("frame")
            if frame > most:
                check_limit("frames", frame, "The frame", path=box.path, line=box.line)
            if (frame - task.start) % task.step or frame < task.start:
                raise box.fault(
                    f"The frame must be one of the task's, {task.start}, {task.start + task.step}, ...; got {frame}. "
                    "CVAT would not import it."
                )
            if frame in found:
                raise box.fault(f"A track may have one keyframe a frame; frame {frame} has two.")
        except DataError as error:
            findings.caught(error)
        else:
            found[frame] = box
    return sorted(found.items())


def _interpolated(node: Element, keyframes: list[_Key], step: int, last: int, total: int, number: int) -> _Track:
    at = np.array([frame for frame, _ in keyframes], np.int64)
    values = np.array([_corners(box) for _, box in keyframes], np.float64)
    values[:, 4] = np.unwrap(values[:, 4], period=360)
    outside = np.array([box.attributes.get("outside") == "1" for _, box in keyframes])
    ends = np.append(at[1:], last + step)
    counts = np.where(outside, 0, -((at - ends) // step))
    check_limit("boxes", total + int(counts.sum()), "The boxes that keyframes mean", path=node.path, line=node.line)
    owner = np.repeat(np.arange(len(at)), counts)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    frames = at[owner] + nth * step
    made = between(at, values, frames)
    told: list[dict[str, str]] = []
    for _, box in keyframes:
        told.append({**(told[-1] if told else {}), **attributes(box)})
    stated = [box.attributes.get("occluded", "") for _, box in keyframes]
    hidden = [int(text) if text in ("0", "1") else None for text in stated]
    return _Track(
        label=node.stated("label"),
        number=node.whole("id") if "id" in node.attributes else number,
        frames=frames,
        xyxy=envelope(made[:, :4], made[:, 4]),
        occluded=[hidden[k] for k in owner.tolist()],
        attributes=[told[k] for k in owner.tolist()],
    )


def _corners(box: Element) -> list[float]:
    corners = [box.number(name) for name in ("xtl", "ytl", "xbr", "ybr")]
    if corners[2] < corners[0] or corners[3] < corners[1]:
        raise box.fault("The corners of a box must be in order, xtl <= xbr and ytl <= ybr.")
    return [*corners, box.number("rotation") if "rotation" in box.attributes else 0.0]


# ---- frames and their pictures


@dataclass(frozen=True)
class _Place:
    """Where a task is read from, and the names that sequences have already."""

    file: Path
    root: Path
    taken: set[str]


def _rows(build: Builder, task: Task, last: int | None, tracks: list[_Track], place: _Place) -> dict[int, int]:
    """Add the frames of a task and return their rows."""
    file = place.file
    own = file.stem if file.stem != "annotations" else file.parent.name
    name = task.name if 0 < len(task.name) <= LONGEST else own or "video"
    if last is None:
        return {}
    grid = range(task.start, last + 1, task.step)
    frames: set[int] = {f for track in tracks for f in track.frames.tolist()}
    pictures = _pictures(task, name, grid, file)
    frames |= set(grid) if len(grid) <= WHOLE else {grid[0], grid[-1]}
    names = (name, *(f"{name}-{k}" for k in range(2, len(place.taken) + 3)))
    sequence = next(n for n in names if n not in place.taken)
    place.taken.add(sequence)
    return add_frames(build, sequence, frames, pictures, root=place.root, split=task.subset, size=task.size)


def _pictures(task: Task, name: str, grid: range, file: Path) -> dict[int, Path]:
    here = file.parent
    film = task.source if Path(task.source).suffix.lower() in VIDEO_SUFFIXES else ""
    if film and name_problem(film) is None and (here / film).is_file():
        return {frame: here / f"{film}#{frame}" for frame in grid}
    places = [here / "images", here / name / "images", here / name] if name_problem(name) is None else [here / "images"]
    for place in places:
        found = numbered_pictures(place, base=0)
        if not found:
            continue
        if len(found) == len(grid) and found.keys() != set(grid):  # numbered by another rule: their order counts
            return dict(zip(grid, (found[k] for k in sorted(found)), strict=True))
        return {frame: found[frame] for frame in grid if frame in found}
    return {}


def _add(build: Builder, held: list[tuple[_Track, dict[int, int]]], names: list[str]) -> None:
    flat = iter(typed([told for track, _ in held for told in track.attributes], build.notes))
    for track, rows in held:
        label = names.index(track.label)
        for frame, xyxy, occluded in zip(track.frames.tolist(), track.xyxy.tolist(), track.occluded, strict=True):
            extra = {k: v for k, v in next(flat).items() if k != "track_id"}
            ignore, visibility = extra.pop("ignore", False), extra.pop("visibility", 1.0)
            if occluded is not None and not isinstance(extra.get("occluded"), str):  # an attribute may be called so
                extra["occluded"] = occluded
            build.box(
                rows[frame],
                xyxy,
                label,
                track_id=track.number,
                visibility=float(visibility) if isinstance(visibility, (int, float)) else 1.0,
                ignore=ignore is True,
                extra=extra,
            )
