"""Settings of OC-SORT: clean ones and published oddities apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.online import Ageing, AgeingQuirks

__all__ = ["ObservationCentricQuirks", "ObservationCentricTrackerConfig"]


@dataclass(frozen=True, kw_only=True)
class ObservationCentricTrackerConfig(Ageing):
    """Settings of the clean OC-SORT tracker; see `trackforge.online.Ageing`.

    Raises:
        ConfigError: A value is out of range, ``low_score`` is above ``high_score``, or ``max_lost_seconds`` is given
            without ``frame_rate``.
    """

    high_score: float = setting(0.6, help="Least score of a confident detection.", unit="score", role="conf")
    low_score: float | None = setting(
        None,
        help="Least score of a doubtful detection, which may continue a track but not found one; none: ignored.",
        unit="score",
        role="doubt",
    )
    birth_score: float = setting(
        0.7, help="Least score of a detection that may found a track.", unit="score", role="conf", infinite=True
    )
    min_iou: float = setting(0.3, help="Least overlap of a pair, in every step.", unit="IoU", minimum=0, maximum=1)
    inertia: float = setting(
        0.2, help="Weight of going on in one direction against overlap; 0 = overlap alone.", minimum=0
    )
    delta_t: int = setting(3, help="How far back to look for the direction of a track.", unit="frames", minimum=1)
    recovery: Literal["iou", "giou", "ciou", "diou", "ct_dist"] = setting(
        "iou", help="Similarity in the steps after the first."
    )
    report: Literal["observed", "filtered"] = setting(
        "filtered", help="What Tracks.xyxy holds for matched tracks: the detected or the estimated box."
    )
    min_hits: int = setting(
        3, help="Detections after which a track is trusted, the founding one included.", unit="detections", minimum=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low_score is not None and self.low_score > self.high_score:
            raise ConfigError(
                f"low_score must be at most high_score; got {self.low_score} > {self.high_score}. Change one of them."
            )


@dataclass(frozen=True, kw_only=True)
class ObservationCentricQuirks(AgeingQuirks):
    """What the published OC-SORT does and nobody would choose; all off by default.

    Source: facts about noahcao/OC_SORT (MIT), behaviour only.
    """

    forget_birth: bool = setting(False, help="The founding box is no observation: no direction, no re-update from it.")
    double_update: bool = setting(False, help="A track found again is corrected twice with the box that found it.")
    gate_afterwards: bool = setting(
        False, help="Pairs are chosen as if there were no least overlap, then poor ones are undone."
    )
    doubtful_for_all: bool = setting(
        False, help="Doubtful detections may continue any track, lost and untrusted ones too."
    )
    strict_scores: bool = setting(False, help="A score equal to a threshold does not reach it.")
