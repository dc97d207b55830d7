"""A synthetic world with ground truth: a crowd of boxes (`Crowd`), and a street in pictures (`SyntheticSource`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import MissingDependencyError
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.synthetic.ground import Camera
from trackforge.synthetic.walks import Walk, Walks
from trackforge.table import TrackTable
from trackforge.types import Frame, Stream

__all__ = ["Crowd", "CrowdConfig", "SyntheticSource", "SyntheticSourceConfig"]

Image = npt.NDArray[np.uint8]
FURNITURE = -1
VISIBLE = 0.25
"""Part of a person that must be in view to stand in the truth."""
SHADE = 0.36
"""How much of the light a shadow takes."""


@dataclass(frozen=True, kw_only=True)
class SyntheticSourceConfig:
    """Settings of `SyntheticSource`."""

    frames: int = setting(300, help="Length of the sequence.", unit="frames", minimum=1)
    size: tuple[int, int] = setting((960, 540), help="Width and height of the images.", unit="px", minimum=64)
    rate: float = setting(20.0, help="Frame rate.", unit="1/s", minimum=1)
    walkers: int = setting(12, help="People under way at a time, once the street has filled.", minimum=0)
    noise: float = setting(2.0, help="Standard deviation of the sensor noise.", unit="grey levels", minimum=0)
    light: float = setting(0.03, help="How much clouds change the light.", unit="parts", minimum=0, maximum=0.5)
    seed: int = setting(0, help="Two streets of one seed are equal.", minimum=0)

    def __post_init__(self) -> None:
        check(self)


class SyntheticSource:
    """Frames of a street drawn by the computer: walkers who hide each other, and go behind trees, signs and cars.

    Every iteration gives the same frames. Where people are is the same on every machine; pixels may differ by a grey
    level between builds of OpenCV.

    Attributes:
        name: ``"street"``.
        rate: Frames per second.
    """

    def __init__(self, config: SyntheticSourceConfig | None = None) -> None:
        self.config = config or SyntheticSourceConfig()
        self.name = "street"
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
        scene = _Scene(self.config)
        for index in range(self.config.frames):
            image = scene.draw(index)
            yield Frame(index=index, image=image, timestamp=index / self.rate, sequence=self.name)
        self._truth = scene.truth(self.name)


class _Scene:
    """The street while it is being drawn."""

    def __init__(self, c: SyntheticSourceConfig) -> None:
        try:
            import cv2

            from trackforge.synthetic import street, walker
        except ImportError as error:
            raise MissingDependencyError(
                "The synthetic street is drawn with OpenCV, which is not installed; run: pip install "
                "'trackforge-mot[video]'",
                name="cv2",
            ) from error
        self._cv2, self._walker, self._config = cv2, walker, c
        paint, walk, dress, grain = np.random.default_rng(c.seed).spawn(4)
        self._camera = Camera(*c.size)
        self._empty, self._furniture = street.paint_street(self._camera, paint)
        pavements = ((street.NEAR + 0.35, street.KERBS[0]), (street.KERBS[1] + 0.3, street.FAR - 0.2))
        self._walks = Walks(self._camera, c.walkers, street.CROSSING, pavements, walk)
        self._dress, self._looks = dress, dict[int, Any]()
        height, width = self._empty.shape[:2]
        self._noise = np.rint(grain.normal(0, c.noise, (height + 64, width + 64, 3))).astype(np.int16)
        self._grain = grain
        self._rows: list[tuple[float, ...]] = []

    def draw(self, index: int) -> Image:
        """Draw the next frame, and note who is where."""
        c = self._config
        image = self._empty.copy()
        owner = np.zeros(image.shape[:2], np.int32)  # the number of the person in each pixel
        sprites: list[tuple[Any, int]] = [(piece, FURNITURE) for piece in self._furniture]
        drawn = [(self._figure(walk), walk.number) for walk in self._walks.people if walk is not None]
        for sprite, _ in drawn:
            self._cast(image, sprite)
        for sprite, number in sorted(sprites + drawn, key=lambda s: -s[0].z):
            _compose(image, owner, sprite, number)
        self._note(index, drawn, owner)
        self._walks.step(index / c.rate, 1 / c.rate)
        return self._light(image, index)

    def truth(self, sequence: str) -> TrackTable:
        """Return who was where in the frames drawn so far."""
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 7)
        return TrackTable(
            frame=rows[:, 0].astype(np.int64),
            track_id=rows[:, 1].astype(np.int64),
            xyxy=rows[:, 2:6],
            extra={"visibility": rows[:, 6]},
            sequence=sequence,
        )

    def _figure(self, walk: Walk) -> Any:
        from trackforge.synthetic.painting import Sprite

        if walk.number not in self._looks:
            self._looks[walk.number] = self._walker.Look.random(self._dress)
        x, z = walk.position
        foot = self._camera.point(x, z)
        column, row = math.floor(foot[0]), math.floor(foot[1])
        image, alpha = self._walker.draw_walker(
            self._looks[walk.number],
            height=walk.stature * self._camera.scale(z),
            phase=walk.phase,
            swing=walk.walking,
            heading=walk.heading,
            shift=(foot[0] - column, foot[1] - row),
        )
        return Sprite(image, alpha, column - alpha.shape[1] // 2, row - alpha.shape[0] + 1, z)

    def _cast(self, image: Image, sprite: Any) -> None:
        """Darken the ground to the right of a figure with its own shape, laid down."""
        height, width = sprite.alpha.shape
        lean, flat = 0.45, 0.22  # where the shadow of the head falls, in body heights: to the right, and down
        room = math.ceil(lean * height)
        matrix = np.array([[1.0, -lean, lean * height], [0.0, -flat, flat * height]])
        shadow = self._cv2.warpAffine(sprite.alpha, matrix, (width + room, math.ceil(flat * height) + 1))
        blur = max(1, height // 24) | 1
        shadow = self._cv2.GaussianBlur(shadow, (blur, blur), 0)
        target, part = _window(image, sprite.left, sprite.top + height - max(2, height // 40), shadow)
        target[:] = target * (1 - SHADE * part[:, :, None])

    def _note(self, index: int, drawn: list[tuple[Any, int]], owner: npt.NDArray[np.int32]) -> None:
        height, width = owner.shape
        for sprite, number in drawn:
            solid = sprite.alpha > 0.5
            rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
            x1, x2 = (min(max(sprite.left + v, 0), width) for v in (columns[0], columns[-1] + 1))
            y1, y2 = (min(max(sprite.top + v, 0), height) for v in (rows[0], rows[-1] + 1))
            seen = np.count_nonzero(owner[y1:y2, x1:x2] == number) / np.count_nonzero(solid)
            if seen >= VISIBLE:
                self._rows.append((index, number, x1, y1, x2, y2, seen))

    def _light(self, image: Image, index: int) -> Image:
        """Let clouds pass, and add the noise of a sensor."""
        seconds = index / self._config.rate
        gain = 1 + self._config.light * (0.7 * math.sin(0.5 * seconds) + 0.3 * math.sin(1.3 * seconds + 1))
        lit = self._cv2.convertScaleAbs(image, alpha=gain, beta=0)
        y, x = (int(v) for v in self._grain.integers(0, 64, 2))
        height, width = image.shape[:2]
        noisy: Any = self._cv2.add(lit, self._noise[y : y + height, x : x + width], dtype=self._cv2.CV_8U)
        return noisy  # type: ignore[no-any-return]


def _window(image: Image, left: int, top: int, part: Any) -> tuple[Any, Any]:
    """Return the pixels of the image that a part placed at ``left``, ``top`` covers, and the part cut to them."""
    height, width = image.shape[:2]
    y1, y2 = max(top, 0), min(top + part.shape[0], height)
    x1, x2 = max(left, 0), min(left + part.shape[1], width)
    y2, x2 = max(y1, y2), max(x1, x2)
    return image[y1:y2, x1:x2], part[y1 - top : y2 - top, x1 - left : x2 - left]


def _compose(image: Image, owner: npt.NDArray[np.int32], sprite: Any, number: int) -> None:
    """Lay a sprite over the image, and its number over the owners."""
    target, alpha = _window(image, sprite.left, sprite.top, sprite.alpha)
    _, colours = _window(image, sprite.left, sprite.top, sprite.image)
    target[:] = target + (colours - target) * alpha[:, :, None]
    owners, _ = _window(owner, sprite.left, sprite.top, sprite.alpha)  # type: ignore[arg-type]
    owners[alpha > 0.5] = number
