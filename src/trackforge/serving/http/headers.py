"""Headers that bear a name from outside."""

from __future__ import annotations

import re
from urllib.parse import quote

from trackforge.intake.showing import visible

__all__ = ["attachment"]

_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]")
LONGEST = 150
"""Characters of a name in a header."""


def attachment(name: str) -> str:
    r"""Return the value of ``Content-Disposition`` for a file to be kept (RFC 6266): ASCII, and the name in full.

    >>> print(attachment('a "b"\r\nX: y.mp4'))
    attachment; filename="a _b__r_nX_ y.mp4"; filename*=UTF-8''a%20%22b%22%5Cr%5CnX%3A%20y.mp4
    """
    name = visible(name, keep="")[:LONGEST].replace("/", "_")
    return f"attachment; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"
