"""ByteTrack and SORT as published, id for id, under the official parameter names."""

from __future__ import annotations

from dataclasses import dataclass

from trackforge.config import check, setting
from trackforge.motion import KalmanXYAH, KalmanXYSR
from trackforge.online import Lifecycle, OnlineTracker, Quirks
from trackforge_byte.byte import ByteAssociator
from trackforge_byte.sort import IouAssociator

__all__ = ["BytetrackConfig", "SortConfig", "bytetrack", "sort"]


@dataclass(frozen=True, kw_only=True)
class BytetrackConfig:
    """ByteTrack's own parameters and defaults (``tools/track.py``)."""

    track_thresh: float = setting(
        0.6, help="Scores above are confident; new tracks need 0.1 more.", unit="score", role="conf"
    )
    track_buffer: int = setting(
        30, help="How long lost tracks are kept, at 30 frames/s.", unit="frames", minimum=0, maximum=10**9
    )
    match_thresh: float = setting(0.9, help="Greatest cost of a pair in the first step.", minimum=0, maximum=1)
    mot20: bool = setting(False, help="Do not weight overlap with scores.")
    frame_rate: float = setting(30.0, help="Scales track_buffer.", unit="frames/s", minimum=1e-6, maximum=1e6)
    skip_empty: bool = setting(
        False, help="Let frames without detections pass unnoticed, as the official evaluator does."
    )

    def __post_init__(self) -> None:
        check(self)


def bytetrack(config: BytetrackConfig) -> OnlineTracker:
    """Make a tracker with the ids and boxes of the official ByteTrack, its oddities included.

    It ignores frame numbers and timestamps: like the original it counts calls. Unlike the original it numbers tracks
    from 1 in each tracker and after each ``reset()``, and does not change the caller's arrays.

    Source: ifzhang/ByteTrack d1bf0191 (MIT), behaviour only.
    """
    return OnlineTracker(
        ByteAssociator(
            high_score=config.track_thresh,
            low_score=min(0.1, config.track_thresh),
            first_limit=config.match_thresh,
            fuse_score=not config.mot20,
            inclusive_pixels=True,
            strict_scores=True,
        ),
        KalmanXYAH(),
        Lifecycle(
            min_hits=2,
            warm_up=1,
            birth_score=config.track_thresh + 0.1,
            max_lost=int(config.frame_rate / 30.0 * config.track_buffer),
            duplicate_iou=0.85,
            classes="ignore",
        ),
        quirks=Quirks(
            count_updates=True,
            skip_empty=config.skip_empty,
            freeze_tentative=True,
            late_removal=True,
            lose_once=True,
            inclusive_duplicates=True,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SortConfig:
    """SORT's own parameters and defaults."""

    max_age: int = setting(1, help="Frames that a track survives without a detection.", unit="frames", minimum=0)
    min_hits: int = setting(3, help="Detections in a row, after the first, before a track is shown.", minimum=0)
    iou_threshold: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)


def sort(config: SortConfig) -> OnlineTracker:
    """Make a tracker with the boxes and associations of the official SORT, its oddities included.

    Every detection counts, whatever its score; filter before. Frame numbers are ignored: like the original it counts
    calls, which must include empty frames.

    Source: Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, and the published results.
    """
    return OnlineTracker(
        IouAssociator(min_iou=config.iou_threshold, gate_afterwards=True, min_score=float("-inf")),
        KalmanXYSR(),
        Lifecycle(
            min_hits=max(config.min_hits, 1),
            warm_up=config.min_hits,
            max_lost=config.max_age,
            tentative_patience=config.max_age,
            birth_score=float("-inf"),
            classes="ignore",
        ),
        quirks=Quirks(count_updates=True, streak=True, uncounted_birth=config.min_hits > 0),
    )
