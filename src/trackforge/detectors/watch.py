"""Watches the whole picture, reduced: bodies close by, light, camera; and says what people should know of it."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.detectors.bodies import NEW, Bodies
from trackforge.detectors.stillness import COARSE, Camera, Stillness

__all__ = ["Watch"]

Floats: TypeAlias = npt.NDArray[np.float64]

FLOOD = 0.6
"""Part of the picture that is foreground where nothing can be told any more."""
START = 5
"""First frames, in which there is little background yet to compare with."""
GHOSTS = 8
"""Frames between two looks for ghosts."""


class Watch:
    """What goes on in the picture as a whole.

    Attributes:
        frames: Frames seen.
        flooded: In how many of them most of the picture was foreground at once.
        camera: Whether the camera moves.
    """

    def __init__(self, shadow: float) -> None:
        self._shadow = shadow
        self.frames, self.flooded = 0, 0
        self.camera = Camera()
        self._start()

    def _start(self) -> None:
        self._still, self._bodies = Stillness(self._shadow), Bodies()
        self._kept: Any = None
        self._since, self._full = 0, 0
        self._scale = 1.0

    @property
    def gain(self) -> float:
        """How much brighter the last picture was than the background."""
        return self._still.gain

    def see(self, image: npt.NDArray[np.uint8]) -> bool:
        """Take in the next image ``(H, W, 3)``; returns whether all that was learned of the scene is void now."""
        self._scale = max(max(image.shape[:2]) / COARSE, 1.0)
        size = tuple(max(8, round(side / self._scale)) for side in image.shape[1::-1])
        picture: Any = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self.frames, self._since = self.frames + 1, self._since + 1
        moved = self.camera.moves
        if self.camera.see(picture) or moved:
            self._start()
            return True
        found = self._still.see(picture, self._kept)
        if self._flooded(found):
            self._start()
            return True
        self._bodies.update(found)
        self._kept = np.zeros_like(found)
        for body in self._bodies.all:
            x1, y1, x2, y2 = body.xyxy.astype(int)
            part = (slice(max(y1 - 1, 0), y2 + 1), slice(max(x1 - 1, 0), x2 + 1))
            self._kept[part] |= found[part]
        if self.frames % GHOSTS == 0:
            self._still.give_up_ghosts(found)
        self._still.learn(self._kept)
        return False

    def _flooded(self, found: npt.NDArray[np.uint8]) -> bool:
        """Return whether most of the picture has changed at once and stays so: light, a cut, a blow at the camera."""
        full = self._since > START and float(found.mean()) > FLOOD
        before = float(self._kept.mean()) if self._kept is not None else 0.0
        self._full = self._full + 1 if full and (self._full or before < FLOOD / 2) else 0
        self.flooded += full
        return self._full > 2

    def large(self, least: float, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Return the bodies at least ``least`` of the picture wide or high: boxes in pixels of the image, and ages."""
        size = np.array(shape[1::-1], np.float64)
        bodies = [b for b in self._bodies.all if b.age >= NEW and (b.size * self._scale >= least * size).any()]
        xyxy = np.array([b.xyxy for b in bodies]).reshape(-1, 4) * self._scale
        return np.clip(xyxy, 0, np.tile(size, 2)), np.array([float(b.age) for b in bodies])

    def notes(self) -> list[str]:
        """Return what people should know, one line each: what was seen, and the cure."""
        said = []
        if self.camera.moved >= 10 and self.camera.moved > 0.1 * self.frames:
            said.append(
                f"the camera seems to move ({self.camera.moved} of {self.frames} frames, in which nothing is "
                "reported): motion needs a static camera; take a network: --detector yolox"
            )
        if self.flooded:
            said.append(
                f"most of the picture was foreground in {self.flooded} of {self.frames} frames (light switched? a "
                "cut? camera moved?): what stands in the scene was learned anew; where it happens often, take a "
                "network: --detector yolox"
            )
        return said
