"""OC-SORT as published, id for id, under the official parameter names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from trackforge.config import check, setting
from trackforge.motion import KalmanXYSR, KalmanXYSRConfig
from trackforge_byte.ocsort import ObservationCentricTracker
from trackforge_byte.ocsort_config import ObservationCentricQuirks, ObservationCentricTrackerConfig

__all__ = ["OcsortConfig", "ocsort"]


@dataclass(frozen=True, kw_only=True)
class OcsortConfig:
    """OC-SORT's own parameters; defaults as for MOT17 (``tools/run_ocsort.py``)."""

    det_thresh: float = setting(0.6, help="Detections above are used.", unit="score", role="conf")
    max_age: int = setting(30, help="Frames that a track survives without a detection.", unit="frames", minimum=0)
    min_hits: int = setting(3, help="Detections in a row, after the first, before a track is shown.", minimum=0)
    iou_threshold: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)
    delta_t: int = setting(3, help="How far back to look for directions.", unit="frames", minimum=1)
    asso_func: Literal["iou", "giou", "ciou", "diou", "ct_dist"] = setting(
        "iou", help="Similarity in the steps after the first."
    )
    inertia: float = setting(0.2, help="Weight of direction against overlap.", minimum=0)
    use_byte: bool = setting(False, help="Match detections above 0.1 in a second step.")

    def __post_init__(self) -> None:
        check(self)


def ocsort(config: OcsortConfig) -> ObservationCentricTracker:
    """Make a tracker with the ids and boxes of the official OC-SORT, its oddities included.

    ``Tracks.xyxy`` holds the detected box of every matched track, as the official code reports it. Frame numbers are
    ignored: like the original it counts calls, which must include empty frames. One oddity is left out: the original
    takes a box whose coordinates add up to less than 0, far out at the top left, for none.

    Source: noahcao/OC_SORT (MIT), behaviour only.
    """
    return ObservationCentricTracker(
        ObservationCentricTrackerConfig(
            high_score=config.det_thresh,
            low_score=min(0.1, config.det_thresh) if config.use_byte else None,
            birth_score=config.det_thresh,
            min_iou=config.iou_threshold,
            inertia=config.inertia,
            delta_t=config.delta_t,
            recovery=config.asso_func,
            report="observed",
            min_hits=max(config.min_hits, 1),
            warm_up=config.min_hits,
            max_lost=config.max_age,
            tentative_patience=config.max_age,
            classes="ignore",
        ),
        quirks=ObservationCentricQuirks(
            count_updates=True,
            streak=True,
            uncounted_birth=config.min_hits > 0,
            forget_birth=True,
            double_update=True,
            gate_afterwards=True,
            doubtful_for_all=True,
            strict_scores=True,
        ),
        # the official code minds areas that would vanish in ordinary predictions, but not in a re-update
        replay_motion=KalmanXYSR(replace(KalmanXYSRConfig.ocsort(), stop_vanishing=False)),
    )
