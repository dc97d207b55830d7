"""What a component has to say about what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["Noting", "notes_of"]


@runtime_checkable
class Noting(Protocol):
    """A component, most of all a Detector or Tracker, that notices what its user should know.

    A run asks when a sequence is over, shows every note once and puts it into ``summary.json``
    (`trackforge.runs.SequenceResult.notes`). Who pulls frames himself may ask at any time, between two frames.
    """

    def notes(self) -> Sequence[str]:
        """Return what was noticed since the last reset, most important first; empty where all is well.

        Each is one line: what was seen, in numbers where there are some, and the cure, as ``"the camera moves in 212 of
        240 frames, and what stands still is found with the rest; a network sees objects in single pictures: --detector
        yolox"``. Asking changes nothing: the next call gives the same, and what came since.
        """


def notes_of(component: Any, /) -> tuple[str, ...]:
    """Return the notes of a component that takes notes, and none of any other."""
    return tuple(component.notes()) if isinstance(component, Noting) else ()
