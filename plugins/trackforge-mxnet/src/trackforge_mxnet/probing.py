"""Which values of colours somebody's SSD was trained on: both ways, on his own pictures.

Whether SageMaker's Object Detection with VGG-16 subtracts a mean is not published, and the artefact does not tell. The
right way finds more, and is surer of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.types import Frame
from trackforge_mxnet.detector import MxnetDetector, MxnetDetectorConfig
from trackforge_mxnet.pictures import KINDS

__all__ = ["Probe", "probe"]

SURE = 0.5


@dataclass(frozen=True)
class Probe:
    """What one way finds.

    Attributes:
        preprocessing: The way.
        sure: Objects of a score of at least 0.5.
        best: Mean of the best score of each picture.
    """

    preprocessing: str
    sure: int
    best: float

    def __str__(self) -> str:
        return f"{self.preprocessing:8} {self.sure} objects of score {SURE} or more, best {self.best:.2f} on average"


def probe(path: str | Path, images: Iterable[npt.NDArray[np.uint8]], **settings: Any) -> list[Probe]:
    """Try an artefact with every way to feed it, best first; print them to read them.

    Args:
        path: The artefact.
        images: RGB pictures ``(H, W, 3)`` with something to find.
        settings: Further settings of the detector.

    Raises:
        TrackforgeError: As `trackforge_mxnet.detector.MxnetDetector` does.
    """
    frames = [Frame(index=k, image=image) for k, image in enumerate(images)]
    tried = []
    for kind in KINDS:
        detector = MxnetDetector(MxnetDetectorConfig(weights=path, **{"score": 0.0, **settings, "preprocessing": kind}))
        scores = [found.score for [found] in (detector.detect([frame]) for frame in frames)]
        best = [float(score.max()) if len(score) else 0.0 for score in scores]
        sure = sum(int((score >= SURE).sum()) for score in scores)
        tried.append(Probe(kind, sure, float(np.mean(best)) if best else 0.0))
    return sorted(tried, key=lambda one: (-one.best, -one.sure))
