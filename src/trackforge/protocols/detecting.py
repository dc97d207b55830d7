"""Finding objects, and telling how they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from trackforge.types import Detections, Frame

__all__ = ["Detector", "Embedder", "Remembering", "Segmenter", "StagedDetector"]


@runtime_checkable
class Detector(Protocol):
    """Finds objects in frames."""

    @property
    def classes(self) -> Sequence[str]:
        """Class names; ``class_id`` indexes them."""

    @property
    def embedding_dim(self) -> int | None:
        """Width of ``Detections.embedding``, or None where the detector makes none."""

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return one Detections a frame, in order; empty ones, never None, for frames with nothing in them."""


@runtime_checkable
class StagedDetector(Detector, Protocol):
    """A Detector in three steps that the pipeline may run in three threads, one frame in each.

    ``detect(frames)`` must equal ``select(infer(prepare(frames)))``. What the steps hand on is theirs alone to know; it
    must stay valid while later frames are prepared.
    """

    def prepare(self, frames: Sequence[Frame], /) -> Any:
        """Make the network's input: resize, normalise, copy to the device."""

    def infer(self, prepared: Any, /) -> Any:
        """Run the network."""

    def select(self, predictions: Any, /) -> list[Detections]:
        """Turn what the network gave into one Detections a frame: thresholds, non-maximum suppression."""


@runtime_checkable
class Remembering(Protocol):
    """A Detector that remembers something from frame to frame, so that one of them serves one sequence at a time.

    A Detector without ``reset`` looks at each frame by itself: it may be shared by many sequences, whose frames come in
    any order, and sessions with it can be saved.
    """

    def reset(self, sequence: str = "", /) -> None:
        """Forget everything; the next frame is the first of the named sequence."""


@runtime_checkable
class Embedder(Protocol):
    """Describes how the objects in boxes look, so that they are known again."""

    @property
    def dim(self) -> int:
        """Width D of the embeddings."""

    def embed(self, frame: Frame, xyxy: npt.NDArray[np.float32], /) -> npt.NDArray[np.float32]:
        """Return one embedding a box, ``(N, D)`` float32 of unit length, for ``(N, 4)`` boxes in pixels of the frame.

        Boxes may reach beyond the picture; none gives ``(0, D)``.
        """


@runtime_checkable
class Segmenter(Protocol):
    """Finds which pixels belong to the objects in boxes."""

    def segment(self, frame: Frame, xyxy: npt.NDArray[np.float32], /) -> list[dict[str, Any]]:
        """Return one COCO run-length mask a box, of the frame's size, for ``(N, 4)`` boxes in pixels of the frame.

        ``{"size": [H, W], "counts": str}``, see `trackforge.io.masks`. Boxes may reach beyond the picture; an object
        of which nothing can be seen gets a mask without a pixel.
        """
