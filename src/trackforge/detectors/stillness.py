"""What stands still: a slow background of the reduced picture, the light, and whether the camera itself moves.

Works on a picture of some 190 pixels, where it costs a millisecond. Against the mixture of Gaussians that finds small
things it has two advantages: it takes changes of exposure and light out first, and it does not learn where it is told
that somebody is, so that who sits still for minutes does not fade into the wall.
"""

from __future__ import annotations

from collections import deque
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["COARSE", "Camera", "Stillness"]

Picture: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.uint8]

COARSE = 192
"""Longest side of the reduced picture."""
LEARN = 150
"""Frames in which the background follows what has changed."""
LAG = 3
"""Frames between two pictures that are compared for motion."""
RIM = np.pad(np.zeros((6, 10), np.bool_), 1, constant_values=True).ravel()
"""Of 8 x 12 blocks: those at the rim, which nobody covers who walks by."""


class Stillness:
    """The background of a static camera at a coarse scale.

    Attributes:
        gain: How much brighter the last picture was than the background, as a factor.
    """

    def __init__(self, shadow: float) -> None:
        self._shadow = shadow
        self.gain = 1.0
        self._noise, self._frames = 1.0, 0
        self._background: Any = None  # (H, W, 3) float32
        self._even: Any = None  # the last picture in the light of the background, uint8
        self._recent: deque[Picture] = deque(maxlen=LAG)
        self._rested: Any = None  # for how many frames each pixel has not moved
        self._edges: Any = None

    def see(self, picture: Picture, claimed: Mask | None) -> Mask:
        """Take in the next picture; returns a 0/1 mask of what differs from the background, or moves.

        Args:
            picture: ``(H, W, 3)`` uint8.
            claimed: ``(H, W)`` 0/1, where something is known to be: light is not measured there.
        """
        if self._background is None:
            self._background, self._even = picture.astype(np.float32), picture
            self._rested = np.zeros(picture.shape[:2], np.uint16)
            self._recent.append(picture)
            return np.zeros(picture.shape[:2], np.uint8)
        background = cv2.convertScaleAbs(self._background)
        if self._frames % 8 == 0:
            self._edges = _edges(background)
        self._frames += 1
        self.gain = self._brightness(picture, background, claimed)
        self._even = cv2.convertScaleAbs(picture, alpha=1 / self.gain)
        step = _largest(cv2.absdiff(self._even, self._recent[0]))
        self._noise += 0.1 * (min(float(np.median(step[::3, ::3])), 8.0) - self._noise)
        self._recent.append(self._even)
        limit = np.minimum(self._edges * 0.4 + (9 + 4 * self._noise), 200)
        moving = step > limit
        away = _largest(cv2.absdiff(self._even, background)) > limit
        self._unshade(away, background)
        self._rested += 1
        self._rested[moving] = 0
        found = (away | moving).astype(np.uint8)
        return cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))  # type: ignore[return-value]

    def learn(self, kept: Mask) -> None:
        """Let the background follow the last picture, except where ``kept`` ``(H, W)`` 0/1 says that somebody is."""
        if self._frames:
            cv2.accumulateWeighted(self._even, self._background, max(1 / LEARN, 1 / (self._frames + 1)), 1 - kept)

    def give_up_ghosts(self, found: Mask, rest: int = 25) -> None:
        """Learn at once what differs, does not move, and has its outline in the background rather than in the picture.

        Somebody who was there from the start and leaves uncovers the wall; it is the wall that has no outline.
        """
        if not self._frames:
            return
        still = ((found > 0) & (self._rested > rest)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(still)
        now, then = _edges(self._even), _edges(cv2.convertScaleAbs(self._background))
        cross = np.ones((3, 3), np.uint8)
        for number in range(1, count):
            x, y, w, h, area = (int(v) for v in stats[number])
            if area < 12:
                continue
            part = (slice(max(y - 2, 0), y + h + 2), slice(max(x - 2, 0), x + w + 2))
            mask = (labels[part] == number).astype(np.uint8)
            around = cv2.dilate(mask, cross) - mask
            free = around * (found[part] == 0)  # beside it nothing differs
            if free.sum() < 0.5 * around.sum():
                continue
            outline = cv2.dilate(free.astype(np.uint8), cross) > 0
            if then[part][outline].sum() > 1.25 * now[part][outline].sum():
                inside = cv2.dilate(mask, cross) > 0
                self._background[part][inside] = self._even[part][inside]

    def _brightness(self, picture: Picture, background: Any, claimed: Mask | None) -> float:
        now, then = picture[::3, ::3, 1].astype(np.float32), background[::3, ::3, 1].astype(np.float32)
        use = (then > 20) & (then < 235) & (now < 250)
        if claimed is not None:
            use &= claimed[::3, ::3] == 0
        if np.count_nonzero(use) < 0.05 * use.size:
            return self.gain
        return float(np.clip(np.median(now[use] / then[use]), 0.4, 2.5))

    def _unshade(self, away: Any, background: Any) -> None:
        """Take out of a mask where the picture is the background in shadow: darker by one factor in all colours."""
        places = np.nonzero(away)
        now, then = (picture[places].astype(np.float32) for picture in (self._even, background))
        part = (now * then).sum(axis=1) / np.maximum((then * then).sum(axis=1), 1)
        rest = np.abs(now - part[:, None] * then).max(axis=1, initial=0)
        away[places] = ~((part >= self._shadow) & (part < 1) & (rest < 5 + 2 * self._noise))


class Camera:
    """Notices a camera that moves: most of what has structure has shifted by one step, or nearly all has changed.

    Attributes:
        moves: Whether it does: by two looks in turn.
        moved: In how many frames it did.
    """

    def __init__(self) -> None:
        self.moves, self.moved, self._frames = False, 0, 0
        self._before = False
        self._recent: deque[Any] = deque(maxlen=2)
        self._window: Any = None

    def see(self, picture: Picture) -> bool:
        """Take in the next reduced picture ``(H, W, 3)`` uint8; returns whether the camera moves."""
        if self._frames % LAG == 0:
            grey = picture[:, :, 1].astype(np.float32)
            if self._window is None:
                self._window = cv2.createHanningWindow((grey.shape[1], grey.shape[0]), cv2.CV_32F)
            shifted = len(self._recent) == 2 and self._shifted(self._recent[0], grey)
            self.moves, self._before = shifted if shifted == self._before else self.moves, shifted
            self._recent.append(grey)
        self._frames += 1
        self.moved += self.moves
        return self.moves

    def _shifted(self, before: Any, now: Any) -> bool:
        (dx, dy), _ = cv2.phaseCorrelate(before.copy(), now.copy(), self._window)  # it may write into them
        if not 0.35 <= np.hypot(dx, dy) <= 0.25 * min(now.shape):
            return False
        matrix = np.array([[1, 0, dx], [0, 1, dy]])
        followed = cv2.warpAffine(before, matrix, (now.shape[1], now.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        light = np.float32(np.median((now[::3, ::3] + 1) / (followed[::3, ::3] + 1)))
        stays, follows = (_blocks(np.abs(now - light * other)) for other in (before, followed))
        texture = _blocks(_edges(now))
        told = texture > max(4.0, float(np.median(texture)) * 0.5)
        if np.count_nonzero(told) < 8:
            return False
        better = follows < 0.75 * stays
        rim = told & RIM
        return bool(better[told].mean() > 0.6 and rim.sum() >= 4 and better[rim].mean() > 0.6)


def _largest(colours: Any) -> Any:
    """Return the largest of the three channels."""
    one, two, three = cv2.split(colours)
    return cv2.max(cv2.max(one, two), three)


def _edges(picture: Any) -> Any:
    """Return how much a picture, or its green, changes from pixel to pixel, ``(H, W)`` float32."""
    grey = cv2.extractChannel(picture, 1) if picture.ndim == 3 else picture
    return cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4


def _blocks(values: Any) -> Any:
    """Return the means of 12 x 8 blocks."""
    return cv2.resize(values, (12, 8), interpolation=cv2.INTER_AREA).ravel()
