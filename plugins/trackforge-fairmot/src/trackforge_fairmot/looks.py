"""How much the embeddings of tracks and detections differ; who has none can be compared with nobody."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

__all__ = ["Looks"]

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DENSE = 8
"""Pairs a row and column from which on one product of matrices is quicker than looking at single pairs."""


class Looks:
    """The embeddings of the tracks and detections of one frame.

    Args:
        tracks: ``(N, D)``, or None. A row of zeros says that nothing is known.
        detections: ``(M, D)``, or None; likewise.

    Raises:
        InvalidInputError: They differ in width.
    """

    def __init__(self, tracks: Vectors | None, detections: Vectors | None) -> None:
        self._tracks = None if tracks is None or not tracks.size else tracks
        self._detections = None if detections is None or not detections.size else detections
        if self._tracks is None or self._detections is None:
            return
        if self._tracks.shape[1] != self._detections.shape[1]:
            raise InvalidInputError(
                f"Embeddings of tracks and detections must have one width; got {self._tracks.shape[1]} and "
                f"{self._detections.shape[1]}. Take both from the same detector."
            )
        self._lengths = _lengths(self._tracks), _lengths(self._detections)
        self._all = bool(self._lengths[0].all() and self._lengths[1].all())

    def __bool__(self) -> bool:
        """Whether there is anything to compare."""
        return self._tracks is not None and self._detections is not None

    def comparable(self, tracks: Ints, detections: Ints) -> Mask | bool:
        """Tell for each pair whether both have an embedding, ``(T, D)``; one answer where it is that of all.

        Args:
            tracks: ``(T,)`` rows.
            detections: ``(D,)`` rows.
        """
        if not self or self._all:
            return bool(self)
        seen, shown = (length[rows] > 0 for length, rows in zip(self._lengths, (tracks, detections), strict=True))
        return np.logical_and(seen[:, None], shown)

    def cost(self, tracks: Ints, detections: Ints, distance: Floats, *, gate: float, weight: float) -> Floats:
        """Return ``(1 - weight) * cosine distance + weight * distance``, ``(T, D)``.

        It is infinite for pairs above the gate and those that cannot be compared. Cosine distances are 0 at least:
        rounding must make none negative.

        Args:
            tracks: ``(T,)`` rows.
            detections: ``(D,)`` rows.
            distance: ``(T, D)`` squared Mahalanobis distances.
            gate: The greatest of them that a pair may have.
            weight: Their share in the cost.
        """
        out = np.full(distance.shape, np.inf)
        if self._tracks is None or self._detections is None:
            return out
        near = distance <= gate
        if not self._all:
            near &= self.comparable(tracks, detections)
        rows, columns = np.divmod(np.flatnonzero(near), near.shape[1])
        if len(rows) > DENSE * sum(near.shape):
            product = (self._tracks[tracks] @ self._detections[detections].T)[rows, columns]
        else:
            product = np.einsum("ij,ij->i", self._tracks[tracks[rows]], self._detections[detections[columns]])
        ours, theirs = self._lengths
        apart = np.maximum(1.0 - product / (ours[tracks[rows]] * theirs[detections[columns]]), 0.0)
        out[rows, columns] = (1.0 - weight) * apart + weight * distance[rows, columns]
        return out


def _lengths(vectors: Vectors) -> Floats:
    """Return lengths; 0 for what is too long to have one in float32, which says as little as zeros."""
    out: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors).astype(np.float64))
    out[out == np.inf] = 0.0
    return out
