"""FairMOT's tracker and BYTE on FairMOT as published, id for id, under the official parameter names.

What is the detector's stays with it (``K``, ``nms_thres``, the input size), and what is left out of results is the
sink's (``min_box_area`` is ``mot.min_area``, the aspect ratio of 1.6 ``mot.max_aspect_ratio``).
"""

from __future__ import annotations

from dataclasses import dataclass

from trackforge.config import check, setting
from trackforge.motion import KalmanXYAH
from trackforge.online import Lifecycle, OnlineTracker, Quirks
from trackforge_fairmot.cascade import FairmotAssociator
from trackforge_fairmot.tracker import AppearanceTracker

__all__ = [
    "FairmotByteConfig",
    "FairmotByteReidConfig",
    "FairmotConfig",
    "fairmot",
    "fairmot_byte",
    "fairmot_byte_reid",
]

DOUBTFUL = 0.2
"""Score above which BYTE on FairMOT looks at doubtful boxes, a constant of the code."""


@dataclass(frozen=True, kw_only=True)
class FairmotConfig:
    """FairMOT's own parameters and defaults (``src/lib/opts.py``)."""

    conf_thres: float = setting(0.4, help="Detections above are tracked.", unit="score", role="conf")
    track_buffer: int = setting(
        30, help="How long lost tracks are kept, at 30 frames/s.", unit="frames", minimum=0, maximum=10**9
    )
    frame_rate: float = setting(
        30.0,
        help="Scales track_buffer; the official code takes it from seqinfo.ini.",
        unit="frames/s",
        minimum=1e-6,
        maximum=1e6,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class FairmotByteConfig(FairmotConfig):
    """Parameters of BYTE on FairMOT by motion alone (ByteTrack's ``tutorials/fairmot/byte_tracker.py``)."""

    conf_thres: float = setting(
        0.4, help="Scores above are confident; new tracks need 0.1 more.", unit="score", role="conf"
    )
    match_thres: float = setting(0.8, help="Greatest 1 - IoU of a pair in the first step.", minimum=0, maximum=1)


@dataclass(frozen=True, kw_only=True)
class FairmotByteReidConfig(FairmotConfig):
    """Parameters of BYTE on FairMOT with re-identification (ByteTrack's ``tutorials/fairmot/tracker.py``)."""

    conf_thres: float = setting(
        0.4, help="Scores above are confident; new tracks need 0.1 more.", unit="score", role="conf"
    )
    match_thres: float = setting(0.4, help="Greatest cost of a pair by looks.", minimum=0, infinite=True)


def fairmot(config: FairmotConfig) -> OnlineTracker:
    """Make a tracker with the ids and boxes of the official FairMOT, its oddities included.

    It ignores frame numbers and timestamps: like the original it counts calls. Unlike the original it numbers tracks
    from 1 in each tracker and after each ``reset()``, and keeps no embeddings of tracks that are gone. Detections
    without embeddings, on which the original fails, are matched by overlap.

    Source: ifzhang/FairMOT 4aa62976 (MIT), behaviour only.
    """
    associator = FairmotAssociator(
        high_score=config.conf_thres, low_score=None, inclusive_pixels=True, strict_scores=True
    )
    return _official(associator, config, config.conf_thres, stale_score=True)


def fairmot_byte(config: FairmotByteConfig) -> OnlineTracker:
    """Make a tracker with the ids and boxes of BYTE on FairMOT by motion alone; see `fairmot` for what is different.

    Source: ifzhang/ByteTrack d1bf0191 (MIT), ``tutorials/fairmot``, behaviour only.
    """
    associator = FairmotAssociator(
        high_score=config.conf_thres,
        low_score=min(DOUBTFUL, config.conf_thres),
        appearance=False,
        blind_limit=config.match_thres,
        inclusive_pixels=True,
        strict_scores=True,
    )
    return _official(associator, config, config.conf_thres + 0.1)


def fairmot_byte_reid(config: FairmotByteReidConfig) -> OnlineTracker:
    """Make a tracker with the ids and boxes of BYTE on FairMOT with re-identification; differences as in `fairmot`.

    Source: ifzhang/ByteTrack d1bf0191 (MIT), ``tutorials/fairmot``, behaviour only.
    """
    associator = FairmotAssociator(
        high_score=config.conf_thres,
        low_score=min(DOUBTFUL, config.conf_thres),
        appearance_limit=config.match_thres,
        inclusive_pixels=True,
        strict_scores=True,
    )
    return _official(associator, config, config.conf_thres + 0.1)


def _official(
    associator: FairmotAssociator, config: FairmotConfig, birth_score: float, *, stale_score: bool = False
) -> OnlineTracker:
    """Put a cascade into the life of tracks that all three have in common."""
    return AppearanceTracker(
        associator,
        KalmanXYAH(),
        Lifecycle(
            min_hits=2,
            warm_up=1,
            birth_score=birth_score,
            max_lost=int(config.frame_rate / 30.0 * config.track_buffer),
            duplicate_iou=0.85,
            classes="ignore",
        ),
        quirks=Quirks(
            count_updates=True,
            freeze_tentative=True,
            late_removal=True,
            lose_once=True,
            inclusive_duplicates=True,
            stale_score=stale_score,
        ),
    )
