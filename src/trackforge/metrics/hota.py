"""HOTA: detection and association weighed equally, over 19 thresholds of localisation.

Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", 2020; fields, combination and
edge cases as in TrackEval 1.3.0 (MIT), against which every number is tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.metrics.matching import Frames, match
from trackforge.metrics.overlaps import EPS, Overlaps

__all__ = ["THRESHOLDS", "combine_hota", "hota"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

THRESHOLDS: Floats = np.arange(0.05, 0.99, 0.05)
"""The IoU that a pair must have to count, 0.05 to 0.95."""
COUNTS = ("HOTA_TP", "HOTA_FN", "HOTA_FP")
ASSOCIATION = ("AssA", "AssRe", "AssPr")


def hota(overlaps: Overlaps) -> dict[str, Any]:
    """Return the HOTA metrics of a sequence with ids from 0: arrays over `THRESHOLDS`, and three single numbers."""
    o = overlaps
    boxes, results = len(o.truth_id), len(o.track_id)
    if not boxes or not results:
        return _empty(boxes, results)
    gt_count, tr_count = np.bincount(o.truth_id), np.bincount(o.track_id)
    matched = _matched_pairs(o, gt_count, tr_count)
    truth_id, track_id, iou = o.truth_id[o.truth[matched]], o.track_id[o.track[matched]], o.iou[matched]

    passed = np.searchsorted(THRESHOLDS - EPS, iou, "right")  # the number of thresholds that each pair reaches
    n = len(THRESHOLDS)
    tp = _at_least(np.bincount(passed, minlength=n + 1))
    scores = {"HOTA_TP": tp, "HOTA_FN": boxes - tp, "HOTA_FP": results - tp}
    scores["LocA"] = np.maximum(1e-10, _at_least(np.bincount(passed, iou, minlength=n + 1))) / np.maximum(1e-10, tp)

    # how often each pair of identities was matched: (pairs of identities, thresholds)
    code, which = np.unique(truth_id * len(tr_count) + track_id, return_inverse=True)
    together = _at_least(np.bincount(which * (n + 1) + passed, minlength=len(code) * (n + 1)).reshape(-1, n + 1))
    a, b = gt_count[code // len(tr_count), None], tr_count[code % len(tr_count), None]
    for name, size in (("AssA", a + b - together), ("AssRe", a), ("AssPr", b)):
        scores[name] = (together * (together / np.maximum(1, size))).sum(axis=0) / np.maximum(1, tp)
    return _with_ratios(scores)


def _empty(boxes: int, results: int) -> dict[str, Any]:
    """Return what a sequence without boxes on one side scores: the official evaluator sets LocA to 1, HOTALocA to 0."""
    zeros = np.zeros(len(THRESHOLDS))
    scores = _with_ratios(
        {"HOTA_TP": zeros, "HOTA_FN": zeros + boxes, "HOTA_FP": zeros + results, "LocA": zeros + 1}
        | dict.fromkeys(ASSOCIATION, zeros)
    )
    return scores | {"HOTALocA(0)": 0.0}


def _at_least(histogram: npt.NDArray[Any]) -> Floats:
    """Turn counts by thresholds passed (0..n, last axis) into counts that reach each of the n thresholds."""
    out: Floats = np.flip(np.cumsum(np.flip(histogram[..., 1:], -1), -1), -1).astype(np.float64)
    return out


def _matched_pairs(o: Overlaps, gt_count: Ints, tr_count: Ints) -> Ints:
    """Match every frame for overlap times the alignment of the two identities over the sequence."""
    code = o.truth_id[o.truth] * len(tr_count) + o.track_id[o.track]
    if len(gt_count) * len(tr_count) > 8 * len(code) + 1_000_000:  # many identities: keep only those that ever meet
        code = np.unique(code, return_inverse=True)[1]
    if not len(code):
        return code
    of_truth, of_track = np.bincount(o.truth, o.iou)[o.truth], np.bincount(o.track, o.iou)[o.track]
    shared = o.iou / (of_truth + of_track - o.iou)  # of the overlap that both boxes have with anything
    aligned = np.bincount(code, shared)[code]
    aligned /= gt_count[o.truth_id[o.truth]] + tr_count[o.track_id[o.track]] - aligned
    return match(Frames.of(o), aligned * o.iou)


def combine_hota(sequences: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the metrics of several sequences together: counts add up, ratios are weighted by true positives."""
    scores = {name: sum((s[name] for s in sequences), np.zeros(len(THRESHOLDS))) for name in COUNTS}
    tp = scores["HOTA_TP"]
    for name in ASSOCIATION:
        scores[name] = sum((s[name] * s["HOTA_TP"] for s in sequences), np.zeros(len(tp))) / np.maximum(1.0, tp)
    located = sum((s["LocA"] * s["HOTA_TP"] for s in sequences), np.zeros(len(tp)))
    scores["LocA"] = np.maximum(1e-10, located) / np.maximum(1e-10, tp)
    return _with_ratios(scores)


def _with_ratios(s: dict[str, Any]) -> dict[str, Any]:
    tp, fn, fp = s["HOTA_TP"], s["HOTA_FN"], s["HOTA_FP"]
    found, right = tp / np.maximum(1, tp + fn), tp / np.maximum(1, tp + fp)
    detection = tp / np.maximum(1, tp + fn + fp)
    total = np.sqrt(detection * s["AssA"])
    return s | {
        "DetRe": found,
        "DetPr": right,
        "DetA": detection,
        "HOTA": total,
        "OWTA": np.sqrt(found * s["AssA"]),
        "HOTA(0)": float(total[0]),
        "LocA(0)": float(s["LocA"][0]),
        "HOTALocA(0)": float(total[0] * s["LocA"][0]),
    }
