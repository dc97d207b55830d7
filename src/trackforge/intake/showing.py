"""Text from outside as it may be shown: what would steer a terminal, or turn the line round, becomes visible."""

from __future__ import annotations

import re

__all__ = ["visible"]

_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, marks of writing direction, and half characters, which no stream can be written with."""


def visible(text: str, keep: str = "\n\t") -> str:
    r"""Return a text with its control characters as escapes.

    Args:
        text: Names, messages or whole outputs.
        keep: Control characters that stay; none in a name, which is part of a line.

    >>> print(visible("\x1b[2Ja\nb", keep=""))
    \x1b[2Ja\nb
    """
    return _STEERS.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)
