"""Results as a video: boxes, ids and trails over the pictures."""

from __future__ import annotations

import collections
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import InvalidInputError, SinkError
from trackforge.io.atomic import PartialFile
from trackforge.io.drawing import Canvas, Trails, colour_of
from trackforge.io.encode import ENCODERS, WEB_ENCODERS, VideoWriter
from trackforge.io.gif import GifWriter
from trackforge.protocols import Drawing
from trackforge.types import Frame, Step, Stream, Tracks, TrackState

__all__ = ["OverlaySink", "OverlaySinkConfig"]

log = logging.getLogger(__name__)
RATE = 25.0
"""Frames per second where nobody knows."""
PAUSE = 2.0
"""Seconds between two pictures above which they are a pause, or pictures of a time lapse."""
LAPSE = 10.0
"""Pictures a second at which a time lapse is shown."""
LONGEST = 60.0
"""Seconds of a pause above which it is shown as `PAUSE`."""
MOMENTS = 30
"""Frames over which the speed of a run is taken."""
DETECTION = (200, 200, 200)
"""Light grey: raw detections stand back behind the tracks."""


@dataclass(frozen=True, kw_only=True)
class OverlaySinkConfig:
    """Settings of `OverlaySink`."""

    path: Path = setting(help="Video file to write: .mp4, .mkv, .mov, .webm or .gif.")
    box: Literal["filtered", "detected"] = setting(
        "filtered", help="The motion model's box, or the detector's own for tracks that have one."
    )
    rate: float | None = setting(
        None, help="Frames per second where frames have no timestamp; none for the source's.", unit="fps", minimum=0.01
    )
    quality: int = setting(
        23,
        help="Constant rate factor of H.264; less is better and larger. VP9 gets one of its own that looks like it.",
        minimum=0,
        maximum=51,
    )
    trail: int = setting(30, help="Length of the trails; 0 for none.", unit="frames", minimum=0)
    labels: bool = setting(True, help="Write ids, and class names where given.")
    scores: bool = setting(False, help="Write scores, too.")
    fps: bool = setting(
        False,
        help="Write into a corner the frame, how many a second the run gets through, and how many objects it shows.",
    )
    classes: tuple[str, ...] = setting(
        (), help="Class names to write, where there are several; the detector's where none are set."
    )
    numbers: bool = setting(
        False, help="To count by: red boxes with yellow numbers, in the order of the objects, and nothing else."
    )
    masks: bool = setting(True, help="Fill the masks of objects, where there are some.")
    lost: bool = setting(False, help="Draw lost tracks where they are expected, dashed.")
    detections: bool = setting(False, help="Draw what the detector found, in grey.")
    line_width: int | None = setting(
        None, help="Width of lines; none for one that suits the size.", unit="px", minimum=1
    )
    encoder: str = setting(
        "auto", help="FFmpeg's name of an encoder, e.g. h264_nvenc; auto takes H.264, for .webm VP9, if it is there."
    )

    def __post_init__(self) -> None:
        check(self)


class OverlaySink:
    """Writes a video that plays everywhere (H.264, yuv420p, index first), at the pace and in the shape of the source.

    Every frame is in it, at its own time. Only where nobody would wait is time shortened, which is said: pictures that
    come more than 2 s apart one after the other (a time lapse) are shown at 10 a second, and a single pause of more
    than a minute takes 2 s. Pixels that are not square stay as they are, and the player is told to stretch them.

    A ``.webm`` holds VP9 (or VP8) for pages, a ``.gif`` small pictures that move (`trackforge.io.gif`).

    Raises:
        SinkError: The file cannot be written.
        InvalidInputError: A frame has no image.
        MissingDependencyError: The encoder is not there.
    """

    def __init__(self, config: OverlaySinkConfig) -> None:
        self.config = config
        self._partial: PartialFile | None = None
        self._writer: VideoWriter | GifWriter | None = None
        self._canvas = Canvas((0, 0))
        self._trails, self._speed = Trails(config.trail), Speed()
        self._also: Drawing | None = None
        self.open(Stream())

    def __enter__(self) -> OverlaySink:
        self._partial = PartialFile(self.config.path)
        self.open(Stream())
        self._writer, self._trails, self._also = None, Trails(self.config.trail), None
        return self

    def draw_with(self, painter: Drawing, /) -> None:
        """Have somebody else draw into each picture, too, after the boxes."""
        self._also = painter

    def open(self, stream: Stream, /) -> None:
        """Take the rate of the source and the names of the classes, as far as they are not set."""
        self._pace = Pace(self.config.path.name, self.config.rate or stream.rate or RATE)
        self._classes = self.config.classes or stream.classes
        self._pixel_aspect = stream.pixel_aspect

    def write(self, step: Step, /) -> None:
        """Draw and encode one frame."""
        image = step.frame.image
        if self._partial is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        if image is None:
            raise InvalidInputError(
                f"An overlay needs pictures; frame {step.frame.index} has none. Use a video or pictures as the source, "
                "or leave out this output."
            )
        if self._writer is None:
            with self._partial.writing() as path:
                self._writer = self._made(path, step.frame.size)
            self.begin(step.frame.size)
        picture = np.array(image)  # the frame's own image stays clean
        self.draw(picture, step)
        with self._partial.writing():
            self._writer.write(picture, self._pace.place(step.frame))

    def begin(self, size: tuple[int, int]) -> None:
        """Choose lines and letters that suit pictures of ``(width, height)``."""
        self._canvas = Canvas(size, self.config.line_width)

    def _made(self, path: Path, size: tuple[int, int]) -> VideoWriter | GifWriter:
        name = self.config.path.name
        if path.suffix.lower() == ".gif":
            return GifWriter(path, size, pixel_aspect=self._pixel_aspect, name=name)
        return VideoWriter(
            path,
            size,
            self._pace.rate,
            self.config.quality,
            self._encoders(),
            pixel_aspect=self._pixel_aspect,
            name=name,
        )

    def draw(self, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], step: Step) -> None:
        """Draw the results of one frame into an RGB uint8 picture ``(H, W, 3)``."""
        self._draw_tracks(picture, step)
        if self.config.fps:
            shown = len(step.tracks.visible)
            words = f"frame {step.frame.index}   {self._speed.next():.1f} fps   {shown} shown"
            self._canvas.label(picture, (0, 0, 0, 0), words, DETECTION)
        if self._also is not None:
            self._also.draw(picture, step)

    def _draw_tracks(self, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], step: Step) -> None:
        canvas, config = self._canvas, self.config
        if config.detections:
            for box in step.detections.xyxy:
                canvas.box(picture, box, DETECTION, faint=True)
        if config.lost:
            lost = step.tracks[step.tracks.state == TrackState.LOST]
            for track_id, box in zip(lost.track_id.tolist(), lost.xyxy, strict=True):
                canvas.box(picture, box, colour_of(track_id), faint=True)
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if config.box == "detected" else tracks.xyxy
        if config.numbers:
            canvas.count(picture, boxes)
            return
        ids = tracks.track_id.tolist()
        tracked = [one for one in ids if one > 0]
        if len(tracked) == len(ids):  # boxes without identity have no trails
            self._trails.add(step.frame.index, ids, boxes)
        shades = [
            colour_of(one if one > 0 else kind + 1) for one, kind in zip(ids, tracks.class_id.tolist(), strict=True)
        ]
        for track_id in tracked:
            canvas.trail(picture, self._trails.of(track_id), colour_of(track_id))
        order = np.argsort(boxes[:, 3], kind="stable").tolist()  # what is nearer stands lower, and comes last
        if config.masks and step.detections.mask is not None:
            masks = step.detections.mask[tracks.detection]
            for row in order:
                if masks[row] is not None:
                    canvas.mask(picture, masks[row], shades[row])
        for row in order:
            canvas.box(picture, boxes[row], shades[row])
        if config.labels:
            for row in order:
                canvas.label(picture, boxes[row], self._text(tracks, row), shades[row])

    def _encoders(self) -> tuple[str, ...]:
        if self.config.encoder != "auto":
            return (self.config.encoder,)
        return WEB_ENCODERS if self.config.path.suffix.lower() == ".webm" else ENCODERS

    def _text(self, tracks: Tracks, row: int) -> str:
        known = tracks.track_id[row] > 0
        words = [str(tracks.track_id[row])] if known else []
        class_id = int(tracks.class_id[row])
        if 0 <= class_id < len(self._classes) and (len(self._classes) > 1 or not known):
            words.append(self._classes[class_id])
        if self.config.scores or not known:
            words.append(f"{tracks.score[row]:.2f}")
        return " ".join(words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Finish the video."""
        partial, self._partial = self._partial, None
        writer, self._writer = self._writer, None
        if partial is None:
            return
        if writer is None:
            partial.discard()
            if kind is None:  # a video of no frames cannot be played
                log.warning("%s is not written: there were no frames", self.config.path)
            return
        partial.settle(kind, error, close=writer.close)


class Speed:
    """Frames a second over the last moments of a run."""

    def __init__(self) -> None:
        self._times: collections.deque[float] = collections.deque(maxlen=MOMENTS)

    def next(self) -> float:
        """Count a frame; return frames a second, 0 before the second."""
        self._times.append(time.perf_counter())
        passed = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else 0.0


class Pace:
    """Tells when to show the frames of a sequence, in seconds since the first.

    Args:
        name: Of the video, for messages.
        rate: Frames per second where frames have no timestamp.

    Attributes:
        rate: Frames per second to state for the video.
    """

    def __init__(self, name: str, rate: float) -> None:
        self.name = name
        self._rate = rate
        self.rate = LAPSE if rate * PAUSE < 1 else rate
        self._last: Frame | None = None
        self._shown = 0.0
        self._slow = True  # whether the frame before came after a pause; the first frame is not waited for
        self._told: set[str] = set()

    def place(self, frame: Frame) -> float:
        """Return the second at which to show a frame, more than for the one before it where its clock allows."""
        last, self._last = self._last, frame
        if last is None:
            return 0.0
        if frame.timestamp is None or last.timestamp is None:
            passed = (frame.index - last.index) / self._rate
        else:
            passed = max(frame.timestamp - last.timestamp, 0.0)
        slow, self._slow = self._slow, passed > PAUSE
        if slow and self._slow:
            self._tell(f"pictures come {passed:.3g} s apart and are shown at {LAPSE:g} a second")
            passed = 1 / LAPSE
        elif passed > LONGEST:
            self._tell(f"a pause of {passed:.0f} s is shown as {PAUSE:g} s")
            passed = PAUSE
        self._shown += passed
        return self._shown

    def _tell(self, what: str) -> None:
        kind = what.split()[0]
        if kind not in self._told:
            self._told.add(kind)
            log.info("%s: %s", self.name, what)
