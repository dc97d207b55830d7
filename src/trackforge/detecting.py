"""Detection without tracking, through the loop, the sources and the sinks that tracking has.

>>> import trackforge
>>> for step in trackforge.detect("shots/", trackforge.detector("yolox"), sinks=["out.json"]):  # doctest: +SKIP
...     print(step.frame.file, step.detections.xyxy, step.detections.score)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path

from trackforge import pipeline
from trackforge.online.unlinked import Unlinked
from trackforge.protocols import Detector, Sink, Source
from trackforge.types import Frame, Step

__all__ = ["detect"]


def detect(
    source: str | Path | Source | Iterable[Frame],
    detector: Detector | str,
    *,
    sinks: Iterable[Sink | str | Path] = (),
    batch_size: int = 1,
    ahead: int = 4,
) -> Generator[Step, None, None]:
    """Find objects in a film, in the pictures of a folder, or in frames of any sizes.

    Sinks write every detection as a row without identity: MOTChallenge's ``det.txt``, COCO json without ``track_id``,
    boxes that are labelled by class and score.

    Args:
        source: A path, URL or source name (see `trackforge.source`), a Source, or any iterable of frames.
        detector: A Detector, or the name of one that needs no settings.
        sinks: Sinks, or file names whose ending tells which sink is meant. Opened and closed here.
        batch_size: Frames that the detector gets at once.
        ahead: Frames that decoding and detection may run ahead of the caller; 0 does everything in the caller's thread.

    Yields:
        A `Step` for every frame, empty or not: ``detections``, and ``tracks`` that are the same without identity.

    Raises:
        TrackforgeError: As `trackforge.track` does.
    """
    return pipeline.track(source, detector, Unlinked(), sinks=sinks, batch_size=batch_size, ahead=ahead)
