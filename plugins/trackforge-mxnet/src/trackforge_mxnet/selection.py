"""From the outputs of a network to the objects of a picture, whoever ran it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.models import Objects, Placement
from trackforge_mxnet.masks import draw_masks

__all__ = ["Found", "Selection"]


class Found(NamedTuple):
    """Outputs of one picture, where it lies in the input ``(H, W)`` of ``input_size``, and its own ``size``."""

    outputs: list[npt.NDArray[Any]]
    placement: Placement
    size: tuple[int, int]
    input_size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows become objects.

    Attributes:
        dialect: What outputs mean; see `trackforge_mxnet.recognition`.
        classes: Number of classes.
        keep: Class numbers to look for; None: all.
        score: Least score.
        mask: Least probability of a pixel of a mask.
    """

    dialect: str
    classes: int
    keep: tuple[int, ...] | None = None
    score: float = 0.1
    mask: float = 0.5

    def __call__(self, found: Found) -> Objects:
        """Choose, best first; a class below 0 marks what was suppressed."""
        ids, score, xyxy = self._columns(found)
        rows = (ids >= 0) & (score >= self.score) & (ids < self.classes)
        rows &= np.isfinite(xyxy).all(axis=1) & (xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)
        class_id = np.rint(np.where(rows, ids, 0)).astype(np.int64)
        if self.keep is not None:
            rows &= np.isin(class_id, self.keep)
        chosen = np.flatnonzero(rows)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")]
        masks = None
        if len(found.outputs) == 4 and self.dialect == "gluoncv":
            masks = draw_masks(found.outputs[3][chosen], found.placement.back(xyxy[chosen]), found.size, self.mask)
        return Objects(xyxy[chosen], np.minimum(score[chosen], 1), class_id[chosen], mask=masks)

    def _columns(self, found: Found) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Return class, score and corners in pixels of the input."""
        if self.dialect == "gluoncv":
            ids, score, xyxy = found.outputs[:3]
            return ids.reshape(-1), score.reshape(-1), xyxy
        rows = found.outputs[0]
        xyxy = rows[:, 2:]
        if self.dialect == "sagemaker":
            xyxy = xyxy * np.array(found.input_size[::-1] * 2, np.float32)
        return rows[:, 0], rows[:, 1], xyxy
