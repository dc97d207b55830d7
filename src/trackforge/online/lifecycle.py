"""How tracks are born, trusted, lost and forgotten: settings, clean ones and oddities apart, and the rule of trust."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.online.columns import Ints, Mask
from trackforge.types import TrackState

__all__ = ["Ageing", "AgeingQuirks", "Lifecycle", "Quirks", "judge"]

TENTATIVE, CONFIRMED, LOST = (np.int64(s) for s in TrackState)
_L = TypeVar("_L", bound="Lifecycle")


@dataclass(frozen=True, kw_only=True)
class Ageing:
    """How tracks are born, trusted, lost and forgotten; what all trackers have in common.

    "Frames" are frame intervals of the `Clock`: where frames are skipped or timestamps are uneven, ageing follows.

    Raises:
        ConfigError: A value is out of range, or ``max_lost_seconds`` is given without ``frame_rate``.
    """

    min_hits: int = setting(
        2, help="Detections after which a track is trusted, the founding one included.", unit="detections", minimum=1
    )
    warm_up: int = setting(
        1, help="Frames at the start of a sequence in which every track is trusted at once.", unit="frames", minimum=0
    )
    birth_score: float = setting(
        0.0, help="Least score of a detection that may found a track.", unit="score", role="conf", infinite=True
    )
    max_lost: float = setting(
        30.0, help="How long a trusted track may go without a detection.", unit="frames", minimum=0, infinite=True
    )
    max_lost_seconds: float | None = setting(
        None, help="The same in seconds; overrides max_lost and needs frame_rate.", unit="s", minimum=0, infinite=True
    )
    tentative_patience: float = setting(
        0.0,
        help="How long a track that is not yet trusted may go without a detection.",
        unit="frames",
        minimum=0,
        infinite=True,
    )
    frame_rate: float | None = setting(
        None,
        help="Nominal frame rate; with it, time passes by timestamps instead of frame indices.",
        unit="frames/s",
        minimum=1e-6,
    )
    classes: Literal["ignore", "separate", "vote"] = setting(
        "vote",
        help="Vote: any class may match, a track has the one with the greatest sum of scores; separate: only the same "
        "class may match; ignore: any may match, a track has its last one, as published trackers do.",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.max_lost_seconds is not None and self.frame_rate is None:
            raise ConfigError(
                f"max_lost_seconds needs frame_rate; got {self.max_lost_seconds} s and no rate. "
                "Give frame_rate, or max_lost in frames."
            )

    @property
    def patience(self) -> float:
        """How long a trusted track may go without a detection, in frames."""
        if self.max_lost_seconds is None or self.frame_rate is None:
            return self.max_lost
        return self.max_lost_seconds * self.frame_rate


@dataclass(frozen=True, kw_only=True)
class Lifecycle(Ageing):
    """What `OnlineTracker` knows about the life of tracks: `Ageing`, and what they remember."""

    duplicate_iou: float | None = setting(
        None,
        help="Overlap above which a found and a lost track are one; the longer lived stays.",
        unit="IoU",
        minimum=0,
        maximum=1,
    )
    embedding_alpha: float = setting(
        0.9, help="Share of the past in a track's smoothed embedding.", minimum=0, maximum=1
    )

    @classmethod
    def of(cls: type[_L], config: Lifecycle, **changes: Any) -> _L:
        """Take the lifecycle out of a config that inherits from it and adds settings of its own."""
        return cls(**{f.name: getattr(config, f.name) for f in fields(cls)} | changes)


@dataclass(frozen=True, kw_only=True)
class AgeingQuirks:
    """What published trackers have in common that nobody would choose; all off by default."""

    count_updates: bool = setting(
        False, help="Time is the number of updates, whatever frame indices and timestamps say."
    )
    streak: bool = setting(False, help="min_hits counts detections in a row; every gap takes the trust away.")
    uncounted_birth: bool = setting(False, help="min_hits does not count the founding detection.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Quirks(AgeingQuirks):
    """What published trackers do and nobody would choose; for the presets that reproduce them id for id.

    All are off by default. ByteTrack and FairMOT: ``count_updates``, ``freeze_tentative``, ``late_removal``,
    ``lose_once``, ``inclusive_duplicates`` (and ``skip_empty`` in ByteTrack's evaluator, ``stale_score`` in FairMOT).
    SORT: ``count_updates``, ``streak``, ``uncounted_birth``.

    Source: facts about ifzhang/ByteTrack (MIT) and ifzhang/FairMOT (MIT) at the commits named in the golden files;
    Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016.
    """

    skip_empty: bool = setting(False, help="A frame without detections changes nothing; needs count_updates.")
    freeze_tentative: bool = setting(False, help="Tracks that are not yet trusted are not predicted.")
    late_removal: bool = setting(False, help="A track given up can still be matched in the next frame.")
    lose_once: bool = setting(
        False, help="A track that was matched after it had been given up goes at its next loss; needs late_removal."
    )
    inclusive_duplicates: bool = setting(
        False, help="Duplicates are found with boxes one pixel wider and higher (x2 - x1 + 1)."
    )
    stale_score: bool = setting(False, help="A lost track that is found shows its score of before in that frame.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for quirk, base in (("skip_empty", "count_updates"), ("lose_once", "late_removal")):
            if getattr(self, quirk) and not getattr(self, base):
                raise ConfigError(f"Quirks.{quirk} needs {base}; got {base}=False. Switch both on.")


def judge(ageing: Ageing, state: Ints, hits: Ints, matched: Mask, *, updates: int, streak: bool = False) -> Ints:
    """Return the states of tracks after a frame.

    Args:
        ageing: Says how many detections it takes, and how long the warm-up is.
        state: ``(N,)`` states before the frame.
        hits: ``(N,)`` detections of each track, that of the frame included.
        matched: ``(N,)`` whether a track has a detection in the frame.
        updates: Frames since the start, this one included.
        streak: Whether trust is lost again with every gap (see `AgeingQuirks`).
    """
    trusted = hits >= ageing.min_hits
    if not streak:
        trusted |= state != TENTATIVE
    if updates <= ageing.warm_up:
        trusted |= matched
    present, absent = np.where(trusted, CONFIRMED, TENTATIVE), np.where(state == TENTATIVE, TENTATIVE, LOST)
    judged: Ints = np.where(matched, present, absent)
    return judged
