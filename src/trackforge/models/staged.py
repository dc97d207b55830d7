"""The base of detectors with a network, in the three steps that the pipeline runs side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.models.card import ModelCard
from trackforge.models.planes import Batch
from trackforge.models.preprocessing import Placement
from trackforge.types import Detections, Frame
from trackforge.types.classes import class_numbers

__all__ = ["Backend", "Objects", "StagedNetwork", "class_ids"]

Image = npt.NDArray[np.uint8]


class Backend(Protocol):
    """Runs one network; its steps can be called, timed and tested apart."""

    card: ModelCard

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures ``(h, w, 3)``, not necessarily of one size, into one input."""

    def infer(self, batch: Batch, /) -> Sequence[Any]:
        """Run the network; one entry a picture: an array or tensor, or a tuple of them where it has several outputs."""


class Objects(NamedTuple):
    """What was chosen in one picture, best first.

    ``xyxy`` ``(N, 4)`` float32 pixels of the input; ``score`` ``(N,)`` float32; ``class_id`` ``(N,)`` int64;
    ``embedding`` ``(N, D)`` float32, from networks that make them; so ``mask`` ``(N,)``, run-length masks of the
    original picture (`trackforge.io.masks`).
    """

    xyxy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int64]
    embedding: npt.NDArray[np.float32] | None = None
    mask: npt.NDArray[np.object_] | None = None


class StagedNetwork(ABC):
    """A `trackforge.protocols.StagedDetector` over a backend. A family says which predictions are objects: `choose`.

    Boxes are in pixels of the original picture and not clipped to it.

    Args:
        backend: Runs the network.

    Attributes:
        backend: The same.
        card: What is known of the weights.
        understood: What the weights do not say and was found out, one sentence each.
    """

    embedding_dim: int | None = None
    understood: tuple[str, ...] = ()

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.card = backend.card

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; ``class_id`` indexes them."""
        return self.card.classes

    @abstractmethod
    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture, from one entry of what `Backend.infer` gave."""

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Find objects; one Detections a frame, best first.

        Raises:
            InvalidInputError: A frame has no image.
        """
        return self.select(self.infer(self.prepare(frames)))

    def prepare(self, frames: Sequence[Frame], /) -> Batch:
        """Make the network's input; raises as `detect` does. See `trackforge.protocols.StagedDetector`."""
        images = []
        for frame in frames:
            if frame.image is None:
                raise InvalidInputError(
                    f"{type(self).__name__} needs images; frame {frame.index} has none. Take a source that has them."
                )
            images.append(frame.image)
        return self.backend.prepare(images)

    def infer(self, batch: Batch, /) -> list[tuple[Any, Placement]]:
        """Run the network; return predictions and place of each picture."""
        return list(zip(self.backend.infer(batch), batch.placements, strict=True)) if batch.placements else []

    def select(self, predictions: list[tuple[Any, Placement]], /) -> list[Detections]:
        """Choose the detections of each picture, best first."""
        return [self._detections(self.choose(p), placement) for p, placement in predictions]

    def _detections(self, found: Objects, placement: Placement) -> Detections:
        return Detections(
            xyxy=placement.back(found.xyxy),
            score=found.score,
            class_id=found.class_id,
            embedding=found.embedding,
            mask=found.mask,
        )


def class_ids(keep: Sequence[str | int] | None, classes: Sequence[str]) -> tuple[int, ...] | None:
    """Return the class numbers that names or numbers stand for (`class_numbers`); None, for all, stays None.

    Raises:
        ConfigError: One is not among the classes.
    """
    return None if keep is None else class_numbers(keep, classes, what="keep_classes", of="the weights")
