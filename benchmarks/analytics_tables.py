"""How the results of `benchmarks.analytics` are written into documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.markdown import origin, table

__all__ = ["ANALYTICS"]


def cost(result: dict[str, Any]) -> str:
    """Microseconds of processor time a frame, beside association."""
    spent, shares = result["microseconds"], result["of byte"]
    rows = [(name, f"{us:.0f}", f"{100 * shares[name]:.0f} %" if name in shares else "") for name, us in spent.items()]
    return (
        table(("MOT17's validation halves", "µs a frame", "of BYTE's"), rows)
        + f"\n{result['frames']:,} frames of {result['tracks a frame']} tracks; mean processor time of one run.\n"
        + origin(result)
    )


def pets(result: dict[str, Any]) -> str:
    """In and out of every line, tracks by tracks."""
    lines = list(result["lines"])
    rows = [
        (name, *(f"{counts[line]['in']} / {counts[line]['out']}" for line in lines))
        for name, counts in result["rows"].items()
    ]
    return (
        table(("in / out", *(f"{line}: {result['lines'][line]}" for line in lines)), rows)
        + f"\n{result['frames']} frames, a margin of {result['margin']:g} pixels.\n"
        + origin(result)
    )


def pitch(result: dict[str, Any]) -> str:
    """How far distances, speeds and places are off, jitter by jitter."""
    names = [name for name in result["rows"][0] if name not in ("jitter", "ids")]
    rows = [(row["ids"], f"{row['jitter']:g}", *(row[name] for name in names)) for row in result["rows"]]
    return (
        table(("ids", "jitter, px", *names), rows)
        + f"\n{result['seeds']} pitches of {result['players']} players, {result['frames']} frames at 25 a second; "
        "without jitter `jitter=0` and `rest=0.05`, else everything as it is by default.\n" + origin(result)
    )


ANALYTICS: dict[str, Callable[[dict[str, Any]], str]] = {
    "analytics-cost": cost,
    "analytics-pets": pets,
    "analytics-pitch": pitch,
}
"""Writers by the name of the results."""
