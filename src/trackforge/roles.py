"""Who may play which role in a session: refused before the work begins, or at the first answer that is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from trackforge.errors import InvalidInputError, PluginError
from trackforge.protocols import Detector
from trackforge.types import Detections, Frame

__all__ = ["answers", "classes_of", "fit", "follows"]

T = TypeVar("T")


def fit(component: T, role: str, *methods: str) -> T:
    """Refuse what cannot play a role, before the work begins.

    Raises:
        InvalidInputError: It is a class, or has not all of the methods.
    """
    for method in methods:
        if isinstance(component, type) or not hasattr(component, method):
            what = f"the class {component.__name__}" if isinstance(component, type) else repr(component)
            raise InvalidInputError(
                f"A {role} must be an object with {method}(), or a name; got {what}. See trackforge.protocols."
            )
    return component


def follows(frame: Any, last: int) -> Frame:
    """Return the frame, if it is one that may come after the frame of index ``last``; -1 before the first.

    Raises:
        InvalidInputError: It is something else, or its index does not increase.
    """
    if not isinstance(frame, Frame):
        raise InvalidInputError(
            f"A source must yield trackforge.Frame objects; got {type(frame).__name__}. "
            "Wrap it: Frame(index=..., image=...)."
        )
    if frame.index <= last:
        raise InvalidInputError(
            f"frame.index must increase strictly within a sequence; got {frame.index} after {last}. "
            "Sort the frames, or track each sequence by itself."
        )
    return frame


def classes_of(detector: Detector) -> tuple[str, ...]:
    """Return the names of a detector's classes, if they are names.

    Raises:
        PluginError: They are something else.
    """
    given: Any = detector.classes
    if not isinstance(given, (tuple, list)) or not all(isinstance(name, str) for name in given):
        raise PluginError(
            f"The classes of a detector must be a tuple of names; those of {type(detector).__name__} are {given!r}. "
            "One without names has ()."
        )
    return tuple(given)


def answers(detector: Detector, frames: Sequence[Frame], found: Any) -> list[Detections]:
    """Return what a detector found, if that is one Detections a frame.

    Raises:
        PluginError: It is something else.
    """
    given = found if isinstance(found, (list, tuple)) else [found]
    if given is not found or len(given) != len(frames) or not all(isinstance(one, Detections) for one in given):
        kinds = ", ".join(sorted({type(one).__name__ for one in given})) or "nothing"
        raise PluginError(
            f"detect() must return a list of one Detections a frame; {type(detector).__name__} gave {len(given)} for "
            f"{len(frames)} frames ({kinds}). trackforge.testing.check_detector shows what else it must do."
        )
    return list(given)
