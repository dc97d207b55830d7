"""What an associator may ask about the predicted tracks before it (`trackforge.protocols.MotionView`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackforge.online.columns import take_state
from trackforge.protocols import MotionModel, MotionState, MotionView

__all__ = ["Block", "Predicted"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Predicted:
    """All tracks.

    Attributes:
        boxes: ``(M, 4)`` float64 predicted xyxy pixels.
    """

    __slots__ = ("_model", "_state", "boxes")

    def __init__(self, model: MotionModel, state: MotionState, boxes: Floats) -> None:
        self._model = model
        self._state = state
        self.boxes = boxes

    def mahalanobis(self, tracks: Ints, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared distances of boxes to the given track rows, ``(len(tracks), len(xyxy))``."""
        return self._model.mahalanobis(take_state(self._state, tracks), xyxy, position_only=position_only)


class Block:
    """Some of the tracks of another view."""

    __slots__ = ("_rows", "_view", "boxes")

    def __init__(self, view: MotionView, rows: Ints) -> None:
        self._view = view
        self._rows = rows
        self.boxes = view.boxes[rows]

    def mahalanobis(self, tracks: Ints, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared distances of boxes to the given track rows, ``(len(tracks), len(xyxy))``."""
        return self._view.mahalanobis(self._rows[tracks], xyxy, position_only=position_only)
