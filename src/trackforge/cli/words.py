"""Lists on the command line: commas, or the flag again."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["split"]


def split(given: Iterable[object] | None) -> list[str]:
    """Return ``["a", "b", "c"]`` for ``--flag a,b --flag c``.

    A flag never takes the words after it, so that ``--classes person street.mp4`` leaves the video alone.
    """
    return [word.strip() for one in given or () for word in str(one).split(",") if word.strip()]
