"""Which film is shown for which run, and with what it is shared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import TrackforgeError
from trackforge.protocols import Closable, Source
from trackforge.registry import doors
from trackforge.reporting.films import Film, Limits, make_film
from trackforge.reporting.folders import Results, SequenceFacts
from trackforge.runs.slicing import opened
from trackforge.types import Frame

__all__ = ["Shown", "film_of", "same_film"]

log = logging.getLogger(__name__)


@dataclass
class Shown:
    """A film, and what is to be said of it.

    Attributes:
        film: The film; None where there is none.
        burnt: Whether boxes are drawn in already.
        notes: What is missing, in words.
    """

    film: Film | None = None
    burnt: bool = False
    notes: tuple[str, ...] = ()


def same_film(one: Results, other: Results, name: str) -> bool:
    """Whether two runs have seen the same frames of the same film."""
    a, b = one.sequences[name], other.sequences[name]
    return (
        a.film is not None
        and a.film == b.film
        and (one.start, one.stride) == (other.start, other.stride)
        and (a.processed == b.processed)
    )


def film_of(results: Results, one: SequenceFacts, limits: Limits, seen: Callable[[Frame], object] | None) -> Shown:
    """Make the film of a sequence: the one that the run saw, else the one that it drew boxes on."""
    notes: list[str] = []
    if one.film is not None:
        try:
            found = _made(opened(one.film, results.start, results.stride), one, limits, seen)
        except (TrackforgeError, OSError) as error:
            notes.append(f"{one.name}: the film cannot be shown: {error}")
            found = None
        if found is not None:
            return Shown(found, notes=(*notes, *_cut(one, found, limits)))
    if one.overlay is not None:
        try:
            found = _made(doors.source(str(one.overlay)), one, limits, None)
        except (TrackforgeError, OSError) as error:
            notes.append(f"{one.name}: {one.overlay.name} cannot be shown: {error}")
            found = None
        if found is not None:
            found.numbers = _renumbered(found.numbers, one.facts, results.stride)
            notes.append(
                f"{one.name}: the film that the run saw is not at hand; this is {one.overlay.name}, which has its "
                "boxes drawn in already, so none are drawn on it unless you ask. Give the film: --source FILM."
            )
            return Shown(found, burnt=True, notes=(*notes, *_cut(one, found, limits)))
    notes.append(f"{one.name}: no film is at hand, so that boxes are shown without pictures. Give one: --source FILM.")
    return Shown(notes=tuple(notes))


def _made(source: Source, one: SequenceFacts, limits: Limits, seen: Callable[[Frame], object] | None) -> Film | None:
    try:
        return make_film(source, limits, expected=one.processed or None, seen=seen)
    finally:
        if isinstance(source, Closable):
            source.close()


def _renumbered(numbers: list[int], facts: Mapping[str, Any], stride: int) -> list[int]:
    """Return the frames of the sequence that a film of the run has: it holds those that the run went through."""
    first = facts.get("first_frame", 0)
    return [(first if isinstance(first, int) else 0) + stride * place for place in range(len(numbers))]


def _cut(one: SequenceFacts, film: Film, limits: Limits) -> tuple[str, ...]:
    if film.whole:
        return ()
    total = "" if one.processed is None else f" of {one.processed:,}"
    why = "as --frames or --seconds asks" if limits.frames or limits.seconds else "as its size is bounded"
    return (
        f"{one.name}: the film in this page ends after {len(film.numbers):,}{total} frames, {why}; boxes, timeline and "
        "scores are whole. For all of it: --film beside, or a larger --megabytes.",
    )
