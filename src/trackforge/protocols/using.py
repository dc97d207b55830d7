"""What is made of results and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from trackforge.types import Step

__all__ = ["Analytic", "Command", "Drawing", "Eventful", "Exporter", "Savable"]


@runtime_checkable
class Analytic(Protocol):
    """Turns the steps of a run into what people want to know: counts, speeds, times.

    One may also be `StreamAware`, `Drawing`, `Eventful` and `Savable`.
    """

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take the results of one frame; return what is known now, by name: numbers, strings and lists of them."""

    def result(self) -> Mapping[str, Any]:
        """Return what came of all frames so far, by name, as JSON knows it."""

    def reset(self) -> None:
        """Forget everything."""


@runtime_checkable
class Drawing(Protocol):
    """An analytic that can show in the picture what it knows."""

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:
        """Draw in place on an RGB picture ``(H, W, 3)``; called after ``update()`` of the same step, or not at all.

        The picture is a copy of the step's, in which others may have drawn. The step stays as it is, and so does what
        the analytic knows: whether a run is drawn changes no number.
        """


@runtime_checkable
class Eventful(Protocol):
    """An analytic that tells what happened: crossings, entries, exits."""

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return what happened since the last call, oldest first, and forget it.

        Each event is flat, as a row of a table: texts, numbers, true, false and None by name. It has at least ``frame``
        (index of the frame in which it was noticed), ``time`` (seconds since the start of the sequence, or None) and
        ``kind``; those of one track have ``track_id`` and ``class`` (its name; ``"class 3"`` where it has none).
        """


@runtime_checkable
class Savable(Protocol):
    """A component that can go on elsewhere: it gives what it knows, and takes it back."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts and lists of them."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another component, or of other settings.
        """


class Exporter(Protocol):
    """Writes a model for another engine: the target of a component of kind ``"exporter"``."""

    def __call__(self, config: Any, /) -> Path:
        """Write what the settings say, whole or not at all; return where it is."""


class Command(Protocol):
    """A subcommand that a plugin adds to the command line; what the target of its component returns."""

    def __call__(self, argv: Sequence[str], /) -> int:
        """Run with the words after the subcommand's name; return the exit code.

        ``--help`` prints how it is used and returns 0. Errors of trackforge are left to the command line to tell.
        """
