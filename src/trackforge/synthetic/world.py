"""A synthetic world with ground truth: a crowd of boxes (`Crowd`), and scenes in pictures (`SyntheticSource`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import MissingDependencyError
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.table import TrackTable
from trackforge.types import Frame, Stream

__all__ = ["Crowd", "CrowdConfig", "SyntheticSource", "SyntheticSourceConfig"]


@dataclass(frozen=True, kw_only=True)
class SyntheticSourceConfig:
    """Settings of `SyntheticSource`."""

    scene: Literal["street", "room", "panning"] = setting(
        "street",
        help="street: walkers before a static camera; room: up to three people close by; panning: the street, and a "
        "camera that moves.",
    )
    frames: int = setting(300, help="Length of the sequence.", unit="frames", minimum=1)
    size: tuple[int, int] = setting((960, 540), help="Width and height of the images.", unit="px", minimum=64)
    rate: float = setting(20.0, help="Frame rate.", unit="1/s", minimum=1)
    walkers: int = setting(
        12, help="People under way at a time, once the street has filled; in the room, three at most.", minimum=0
    )
    noise: float = setting(2.0, help="Standard deviation of the sensor noise.", unit="grey levels", minimum=0)
    light: float = setting(0.03, help="How much clouds change the light.", unit="parts", minimum=0, maximum=0.5)
    seed: int = setting(0, help="Two scenes of one seed are equal.", minimum=0)

    def __post_init__(self) -> None:
        check(self)


class SyntheticSource:
    """Frames drawn by the computer: walkers who hide each other, and go behind trees, signs and cars; or a room.

    Every iteration gives the same frames. Where people are is the same on every machine; pixels may differ by a grey
    level between builds of OpenCV.

    Attributes:
        name: That of the scene: ``"street"``, ``"room"`` or ``"panning"``.
        rate: Frames per second.
    """

    def __init__(self, config: SyntheticSourceConfig | None = None) -> None:
        self.config = config or SyntheticSourceConfig()
        self.name: str = self.config.scene
        self.rate = self.config.rate
        self._truth: TrackTable | None = None

    @property
    def stream(self) -> Stream:
        """Everything as set."""
        return Stream(name=self.name, rate=self.rate, size=self.config.size, length=len(self))

    def __len__(self) -> int:
        return self.config.frames

    def close(self) -> None:
        """Do nothing; there is nothing to close."""

    @property
    def truth(self) -> TrackTable:
        """Everybody with at least a quarter in view, each with the box of the whole figure, cut at the image border.

        ``extra["visibility"]`` is the part in view, 0..1. Draws the whole sequence unless it was iterated to its end
        before.
        """
        if self._truth is None:
            for _ in self:
                pass
        assert self._truth is not None  # noqa: S101 - a whole iteration leaves it
        return self._truth

    def __iter__(self) -> Iterator[Frame]:
        """Draw the frames one by one.

        Raises:
            MissingDependencyError: OpenCV is not installed.
        """
        try:
            from trackforge.synthetic.scenes import SCENES
        except ImportError as error:
            raise MissingDependencyError(
                "The synthetic scenes are drawn with OpenCV, which is not installed; run: pip install "
                "'trackforge-mot[video]'",
                name="cv2",
            ) from error
        c = self.config
        scene = SCENES[c.scene](c.size, c.frames, c.rate, c.walkers, c.noise, c.light, c.seed)
        rows: list[tuple[float, ...]] = []
        for index in range(c.frames):
            image, truth = scene.draw(index)
            rows += truth
            yield Frame(index=index, image=image, timestamp=index / self.rate, sequence=self.name)
        self._truth = _table(rows, self.name)


def _table(found: list[tuple[float, ...]], sequence: str) -> TrackTable:
    rows = np.array(found, dtype=np.float64).reshape(-1, 7)
    return TrackTable(
        frame=rows[:, 0].astype(np.int64),
        track_id=rows[:, 1].astype(np.int64),
        xyxy=rows[:, 2:6],
        extra={"visibility": rows[:, 6]},
        sequence=sequence,
    )
