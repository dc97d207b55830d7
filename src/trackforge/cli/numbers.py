"""Whole numbers on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token
from cyclopts.validators import Number

__all__ = ["Count", "Positive", "Whole"]


def _whole(type_: type, tokens: Sequence[Token]) -> int:  # noqa: ARG001 - the signature of a converter
    """Convert without losing anything: cyclopts itself would make 2 of 2.5."""
    try:
        return int(tokens[0].value)
    except ValueError:
        message = f"it must be a whole number; got {tokens[0].value!r}"
        raise ValueError(message) from None


Whole = Annotated[int, Parameter(converter=_whole)]
Count = Annotated[int, Parameter(converter=_whole, validator=Number(gte=0))]
Positive = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1))]
