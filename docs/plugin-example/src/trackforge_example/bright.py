"""A detector: where the objects are."""

from dataclasses import dataclass

import cv2
import numpy as np

from trackforge import Detections
from trackforge.config import check, setting


@dataclass(frozen=True, kw_only=True)
class BrightDetector:
    """Find connected regions that are brighter than a threshold."""

    threshold: int = setting(200, help="Least brightness.", unit="grey levels", minimum=1, maximum=255)
    min_area: int = setting(50, help="Least size.", unit="px²", minimum=1)

    classes = ("bright thing",)
    embedding_dim = None

    def __post_init__(self):
        check(self)

    def detect(self, frames, /):
        return [self._find(frame.image) for frame in frames]

    def _find(self, image):
        bright = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) >= self.threshold).astype(np.uint8)
        x, y, w, h, area = cv2.connectedComponentsWithStats(bright)[2][1:].T  # the first is the background
        boxes = np.stack((x, y, x + w, y + h), axis=1)[area >= self.min_area]
        fill = (area / (w * h))[area >= self.min_area]
        return Detections(xyxy=boxes, score=fill)
