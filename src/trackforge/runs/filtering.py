"""What a run leaves out of any detector's boxes: other classes, and second boxes on one thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from trackforge.boxes import nms
from trackforge.protocols import Detector, StagedDetector, StreamAware, notes_of
from trackforge.runs.component import Component
from trackforge.types import Detections, Frame, Stream
from trackforge.types.classes import class_numbers

__all__ = ["narrowed", "one_box_each", "only_classes", "settled_inside"]

LISTED = 3
"""Classes that a note names."""
Keep: TypeAlias = Callable[[Detections], Detections]


OVERLAP = 0.65
"""IoU above which the lesser of two boxes goes, where the detector has no limit of its own."""


def settled_inside(detector: Component, classes: Sequence[str], class_agnostic: bool) -> tuple[Component, Any, bool]:
    """Tell a detector what it can leave out by itself, sooner than we could; return what remains for `narrowed`."""
    if classes and detector.has("keep_classes"):
        detector, classes = detector.but({"keep_classes": classes}), ()
    if class_agnostic and detector.has("class_agnostic"):
        detector, class_agnostic = detector.but({"class_agnostic": True}), False
    return detector, classes, class_agnostic


def narrowed(detector: Detector, classes: Sequence[str] = (), class_agnostic: bool = False) -> Detector:
    """Return a detector that leaves out what `settled_inside` said remains.

    Args:
        detector: Any.
        classes: Names of the classes to keep; none: all.
        class_agnostic: Whether boxes of different classes suppress each other.

    Raises:
        ConfigError: The detector has no such class.
    """
    detector = only_classes(detector, classes) if classes else detector
    return one_box_each(detector, OVERLAP) if class_agnostic else detector


def only_classes(detector: Detector, names: Sequence[str]) -> Detector:
    """Return a detector that keeps some classes only.

    Raises:
        ConfigError: The detector has no such class.
    """
    kept = class_numbers(names, tuple(detector.classes), what="classes", of="the detector")
    return _filtered(detector, _OfClasses(kept, tuple(detector.classes)))


def one_box_each(detector: Detector, limit: float) -> Detector:
    """Return a detector whose boxes suppress each other whatever their classes.

    Of a thing that is found as a car and as a truck, the better box stays.

    Args:
        detector: Any.
        limit: IoU above which the lesser box goes.
    """

    def keep(found: Detections) -> Detections:
        stays = nms(found.xyxy, found.score, limit)
        return found if len(stays) == len(found) else found[np.sort(stays)]

    return _filtered(detector, keep)


class _OfClasses:
    """Keeps some classes, and knows how many boxes of each there were."""

    def __init__(self, kept: Sequence[int], names: Sequence[str]) -> None:
        self._kept, self._names = list(kept), names
        self._seen: Counter[int] = Counter()

    def __call__(self, found: Detections) -> Detections:
        self._seen.update(found.class_id.tolist())
        return found[np.isin(found.class_id, self._kept)]

    def notes(self) -> Sequence[str]:
        """Say so where nothing is left of what was found."""
        if not self._seen or any(self._seen[kind] for kind in self._kept):
            return ()
        others = ", ".join(f"{self._name(kind)} ({count})" for kind, count in self._seen.most_common(LISTED))
        wanted = ", ".join(self._name(kind) for kind in self._kept)
        return (f"none of {self._seen.total()} detections is of the classes asked for ({wanted}): they are {others}",)

    def _name(self, kind: int) -> str:
        return self._names[kind] if 0 <= kind < len(self._names) else f"class {kind}"


def _filtered(detector: Detector, keep: Keep) -> Detector:
    return _StagedFiltered(detector, keep) if isinstance(detector, StagedDetector) else _Filtered(detector, keep)


class _Filtered:
    """A detector with something left out."""

    def __init__(self, detector: Any, keep: Keep) -> None:
        self._detector, self._keep = detector, keep
        self.classes: Sequence[str] = tuple(detector.classes)
        self.embedding_dim: int | None = detector.embedding_dim

    def open(self, stream: Stream, /) -> None:
        """Pass on what is known of the frames."""
        if isinstance(self._detector, StreamAware):
            self._detector.open(stream)

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Detect, and leave out the rest."""
        return [self._keep(found) for found in self._detector.detect(frames)]

    def notes(self) -> Sequence[str]:
        """Pass on what the detector has noticed, and what was left out."""
        return (*notes_of(self._detector), *notes_of(self._keep))


class _StagedFiltered(_Filtered):
    """The same in the three steps that the pipeline runs side by side."""

    def prepare(self, frames: Sequence[Frame], /) -> Any:
        """Make the network's input."""
        return self._detector.prepare(frames)

    def infer(self, prepared: Any, /) -> Any:
        """Run the network."""
        return self._detector.infer(prepared)

    def select(self, predictions: Any, /) -> list[Detections]:
        """Choose, and leave out the rest."""
        return [self._keep(found) for found in self._detector.select(predictions)]
