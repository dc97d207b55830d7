"""CLEAR MOT: detection and identity switches, frame by frame.

Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008;
fields, combination and edge cases as in TrackEval 1.3.0 (MIT), against which every number is tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.metrics.matching import Frames
from trackforge.metrics.overlaps import EPS, Overlaps

__all__ = ["Pairing", "clear", "combine_clear", "pairing"]

Ints = npt.NDArray[np.int64]
SUMMED = ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "MT", "PT", "ML", "Frag", "CLR_Frames", "MOTP_sum")
RATIOS = (
    "MOTA", "MOTP", "MODA", "CLR_Re", "CLR_Pr", "MTR", "PTR", "MLR", "sMOTA", "CLR_F1", "FP_per_frame", "MOTAL",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Which track each of G truth rows was matched to.

    Attributes:
        partner: ``(G + 1,)`` track ids, -1 for none and at the end.
        iou: ``(G + 1,)`` overlap with it, 0 for none.
        previous: ``(G,)`` row of the same object in the active frame before (one that has truth and tracks), else G.
    """

    partner: Ints
    iou: npt.NDArray[np.float64]
    previous: Ints

    @property
    def begins(self) -> npt.NDArray[np.bool_]:
        """``(G,)`` whether a fragment begins: an object is matched that was not in the last active frame."""
        mask: npt.NDArray[np.bool_] = (self.partner[:-1] >= 0) & (self.partner[self.previous] < 0)
        return mask


def pairing(overlaps: Overlaps, threshold: float = 0.5) -> Pairing:
    """Match truth and tracks frame by frame, a pair of the frame before first; ids count from 0."""
    o = overlaps
    active = np.intersect1d(o.truth_frame, o.track_frame)  # the others leave the memory of the last match alone
    previous = _previous_rows(o, active)
    return Pairing(*_partners(o, threshold, previous), previous)


def clear(overlaps: Overlaps, threshold: float = 0.5) -> dict[str, float]:
    """Return the CLEAR metrics of a sequence with ids from 0; ratios are fractions of 1."""
    o = overlaps
    scores: dict[str, float] = dict.fromkeys(RATIOS, 0.0) | dict.fromkeys(SUMMED, 0)
    truths = int(o.truth_id.max()) + 1 if len(o.truth_id) else 0
    if not len(o.track_id):
        return scores | {"CLR_FN": len(o.truth_id), "ML": truths, "MLR": 1.0}
    if not truths:
        return scores | {"CLR_FP": len(o.track_id), "MLR": 1.0}

    pairs = pairing(o, threshold)
    partner, iou = pairs.partner, pairs.iou
    matched = partner[:-1] >= 0
    count = np.bincount(o.truth_id)
    ratio = np.bincount(o.truth_id[matched], minlength=truths) / count
    rows = np.flatnonzero(matched)
    rows = rows[np.argsort(o.truth_id[rows], kind="stable")]
    again = np.diff(o.truth_id[rows]) == 0
    fragments = np.bincount(o.truth_id[pairs.begins], minlength=truths)
    tp, mt = len(rows), int((ratio > 0.8).sum())
    pt = int((ratio >= 0.2).sum()) - mt
    return _with_ratios(
        {
            "CLR_TP": tp,
            "CLR_FN": len(o.truth_id) - tp,
            "CLR_FP": len(o.track_id) - tp,
            "IDSW": int((again & (np.diff(partner[rows]) != 0)).sum()),
            "MT": mt,
            "PT": pt,
            "ML": truths - mt - pt,
            "Frag": int((fragments[fragments > 0] - 1).sum()),
            "CLR_Frames": o.frames,
            "MOTP_sum": float(iou[rows].sum()),
        }
    )


def _previous_rows(o: Overlaps, active: Ints) -> Ints:
    """Return for each truth row that of the same object in the active frame before, or G where there is none."""
    rows = np.flatnonzero(np.isin(o.truth_frame, active))
    order = rows[np.argsort(o.truth_id[rows], kind="stable")]
    rank = np.searchsorted(active, o.truth_frame[order])
    follows = (np.diff(o.truth_id[order]) == 0) & (np.diff(rank) == 1)
    previous = np.full(len(o.truth_id), len(o.truth_id))
    previous[order[1:][follows]] = order[:-1][follows]
    return previous


def _partners(o: Overlaps, threshold: float, previous: Ints) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Return the track id matched to each truth row, -1 for none (with one more at the end), and their IoU.

    A pair that was matched in the last active frame goes before all others: it scores 1000 more.
    """
    frames = Frames.of(o, o.iou >= threshold - EPS)
    truth, track_id, iou = o.truth[frames.pairs], o.track_id[o.track[frames.pairs]], o.iou[frames.pairs]
    partner, overlap = np.full(len(o.truth_id) + 1, -1), np.zeros(len(o.truth_id) + 1)
    partner[truth[frames.easy]], overlap[truth[frames.easy]] = track_id[frames.easy], iou[frames.easy]
    before = previous[truth]

    def score(here: slice) -> npt.NDArray[np.float64]:
        continues = partner[before[here]] == track_id[here]
        value: npt.NDArray[np.float64] = 1000 * continues + iou[here]
        return value

    for here, chosen in frames.solve(frames.hard(), score):
        rows = truth[here][chosen]
        partner[rows], overlap[rows] = track_id[here][chosen], iou[here][chosen]
    return partner, overlap


def combine_clear(sequences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the metrics of several sequences together, from the sums of their counts."""
    return _with_ratios({name: sum(scores[name] for scores in sequences) for name in SUMMED})


def _with_ratios(s: dict[str, float]) -> dict[str, float]:
    tp, fn, fp, switches = s["CLR_TP"], s["CLR_FN"], s["CLR_FP"], s["IDSW"]
    objects, boxes = max(1.0, s["MT"] + s["PT"] + s["ML"]), max(1.0, tp + fn)
    log_switches = math.log10(switches) if switches > 0 else 0.0
    return s | {
        "MTR": s["MT"] / objects,
        "PTR": s["PT"] / objects,
        "MLR": s["ML"] / objects,
        "CLR_Re": tp / boxes,
        "CLR_Pr": tp / max(1.0, tp + fp),
        "CLR_F1": tp / max(1.0, tp + 0.5 * fn + 0.5 * fp),
        "MODA": (tp - fp) / boxes,
        "MOTA": (tp - fp - switches) / boxes,
        "MOTAL": (tp - fp - log_switches) / boxes,
        "MOTP": s["MOTP_sum"] / max(1.0, tp),
        "sMOTA": (s["MOTP_sum"] - fp - switches) / boxes,
        "FP_per_frame": fp / max(1.0, s["CLR_Frames"]),
    }
