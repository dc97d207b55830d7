"""From detections to tracks: motion, association, the tracker, the camera."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["Associator", "CameraMotion", "MotionModel", "MotionState", "MotionView", "Tracker", "WarpingMotionModel"]

MotionState: TypeAlias = tuple[npt.NDArray[Any], ...]
"""The filters of N tracks as arrays of N rows each; only their MotionModel knows what is in them.

Being plain columns, states are selected with ``tuple(a[rows] for a in state)`` and joined with ``np.concatenate``.
"""
Floats: TypeAlias = npt.NDArray[np.float64]


@runtime_checkable
class MotionModel(Protocol):
    """Predicts where boxes go: N filters at once, kept as a `MotionState`. Every method is pure."""

    def initiate(self, xyxy: Floats, /) -> MotionState:
        """Start one filter a box; ``(N, 4)`` pixels."""

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals.

        ``coasting`` is an ``(N,)`` mask of the tracks that had no detection in the last frame, None for none.
        """

    def update(
        self, state: MotionState, xyxy: Floats, /, *, score: npt.NDArray[np.floating[Any]] | None = None
    ) -> MotionState:
        """Correct each filter with its own measured box; ``(N, 4)`` pixels.

        ``score`` ``(N,)`` are those of the detections, for models that trust a confident one more.
        """

    def boxes(self, state: MotionState, /) -> Floats:
        """Return the estimated boxes, ``(N, 4)`` float64 xyxy pixels."""

    def mahalanobis(self, state: MotionState, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared Mahalanobis distances of M measured boxes to N filters, ``(N, M)``."""

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, S)`` and covariances ``(N, S, S)`` for people and tests."""


@runtime_checkable
class WarpingMotionModel(MotionModel, Protocol):
    """A MotionModel that can be told how the camera moved."""

    def warp(self, state: MotionState, affine: Floats, /) -> MotionState:
        """Carry N filters over from the last frame's pixels to this one's.

        ``affine`` is ``(2, 3)``: it takes ``(x, y, 1)`` of the last frame to ``(x, y)`` of this one.
        """


class MotionView(Protocol):
    """What an Associator may ask about the predicted tracks it was given."""

    @property
    def boxes(self) -> Floats:
        """Predicted boxes of all given tracks, ``(M, 4)`` float64 xyxy pixels."""

    def mahalanobis(self, tracks: npt.NDArray[np.int64], xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared distances of boxes to the given track rows, ``(len(tracks), len(xyxy))``."""


@runtime_checkable
class Associator(Protocol):
    """Decides which track goes with which detection; a pure function of its arguments."""

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:
        """Match predicted tracks with the detections of a frame.

        Detections that the method wants to forget (too low a score, say) are in neither ``detection`` nor
        ``unmatched_detection`` of the result.
        """


@runtime_checkable
class Tracker(Protocol):
    """Turns the detections of successive frames into tracks. Ids and state live on the instance."""

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; to be called for every frame, empty or not, in increasing ``frame.index``."""

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts of them."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another tracker, or of other settings.
        """


@runtime_checkable
class CameraMotion(Protocol):
    """Tells how the picture moved since the frame before; remembers that frame."""

    def motion(self, frame: Frame, /) -> Floats | None:
        """Return the affine map ``(2, 3)`` from pixels of the frame before to pixels of this one.

        None where it is not known: for the first frame, one without a picture, or one that has nothing to hold on to.
        """

    def reset(self) -> None:
        """Forget the frame before."""
