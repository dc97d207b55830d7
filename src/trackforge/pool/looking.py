"""Asking a detector for a batch: every frame has an answer, its detections or the error that came in their place."""

from __future__ import annotations

import logging

from trackforge.protocols import Detector
from trackforge.roles import answers
from trackforge.types import Detections, Frame

__all__ = ["detect_each", "looked"]

log = logging.getLogger(__name__)


def detect_each(detector: Detector, frames: list[Frame]) -> list[Detections | BaseException]:
    """Detect in a batch; where that fails, frame by frame, so that only the faulty ones suffer."""
    found = looked(detector, frames)
    if len(frames) > 1 and isinstance(found[0], Exception):
        log.warning("a batch of %d frames failed (%s), which are tried one by one", len(frames), found[0])
        return [looked(detector, [frame])[0] for frame in frames]
    return found


def looked(detector: Detector, frames: list[Frame]) -> list[Detections | BaseException]:
    """Return what a detector finds in frames, or for each the error that came instead."""
    try:
        return list(answers(detector, frames, detector.detect(frames)))
    except BaseException as error:  # noqa: BLE001 - it belongs to the sessions whose frames these are; Ctrl-C does, too
        return [error] * len(frames)
