"""Label Studio's JSON: videos with tracked rectangles, pictures with rectangles; read and written.

A file is a list of tasks. Of each task the first annotation that was not cancelled counts; without annotations, its
predictions where asked for. Sides are in percent of the picture; a rectangle may be turned, about its upper left
corner, and drawn from any corner, so that width or height is negative.

A track (``videorectangle``) is a list of key frames, counted from 1, with straight lines between them. A key frame that
is not ``enabled`` is shown itself and ends the track until the next; after the last one the track goes on to the end of
the video, if that one is enabled. The export for minimal JSON, where an annotation's results stand in the task under
their control's name, is read as well.

Source: Label Studio's documentation of its task format (Apache-2.0) and the example files beside its editor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from trackforge.data.building import Builder
from trackforge.data.dialects.cvat_meta import typed
from trackforge.data.dialects.label_studio_geometry import box_around, shown_boxes
from trackforge.data.dialects.label_studio_regions import Region, fps, frame_rate, media, regions
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.documents import load_json
from trackforge.intake.limits import check_limit
from trackforge.intake.names import inside, name_problem
from trackforge.intake.reading import reading
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import VIDEO_SUFFIXES

__all__ = ["read_label_studio", "sniff_label_studio"]

_MARKS = re.compile(rb'"(videorectangle|rectanglelabels)"|"sequence"\s*:\s*\[\s*\{[^}]*"enabled"')
_HEAD = 1 << 20
WHOLE = 100_000
"""Frames up to which a task gets all of them, also those of which nothing is known."""
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


def sniff_label_studio(path: Path) -> bool:
    """Tell whether a path looks like an export of Label Studio."""
    path = _file(path)
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") and _MARKS.search(head) is not None


def _file(path: Path) -> Path:
    return path / "tasks.json" if path.is_dir() else path


def read_label_studio(
    path: Path,
    *,
    findings: Findings,
    images: Path | None = None,
    size: tuple[int, int] | None = None,
    predictions: bool = False,
) -> Dataset:
    """Read a JSON export of Label Studio.

    Args:
        path: The file, or a folder with a ``tasks.json``.
        findings: Where malformed regions are reported.
        images: Folder of the videos and pictures; that of the file unless given.
        size: ``(width, height)`` in pixels of every video that is not there and whose size the file does not state.
        predictions: Take the predictions of tasks without annotation.

    Raises:
        DataError: It is no such file, or the size of a video is unknown.
    """
    path = _file(path)
    with reading(path, "A Label Studio export"):
        document = load_json(path, "A Label Studio export")
        if not isinstance(document, list):
            raise DataError(f"A Label Studio export must be a list of tasks; got {type(document).__name__}.", path=path)
        if document and all(isinstance(t, dict) and "value" in t and "type" in t for t in document):
            document = [{"data": {}, "annotations": [{"result": document}]}]  # the results of a single task
        reader = _Reader(path, findings, images or path.parent, size, predictions=predictions)
        for at, task in enumerate(document):
            reader.task(at, task)
        return reader.finish()


class _Reader:
    """Grows the data set task by task."""

    def __init__(
        self, path: Path, findings: Findings, root: Path, size: tuple[int, int] | None, *, predictions: bool
    ) -> None:
        self.path, self.findings, self.root = path, findings, root
        self.size, self.predictions = size, predictions
        self.build = Builder()
        self.classes: dict[str, int] = {}
        self.sequences: set[str] = set()
        self.several = self.turned = self.missing = 0
        self.boxes: list[tuple[int, list[float], int, int]] = []
        self.attributes: list[dict[str, str]] = []

    def finish(self) -> Dataset:
        notes = self.build.notes
        for one, extra in zip(self.boxes, typed(self.attributes, notes), strict=True):
            self.build.box(*one[:3], track_id=one[3], extra=extra)
        if self.several:
            notes.append(f"{self.several} tasks have several annotations; the first of each was read")
        if self.turned:
            notes.append(f"{self.turned} turned rectangles were read as the boxes around them")
        if self.missing:
            notes.append(f"{self.missing} videos or pictures are not below {self.root}; say where with images=")
        return self.build.finish(tuple(self.classes), root=self.root, name=self.path.stem)

    def task(self, at: int, task: Any) -> None:
        place = f"task {at + 1}"
        try:
            things, several = regions(task, predictions=self.predictions)
            self.several += several
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            self.findings.bad(f"{place} must be a task of Label Studio; {error}.", path=self.path)
            return
        stated = media(task)
        tracks = {key: t for key, t in things.items() if isinstance(t.value.get("sequence"), list)}
        boxes = {key: t for key, t in things.items() if key not in tracks and "width" in t.value}
        file = self._file(stated)
        if tracks or (stated and PurePosixPath(stated).suffix.lower() in VIDEO_SUFFIXES):
            self._video(place, file, stated, tracks, fps(task))
        elif boxes or stated:
            self._picture(place, file, stated, boxes)

    def _file(self, stated: str) -> Path | None:
        """Return where a task's video or picture lies, however the server called it; None where it is not there."""
        split = urlsplit(stated)
        asked = parse_qs(split.query).get("d", [])  # /data/local-files/?d=folder/a.mp4
        name = unquote(asked[0] if asked else split.path).replace("\\", "/")
        last = PurePosixPath(name).name
        for guess in dict.fromkeys((name.lstrip("/"), last, _UPLOADED.sub("", last))):
            parts = PurePosixPath(guess).parts
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                if name_problem(tail) is None and (found := inside(self.root, tail, "The file")).is_file():
                    return found
        return None

    def _class(self, thing: Region) -> int:
        name = thing.labels[0] if thing.labels else "object"
        return self.classes.setdefault(name, len(self.classes))

    def _name(self, stated: str, place: str) -> str:
        last = PurePosixPath(unquote(urlsplit(stated).path).replace("\\", "/")).name
        name = _UPLOADED.sub("", last).rpartition(".")[0] or _UPLOADED.sub("", last) or self.path.stem
        name = name if name not in self.sequences else f"{name}-{place.removeprefix('task ')}"
        self.sequences.add(name)
        return name

    # ---- videos

    def _compare_lengths(self, place: str, file: Path, tracks: Mapping[str, Region], length: int) -> None:
        """Warn where labels were made at another frame rate than the film has, which shifts them."""
        counts = {n for t in tracks.values() if isinstance(n := t.value.get("framesCount"), (int, float)) and n > 0}
        for count in sorted(counts):
            if abs(count - length) > 1:
                message = (
                    f"{place}: the labels are of a film of {count:g} frames, {file.name} has {length}. At another "
                    "frame rate labels are shifted: state the film's own in the labelling interface"
                )
                self.findings.warn(f"{message}.", kind="frame-rate", path=self.path)
                self.build.notes.append(message)

    def _video(
        self, place: str, file: Path | None, stated: str, tracks: Mapping[str, Region], stated_rate: float
    ) -> None:
        from trackforge.data.video import VideoFrames

        length, size = 0, max((t.size for t in tracks.values()), default=(0, 0))
        if file is not None:
            video = VideoFrames(file)
            length, size = len(video), video.size(0)
            video.close()
            self._compare_lengths(place, file, tracks, length)
        elif min(size) <= 0:
            size = self.size or size
        self.missing += file is None
        if min(size) <= 0 and tracks:
            raise DataError(
                f"{place}: the boxes are in percent of a video of unknown size. Put {stated or 'the video'} into "
                f"{self.root}, or state it: size=(1920, 1080).",
                path=self.path,
            )
        for thing in tracks.values():
            stated_frames = [k.get("frame", 0) for k in thing.value["sequence"] if isinstance(k, dict)]
            for number in (thing.value.get("framesCount") or 0, *stated_frames):
                if file is None and isinstance(number, (int, float)):
                    check_limit("frames", number, f"{place}: the number of frames", path=self.path)
                    length = max(length, int(number))
        name = self._name(stated, place)
        inside_root = "" if file is None else file.relative_to(self.root).as_posix()
        extra = {"rate": frame_rate(tracks.values(), stated_rate)}
        told: list[tuple[int, int, Any, Any, dict[str, str]]] = []
        for number, (key, thing) in enumerate(tracks.items(), 1):
            track = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else number
            try:
                frames, boxes, turned = shown_boxes(thing.value["sequence"], length, size)
            except DataError:
                raise
            except (TypeError, ValueError, KeyError) as error:
                self.findings.bad(f"{place}, region {key}: a key frame {error}.", path=self.path)
                continue
            self.turned += turned
            check_limit("boxes", sum(len(t[2]) for t in told) + len(frames), "The boxes of a task", path=self.path)
            told.append((track, self._class(thing), frames.tolist(), boxes.tolist(), thing.attributes))
        # a stated length alone must not make millions of frames, of which nothing is known
        whole = bool(inside_root) or length <= WHOLE
        listed = range(length) if whole else sorted({f for t in told for f in t[2]} | {length - 1})
        rows = {
            k: self.build.image(f"{inside_root}#{k}" if inside_root else "", size, sequence=name, frame=k, extra=extra)
            for k in listed
        }
        for track, label, numbers, boxes, attributes in told:
            for frame, box in zip(numbers, boxes, strict=True):
                self.box(rows[frame], box, label, attributes, track)

    # ---- pictures

    def _picture(self, place: str, file: Path | None, stated: str, boxes: Mapping[str, Region]) -> None:
        size = max((t.size for t in boxes.values()), default=(0, 0))
        if min(size) <= 0 and file is not None:
            size = picture_size(file)
        if min(size) <= 0 and boxes:
            self.findings.bad(f"{place}: the boxes are in percent of a picture of unknown size.", path=self.path)
            return
        self.missing += file is None
        last = PurePosixPath(unquote(urlsplit(stated).path).replace("\\", "/")).name
        row = self.build.image(last if file is None else file.relative_to(self.root).as_posix(), size)
        for key, thing in boxes.items():
            try:
                box, turned = box_around(thing.value, size)
            except (TypeError, ValueError, KeyError) as error:
                self.findings.bad(f"{place}, region {key}: a rectangle {error}.", path=self.path)
                continue
            self.turned += turned
            self.box(row, box.tolist(), self._class(thing), thing.attributes)

    def box(self, row: int, box: list[float], label: int, attributes: dict[str, str], track: int = -1) -> None:
        """Keep a box until all are known, for what an attribute is, a number or a text, all its values tell."""
        self.boxes.append((row, box, label, track))
        self.attributes.append(attributes)
