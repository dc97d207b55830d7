"""Who crosses a line, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.anchors import Anchor, Box, Seen, anchors, seen
from trackforge.analytics.book import Book
from trackforge.analytics.saving import load_parts, save_parts
from trackforge.analytics.scene import Scene
from trackforge.analytics.spelling import Spelling, place, read_shapes, spelled
from trackforge.analytics.tally import Happenings, Tally
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.protocols import Savable
from trackforge.types import Step, Stream

__all__ = ["Lines", "LinesConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LinesConfig:
    """Settings of `Lines`."""

    lines: Spelling = setting(
        help="Lines by name, start and end in pixels or shares of the picture: 'door=0,200 640,200; b=50%,0 50%,100%'."
    )
    anchor: Anchor = setting(
        "bottom", help="What has to cross: the middle of the lower edge, the middle of the box, or all four corners."
    )
    box: Box = setting("filtered", help="The motion model's box, or the detector's own.")
    margin: float = setting(
        0.0, help="How far beyond the line counts as crossed, and as standing before it.", unit="px", minimum=0
    )
    minimum: int = setting(1, help="Frames on the other side after which it counts.", unit="frames", minimum=1)
    limits: Literal["segment", "strip"] = setting(
        "segment",
        help="Count ways that cross the line between its ends; or, as supervision does, heed only who is between the "
        "perpendiculars through its ends.",
    )
    memory: float = setting(60.0, help="Time after which who is not seen is forgotten.", unit="s", above=0)

    def __post_init__(self) -> None:
        check(self)
        shapes = read_shapes("lines", self.lines, least=2, most=2)
        if not shapes:
            raise ConfigError("lines must have at least one line; got none. Write 'door=0,200 640,200'.")
        for shape in shapes:
            if shape.numbers[:2] == shape.numbers[2:]:
                raise ConfigError(f"lines: {shape.name!r} must have two ends; got one point twice: {shape}. Move one.")
        object.__setattr__(self, "lines", spelled(shapes))


class Lines:
    """Counts crossings of lines by direction, class and minute.

    Walk from the start of a line to its end, on the picture: who comes from your right hand to your left goes **in**,
    who comes from the left to the right goes **out**, as with ``sv.LineZone``. For a line from left to right, in is
    upwards.

    A track counts when it is on the other side of the line than when it was last certainly on one: with every anchor,
    by more than ``margin``, for ``minimum`` frames in which it was seen. In between it may have been hidden. The
    straight way from where it was last certainly on the one side to where it was first on the other must cut the line
    between its ends; who goes around an end has changed sides without being counted. Who is cut off by the edge of the
    picture stands at the edge (not with ``limits="strip"``). Only tracks that are seen are looked at
    (`trackforge.types.Tracks.visible`).

    Who is not seen for ``memory`` seconds is forgotten; of crossings the newest 10,000 are kept, of minutes 1,440.

    Raises:
        ConfigError: A line is wholly outside the picture.
    """

    def __init__(self, config: LinesConfig) -> None:
        self.config = config
        self._shapes = read_shapes("lines", config.lines, least=2, most=2)
        names, n = [shape.name for shape in self._shapes], len(self._shapes)
        self._tally, self._events = Tally(names, ("in", "out")), Happenings()
        # the side: 1 = left hand; frames on the other one; distance and place along the line when it was last certainly
        # on its side; the place along the line where the way from there to the other side cuts it
        self._book = Book(
            side=np.zeros(n, np.int8),
            waiting=np.zeros(n, np.int64),
            away=np.zeros(n),
            along=np.zeros(n),
            crossed=np.full(n, np.inf),
        )
        self._scene = Scene()
        self._parts: dict[str, Savable] = {
            "scene": self._scene, "book": self._book, "tally": self._tally, "events": self._events,
        }  # fmt: skip
        self._place()

    def open(self, stream: Stream, /) -> None:
        """Take rate, size and class names."""
        self._scene.open(stream)
        self._place()

    def reset(self) -> None:
        """Forget all tracks and counts."""
        for part in (self._tally, self._events, self._book):
            part.clear()
        self._scene.reset()

    def _place(self) -> None:
        placed, self._notes = place("lines", self._shapes, self._scene.size)
        self.points = placed
        ends = np.stack(list(placed.values()))  # (L, 2, 2)
        start, way = ends[:, 0].T, (ends[:, 1] - ends[:, 0]).T  # (2, L)
        length = np.hypot(*way)
        self._left, self._way = np.stack((way[1], -way[0])) / length, way / length**2
        self._left_start, self._way_start = (start * self._left).sum(axis=0), (start * self._way).sum(axis=0)

    def notes(self) -> Sequence[str]:
        """Tell which lines are partly outside the picture."""
        return self._notes

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take one frame; return ``{"in": n, "out": n}`` of every line."""
        if self._scene.tick(step.frame):
            self._place()
        self._book.forget(self._scene.now - self.config.memory)
        tracks = seen(step, self.config.box)
        if len(tracks):
            within = (
                self._scene.size if self.config.limits == "segment" else None
            )  # supervision takes boxes as they are
            self._look(tracks, anchors(tracks.xyxy, self.config.anchor, within))
        return {name: self._tally.of(name) for name in self.points}

    def _look(self, tracks: Seen, points: Floats) -> None:
        """Follow tracks ``(N)`` to anchors ``(N, K, 2)``; count who has crossed."""
        book, config = self._book, self.config
        rows = book.rows(tracks.track_id, self._scene.now)
        away = (points @ self._left - self._left_start).transpose(0, 2, 1)  # (N, L, K)
        along = (points @ self._way - self._way_start).transpose(0, 2, 1)
        side = (away > config.margin).all(axis=2).astype(np.int8) - (away < -config.margin).all(axis=2)
        if config.limits == "strip":
            side[((along < 0) | (along > 1)).any(axis=2)] = 0
        middle, place_now = away.mean(axis=2), along.mean(axis=2)
        old, waiting = book["side"][rows], book["waiting"][rows]
        other = (side != 0) & (old != 0) & (side != old)
        before, place_before = book["away"][rows], book["along"][rows]
        share = np.divide(before, before - middle, out=np.zeros_like(middle), where=other)
        cut = place_before + share * (place_now - place_before)
        crossed = np.where(other & (waiting == 0), cut, book["crossed"][rows])  # the first place on the other side
        waiting = np.where(other, waiting + 1, np.where((side == old) & (side != 0), 0, waiting))
        certain = (other & (waiting >= config.minimum)) | ((old == 0) & (side != 0))
        counts = certain & other
        if config.limits == "segment":
            counts &= (crossed >= 0) & (crossed <= 1)
        home = certain | ((side == old) & (side != 0))
        for name, value, known in (("away", middle, before), ("along", place_now, place_before)):
            book[name][rows] = np.where(home, value, known)
        book["crossed"][rows] = crossed
        book["side"][rows] = np.where(certain, side, old)
        book["waiting"][rows] = np.where(certain, 0, waiting)
        if counts.any():
            self._count(tracks, counts, side, points.mean(axis=1))

    def _count(self, tracks: Seen, counts: npt.NDArray[np.bool_], side: npt.NDArray[np.int8], at: Floats) -> None:
        names, scene = list(self.points), self._scene
        for row, number in np.argwhere(counts).tolist():
            kind = "in" if side[row, number] > 0 else "out"
            class_name = scene.class_name(int(tracks.class_id[row]))
            self._tally.add(names[number], class_name, kind, scene.time)
            self._events.add(
                {
                    "frame": scene.frame,
                    "time": scene.time,
                    "kind": "crossing",
                    "line": names[number],
                    "direction": kind,
                    "track_id": int(tracks.track_id[row]),
                    "class": class_name,
                    "x": round(float(at[row, 0]), 2),
                    "y": round(float(at[row, 1]), 2),
                }
            )

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return the crossings since the last call."""
        return self._events.take()

    def result(self) -> Mapping[str, Any]:
        """Return totals of every line and class, counts by minute (where time is known), and the crossings."""
        lines = {
            name: {"points": points.tolist(), **self._tally.of(name), "classes": self._tally.by_class(name)}
            for name, points in self.points.items()
        }
        return {"lines": lines, "minutes": self._tally.minutes("line"), "crossings": self._events.rows()}

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:  # noqa: ARG002 - lines stand still
        """Draw the lines with their counts and an arrow towards *in*."""
        from trackforge.analytics.drawing import draw_lines

        draw_lines(image, self.points, {name: self._tally.of(name) for name in self.points}, self._scene.size)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere."""
        return save_parts("lines", self, self._parts)

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another analytic, or of other settings.
        """
        load_parts("lines", self, self._parts, state)
        self._place()
