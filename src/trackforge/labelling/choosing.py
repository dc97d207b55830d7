"""Which frames people should look at next: where labels are in doubt, spread over time, with the reasons.

The frames of a sequence that nobody has checked are divided into twice as many stretches as are wanted. Of each
stretch the frame that is worth the most is a candidate, so that no two are of one moment; the best candidates are
taken. Where all are worth the same, they are evenly spread. The same labels give the same frames.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.labelling.signals import Signals

__all__ = ["Chosen", "choose"]

Ints = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A frame that is worth a look.

    Attributes:
        sequence: Name of the sequence.
        frame: Its index.
        worth: What the look is worth; only the order means something.
        reasons: Why, in words.
    """

    sequence: str
    frame: int
    worth: float
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**dataclasses.asdict(self), "worth": round(self.worth, 3), "reasons": list(self.reasons)}


def choose(signals: Mapping[str, Signals], checked: Mapping[str, Iterable[int]], count: int) -> list[Chosen]:
    """Choose frames for people to look at.

    Args:
        signals: What is doubtful, by sequence.
        checked: Frames that need no look any more, by sequence.
        count: How many to choose; all that are left, where there are not as many.

    Returns:
        By sequence, then in order of time.
    """
    left = {}
    for name, of in signals.items():
        left[name] = np.flatnonzero(~np.isin(of.frames, np.fromiter(checked.get(name, ()), np.int64)))
    total = sum(map(len, left.values()))
    if total <= count:
        return [_told(name, signals[name], row) for name in signals for row in left[name].tolist()]
    candidates: list[tuple[float, float, str, int]] = []
    for name, rows in left.items():
        if not len(rows):
            continue
        stretches = min(len(rows), max(1, -(-2 * count * len(rows) // total)))
        worth = signals[name].worth()
        for number, part in enumerate(np.array_split(rows, stretches)):
            candidates.append((-float(worth[part].max()), _spread(number), name, _best(part, worth)))
    return _apart(sorted(candidates), signals, count, total)


def _best(rows: Ints, worth: npt.NDArray[np.float64]) -> int:
    """Return the row that is worth the most; of equal ones that nearest to the middle."""
    middle = rows[len(rows) // 2]
    best = rows[worth[rows] == worth[rows].max()]
    return int(best[np.abs(best - middle).argmin()])


def _apart(
    candidates: list[tuple[float, float, str, int]], signals: Mapping[str, Signals], count: int, total: int
) -> list[Chosen]:
    """Take the best candidates, those of two stretches that are of one moment last."""
    least = total / (4 * count)
    taken: dict[str, list[int]] = {name: [] for name in signals}
    later: list[tuple[str, int]] = []
    for _, _, name, row in candidates:
        if any(abs(row - other) < least for other in taken[name]):
            later.append((name, row))
        elif sum(map(len, taken.values())) < count:
            taken[name].append(row)
    for name, row in later:
        if sum(map(len, taken.values())) < count:
            taken[name].append(row)
    _fill(taken, candidates, count)
    return [_told(name, signals[name], row) for name, rows in taken.items() for row in sorted(rows)]


def _fill(taken: dict[str, list[int]], candidates: list[tuple[float, float, str, int]], count: int) -> None:
    """Take candidates in any case where fewer than wanted were far enough apart."""
    for _, _, name, row in candidates:
        if sum(map(len, taken.values())) >= count:
            return
        if row not in taken[name]:
            taken[name].append(row)


def _spread(number: int) -> float:
    """Return where a number stands in an order whose beginnings are evenly spread: van der Corput's."""
    place, share = 0.0, 0.5
    while number:
        place += share * (number & 1)
        number, share = number >> 1, share / 2
    return place


def _told(name: str, signals: Signals, row: int) -> Chosen:
    worth = float(signals.worth()[row])
    return Chosen(name, int(signals.frames[row]), worth, tuple(signals.reasons(row)) or ("evenly spread",))
