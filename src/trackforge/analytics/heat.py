"""Where people are most: seconds, or how many, on a grid over the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.analytics.anchors import Box, anchors, seen
from trackforge.analytics.book import Book
from trackforge.analytics.lines import LinesConfig
from trackforge.analytics.saving import load_parts, save_parts
from trackforge.analytics.scene import Scene
from trackforge.config import check, same_setting, setting
from trackforge.errors import InvalidInputError
from trackforge.online.state import restore
from trackforge.protocols import Savable
from trackforge.types import Step, Stream

__all__ = ["Heat", "HeatConfig"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class HeatConfig:
    """Settings of `Heat`."""

    columns: int = setting(
        64, help="Cells from left to right; from top to bottom as many as squares need.", minimum=1, maximum=512
    )
    of: Literal["seconds", "tracks"] = setting(
        "seconds", help="What a cell holds: seconds that tracks spent in it, or how many different ones came."
    )
    anchor: Literal["bottom", "center"] = setting(
        "bottom", help="The point of a box: the middle of its lower edge, or its middle."
    )
    box: Box = same_setting(LinesConfig, "box")
    pause: float = setting(1.0, help="Time between two frames that counts at most.", unit="s", above=0)
    memory: float = same_setting(LinesConfig, "memory")
    opacity: float = setting(0.55, help="Of the warmest cells where they are drawn.", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)


class Heat:
    """Sums up where tracks are that are seen, cell by cell.

    With ``of="seconds"`` a frame counts as long as the time since the one before it, ``pause`` seconds at most, and the
    first not at all; where nobody knows the time, as a frame (``unit`` says which). With ``of="tracks"`` a track
    counts anew when it comes into another cell than the one before.

    Who is cut off by the edge of the picture is in a cell at the edge; who is wholly outside counts as ``outside``.

    Raises:
        InvalidInputError: The size of the picture is not known.
    """

    def __init__(self, config: HeatConfig | None = None) -> None:
        self.config = config or HeatConfig()
        self._scene, self._grid = Scene(), _Grid(self.config.columns)
        self._book = Book(cell=np.int64(-2))  # nowhere yet; -1 is outside
        self._parts: dict[str, Savable] = {"scene": self._scene, "grid": self._grid, "book": self._book}

    def open(self, stream: Stream, /) -> None:
        """Take rate, size and class names."""
        self._scene.open(stream)

    def reset(self) -> None:
        """Forget all."""
        self._scene.reset()
        self._grid.clear()
        self._book.clear()

    def update(self, step: Step, /) -> Mapping[str, Any]:
        """Take one frame; return the sum of all cells, and the warmest."""
        scene, config = self._scene, self.config
        scene.tick(step.frame)
        if scene.size is None:
            raise InvalidInputError("A heat map needs the size of the picture; this frame has none. Give Frame a size.")
        self._grid.fit(scene.size)
        tracks = seen(step, config.box)
        cells = self._grid.cells(anchors(tracks.xyxy, config.anchor, scene.size)[:, 0], scene.size)
        if config.of == "tracks":
            self._book.forget(scene.now - config.memory)
            rows = self._book.rows(tracks.track_id, scene.now)
            came = self._book["cell"][rows] != cells
            self._book["cell"][rows] = cells
            self._grid.add(cells[came], 1.0)
        else:
            self._grid.add(cells, 1.0 if scene.time is None else min(scene.passed, config.pause))
        return {"total": round(float(self._grid.values.sum()), 3), "most": round(float(self._grid.values.max()), 3)}

    @property
    def unit(self) -> str:
        """What a cell holds: seconds, frames or tracks."""
        if self.config.of == "tracks":
            return "tracks"
        return "frames" if self._scene.frame >= 0 and self._scene.time is None else "seconds"

    def result(self) -> Mapping[str, Any]:
        """Return the grid, row by row from the top, with the sizes of its cells in pixels."""
        grid = self._grid
        rows, columns = grid.values.shape
        width, height = self._scene.size or (0, 0)
        return {
            "unit": self.unit,
            "columns": columns,
            "rows": rows,
            "cell": [width / columns, height / rows] if rows else [0.0, 0.0],
            "total": float(grid.values.sum()),
            "outside": grid.outside,
            "grid": grid.values.round(4).tolist(),
        }

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:  # noqa: ARG002 - warmth stays where it is
        """Lay the map over the picture."""
        from trackforge.analytics.drawing import draw_heat

        draw_heat(image, self._grid.values, self.config.opacity)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere."""
        return save_parts("heat", self, self._parts)

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another analytic, or of other settings.
        """
        load_parts("heat", self, self._parts, state)


class _Grid:
    """Sums in cells of the picture."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self.clear()

    def clear(self) -> None:
        self.values: Floats = np.zeros((0, self._columns))
        self.outside = 0.0

    def fit(self, size: tuple[int, int]) -> None:
        """Choose the rows, once, so that cells are square as nearly as can be; no more than 512."""
        if not len(self.values):
            rows = max(1, min(512, round(self._columns * size[1] / size[0])))
            self.values = np.zeros((rows, self._columns))

    def cells(self, points: Floats, size: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Return the number of the cell of every point ``(N, 2)``; -1 outside the picture, whose borders are in it."""
        rows, columns = self.values.shape
        inside = ((points >= 0) & (points <= size)).all(axis=1)
        x, y = (np.clip(points / size, 0, 1) * (columns, rows)).astype(np.int64).T
        return np.where(inside, np.minimum(y, rows - 1) * columns + np.minimum(x, columns - 1), -1)

    def add(self, cells: npt.NDArray[np.int64], amount: float) -> None:
        inside = cells[cells >= 0]
        np.add.at(self.values.reshape(-1), inside, amount)
        self.outside += amount * (len(cells) - len(inside))

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values.copy(), "outside": self.outside}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.values = restore("values", state["values"], dtype=np.float64, row=(self._columns,))
        self.outside = float(state["outside"])
