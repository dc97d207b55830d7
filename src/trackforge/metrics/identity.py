"""Identity metrics: how long each object goes under one id, over the whole sequence.

Source: Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016; fields and
edge cases as in TrackEval 1.3.0 (MIT), against which every number is tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trackforge.metrics.overlaps import Overlaps
from trackforge.metrics.solver import best_total

__all__ = ["combine_identity", "identity"]

SUMMED = ("IDTP", "IDFN", "IDFP")


def identity(overlaps: Overlaps, threshold: float = 0.5) -> dict[str, float]:
    """Return the identity metrics of a sequence with ids from 0; ratios are fractions of 1.

    The published form pads the matrix of truth and track identities with their misses; as every identity left alone
    costs what it counts, the cheapest assignment there is the one with the most shared boxes here.
    """
    o = overlaps
    boxes, results = len(o.truth_id), len(o.track_id)
    if not boxes or not results:
        return {"IDTP": 0, "IDFN": boxes, "IDFP": results, "IDR": 0.0, "IDP": 0.0, "IDF1": 0.0}
    pairs = np.flatnonzero(o.iou >= threshold)
    shape = int(o.truth_id.max()) + 1, int(o.track_id.max()) + 1
    code = o.truth_id[o.truth[pairs]] * shape[1] + o.track_id[o.track[pairs]]
    shared, count = np.unique(code, return_counts=True)
    tp = best_total(shared // shape[1], shared % shape[1], count)
    return _with_ratios({"IDTP": tp, "IDFN": boxes - tp, "IDFP": results - tp})


def combine_identity(sequences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the metrics of several sequences together, from the sums of their counts."""
    return _with_ratios({name: sum(scores[name] for scores in sequences) for name in SUMMED})


def _with_ratios(s: dict[str, float]) -> dict[str, float]:
    tp, fn, fp = s["IDTP"], s["IDFN"], s["IDFP"]
    return s | {
        "IDR": tp / max(1.0, tp + fn),
        "IDP": tp / max(1.0, tp + fp),
        "IDF1": tp / max(1.0, tp + 0.5 * fp + 0.5 * fn),
    }
