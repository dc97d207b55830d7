"""Where tracks are in metres, how fast they are, and how far they have gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.anchors import Box, anchors, seen
from trackforge.analytics.following import Follower, Habits
from trackforge.analytics.homography import Plane, fit_plane, rectangle
from trackforge.analytics.journeys import Journeys
from trackforge.analytics.odometer import speeds
from trackforge.analytics.saving import load_parts, save_parts
from trackforge.analytics.scene import Scene
from trackforge.analytics.spelling import Spelling, place, read_points
from trackforge.analytics.window import Moment, Window
from trackforge.config import check, setting
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.online.state import complete
from trackforge.protocols import Savable
from trackforge.types import Step, Stream

__all__ = ["Ground", "GroundConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]
NOWHERE: dict[str, float | None] = dict.fromkeys(("x", "y", "speed", "kmh", "distance", "error"))
"""What is known of who has no place."""
MANY = 10
"""Leaps from which on they are told."""


@dataclass(frozen=True, kw_only=True)
class GroundConfig:
    """Settings of `Ground`."""

    points: Spelling = setting(
        help="Four points on the ground, or more, in pixels or shares of the picture: '30%,40% 70%,40% 100%,90% 0,90%'."
    )
    metres: Spelling = setting("", help="Where these points are, in metres on the ground: '0,0 40,0 40,20 0,20'.")
    rectangle: tuple[float, float] | None = setting(
        None,
        help="Instead of metres: width and depth of the rectangle of which four points are the corners, from the far "
        "left one on clockwise.",
        unit="m",
        above=0,
    )
    rate: float | None = setting(
        None, help="Frames per second where frames have no timestamp; none for the source's.", unit="fps", above=0
    )
    box: Box = setting("detected", help="The motion model's box, or the detector's own.")
    jitter: float | None = setting(
        None, help="Standard deviation of boxes; none to find it out, track by track.", unit="px", minimum=0
    )
    acceleration: float = setting(
        1.0, help="By how much a speed typically changes in a second; more follows sharper, and trembles more.",
        unit="m/s", above=0,
    )  # fmt: skip
    max_speed: float = setting(
        12.0, help="Nobody is faster; a place that says so is left out, and begins a new way if it stays.", unit="m/s",
        above=0,
    )  # fmt: skip
    rest: float = setting(
        0.5, help="Metres from a resting place that are no way yet; less where boxes are exact.", unit="m", above=0
    )
    gap: float = setting(2.0, help="Unseen for longer, a way begins anew, and nothing is added.", unit="s", minimum=0)
    whole: bool = setting(
        True, help="Leave out boxes that reach the lower edge of the picture: their feet are below it."
    )
    every: float = setting(0.2, help="Time between two points of the ways in the result.", unit="s", minimum=0)
    memory: float = setting(60.0, help="Time after which who is not seen is forgotten.", unit="s", above=0)

    def __post_init__(self) -> None:
        check(self)
        image = read_points("points", self.points)
        metres = read_points("metres", self.metres)
        if any(share for _, share in metres.numbers):
            raise ConfigError(f"metres must be metres, without %; got {str(metres)!r}.")
        if (self.rectangle is None) == (not metres.numbers):
            raise ConfigError(
                "The points need either metres or a rectangle; got "
                f"{'neither' if self.rectangle is None else 'both'}. Write metres='0,0 40,0 40,20 0,20', or "
                "rectangle=(40, 20)."
            )
        object.__setattr__(self, "points", str(image))
        object.__setattr__(self, "metres", str(metres))
        if (
            len({share for number, share in image.numbers if number}) < 2
        ):  # what is no plane in shares is none in pixels
            self.plane(None)

    def corners(self, size: tuple[int, int] | None) -> Floats:
        """Return the points ``(P, 2)`` in pixels of a picture of ``(width, height)``."""
        return read_points("points", self.points).pixels(size)

    def plane(self, size: tuple[int, int] | None) -> Plane:
        """Return the homography for pictures of ``(width, height)``.

        Raises:
            ConfigError: The points fix none.
        """
        return fit_plane(self.corners(size), self.places())

    def places(self) -> Floats:
        """Return the points ``(P, 2)`` in metres on the ground."""
        return rectangle(*self.rectangle) if self.rectangle else read_points("metres", self.metres).pixels(None)


class Ground:
    """Measures on the ground: places in metres, speeds, distances covered, each with its error.

    The middle of a box's lower edge is where somebody stands. A homography takes it to the ground; a constant-velocity
    filter, whose noise is the tremor of the boxes times the local scale of the homography, smooths it. At the moment
    (``update()``) a track is where the filter believes it by what was seen so far; the result knows what came after,
    too (Rauch-Tung-Striebel, over 75 frames or more), and is better. Errors are standard deviations.

    Who stands gets nowhere: distance begins when a resting place is left for good (`trackforge.analytics.odometer`).
    Frames without a detection are bridged; after ``gap`` seconds a way begins anew. A place that nobody could have
    reached is left out; if a track stays there for half a second, it begins anew there, without the leap. Who is
    beyond the horizon, or whose feet are below the picture, has no place: None.

    The camera must stand still, and its lens be straight: straight lines on the ground are straight in the picture.
    Ways of the newest 10,000 tracks are kept, and of these 100,000 points.

    Raises:
        ConfigError: The points fix no plane.
        InvalidInputError: A frame has no time, neither a timestamp nor a frame rate.
    """

    def __init__(self, config: GroundConfig) -> None:
        self.config = config
        self._scene = Scene()
        self._scene.open(Stream(rate=config.rate))
        self._habits = Habits(config.acceleration, config.max_speed, config.gap, config.jitter, config.rest)
        self._follower: Follower | None = None
        self._live: dict[str, dict[str, float | None]] = {}
        self._size: tuple[int, int] | None = None
        self._settle()

    def open(self, stream: Stream, /) -> None:
        """Take rate, size and class names."""
        rate = self.config.rate or stream.rate
        self._scene.open(Stream(rate=rate, size=stream.size, classes=stream.classes))
        self._settle()

    def reset(self) -> None:
        """Forget all tracks."""
        self._scene.reset()
        self._live = {}
        self._follower = None
        self._settle()

    def _settle(self) -> None:
        """Find the plane, as soon as the size of the picture is known where points are shares of it."""
        relative = "%" in str(self.config.points)
        if relative and self._scene.size is None:
            self._notes: tuple[str, ...] = ()
            return
        _, self._notes = place("points", (read_points("points", self.config.points),), self._scene.size)
        if self._follower is None or (relative and self._scene.size != self._size):
            self._begin()

    def _begin(self) -> None:
        size = self._size = self._scene.size
        self.plane = self.config.plane(size)
        self._follower = Follower(self.plane, self._habits, self.config.corners(size).mean(axis=0))
        self._window = Window(self._follower.power)
        extent = float(np.hypot(*np.ptp(self.config.places(), axis=0)))
        self._journeys = Journeys(
            self.config.every, self._follower.axes, self.config.rest, self.plane.residual / extent
        )

    def notes(self) -> Sequence[str]:
        """Tell whether points are outside the picture, and how often tracks leapt."""
        leaps = self._follower.jumps if self._follower else 0
        told = (
            f"ground: {leaps} places were further away than {self.config.max_speed:g} m/s allow and were left out; "
            "where that is often, points may be wrong, or the camera moves"
        )
        return self._notes + ((told,) if leaps >= MANY else ())

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take one frame; return place, speed and distance of every track that is seen, by its id."""
        scene, config = self._scene, self.config
        if scene.tick(step.frame):
            self._settle()
        if scene.time is None:
            raise InvalidInputError(
                "Speeds need the time of every frame; this one has no timestamp, and no frame rate is known. Set rate "
                "of ground, or that of the source."
            )
        follower = self._follower
        if follower is None:
            raise InvalidInputError(
                "Points in shares of the picture need its size; this frame has none. Give points in pixels."
            )
        tracks = seen(step, config.box)
        xyxy = tracks.xyxy
        feet = anchors(xyxy, "bottom")[:, 0]
        if config.whole and scene.size is not None:
            feet[xyxy[:, 3] >= scene.size[1] - 1] = np.nan
        height = xyxy[:, 3] - xyxy[:, 1]
        follower.forget(scene.now - config.memory)
        moment = follower.take(scene.frame, scene.now, (tracks.track_id, tracks.class_id), feet, height)
        for earlier in self._due(moment):
            self._journeys.take(earlier)
        self._live = self._told(tracks.track_id, moment)
        return {"tracks": self._live}

    def _due(self, moment: Moment) -> list[Moment]:
        if len(moment.ids):
            self._window.add(moment)
        return self._window.due()

    def _told(self, ids: npt.NDArray[np.int64], moment: Moment) -> dict[str, dict[str, float | None]]:
        """Return what is known now; distances as smoothed as can be."""
        assert self._follower is not None  # noqa: S101 - who calls has seen to it
        spot, velocity, spread = moment.state
        places = spot @ self._follower.axes
        rows_of, _ = self._follower.book.peek(moment.ids)
        speed = speeds(velocity, self._follower.book["moving"][rows_of])
        error = np.sqrt(spread[..., 0].sum(axis=1))
        distance = self._follower.tell(moment.ids, moment.causal + self._journeys.ahead(moment.ids))
        rows = np.stack((*places.T, speed, 3.6 * speed, distance, error), axis=1).round(3).tolist()
        told: dict[str, dict[str, float | None]] = {str(one): dict(NOWHERE) for one in ids.tolist()}
        for one, row in zip(moment.ids.tolist(), rows, strict=True):
            told[str(one)] = dict(zip(NOWHERE, row, strict=True))
        return told

    def result(self) -> Mapping[str, Any]:
        """Return a row for every track, its way, and how well the points fit."""
        if self._follower is None:
            return {"tracks": [], "path": [], "leaps": 0}
        whole = self._journeys.copy()
        for moment in self._window.rest():
            whole.take(moment)
        return {
            "tracks": whole.tracks(self._scene.class_name),
            "path": whole.path(),
            "leaps": self._follower.jumps,
            "plane": {
                "matrix": self.plane.matrix.tolist(),
                "points": self.config.corners(self._scene.size).tolist(),
                "residual": self.plane.residual,
                "residual_pixels": self.plane.pixels,
            },
        }

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:
        """Draw the area of the points, and speeds beside boxes."""
        from trackforge.analytics.drawing import draw_ground

        tracks = seen(step, "filtered")
        texts = {}
        for one in tracks.track_id.tolist():
            known = self._live.get(str(one), NOWHERE)
            if known["kmh"] is not None:
                texts[one] = f"{known['kmh']:.1f} km/h {known['distance']:.0f} m"
        draw_ground(
            image,
            self.config.corners(self._scene.size),
            tracks.xyxy,
            tracks.track_id,
            texts,
            self._scene.size,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere."""
        return save_parts("ground", self, self._parts()) | {"live": {one: dict(row) for one, row in self._live.items()}}

    def _parts(self) -> dict[str, Savable]:
        if self._follower is None:
            return {"scene": self._scene}
        return {
            "scene": self._scene, "follower": self._follower, "window": self._window, "journeys": self._journeys,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another analytic, or of other settings.
        """
        before = self.__dict__.copy() | {"_scene": self._scene.copy()}
        try:
            load_parts("ground", self, {"scene": self._scene}, state)
            self._follower = None
            self._settle()
            load_parts("ground", self, self._parts(), state)
            with complete():
                self._live = {str(one): dict(row) for one, row in state["live"].items()}
        except BaseException:
            self.__dict__.update(before)
            raise
