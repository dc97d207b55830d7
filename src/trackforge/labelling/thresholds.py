"""The least score of a confident box: what a number for it means to the tracker of a project."""

from __future__ import annotations

import dataclasses

from trackforge.labelling.run import LabelRun, tracking_layers
from trackforge.runs.component import Component
from trackforge.runs.habits import minding
from trackforge.runs.planning import plan
from trackforge.types import Detections

__all__ = ["GRID", "Threshold", "threshold_of", "thresholds"]

GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Least scores that are tried, beside the setting at hand."""


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A least score, and what it comes to.

    Attributes:
        conf: The score; None for what was asked for.
        tracker: The tracker with it.
        least: Boxes with a lower score are left out, where the tracker itself minds no scores; else 0.
    """

    conf: float | None
    tracker: Component
    least: float = 0.0

    @property
    def words(self) -> str:
        """It in words."""
        return "the least score as set" if self.conf is None else f"least score {self.conf:g}"

    def kept(self, found: Detections) -> Detections:
        """Return the detections that the tracker gets."""
        return found[found.score >= self.least] if self.least else found


def threshold_of(run: LabelRun, conf: float | None) -> Threshold:
    """Return what a least score comes to, as ``--conf`` does for tracking; the detector stays as it is.

    Args:
        run: The project; its own ``conf`` wins.
        conf: The score, or None.
    """
    if not run.settles:
        conf = None
    plain = plan(*tracking_layers(run)).tracker
    if conf is None:
        return Threshold(None, plain)
    tracker = plan(*tracking_layers(dataclasses.replace(run, conf=conf))).tracker
    minds = minding(plain) or tracker.table() != plain.table()
    return Threshold(conf, tracker, 0.0 if minds else conf)


def thresholds(run: LabelRun, now: float | None) -> list[Threshold]:
    """Return what can be chosen among, the setting at hand first, none twice.

    Args:
        run: The project.
        now: The score at hand, or None.
    """
    found: list[Threshold] = []
    for conf in (now, None, *GRID):
        one = threshold_of(run, conf)
        if not any((one.tracker.table(), one.least) == (other.tracker.table(), other.least) for other in found):
            found.append(one)
    return found
