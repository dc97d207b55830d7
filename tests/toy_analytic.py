"""A small analytic that keeps every optional protocol: it counts the tracks that cross the middle of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import StateError
from trackforge.registry import ComponentSpec, hookimpl
from trackforge.types import Step, Stream

__all__ = ["Middle", "install"]


class Middle:
    """Counts crossings of the vertical line in the middle, ``fails_at`` a frame where it shall."""

    name = "middle"

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.stream = Stream()
        self.reset()

    def open(self, stream: Stream, /) -> None:
        self.stream = stream

    def update(self, step: Step, /) -> Mapping[str, Any]:
        if step.frame.index == self.fails_at:
            raise KeyError("middle")
        middle, tracks = step.frame.size[0] / 2, step.tracks.visible
        for track_id, box in zip(tracks.track_id.tolist(), tracks.xyxy, strict=True):
            side = bool((box[0] + box[2]) / 2 > middle)
            if self._sides.get(track_id, side) != side:
                self.crossed += 1
                self._news.append(
                    {"frame": step.frame.index, "time": step.frame.timestamp, "kind": "cross", "track_id": track_id}
                )
            self._sides[track_id] = side
        return {"crossed": self.crossed}

    def result(self) -> Mapping[str, Any]:
        return {"crossed": self.crossed, "tracks": len(self._sides)}

    def reset(self) -> None:
        self.crossed = 0
        self._sides: dict[int, bool] = {}
        self._news: list[dict[str, Any]] = []

    def events(self) -> Sequence[Mapping[str, Any]]:
        news, self._news = self._news, []
        return news

    def state_dict(self) -> dict[str, Any]:
        return {"crossed": self.crossed, "sides": dict(self._sides)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        if state.keys() != {"crossed", "sides"}:
            message = "no state of the middle"
            raise StateError(message)
        self.reset()
        self.crossed, self._sides = state["crossed"], dict(state["sides"])

    def draw(self, image: npt.NDArray[np.uint8], step: Step, /) -> None:
        image[:, image.shape[1] // 2] = 255


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    yield ComponentSpec(
        kind="analytic", name="middle", target="toy_analytic:Middle", summary="Crossings of the middle."
    )


def install(folder: Path) -> Path:
    """Make a plugin of this module in a folder, which is to stand on PYTHONPATH beside the folder of the tests."""
    info = folder / "toy_analytic-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-analytic\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackforge]\ntoy-analytic = toy_analytic\n")
    return folder
