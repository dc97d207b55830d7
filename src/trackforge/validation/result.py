"""What a validation found, before it becomes text, JSON or HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.model import Dataset
from trackforge.metrics.boxes_of_pictures import PictureBoxes
from trackforge.metrics.curves import Curves
from trackforge.metrics.detection import ClassPrecision, DetectionReport
from trackforge.metrics.mistakes import Mistakes

__all__ = ["WORST", "Validation"]

WORST = 24
"""Pictures that are shown."""
APART = 10
"""Frames of one film between two of them: neighbours show the same mistakes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Validation:
    """How a detector fares on a labelled set.

    Attributes:
        dataset: The set.
        classes: Those that were scored; ``class_id`` in ``truth`` and ``found`` is their place here.
        precision: Average precision and recall by COCO's rules.
        curves: Precision, recall and F1 at IoU .5, with the best score, by class.
        mean: The mean of the curves.
        mistakes: What every box is at ``mistakes.score``, and the confusion matrix.
        truth: True boxes; ``image`` is a row of the set.
        found: Detections likewise.
        notes: What people should know, one sentence each.
        seconds: That looking took, reading pictures included.
        facts: What else shall stand in JSON and HTML: detector, settings, times.
    """

    dataset: Dataset
    classes: tuple[str, ...]
    precision: DetectionReport
    curves: Mapping[str, Curves]
    mean: Curves
    mistakes: Mistakes
    truth: PictureBoxes
    found: PictureBoxes
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, ClassPrecision, Curves]]:
        """Return name, average precision and curves of every class with truth, by falling number of boxes."""
        there = [name for name in self.classes if self.curves[name].truths]
        there.sort(key=lambda name: -self.curves[name].truths)
        return [(name, self.precision.classes[name], self.curves[name]) for name in there]

    def worst(self, most: int = WORST) -> list[int]:
        """Return the pictures with the most mistakes, as rows of the set, worst first; none without a mistake.

        Of frames of one film that lie close together, the worst stands for all.
        """
        made = np.sum(list(self.mistakes.by_picture(self.truth, self.found, len(self.dataset)).values()), axis=0)
        right = np.bincount(self.found.image[self.mistakes.found == "right"], minlength=len(self.dataset))
        order = np.lexsort((right, -made))  # of equally many, where less else is right
        chosen: list[int] = []
        for row in order.tolist():
            if len(chosen) == most or not made[row]:
                break
            if not any(self._is_close(row, other) for other in chosen):
                chosen.append(row)
        return chosen

    def _is_close(self, row: int, other: int) -> bool:
        """Tell whether two pictures are frames of one film that show nearly the same."""
        images = self.dataset.images
        same = images.sequence[row] != "" and images.sequence[row] == images.sequence[other]
        return bool(same and abs(int(images.frame[row]) - int(images.frame[other])) < APART)

    def picture_name(self, row: int) -> str:
        """Return what to call a picture."""
        images = self.dataset.images
        sequence, frame = str(images.sequence[row]), int(images.frame[row])
        path = str(images.path[row])
        return f"{sequence} frame {frame}" if sequence and frame >= 0 else Path(path).name or f"picture {row + 1}"
