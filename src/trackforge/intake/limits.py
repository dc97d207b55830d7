"""How large a thing that a file announces may be; checked before anything is allocated.

The limits stand far above what people have, and are settings: an environment variable ``TRACKFORGE_LIMIT_PIXELS``
changes one for a program and the processes that it starts, ``with limited(pixels=...)`` for a block of code.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from trackforge.errors import ConfigError, DataError

__all__ = ["Limits", "check_limit", "limited", "limits"]

PREFIX = "TRACKFORGE_LIMIT_"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits, each a whole number >= 1.

    Attributes:
        frames: Frames of a sequence, and so the highest frame number: 92 hours at 30 frames a second.
        boxes: Boxes that a few words of a file stand for: interpolated ones, regions that hold in every frame.
        classes: Classes of a data set or a result, and so the highest class number.
        pixels: Width times height of a picture, a frame or a network's input.
        scans: Passes over a JPEG; encoders make a dozen, and each costs the time of the whole picture, however empty.
        bytes: What one tensor, picture or member of an archive may take in memory, in bytes.
        inflation: How many times its size a compressed file may take when it is unpacked (small ones: 64 MiB).
        members: Files in an archive.
        download: Bytes of a file that is downloaded.
    """

    frames: int = 10_000_000
    boxes: int = 2_000_000
    classes: int = 100_000
    pixels: int = 200_000_000
    scans: int = 100
    bytes: int = 16 * 2**30
    inflation: int = 200
    members: int = 5_000_000
    download: int = 64 * 2**30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ConfigError(f"The limit {field.name!r} must be a whole number >= 1; got {value!r}.")


_chosen: ContextVar[Limits | None] = ContextVar("trackforge_limits", default=None)


def limits() -> Limits:
    """Return the limits that hold here.

    Raises:
        ConfigError: An environment variable ``TRACKFORGE_LIMIT_...`` is of no limit, or no whole number >= 1.
    """
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    return _from_environment(len(os.environ), *(os.environ.get(variable) for variable in _VARIABLES))


@contextlib.contextmanager
def limited(**changes: int) -> Iterator[Limits]:
    """Hold other limits within a block of code, in this thread or task.

    >>> with limited(pixels=10**9):
    ...     limits().pixels
    1000000000

    Raises:
        ConfigError: There is no such limit, or a value is no whole number >= 1.
    """
    unknown = changes.keys() - {field.name for field in fields(Limits)}
    if unknown:
        raise ConfigError(f"There is no limit {sorted(unknown)[0]!r}. There are: {_names()}.")
    token = _chosen.set(replace(limits(), **changes))
    try:
        yield limits()
    finally:
        _chosen.reset(token)


def check_limit(name: str, value: float, what: str, *, path: str | Path | None = None, line: int | None = None) -> None:
    """Refuse what is larger than a limit.

    >>> check_limit("frames", 4e9, "The frame", path="gt.txt", line=1)
    Traceback (most recent call last):
    trackforge.errors.DataError: gt.txt:1: The frame must be at most 10,000,000; got 4,000,000,000. ...

    Args:
        name: An attribute of `Limits`.
        value: What the file announces.
        what: What it is, for the message.
        path: The file, for the message.
        line: 1-based line, for the message.

    Raises:
        DataError: It is larger.
    """
    most = getattr(limits(), name)
    if not value <= most:
        raise DataError(
            f"{what} must be at most {most:,}; got {value:,.0f}. Repair the file, or raise the limit: "
            f"{PREFIX}{name.upper()}=...",
            path=path,
            line=line,
        )


_VARIABLES = tuple(PREFIX + field.name.upper() for field in fields(Limits))


@lru_cache(maxsize=8)
def _from_environment(number: int, *texts: str | None) -> Limits:  # noqa: ARG001 - so that a new variable is noticed
    """Return the limits that the variables state; asked for every picture, so that reading them must cost little."""
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in _VARIABLES:
            raise ConfigError(f"The environment variable {variable} is of no limit. There are: {_names()}.")
    chosen = {}
    for variable, text in zip(_VARIABLES, texts, strict=True):
        if text is None:
            continue
        digits = text.replace("_", "")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise ConfigError(f"The environment variable {variable} must be a whole number >= 1; got {text!r}.")
        chosen[variable.removeprefix(PREFIX).lower()] = int(digits)
    return Limits(**chosen)


def _names() -> str:
    return ", ".join(field.name for field in fields(Limits))
