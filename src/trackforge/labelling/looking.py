"""A detector's look at a sequence, once for every frame, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trackforge.detecting import detect
from trackforge.errors import MissingDependencyError, SourceError
from trackforge.intake.addresses import file_path
from trackforge.io.atomic import atomic_path
from trackforge.labelling.findings import Findings, Found
from trackforge.protocols import Detector, Source, stream_of
from trackforge.runs.component import Component
from trackforge.types import Frame, Stream

__all__ = ["Place", "Watch", "look", "place_of"]

Watch = Callable[[str, int, int | None], object]
"""Is told of every frame that is looked at: sequence, frames done, and frames in all, where known."""
QUALITY = 95
"""Of JPEG, for pictures that had to be cut."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the pictures of a sequence lie afterwards.

    Attributes:
        source: The film or the folder, absolute; the folder that pictures are cut into, where ``cut``.
        named: Whether frames have files of their own there.
        cut: Whether the pictures have to be written, since the source can be read only once or by nobody else.
    """

    source: Path
    named: bool
    cut: bool = False


def place_of(component: Component, source: Source, frames: Path) -> Place:
    """Tell where the pictures of a source lie.

    Args:
        component: What made the source.
        source: The source, open.
        frames: Folder to cut pictures into, where they lie nowhere.
    """
    given = str(component.settings.get("path", ""))
    path = Path(os.path.abspath(file_path(given))) if given else Path()  # noqa: PTH100 - links stay as they are
    if component.name == "video" and path.is_file():
        return Place(path, named=False)
    if component.name == "images":
        files = [Path(os.path.abspath(file)) for file in getattr(source, "files", ())]  # noqa: PTH100
        if files:
            return Place(Path(os.path.commonpath([file.parent for file in files])), named=True)
    if component.name == "mot-sequence":
        folder = path.parent if path.name == "seqinfo.ini" else path
        film = getattr(source, "film", None)
        return Place(folder, named=True) if film is None else Place(film, named=False)
    return Place(frames, named=True, cut=True)


def look(
    source: Source,
    detector: Detector,
    findings: Findings,
    *,
    name: str,
    place: Place,
    remembers: bool = False,
    leave: frozenset[int] = frozenset(),
    most: int | None = None,
    batch_size: int = 1,
    ahead: int = 4,
    total: int | None = None,
    watch: Watch | None = None,
) -> None:
    """Look at what has not been looked at, and keep each frame's detections when they come.

    Args:
        source: The frames.
        detector: Any.
        findings: Where detections go.
        name: Of the sequence.
        place: Where its pictures lie, or are to be cut to.
        remembers: Whether the detector remembers frames, so that it has to see all from the beginning.
        leave: Frames that people have checked, which need no look.
        most: Frames to stop after.
        batch_size: Frames that the detector gets at once.
        ahead: Frames that decoding and detection may run ahead.
        total: Frames, where known.
        watch: Is told how far it is.

    Raises:
        SourceError: There are no frames.
        TrackforgeError: Whatever source and detector raise; what was found before stays.
    """
    if remembers:
        findings.restart()
        leave = frozenset()
    with findings:
        findings.begin(tuple(detector.classes))
        part = _Part(source, findings, leave, place, most)
        done = sum(found.detections is not None for found in findings.frames.values())
        steps = detect(part, detector, batch_size=batch_size, ahead=ahead)
        with contextlib.closing(steps):
            for step in steps:
                bare = dataclasses.replace(step.frame, image=None)
                findings.add(Found(bare, step.detections))
                done += 1
                if watch is not None:
                    watch(name, done, total)
        for frame in part.left:
            if frame.index not in findings.frames:
                findings.add(Found(frame, None))
        if not findings.frames:
            raise SourceError(f"A sequence must have frames; {name!r} has none. Check the source.")
        findings.end()


class _Part:
    """The frames of a source that are to be looked at; those that are left out are noted in ``left``."""

    def __init__(
        self, source: Source, findings: Findings, leave: frozenset[int], place: Place, most: int | None
    ) -> None:
        self._source, self._place, self._most, self._leave = source, place, most, leave
        self._known = {index for index, found in findings.frames.items() if found.detections is not None}
        self.left: list[Frame] = []

    @property
    def stream(self) -> Stream:
        """What is known of the whole."""
        return stream_of(self._source)

    def __iter__(self) -> Iterator[Frame]:
        for number, frame in enumerate(self._source):
            if self._most is not None and number >= self._most:
                return
            if self._place.cut:
                name = f"{frame.index:06d}.jpg"
                _cut(frame, self._place.source / name)
                frame = dataclasses.replace(frame, file=name)
            if frame.index in self._known:
                continue
            if frame.index in self._leave:
                self.left.append(dataclasses.replace(frame, image=None))
                continue
            yield frame


def _cut(frame: Frame, path: Path) -> None:
    if frame.image is None or path.exists():
        return
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "Cutting pictures needs OpenCV; run: pip install 'trackforge-mot[video]'", name="cv2"
        ) from error
    made: Any = cv2.imencode(".jpg", frame.image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    with atomic_path(path) as partial:
        partial.write_bytes(made[1].tobytes())
