"""The demonstration: a drawn street, tracked from pixels to scores, with nothing but core and trackforge-byte."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import trackforge
from trackforge.errors import MissingDependencyError
from trackforge.io.atomic import atomic_path
from trackforge.io.mot import write_mot
from trackforge.protocols import Sink
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.table import TrackTable
from trackforge.types import Step

__all__ = ["run"]

TRAIL = 30
"""Frames of trail in the picture, as in the video."""


def run(
    out: str | Path, *, frames: int = 300, seed: int = 0, progress: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """Draw a street, find its walkers by their motion, track them with BYTE, and score the tracks.

    All settings of detector and tracker are the defaults. Writes into ``out``, replacing what stood there:
    ``street.mp4`` (the video as a camera would give it), ``demo.mp4`` (with boxes, ids and trails), ``tracks.txt``
    (MOTChallenge results), ``gt/gt.txt`` (ground truth) and ``street.png`` (the liveliest frame).

    Args:
        out: Folder; made where needed.
        frames: Length of the video.
        seed: Another number is another street.
        progress: Called after every frame.

    Returns:
        ``HOTA``, ``MOTA``, ``IDF1``, ``DetA``, ``AssA`` (fractions of 1), ``IDSW``, ``walkers``, ``frames``, ``fps``
        (frames a second, drawing and writing included) and the paths ``street``, ``video``, ``tracks``, ``truth`` and
        ``picture``.

    Raises:
        SinkError: The folder cannot be written to.
        MissingDependencyError: The extra ``video`` or trackforge-byte is not installed.
    """
    out = Path(out)
    source = SyntheticSource(SyntheticSourceConfig(frames=frames, seed=seed))
    files = {
        "street": out / "street.mp4",
        "video": out / "demo.mp4",
        "tracks": out / "tracks.txt",
        "truth": out / "gt" / "gt.txt",
        "picture": out / "street.png",
    }
    sinks = [
        _film(files["street"]),
        trackforge.sink("overlay", path=files["video"]),
        trackforge.sink("mot", path=files["tracks"]),
    ]
    still = _Still()
    steps = trackforge.track(source, trackforge.detector("motion"), trackforge.tracker("byte"), sinks=sinks)
    found = []
    start = time.perf_counter()
    with contextlib.closing(steps):
        for step in steps:
            found.append(replace(step, frame=replace(step.frame, image=None)))  # the pictures are not kept
            still.take(step)
            if progress is not None:
                progress()
    seconds = time.perf_counter() - start
    write_mot(files["truth"], _as_pedestrians(source.truth), kind="truth")
    still.save(files["picture"])
    report = trackforge.evaluate(source.truth, TrackTable.from_steps(found), lengths=frames)
    scores = {name: float(report.combined[name]) for name in ("HOTA", "MOTA", "IDF1", "DetA", "AssA")}
    counts = {
        "IDSW": int(report.combined["IDSW"]),
        "walkers": len(np.unique(source.truth.track_id)),
        "frames": frames,
        "fps": math.floor(frames / seconds),
    }
    return {**scores, **counts, **files}


def _film(path: Path) -> Sink:
    """Return a sink for the pictures themselves, with nothing drawn into them."""
    from trackforge.io.overlay import OverlaySink, OverlaySinkConfig

    class Film(OverlaySink):
        def draw(self, picture: Any, step: Step) -> None:
            pass

    return Film(OverlaySinkConfig(path=path, quality=18))


def _as_pedestrians(truth: TrackTable) -> TrackTable:
    """Number the one class as MOTChallenge files do."""
    return replace(truth, class_id=np.ones(len(truth), np.int64))


class _Still:
    """Keeps the liveliest frame: the one with the most visible tracks, the last of these."""

    def __init__(self) -> None:
        from trackforge.io.overlay import OverlaySink, OverlaySinkConfig

        self._overlay = OverlaySink(OverlaySinkConfig(path=Path("unused.mp4"), trail=TRAIL, line_width=2))
        self._picture: Any = None
        self._most = -1

    def take(self, step: Step) -> None:
        """Look at a frame."""
        picture = np.array(step.frame.image)
        self._overlay.draw(picture, step)
        if len(step.tracks.visible) >= self._most:
            self._picture, self._most = picture, len(step.tracks.visible)

    def save(self, path: Path) -> None:
        """Write the picture."""
        try:
            import cv2
        except ImportError as error:
            raise MissingDependencyError(
                "The demo's picture needs OpenCV; run: pip install 'trackforge-mot[video]'", name="cv2"
            ) from error
        written: Any = cv2.imencode(".png", np.ascontiguousarray(self._picture[:, :, ::-1]))
        with atomic_path(path) as partial:
            partial.write_bytes(written[1].tobytes())
