"""What came of the tracks of one sequence: the answers of its analytics, and a row for every track."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.analytics.together import Together
from trackforge.types import Step

__all__ = ["Watching"]


@dataclasses.dataclass(slots=True)
class _Life:
    class_id: int
    first: int
    last: int
    begin: float | None
    end: float | None
    frames: int = 0


class Watching:
    """Sees every step of a sequence, and remembers of each track when it was there.

    Args:
        name: Of the sequence.
        together: The analytics of the sequence, which are asked for their results at the end.
        rate: Frames a second, for the times of frames that have none.

    Attributes:
        known: What the analytics knew after the last step, by name.
        events: How many events there were.
        still: The first picture; None where there are none.
    """

    def __init__(self, name: str, together: Together, rate: float | None = None) -> None:
        self.name, self.known, self.events = name, dict[str, Mapping[str, Any]](), 0
        self.classes: Sequence[str] = ()
        self.still: npt.NDArray[np.uint8] | None = None
        self._together, self._rate = together, rate
        self._lives: dict[int, _Life] = {}

    def see(self, step: Step) -> None:
        """Take a step."""
        frame, tracks = step.frame, step.tracks.visible
        time = frame.timestamp
        if time is None and self._rate:
            time = frame.index / self._rate
        if self.still is None:
            self.still = frame.image
        self.known, self.events = dict(step.analytics), self.events + len(step.events)
        for track_id, class_id in zip(tracks.track_id.tolist(), tracks.class_id.tolist(), strict=True):
            life = self._lives.get(track_id)
            if life is None:
                life = self._lives[track_id] = _Life(class_id, frame.index, frame.index, time, time)
            life.class_id, life.last, life.end = class_id, frame.index, time
            life.frames += 1

    def result(self) -> dict[str, Any]:
        """Return what came of all steps, by name of analytic; raises what the analytics raise."""
        return {name: dict(one) for name, one in self._together.result().items()}

    def tracks(self, result: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return a flat row for every track, in the order of their ids.

        Of an analytic whose result has ``tracks``, a list of flat mappings with ``track_id``, what these say follows in
        further columns; a name that is taken gets that of the analytic in front.

        Args:
            result: What `result` gave.
        """
        rows = {track_id: self._row(track_id, life) for track_id, life in sorted(self._lives.items())}
        taken = set(next(iter(rows.values()), {}))
        for analytic, values in result.items():
            told = values.get("tracks")
            if not isinstance(told, Sequence) or isinstance(told, str):
                continue
            mine = [one for one in told if isinstance(one, Mapping) and one.get("track_id") in rows]
            names = dict.fromkeys(name for one in mine for name in one if name not in ("track_id", "class"))
            shown = {name: f"{analytic}_{name}" if name in taken else name for name in names}
            for one in mine:
                rows[one["track_id"]] |= {shown[name]: _flat(one[name]) for name in shown if name in one}
            taken |= set(shown.values())
        return list(rows.values())

    def _row(self, track_id: int, life: _Life) -> dict[str, Any]:
        known = 0 <= life.class_id < len(self.classes)
        times = life.begin is not None and life.end is not None
        return {
            "sequence": self.name,
            "track_id": track_id,
            "class": self.classes[life.class_id] if known else f"class {life.class_id}",
            "first_frame": life.first,
            "last_frame": life.last,
            "frames": life.frames,
            "first_time": _rounded(life.begin),
            "last_time": _rounded(life.end),
            "dwell_s": _rounded(life.end - life.begin) if times else None,  # type: ignore[operator]
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _flat(value: Any) -> Any:
    """Return a value that a cell can hold."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_flat(one)}" for name, one in value.items())
    return ", ".join(str(_flat(one)) for one in value)
