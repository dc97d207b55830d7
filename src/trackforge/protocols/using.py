"""What is made of results and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from trackforge.types import Step

__all__ = ["Analytic", "Command", "Exporter"]


@runtime_checkable
class Analytic(Protocol):
    """Turns the steps of a run into what people want to know: counts, speeds, times."""

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take the results of one frame; return what is known now, by name: numbers, strings and lists of them."""

    def result(self) -> Mapping[str, Any]:
        """Return what came of all frames so far, by name, as JSON knows it."""

    def reset(self) -> None:
        """Forget everything."""


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
