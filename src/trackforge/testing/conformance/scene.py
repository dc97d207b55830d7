"""What trackers are shown while their rules are tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.types import Detections, Frame

__all__ = ["PLAIN", "Scene", "Stream"]

Stream: TypeAlias = list[tuple[Detections, Frame]]
SIZE = (960, 540)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Frames and detections as the tracker at hand needs them.

    Attributes:
        images: Whether frames have an image.
        embedding_dim: Width of the detections' embeddings, or None for none.
    """

    images: bool = False
    embedding_dim: int | None = None

    @property
    def nothing(self) -> Detections:
        """Zero detections."""
        return Detections.empty(embedding_dim=self.embedding_dim)

    def frame(self, index: int) -> Frame:
        """Return a frame, grey where it has an image."""
        image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8) if self.images else None
        return Frame(index=index, size=SIZE, image=image, sequence="conformance")

    def boxes(self, *boxes: tuple[float, ...], score: float = 0.95) -> Detections:
        """Return detections of the given boxes, all of one score."""
        xyxy = np.array(boxes, np.float32).reshape(-1, 4)
        return self.dressed(Detections(xyxy=xyxy, score=np.full(len(boxes), score, np.float32)))

    def stream(self, *, seed: int = 0, frames: int = 45) -> Stream:
        """Return a busy scene: births, deaths, misses, false positives, now and then an empty frame."""
        crowd = Crowd(CrowdConfig(objects=9, frames=frames, size=SIZE, lifetime=60, false_positives=1, seed=seed))
        return [
            (self.dressed(found[:0] if frame.index % 11 == 5 else found), self.frame(frame.index))
            for frame, found in crowd
        ]

    def dressed(self, detections: Detections) -> Detections:
        """Take out what only tests may know, and put in embeddings where they are wanted."""
        width = self.embedding_dim
        if width is None:
            return replace(detections, extra={})
        identity = detections.extra.get("truth_id", np.arange(len(detections)))
        looks = np.array([_look(int(i), width) for i in identity], np.float32).reshape(-1, width)
        return replace(detections, extra={}, embedding=looks)


PLAIN = Scene()


def _look(identity: int, width: int) -> npt.NDArray[np.float64]:
    vector = np.random.default_rng(identity + 1).normal(size=width)
    unit: npt.NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit
