"""Finds what moves before a static camera: no weights, no training, a few milliseconds a frame.

A mixture of Gaussians a pixel says what is background, shadows are taken out, and the blobs that remain become boxes.
With ``upright`` the detector looks for what the scene is like. Where things walk and keep their height, people stand on
a common ground: it learns how tall they look at each height of the image, joins fragments to figures and splits groups
(`trackforge.detectors.figures`). Where none do, something large is a body close by: what moves near each other for
seconds is held together, and does not fade into the wall while it rests (`trackforge.detectors.bodies`).

On PETS09-S2L1 (795 frames of a real street, default settings) it reaches an AP50 of .82 for persons. Of what it misses
there, a third stands behind a lamp post and its sign, a quarter overlaps somebody else, and a fifth falls into the
first 60 frames, while the background is still being learned; walkers in plain view are found at 96 %.

What it cannot do: a moving camera (it reports nothing while the camera moves, and `MotionDetector.notes` says so);
people close by who are side by side from the start (they may become one); people far away who stand still for longer
than about ``history / 10`` frames (they become background); telling classes apart.

Source: Zivkovic and van der Heijden, "Efficient adaptive density estimation per image pixel for the task of
background subtraction", Pattern Recognition Letters 27, 2006, as OpenCV's MOG2 (Apache-2.0). The rest is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from trackforge import boxes as _boxes
from trackforge.config import check, setting
from trackforge.detectors.figures import Blobs, GroundScale, join, split
from trackforge.detectors.lasting import Lasting
from trackforge.detectors.watch import Watch
from trackforge.errors import InvalidInputError
from trackforge.types import Detections, Frame

__all__ = ["MotionDetector", "MotionDetectorConfig"]

log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float64]
FOREGROUND = 255  # MOG2 marks shadows with 127


@dataclass(frozen=True, kw_only=True)
class MotionDetectorConfig:
    """Settings of `MotionDetector`."""

    class_name: str = setting("person", help="Name of the one class; the detector cannot tell classes apart.")
    upright: bool = setting(
        True, help="Expect standing figures: learn their size across the image, join fragments, split groups."
    )
    history: int = setting(1000, help="Frames after which a change has become background.", unit="frames", minimum=2)
    contrast: float = setting(
        12.0,
        help="Squared distance from the background above which a pixel is foreground.",
        unit="variances",
        minimum=1,
    )
    shadow: float = setting(
        0.6, help="Darkest shadow, as a part of the lit background's brightness; 1 keeps shadows.", minimum=0, maximum=1
    )
    working_size: int = setting(
        960, help="Longest side at which blobs are sought; larger images are reduced first.", unit="px", minimum=64
    )
    despeckle: float = setting(
        0.005, help="Foreground thinner than this goes.", unit="image heights", minimum=0, maximum=0.1
    )
    bridge: float = setting(0.012, help="Vertical gaps up to this close.", unit="image heights", minimum=0, maximum=0.2)
    min_height: float = setting(0.05, help="Least height of a box.", unit="image heights", minimum=0, maximum=1)
    min_figure: float = setting(
        0.45, help="With upright: least height of a box, as a part of the figure expected there.", minimum=0, maximum=1
    )
    group: float = setting(
        1.3, help="With upright: blobs wider or taller than this many figures are split.", unit="figures", minimum=1
    )
    large: float = setting(
        0.3,
        help="With upright, where no walkers tell how large figures are: what moves together and is at least this wide "
        "or high is one body close by, hair, hands and all; 1 is never.",
        unit="picture sizes",
        above=0,
        maximum=1,
    )
    margin: float = setting(
        0.05,
        help="Added on the left and right, and half of it above and below, as annotators do.",
        unit="box sizes",
        minimum=0,
        maximum=0.5,
    )
    min_score: float = setting(0.05, help="Boxes with a lower score are left out.", minimum=0, maximum=1, role="conf")

    def __post_init__(self) -> None:
        check(self)


class MotionDetector:
    """Detects moving figures by background subtraction.

    The detector remembers the background, so frames must come in order and each once. It starts anew whenever
    ``frame.sequence`` changes or ``frame.index`` does not increase; `reset` does so by hand.

    A score is the product of three parts, each 0..1: how well the box has the size of a figure (1 where that is not
    known yet: 0.8), how much of the box is foreground, and for how many frames something has been there. A figure
    that plainly is one scores above 0.7 from its third frame on.

    Raises:
        InvalidInputError: A frame has no image, or another size than the frames before it.
    """

    embedding_dim: int | None = None

    def __init__(self, config: MotionDetectorConfig | None = None) -> None:
        self.config = config or MotionDetectorConfig()
        self.classes: tuple[str, ...] = (self.config.class_name,)
        self.reset()

    def reset(self, sequence: str = "", /) -> None:  # noqa: ARG002 - one background is like another
        """Forget the background and the sizes of figures."""
        self._last: Frame | None = None
        self._watch = Watch(self.config.shadow)
        self._forget()

    def notes(self) -> list[str]:
        """Return what was noticed since the start of the sequence, a line each: a moving camera, light switched."""
        return self._watch.notes()

    def _forget(self) -> None:
        self._model: Any = None
        self._scale = GroundScale()
        self._seen = Lasting()

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return one Detections a frame; the first frames of a sequence, while the background is learned, give few."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        image = self._prepare(frame)
        if self._watch.see(image):
            self._forget()
            if self._watch.camera.moves:
                return Detections.empty()
        blobs = self._blobs(image)
        xyxy, pixels, purity = self._figures(blobs)
        xyxy, fill, fit, purity = self._judge(xyxy, pixels, purity, image.shape[0])
        age = self._seen.update(xyxy)
        self._learn(xyxy, fill, purity, age, image.shape)
        score = fit * np.minimum(fill / 0.55, 1) * purity * (1 - 0.6 * 0.5**age)
        if not (self._scale.known or self._scale.likely):
            xyxy, score = self._with_bodies(xyxy, score, image.shape)
        return self._result(xyxy, score, frame.size, image.shape)

    def _prepare(self, frame: Frame) -> npt.NDArray[np.uint8]:
        """Check the frame, start anew where a sequence starts, and reduce the image to the working size."""
        if frame.image is None:
            raise InvalidInputError(
                f"The motion detector needs images; frame {frame.index} has none. Use a source that reads them."
            )
        last = self._last
        if last is not None and (frame.sequence != last.sequence or frame.index <= last.index):
            log.debug("sequence %r starts at frame %d: background forgotten", frame.sequence, frame.index)
            self.reset()
        elif last is not None and frame.size != last.size:
            raise InvalidInputError(
                "The motion detector compares frames, which must have one size; "
                f"frame {frame.index} is {frame.size[0]}x{frame.size[1]} after {last.size[0]}x{last.size[1]}. Scale "
                "them to one size, choose another detector, or call reset() where a new sequence begins."
            )
        self._last = Frame(index=frame.index, size=frame.size, sequence=frame.sequence)
        ratio = self.config.working_size / max(frame.size)
        if ratio >= 1:
            return frame.image
        size = tuple(max(1, round(side * ratio)) for side in frame.size)
        reduced: Any = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        return reduced  # type: ignore[no-any-return]

    def _blobs(self, image: npt.NDArray[np.uint8]) -> Blobs:
        c = self.config
        if self._model is None:
            self._model = cv2.createBackgroundSubtractorMOG2(c.history, c.contrast, c.shadow < 1)
            self._model.setShadowThreshold(c.shadow)
        foreground: Any = (self._model.apply(image) == FOREGROUND).astype(np.uint8)
        height = image.shape[0]
        speck, bridge = _odd(c.despeckle * height), _odd(c.bridge * height)
        if speck > 1:
            foreground = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((speck, speck), np.uint8))
        if bridge > 1:
            foreground = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, np.ones((bridge, 1), np.uint8))
        least = max(int(0.04 * (c.min_height * height) ** 2 + 0.5), 4)
        return Blobs.of(foreground, least=least)

    def _figures(self, blobs: Blobs) -> tuple[Floats, Floats, Floats]:
        """Return boxes, foreground pixels, and purity: 1 for a blob of its own, less for a part of a group."""
        if not (self.config.upright and self._scale.known):
            return blobs.xyxy, blobs.pixels, np.ones(len(blobs.xyxy))
        blobs = join(blobs, self._scale)
        size = blobs.xyxy[:, 2:] - blobs.xyxy[:, :2]
        expected = self._scale.height(blobs.xyxy[:, 3])
        group = (size[:, 0] > self.config.group * self._scale.aspect * expected) | (
            size[:, 1] > self.config.group * expected
        )
        xyxy, pixels, purity = [blobs.xyxy[~group]], [blobs.pixels[~group]], [np.ones(int((~group).sum()))]
        for row in np.flatnonzero(group):
            found, inside = split(blobs, int(row), self._scale)
            if not len(found):
                found, inside = blobs.xyxy[row : row + 1], blobs.pixels[row : row + 1]
            xyxy.append(found)
            pixels.append(inside)
            purity.append(np.full(len(found), 0.8))
        return np.concatenate(xyxy), np.concatenate(pixels), np.concatenate(purity)

    def _with_bodies(self, xyxy: Floats, score: Floats, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Put bodies close by in the place of the hair and hands that move inside of them."""
        if not self.config.upright:
            return xyxy, score
        bodies, age = self._watch.large(self.config.large, shape)
        if len(bodies) and len(xyxy):
            low = np.maximum(xyxy[:, None, :2], bodies[None, :, :2])
            high = np.minimum(xyxy[:, None, 2:], bodies[None, :, 2:])
            shared = np.maximum(high - low, 0).prod(axis=2).max(axis=1)
            apart = shared < 0.5 * (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
            xyxy, score = xyxy[apart], score[apart]
        return np.concatenate((xyxy, bodies)), np.concatenate((score, 0.9 * (1 - 0.6 * 0.5**age)))

    def _judge(self, xyxy: Floats, pixels: Floats, purity: Floats, rows: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Drop what is too small; return boxes, filled part of each, fit to a figure's size, and purity."""
        size = xyxy[:, 2:] - xyxy[:, :2]
        keep = size[:, 1] >= self.config.min_height * rows
        fit = np.full(len(xyxy), 0.8)
        if self.config.upright and self._scale.known:
            expected = self._scale.height(xyxy[:, 3])
            tall, wide = size[:, 1] / expected, size[:, 0] / (self._scale.aspect * expected)
            keep &= (tall >= self.config.min_figure) & (wide >= 0.25)
            fit = np.exp(-((np.log(tall) / 0.35) ** 2) - (np.log(wide) / 0.6) ** 2)
        fill = pixels / (size[:, 0] * size[:, 1])
        return xyxy[keep], fill[keep], fit[keep], purity[keep]

    def _learn(self, xyxy: Floats, fill: Floats, purity: Floats, age: Floats, shape: tuple[int, ...]) -> None:
        """Show the size model the boxes that plainly are one whole figure, clear of the image border."""
        if not self.config.upright:
            return
        aspect = (xyxy[:, 2] - xyxy[:, 0]) / (xyxy[:, 3] - xyxy[:, 1])
        inside = (xyxy[:, :2] > 1).all(axis=1) & (xyxy[:, 2] < shape[1] - 1) & (xyxy[:, 3] < shape[0] - 1)
        plain = inside & (purity == 1) & (age >= 2) & (fill > 0.35) & (aspect > 0.2) & (aspect < 0.65)
        self._scale.learn(xyxy[plain], self._seen.number[plain], self._seen.walks()[plain])

    def _result(self, xyxy: Floats, score: Floats, size: tuple[int, int], shape: tuple[int, ...]) -> Detections:
        keep = score >= self.config.min_score
        xyxy, score = xyxy[keep], score[keep]
        grow = (xyxy[:, 2:] - xyxy[:, :2]) * self.config.margin * np.array([1.0, 0.5])
        xyxy = np.concatenate((xyxy[:, :2] - grow, xyxy[:, 2:] + grow), axis=1)
        xyxy *= np.tile(np.array(size) / np.array([shape[1], shape[0]]), 2)
        return Detections(xyxy=_boxes.clip(xyxy, size).astype(np.float32), score=score.astype(np.float32))


def _odd(size: float) -> int:
    """Round to the nearest odd number of pixels."""
    return 2 * int(size / 2) + 1
