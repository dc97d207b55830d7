"""How lines, zones and points are written in settings: names, corners in pixels or in shares of the picture.

>>> shapes = read_shapes("lines", "door=0,200 640,200; gate=50%,0 50%,100%", least=2, most=2)
>>> spelled(shapes)
'door=0,200 640,200; gate=50%,0 50%,100%'
>>> shapes[1].pixels((640, 480)).tolist()
[[320.0, 0.0], [320.0, 480.0]]
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError
from trackforge.types.arrays import shown

__all__ = ["Corner", "Shape", "Spelling", "place", "read_numbers", "read_points", "read_shapes", "spelled"]

Spelling: TypeAlias = str | Mapping[str, Any] | tuple[Any, ...]
"""Of shapes: ``"NAME=X,Y X,Y; NAME=..."``, a mapping of names to numbers or points, or a list of either."""
Corner: TypeAlias = tuple[float, bool]
"""A coordinate, and whether it is a share of the picture, 100 for the whole of it; otherwise it is in pixels."""
Floats: TypeAlias = npt.NDArray[np.float64]
MOST_SHAPES, MOST_POINTS = 256, 1000
"""Of one setting, and of one shape."""


@dataclass(frozen=True)
class Shape:
    """A named row of points.

    Attributes:
        name: As given, or the kind of shape with its number.
        numbers: x and y in turn.
    """

    name: str
    numbers: tuple[Corner, ...]

    @property
    def relative(self) -> bool:
        """Whether the size of the picture must be known to place it."""
        return any(share for _, share in self.numbers)

    def pixels(self, size: tuple[int, int] | None) -> Floats:
        """Return the points ``(P, 2)`` in pixels of a picture of ``(width, height)``."""
        sides = size or (1, 1)
        flat = [value / 100 * sides[place % 2] if share else value for place, (value, share) in enumerate(self.numbers)]
        return np.array(flat, np.float64).reshape(-1, 2)

    def __str__(self) -> str:
        words = [_word(number) for number in self.numbers]
        return " ".join(f"{x},{y}" for x, y in zip(words[::2], words[1::2], strict=True))


def read_shapes(setting: str, given: Spelling, *, least: int, most: int = MOST_POINTS) -> tuple[Shape, ...]:
    """Read what stands in a setting.

    Args:
        setting: Its name, for messages; without its last letter also that of shapes without a name.
        given: As `Spelling` says.
        least: Points of a shape, at least.
        most: Points of a shape, at most.

    Raises:
        ConfigError: It is none, two have one name, or one has too few or too many points.
    """
    shapes: dict[str, Shape] = {}
    for name, value in _named(setting, given):
        name = name or f"{setting.rstrip('s')} {len(shapes) + 1}"
        numbers = read_numbers(f"{setting}: {name!r}", value)
        points = len(numbers) // 2
        if not least <= points <= most or len(numbers) % 2:
            wanted = f"{least} points" if least == most else f"at least {least} points"
            raise ConfigError(
                f"{setting}: {name!r} must have {wanted}, x,y x,y and so on; got {len(numbers)} numbers: "
                f"{shown(value)}."
            )
        if name in shapes:
            raise ConfigError(f"{setting} must have a name each; got {name!r} twice. Rename one.")
        shapes[name] = Shape(name, numbers)
    if len(shapes) > MOST_SHAPES:
        raise ConfigError(f"{setting} must be {MOST_SHAPES} at most; got {len(shapes)}. Make several analytics.")
    return tuple(shapes.values())


def spelled(shapes: tuple[Shape, ...]) -> str:
    """Return shapes as one text, as `read_shapes` takes it."""
    return "; ".join(f"{shape.name}={shape}" for shape in shapes)


def place(
    setting: str, shapes: tuple[Shape, ...], size: tuple[int, int] | None
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Put shapes into the picture.

    Args:
        setting: Its name, for messages.
        shapes: As `read_shapes` gave them.
        size: ``(width, height)`` in pixels, None where nobody knows it.

    Returns:
        Points ``(P, 2)`` in pixels by name, and a note for every shape that is partly outside.

    Raises:
        ConfigError: A shape is wholly outside the picture.
    """
    placed, notes = {shape.name: shape.pixels(size) for shape in shapes}, []
    if size is None or min(size) < 1:
        return placed, ()
    width, height = size
    for name, points in placed.items():
        low, high = points.min(axis=0), points.max(axis=0)
        outside: npt.NDArray[np.bool_] = np.any((points < 0) | (points > (width, height)), axis=1)
        listed = ", ".join(f"{row + 1} ({x:g},{y:g})" for row, (x, y) in enumerate(points.tolist()) if outside[row])
        if (low > (width, height)).any() or (high < 0).any():
            raise ConfigError(
                f"{setting}: {name!r} must lie in the picture, {width}x{height} pixels; its points {listed} are all "
                "outside. Give pixels of this very picture, or shares of it: 50%,50%."
            )
        if outside.any():
            notes.append(
                f"{setting}: {name!r} is partly outside the picture, {width}x{height} pixels: point {listed}; where "
                "that is not meant, give shares of the picture: 50%,50%"
            )
    return placed, tuple(notes)


def _named(setting: str, given: Any) -> Iterator[tuple[str, Any]]:
    """Yield names, empty where there is none, and what stands for them."""
    if isinstance(given, str):
        for part in filter(None, map(str.strip, given.split(";"))):
            name, equals, value = part.rpartition("=")
            yield _name(setting, name.strip()) if equals else "", value
    elif isinstance(given, Mapping):
        for name, value in given.items():
            yield _name(setting, str(name)), value
    else:
        for one in given:
            if isinstance(one, (str, Mapping)):
                yield from _named(setting, one)
            else:
                yield "", one


def _name(setting: str, name: str) -> str:
    if not name or not name.isprintable() or set(name) & set("=;") or name != name.strip() or len(name) > 100:
        raise ConfigError(
            f"{setting} must have names of up to 100 characters without = and ;; got {name[:120]!r}. Choose another."
        )
    return name


def read_numbers(what: str, value: Any) -> tuple[Corner, ...]:
    """Read numbers in a row: ``"1,2 3,4"``, or lists of numbers and texts; ``"50%"`` is a share.

    Raises:
        ConfigError: One is no finite number.
    """
    words = (
        [word for word in re.split(r"[,\s]+", value) if word] if isinstance(value, str) else list(_flat(what, value))
    )
    if len(words) > 2 * MOST_POINTS:
        raise ConfigError(f"{what} must be {MOST_POINTS} points at most; got {len(words) // 2}. Thin them.")
    read = []
    for word in words:
        share = isinstance(word, str) and word.endswith("%")
        try:
            number = float(word[:-1] if share else word)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or isinstance(word, bool):
            raise ConfigError(f"{what} must be numbers, 320 or 50%; got {shown(word)} in {shown(value)}.")
        read.append((number, share))
    return tuple(read)


def read_points(setting: str, given: Spelling) -> Shape:
    """Read points without a name, x and y in turn.

    Raises:
        ConfigError: One is no finite number, or a coordinate is missing.
    """
    numbers = read_numbers(setting, given if isinstance(given, str) else list(given))
    if len(numbers) % 2:
        raise ConfigError(f"{setting} must be points, x,y x,y; got {len(numbers)} numbers. One is missing.")
    return Shape(setting, numbers)


def _flat(what: str, value: Any, deep: int = 0) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and deep < 3:
        for one in value:
            yield from _flat(what, one, deep + 1)
    elif isinstance(value, str) and deep:
        yield from filter(None, re.split(r"[,\s]+", value))
    elif deep and not isinstance(value, (list, tuple, Mapping)):
        yield value
    else:
        raise ConfigError(f"{what} must be numbers in a row, x,y x,y; got {shown(value)}.")


def _word(number: Corner) -> str:
    value, share = number
    text = repr(value).removesuffix(".0")
    return text + "%" * share
