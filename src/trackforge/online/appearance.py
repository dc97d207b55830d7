"""What tracks look like: embeddings smoothed over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.online.state import must, restore

__all__ = ["Appearance"]

Vectors = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Appearance:
    """One embedding a track: of length 1, a moving average of those of its detections.

    A track that was never seen with an embedding has zeros, and takes over the first it gets.

    Args:
        alpha: Share of the past in the average.

    Attributes:
        value: ``(N, D)`` float32, one row a track; None as long as no detection had an embedding.

    Source: Wang et al., "Towards Real-Time Multi-Object Tracking", ECCV 2020, section 3.4, equation 4.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = np.float32(alpha)
        self.value: Vectors | None = None

    def expect(self, tracks: int, embedding: Vectors | None) -> None:
        """Make room for embeddings where there are some; see to it that they fit those before.

        Raises:
            InvalidInputError: They are wider or narrower than before.
        """
        if embedding is None or not len(embedding):
            return
        width = embedding.shape[1]
        if self.value is None:
            self.value = np.zeros((tracks, width), np.float32)
        elif self.value.shape[1] != width:
            raise InvalidInputError(
                f"Embeddings must keep their width; got {width} after {self.value.shape[1]}. "
                "Call reset() before changing the detector."
            )

    def add(self, rows: Ints, embedding: Vectors | None, found: Ints) -> None:
        """Take the embeddings of the ``found`` detections into those of some tracks."""
        if self.value is None or embedding is None or not len(rows):
            return
        value = self.value.copy()
        value[rows] = _normalised(self.alpha * value[rows] + (1 - self.alpha) * _normalised(embedding[found]))
        self.value = value

    def append(self, embedding: Vectors | None, found: Ints) -> None:
        """Start one track for each of the ``found`` detections."""
        if self.value is None:
            return
        width = self.value.shape[1]
        new = np.zeros((len(found), width), np.float32) if embedding is None else _normalised(embedding[found])
        self.value = np.concatenate((self.value, new))

    def keep(self, rows: npt.NDArray[Any]) -> None:
        """Select tracks by mask or indices."""
        if self.value is not None:
            self.value = self.value[rows]

    def state_dict(self) -> dict[str, Any]:
        """Return the embeddings, if any."""
        return {} if self.value is None else {"value": self.value.copy()}

    def load_state_dict(self, state: Mapping[str, Any], tracks: int) -> None:
        """Continue where `state_dict` was taken."""
        value = restore("appearance", state["value"], tracks, np.float32) if "value" in state else None
        must("embeddings must be vectors of finite numbers", value is None or (value.ndim == 2 and _finite(value)))
        self.value = value


def _finite(value: Vectors) -> bool:
    return bool(np.isfinite(value).all())


def _normalised(vectors: Vectors) -> Vectors:
    """Scale rows to length 1; zeros stay zeros."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    if length.all():
        out: Vectors = vectors / length
    else:
        out = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return out
