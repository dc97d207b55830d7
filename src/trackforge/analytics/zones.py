"""Who is in a zone, who came and went, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.anchors import Anchor, Box, Seen, anchors, seen
from trackforge.analytics.book import Book
from trackforge.analytics.lines import LinesConfig
from trackforge.analytics.occupancy import Occupancy
from trackforge.analytics.polygons import check_polygon, inside
from trackforge.analytics.saving import load_parts, save_parts
from trackforge.analytics.scene import Scene
from trackforge.analytics.spelling import Spelling, place, read_shapes, spelled
from trackforge.analytics.tally import Happenings, Tally
from trackforge.config import check, same_setting, setting
from trackforge.errors import ConfigError
from trackforge.online.state import complete
from trackforge.protocols import Savable
from trackforge.types import Step, Stream

__all__ = ["Zones", "ZonesConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]
KINDS = ("entered", "appeared", "left", "vanished")


@dataclass(frozen=True, kw_only=True)
class ZonesConfig:
    """Settings of `Zones`."""

    zones: Spelling = setting(
        help="Polygons by name, three corners or more in pixels or shares of the picture: "
        "'shop=10,10 300,10 300,200 10,200; left=0,0 50%,0 50%,100% 0,100%'."
    )
    anchor: Anchor = setting(
        "bottom",
        help="What has to be inside: the middle of the lower edge, the middle of the box, or all four corners.",
    )
    box: Box = same_setting(LinesConfig, "box")
    minimum: int = setting(1, help="Frames inside, or outside, after which it counts.", unit="frames", minimum=1)
    memory: float = setting(
        60.0, help="Time after which who is not seen has vanished, and is forgotten.", unit="s", above=0
    )

    def __post_init__(self) -> None:
        check(self)
        shapes = read_shapes("zones", self.zones, least=3)
        if not shapes:
            raise ConfigError("zones must have at least one polygon; got none. Write 'shop=10,10 300,10 300,200'.")
        for shape in shapes:
            check_polygon("zones", shape.name, shape.pixels(None))
        object.__setattr__(self, "zones", spelled(shapes))


class Zones:
    """Tells who is in named polygons now, counts who comes and goes by class and minute, and measures how long.

    A track **entered** when it was seen outside before, and **appeared** when it was first seen inside; it **left**
    when it is seen outside again, and **vanished** when it was last seen inside and then not for ``memory`` seconds. A
    visit lasts from the first frame inside to the first one outside, or to the last one inside where there is none.
    With a ``minimum`` of several frames, what lasts shorter is no visit and no absence; who came is dated back to the
    first of them.

    ``now`` are the tracks that are seen (`trackforge.types.Tracks.visible`) and inside; for presence each of them stays
    until the next frame, if that comes within ``memory`` seconds. Who is cut off by the edge of the picture stands at
    the edge. Of events and visits the newest 10,000 are kept, of minutes 1,440; totals, mean and longest go on.

    Raises:
        ConfigError: A polygon is wholly outside the picture.
    """

    def __init__(self, config: ZonesConfig) -> None:
        self.config = config
        self._shapes = read_shapes("zones", config.zones, least=3)
        self.names, n = [shape.name for shape in self._shapes], len(self._shapes)
        self._tally, self._events, self._visits = Tally(self.names, KINDS), Happenings(), Happenings()
        self._occupancy = Occupancy(self.names)
        # for every zone: whether inside (-1 = not known); frames otherwise, and when that began; when the visit began
        # and was last seen, in seconds and frames; whether somebody came from outside
        self._book = Book(
            inside=np.full(n, -1, np.int8),
            waiting=np.zeros(n, np.int64),
            turned=np.zeros((n, 2)),
            began=np.zeros((n, 2)),
            last=np.zeros((n, 2)),
            outside=np.zeros(n, bool),
            class_id=np.int64(0),
        )
        self._scene = Scene()
        self._parts: dict[str, Savable] = {
            "scene": self._scene, "book": self._book, "tally": self._tally, "events": self._events,
            "visits": self._visits, "occupancy": self._occupancy,
        }  # fmt: skip
        self._now: dict[str, dict[int, float]] = {}
        self._place()

    def open(self, stream: Stream, /) -> None:
        """Take rate, size and class names."""
        self._scene.open(stream)
        self._place()

    def reset(self) -> None:
        """Forget all tracks and counts."""
        for part in (self._tally, self._events, self._visits, self._occupancy, self._book):
            part.clear()
        self._scene.reset()
        self._now = {}

    def _place(self) -> None:
        self.polygons, self._notes = place("zones", self._shapes, self._scene.size)

    def notes(self) -> Sequence[str]:
        """Tell which zones are partly outside the picture."""
        return self._notes

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take one frame; return of every zone who is there now, the counts so far and the dwell of who is there."""
        scene, book = self._scene, self._book
        if scene.tick(step.frame):
            self._place()
        were = [len(here) for here in self._now.values()]
        self._forget()  # before anybody is seen again: who comes back after that has vanished, and appears
        tracks = seen(step, self.config.box)
        rows = book.rows(tracks.track_id, scene.now)
        points = anchors(tracks.xyxy, self.config.anchor, scene.size)  # (N, K, 2)
        within = np.stack([inside(points, polygon).all(axis=1) for polygon in self.polygons.values()], axis=1)
        self._turn(tracks, rows, within)
        there = book["inside"][rows] == 1
        book["last"][rows] = np.where(there[:, :, None], (scene.now, scene.frame), book["last"][rows])
        dwell = scene.now - book["began"][rows, :, 0]
        self._now = {}
        for number, name in enumerate(self.names):
            here = there[:, number]
            self._now[name] = dict(zip(tracks.track_id[here].tolist(), dwell[here, number].tolist(), strict=True))
        if scene.time is not None:
            if were and scene.passed <= self.config.memory:  # else all have vanished
                self._occupancy.stay(were, scene.time - scene.passed, scene.time)
            self._occupancy.see([len(here) for here in self._now.values()], scene.time)
        return {name: self._known(name) for name in self.names}

    def _known(self, name: str) -> dict[str, Any]:
        here = self._now[name] if self._scene.time is not None else {}
        dwell = {str(track_id): round(seconds, 3) for track_id, seconds in here.items()}
        return {"now": len(self._now[name]), **self._tally.of(name), "dwell": dwell}

    def _turn(self, tracks: Seen, rows: npt.NDArray[np.intp], within: npt.NDArray[np.bool_]) -> None:
        """Take where tracks are, ``(N, zones)``; count who has come and who has left."""
        book, scene = self._book, self._scene
        book["class_id"][rows] = tracks.class_id
        old, waiting, at = book["inside"][rows], book["waiting"][rows], (scene.now, float(scene.frame))
        other = old != within
        book["turned"][rows] = np.where((other & (waiting == 0))[:, :, None], at, book["turned"][rows])
        waiting = np.where(other, waiting + 1, 0)
        certain = other & ((waiting >= self.config.minimum) | (old < 0))
        book["waiting"][rows] = np.where(certain, 0, waiting)
        book["inside"][rows] = np.where(certain, within, old)
        for place_of, number in np.argwhere(certain & (within | (old == 1))).tolist():
            row = int(rows[place_of])
            if within[place_of, number]:
                book["began"][row, number] = book["turned"][row, number]
                book["outside"][row, number] = old[place_of, number] == 0
                came = "entered" if book["outside"][row, number] else "appeared"
                self._note(came, number, int(book.ids[row]), int(book["class_id"][row]), {})
            else:
                self._end(
                    "left",
                    number,
                    {name: book[name][row] for name in ("began", "turned", "outside", "class_id")}
                    | {"ids": book.ids[row]},
                )

    def _forget(self) -> None:
        gone = self._book.forget(self._scene.now - self.config.memory)
        for row, number in np.argwhere(gone["inside"] == 1).tolist() if gone else ():
            visit = {name: gone[name][row] for name in ("began", "outside", "class_id", "ids")}
            self._end("vanished", number, visit | {"turned": gone["last"][row]})

    def _end(self, how: str, number: int, visit: Mapping[str, Any]) -> None:
        row = self._visit(number, visit, how)
        self._visits.add(row)
        self._occupancy.end(self.names[number], row["seconds"])
        self._note(how, number, int(visit["ids"]), int(visit["class_id"]), {"seconds": row["seconds"]})

    def _visit(self, number: int, visit: Mapping[str, Any], how: str) -> dict[str, Any]:
        """Return a visit as a row; ``how`` it ended."""
        (start, first), (end, last) = visit["began"][number].tolist(), visit["turned"][number].tolist()
        known = self._scene.time is not None
        return {
            "zone": self.names[number],
            "track_id": int(visit["ids"]),
            "class": self._scene.class_name(int(visit["class_id"])),
            "came": "entered" if visit["outside"][number] else "appeared",
            "went": how,
            "start_frame": int(first),
            "end_frame": int(last),
            "start": start if known else None,
            "end": end if known else None,
            "seconds": end - start if known else None,
        }

    def _note(self, kind: str, number: int, track_id: int, class_id: int, more: Mapping[str, Any]) -> None:
        """Count something, and tell it."""
        scene, name = self._scene, self.names[number]
        class_name = scene.class_name(class_id)
        self._tally.add(name, class_name, kind, scene.time)
        self._events.add(
            {
                "frame": scene.frame, "time": scene.time, "kind": kind, "zone": name, "track_id": track_id,
                "class": class_name, "seconds": None, **more,
            }
        )  # fmt: skip

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return who entered, appeared, left or vanished since the last call."""
        return self._events.take()

    def result(self) -> Mapping[str, Any]:
        """Return totals of every zone and class, counts and presence by minute, and every visit."""
        book, still = self._book, []
        for row, number in np.argwhere(book["inside"] == 1).tolist():
            visit = {name: book[name][row] for name in ("began", "outside", "class_id")} | {"ids": book.ids[row]}
            still.append(self._visit(number, visit | {"turned": book["last"][row]}, "still there"))
        zones = {}
        for name, polygon in self.polygons.items():
            seconds = [row["seconds"] for row in still if row["zone"] == name and row["seconds"] is not None]
            zones[name] = {
                "points": polygon.tolist(),
                "now": len(self._now.get(name, ())),
                **self._tally.of(name),
                **self._occupancy.dwell(name, seconds),
                "classes": self._tally.by_class(name),
            }
        return {
            "zones": zones,
            "minutes": self._tally.minutes("zone"),
            "presence": self._occupancy.minutes(),
            "visits": self._visits.rows() + still,
        }

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:  # noqa: ARG002 - zones stand still
        """Draw the zones, how many are there, and the longest dwell."""
        from trackforge.analytics.drawing import draw_zones

        draw_zones(image, self.polygons, {name: self._known(name) for name in self._now}, self._scene.size)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere."""
        now = {name: {str(one): seconds for one, seconds in here.items()} for name, here in self._now.items()}
        return save_parts("zones", self, self._parts) | {"now": now}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another analytic, or of other settings.
        """
        with complete():
            told = state.get("now", {}).items()
            now = {str(name): {int(one): float(seconds) for one, seconds in here.items()} for name, here in told}
        load_parts("zones", self, self._parts, state)
        self._now = now
        self._place()
