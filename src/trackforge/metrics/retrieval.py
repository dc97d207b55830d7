"""How well appearance tells identities apart: retrieval and verification over embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

__all__ = ["Retrieval", "retrieve"]


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """What `retrieve` returns; fractions of 1, NaN where no identity is there twice.

    Attributes:
        mean_precision: Mean over queries of the average precision of the ranked others.
        rank1: Share of queries whose most similar other one is of the same identity.
        true_positive_rate: Share of pairs of one identity that are more similar than all but ``far`` of the pairs of
            different ones.
        queries: Vectors that were looked for.
    """

    mean_precision: float
    rank1: float
    true_positive_rate: float
    queries: int


def retrieve(vectors: npt.ArrayLike, identity: npt.ArrayLike, *, far: float = 0.1) -> Retrieval:
    """Look for every vector among all others by cosine similarity.

    Equal similarities count against the model: those of other identities are ranked first.

    Args:
        vectors: ``(N, D)``, of any length.
        identity: ``(N,)``.
        far: False accept rate at which ``true_positive_rate`` is read off, 0 to 1.

    Raises:
        InvalidInputError: Shapes do not fit, or a vector is not finite.

    Source: Zheng et al., "Scalable Person Re-identification", ICCV 2015 (mAP, rank 1); Wang et al., "Towards Real-Time
    Multi-Object Tracking", ECCV 2020 (TPR at FAR).
    """
    given, ids = np.asarray(vectors, np.float64), np.asarray(identity)
    if given.ndim != 2 or ids.shape != given.shape[:1] or not np.isfinite(given).all():
        raise InvalidInputError(
            f"Vectors must be finite, of shape (N, D), with N identities; got shapes {given.shape} and {ids.shape}."
        )
    unit = given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)
    precisions, firsts, same, other = [], [], [], []
    for row in range(len(unit)):
        others = np.arange(len(unit)) != row
        similarity, right = (unit @ unit[row])[others], (ids == ids[row])[others]
        later = others.nonzero()[0] > row  # each pair once
        same.append(similarity[right & later])
        other.append(similarity[~right & later])
        if right.any():
            hits = right[np.lexsort((right, -similarity))]
            places = np.flatnonzero(hits) + 1
            precisions.append(float((np.arange(1, len(places) + 1) / places).mean()))
            firsts.append(bool(hits[0]))
    if not precisions:
        return Retrieval(mean_precision=math.nan, rank1=math.nan, true_positive_rate=math.nan, queries=0)
    return Retrieval(
        mean_precision=float(np.mean(precisions)),
        rank1=float(np.mean(firsts)),
        true_positive_rate=_true_positive_rate(np.concatenate(same), np.concatenate(other), far),
        queries=len(precisions),
    )


def _true_positive_rate(same: npt.NDArray[np.float64], other: npt.NDArray[np.float64], far: float) -> float:
    accepted = int(far * len(other))
    if accepted >= len(other):
        return 1.0
    threshold = np.partition(other, len(other) - 1 - accepted)[len(other) - 1 - accepted]
    return float((same > threshold).mean())
