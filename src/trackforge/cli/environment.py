"""Environment variables that nobody reads, though their names look as if somebody should: a word that is misspelt."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping

__all__ = ["misspelt", "warn_of_misspelt"]

log = logging.getLogger(__name__)
PREFIX = "TRACKFORGE_"
ALONE = ("CACHE", "DEBUG", "DISABLE_PLUGINS", "TRACE_PLUGINS")
"""Variables that are no setting of a command and no limit."""
CLOSE = 0.75
"""Likeness from which on a name is taken for another misspelt; those of other programs must not cause a word."""


def warn_of_misspelt(environment: Mapping[str, str], commands: Iterable[str]) -> None:
    """Warn of every variable that is probably meant for us, and misspelt."""
    if any(key.startswith(PREFIX) for key in environment):
        for key, meant in misspelt(environment, commands).items():
            log.warning("the environment variable %s means nothing; did you mean %s?", key, meant)


def misspelt(environment: Iterable[str], commands: Iterable[str]) -> dict[str, str]:
    """Return what each misspelt variable is probably meant to be.

    What begins with a command's name is left to the command, which knows its settings, and so are limits.

    >>> misspelt(["TRACKFORGE_TRAK_FRAMES", "TRACKFORGE_TRACK_FRAMES", "TRACKFORGE_OTHER"], ["track"])
    {'TRACKFORGE_TRAK_FRAMES': 'TRACKFORGE_TRACK_FRAMES'}
    """
    names = [one.upper() for one in commands if one.isalnum()]
    found = {}
    for key in sorted(one for one in environment if one.startswith(PREFIX)):
        rest = key.removeprefix(PREFIX)
        first, line, setting = rest.partition("_")
        if rest in ALONE or first in (*names, "LIMIT"):
            continue
        meant = difflib.get_close_matches(rest, ALONE, n=1, cutoff=CLOSE)
        if not meant and line:
            meant = [f"{one}_{setting}" for one in difflib.get_close_matches(first, names, n=1, cutoff=CLOSE)]
        if meant:
            found[key] = PREFIX + meant[0]
    return found
