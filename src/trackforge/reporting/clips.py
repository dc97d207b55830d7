"""Worst moments as cards to click: words, frames, and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trackforge.metrics.moments import KINDS, Moment, Moments

__all__ = ["Card", "cards", "groups", "worst"]

PLURALS = {
    "switch": ("identity switch", "identity switches"),
    "fragmentation": ("fragmentation", "fragmentations"),
    "miss": ("stretch of misses", "stretches of misses"),
    "false positive": ("stretch of false positives", "stretches of false positives"),
}


@dataclass
class Card:
    """What a card shows and where it leads."""

    kind: str
    run: int
    what: str
    where: str
    at: int
    first: int
    last: int
    truth: int
    track: int
    before: int
    cuts: Sequence[str] = field(default_factory=list)


def worst(found: Moments, most: int) -> list[Moment]:
    """Return the worst of each kind."""
    return [one for kind in KINDS for one in found.of(kind)[:most]]


def cards(chosen: Sequence[Moment], pictures: Mapping[int, list[str]], run: int, rate: float) -> list[Card]:
    """Return a card for each moment."""
    return [
        Card(
            kind=one.kind,
            run=run,
            what=_what(one),
            where=_where(one, rate),
            at=one.at,
            first=one.first,
            last=one.last,
            truth=one.truth_id,
            track=one.track_id,
            before=one.before,
            cuts=pictures.get(number, []),
        )
        for number, one in enumerate(chosen)
    ]


def groups(runs: Sequence[tuple[str, Moments, Sequence[Card]]]) -> list[dict[str, Any]]:
    """Return the cards of a sequence by kind and run, with headings that say how many there are in all."""
    made = []
    for kind in KINDS:
        for label, found, offered in runs:
            of_kind, shown = found.of(kind), [card for card in offered if card.kind == kind]
            one, several = PLURALS[kind]
            title = f"{len(of_kind):,} {one if len(of_kind) == 1 else several}"
            if kind in ("miss", "false positive") and of_kind:
                title += f", {sum(moment.weight for moment in of_kind):,} boxes"
            if len(runs) > 1:
                title = f"{label}: {title}"
            if len(of_kind) > len(shown):
                title += f"; the worst {len(shown)}" if shown else ""
            made.append({"title": title, "cards": shown, "double": kind in ("switch", "fragmentation")})
    return made


def _what(one: Moment) -> str:
    frames = f"{one.weight} frame{'' if one.weight == 1 else 's'}"
    if one.kind == "switch":
        return f"object {one.truth_id}: id {one.before} → {one.track_id}, after {frames}"
    if one.kind == "fragmentation":
        return f"object {one.truth_id} lost for {frames}, id {one.track_id}"
    if one.kind == "miss":
        return f"object {one.truth_id} missed, {frames}"
    return f"id {one.track_id} fits no object, {frames}"


def _where(one: Moment, rate: float) -> str:
    frames = f"frame {one.first}" if one.first == one.last else f"frames {one.first}–{one.last}"
    return f"{frames}, at {one.last / rate:.1f} s"
