"""Where in a sequence to begin: a number of frames, or a time.

>>> parse_start("250"), parse_start("1:30"), parse_start("90s"), parse_start("0:01:02.5")
(250, 90.0, 90.0, 62.5)
"""

from __future__ import annotations

import re

from trackforge.errors import ConfigError

__all__ = ["parse_start"]

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,5}):(\d{1,2}(?:\.\d{1,9})?)")
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*s")


def parse_start(given: int | str) -> int | float:
    """Return whole frames as an int, and a time as a float of seconds.

    Args:
        given: A number of frames, or a text: such a number, ``1:30`` (minutes and seconds), ``1:02:30`` or ``90s``.

    Raises:
        ConfigError: It is none of these, or below 0.
    """
    text = str(given).strip().lower()
    if text.isascii() and text.isdigit():
        return int(text)
    clock, seconds = _CLOCK.fullmatch(text), _SECONDS.fullmatch(text)
    if clock and float(clock[3]) < 60:
        return 3600.0 * int(clock[1] or 0) + 60.0 * int(clock[2]) + float(clock[3])
    if seconds:
        return float(seconds[1])
    raise ConfigError(f"start must be the number of a frame, or a time as 1:30 or 90s; got {given!r}.")
