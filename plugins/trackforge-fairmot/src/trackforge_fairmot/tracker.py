"""Trackers that compare looks: the clean one, and what it says where there is nothing to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trackforge.config import same_setting, setting
from trackforge.motion import KalmanXYAH, KalmanXYWH
from trackforge.online import Lifecycle, OnlineTracker
from trackforge.online.state import complete, must, whole
from trackforge.types import Detections, Frame, Tracks
from trackforge_fairmot.cascade import FairmotAssociator

__all__ = ["AppearanceTracker", "AppearanceTrackerConfig", "appearance_tracker"]


class AppearanceTracker(OnlineTracker):
    """An `OnlineTracker` with `FairmotAssociator` that notices where detections come without embeddings."""

    _frames = _blind = 0

    def _step(self, detections: Detections, frame: Frame, dt: float) -> Tracks:
        tracks = super()._step(detections, frame, dt)
        if len(detections):
            self._frames += 1
            self._blind += detections.embedding is None or not detections.embedding.any()
        return tracks

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        super().reset()
        self._frames = self._blind = 0

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere, and to say there what was to be said here."""
        return super().state_dict() | {"counts": {"frames": self._frames, "blind": self._blind}}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken; states without counts begin to count here.

        Raises:
            StateError: The state is of another tracker, of other settings, or damaged. Nothing has changed then.
        """
        counts = state.get("counts", {}) if isinstance(state, Mapping) else {}  # what is no state is refused below
        with complete():
            frames, blind = (whole(name, counts.get(name, 0), 0) for name in ("frames", "blind"))
            must("frames without embeddings are among those counted", blind <= frames)
        super().load_state_dict(state)
        self._frames, self._blind = frames, blind

    def notes(self) -> tuple[str, ...]:
        """Say in how many frames there was nothing to compare; see `trackforge.protocols.Noting`."""
        if not self._blind or not self.associator.appearance:  # type: ignore[attr-defined]
            return ()
        return (
            f"detections had no embeddings in {self._blind} of {self._frames} frames, and overlap alone decided there; "
            "looks are compared with a detector that gives them (--detector fairmot), and without one, --tracker byte "
            "is made for that",
        )


@dataclass(frozen=True, kw_only=True)
class AppearanceTrackerConfig(Lifecycle):
    """Settings of the clean tracker; see `FairmotAssociator` and `trackforge.online.Lifecycle`.

    The defaults are the numbers published for FairMOT with BYTE and re-identification.
    """

    birth_score: float = setting(
        0.5, help="Least score of a detection that may found a track.", unit="score", role="conf", infinite=True
    )
    duplicate_iou: float | None = setting(
        0.85,
        help="Overlap above which a found and a lost track are one; the longer lived stays.",
        unit="IoU",
        minimum=0,
        maximum=1,
    )
    motion: Literal["xyah", "xywh"] = setting("xyah", help="What the motion model filters beside the centre.")
    high_score: float = same_setting(FairmotAssociator, "high_score")
    low_score: float | None = same_setting(FairmotAssociator, "low_score")
    appearance: bool = same_setting(FairmotAssociator, "appearance")
    appearance_limit: float = same_setting(FairmotAssociator, "appearance_limit")
    motion_weight: float = same_setting(FairmotAssociator, "motion_weight")
    gate: float = same_setting(FairmotAssociator, "gate")
    overlap_limit: float = same_setting(FairmotAssociator, "overlap_limit")
    blind_limit: float = same_setting(FairmotAssociator, "blind_limit")
    doubtful_limit: float = same_setting(FairmotAssociator, "doubtful_limit")
    tentative_limit: float = same_setting(FairmotAssociator, "tentative_limit")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.association()

    def association(self) -> FairmotAssociator:
        """Return the associator that these settings describe."""
        return FairmotAssociator(**{name: getattr(self, name) for name in ASSOCIATION})


ASSOCIATION = (
    "high_score", "low_score", "appearance", "appearance_limit", "motion_weight", "gate", "overlap_limit",
    "blind_limit", "doubtful_limit", "tentative_limit",
)  # fmt: skip
"""Settings that the tracker hands on to its associator."""


def appearance_tracker(config: AppearanceTrackerConfig) -> OnlineTracker:
    """Make a tracker that compares looks, without the oddities of the published ones (for those, see `presets`)."""
    motion: Any = KalmanXYWH() if config.motion == "xywh" else KalmanXYAH()
    return AppearanceTracker(config.association(), motion, Lifecycle.of(config))
