"""The table of operators: what each of MXNet's does, on torch.

An operator is registered by a function that reads its settings once and returns what is done for every picture. All
of MXNet's spellings of it, old and new, stand in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from trackforge_mxnet.attributes import Attributes

__all__ = ["OPERATORS", "Function", "Make", "Operator", "operator"]

Function: TypeAlias = Callable[..., Any]
"""Takes tensors, gives one tensor or a tuple of them."""
Make: TypeAlias = Callable[[Attributes], Function]
"""Reads settings, gives the function."""


@dataclass(frozen=True)
class Operator:
    """What is known of an operator.

    Attributes:
        make: Reads settings, gives the function.
        shapes: Inputs of which only the shape counts, not the values.
        taken: How many inputs count; those behind them are labels, which inference has not. None: all.
    """

    make: Make
    shapes: tuple[int, ...] = ()
    taken: int | None = None


OPERATORS: dict[str, Operator] = {}
"""By name."""


def operator(*names: str, shapes: tuple[int, ...] = (), taken: int | None = None) -> Callable[[Make], Make]:
    """Register an operator under MXNet's names for it."""

    def register(make: Make) -> Make:
        for name in names:
            OPERATORS[name] = Operator(make, shapes, taken)
        return make

    return register
