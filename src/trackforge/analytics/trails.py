"""Where tracks went: their points, to be exported and drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.anchors import Box, anchors, seen
from trackforge.analytics.lines import LinesConfig
from trackforge.analytics.saving import load_parts, save_parts
from trackforge.analytics.scene import Scene
from trackforge.config import check, same_setting, setting
from trackforge.protocols import Savable
from trackforge.types import Step, Stream

__all__ = ["Trails", "TrailsConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]
RATE = 25
"""Frames a second, for the length of what is drawn where nobody knows the time."""
COLUMNS = ("track_id", "class_id", "frame", "time", "x", "y")


@dataclass(frozen=True, kw_only=True)
class TrailsConfig:
    """Settings of `Trails`."""

    anchor: Literal["bottom", "center"] = setting(
        "bottom", help="The point of a box: the middle of its lower edge, or its middle."
    )
    box: Box = same_setting(LinesConfig, "box")
    every: int = setting(1, help="Take one of so many frames.", unit="frames", minimum=1)
    points: int = setting(200_000, help="Points to keep, the newest.", minimum=1, maximum=5_000_000)
    shown: float = setting(3.0, help="Length of the trails that are drawn.", unit="s", minimum=0)

    def __post_init__(self) -> None:
        check(self)


class Trails:
    """Keeps the points of all tracks that are seen, in pixels; the newest ``points`` of them."""

    def __init__(self, config: TrailsConfig | None = None) -> None:
        self.config = config or TrailsConfig()
        self._scene, self._store = Scene(), _Store(self.config.points)
        self._parts: dict[str, Savable] = {"scene": self._scene, "points": self._store}

    def open(self, stream: Stream, /) -> None:
        """Take rate, size and class names."""
        self._scene.open(stream)

    def reset(self) -> None:
        """Forget all points."""
        self._scene.reset()
        self._store.clear()

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take one frame; return where every track is now, by its id."""
        scene, config = self._scene, self.config
        scene.tick(step.frame)
        tracks = seen(step, config.box)
        places = anchors(tracks.xyxy, config.anchor)[:, 0]
        if step.frame.index % config.every == 0 and len(tracks):
            n = len(tracks)
            time = np.nan if scene.time is None else scene.time
            head = (tracks.track_id, tracks.class_id, np.full(n, scene.frame), np.full(n, time))
            self._store.add(np.column_stack((*head, places)))
        return {"now": dict(zip(map(str, tracks.track_id.tolist()), places.round(2).tolist(), strict=True))}

    def result(self) -> Mapping[str, Any]:
        """Return a row for every track and one for every point that is kept, by track and frame."""
        points = self._store.all()
        points = points[np.lexsort((points[:, 2], points[:, 0]))]
        starts = np.flatnonzero(np.diff(points[:, 0], prepend=-1))
        ends = np.append(starts[1:], len(points))
        tracks = [
            {
                "track_id": int(part[0, 0]),
                "class": self._scene.class_name(int(part[-1, 1])),
                "start_frame": int(part[0, 2]),
                "end_frame": int(part[-1, 2]),
                "points": len(part),
                "pixels": round(float(np.hypot(*np.diff(part[:, 4:], axis=0).T).sum()), 2),
            }
            for part in (points[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=False))
        ]
        whole, rest = points[:, (0, 2)].astype(np.int64).tolist(), points[:, 3:].round(4).tolist()
        path = [
            {"track_id": one, "frame": frame, "time": None if time != time else time, "x": x, "y": y}
            for (one, frame), (time, x, y) in zip(whole, rest, strict=True)
        ]
        return {"tracks": tracks, "path": path}

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:
        """Draw the last seconds of the tracks that are seen."""
        from trackforge.analytics.drawing import draw_trails

        scene, shown = self._scene, self.config.shown
        timed = scene.time is not None
        recent = self._store.since(3, scene.now - shown) if timed else self._store.since(2, scene.frame - shown * RATE)
        recent = recent[np.isin(recent[:, 0], step.tracks.visible.track_id)]
        draw_trails(image, recent[:, 0].astype(np.int64), recent[:, 4:], self._scene.size)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere."""
        return save_parts("trails", self, self._parts)

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another analytic, or of other settings.
        """
        load_parts("trails", self, self._parts, state)


class _Store:
    """Rows of numbers, frame by frame, the newest ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.clear()

    def clear(self) -> None:
        self._chunks: deque[Floats] = deque()
        self._held = 0

    def add(self, rows: Floats) -> None:
        self._chunks.append(rows)
        self._held += len(rows)
        while self._held > self._most:
            oldest = self._chunks[0]
            over = self._held - self._most
            if over >= len(oldest):
                self._chunks.popleft()
            else:
                self._chunks[0] = oldest[over:]
            self._held -= min(over, len(oldest))

    def all(self) -> Floats:
        return np.concatenate(list(self._chunks)) if self._chunks else np.empty((0, len(COLUMNS)))

    def since(self, column: int, least: float) -> Floats:
        """Return the newest rows, back to where a column falls below a number."""
        recent = []
        for chunk in reversed(self._chunks):
            if chunk[0, column] < least:
                break
            recent.append(chunk)
        return np.concatenate(recent[::-1]) if recent else np.empty((0, len(COLUMNS)))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.all(), "lengths": [len(chunk) for chunk in self._chunks]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        rows = np.array(state["rows"], np.float64).reshape(-1, len(COLUMNS))
        ends = np.cumsum(np.array(state["lengths"], np.int64)).tolist()
        self._chunks = deque(rows[start:end] for start, end in zip([0, *ends], ends, strict=False))
        self._held = len(rows)
