"""The least score of the tracker, chosen by what people have checked.

A model that has been trained gives its boxes other scores than before, and a tracker has thresholds. So before labels
are made anew, what the model has found is tracked with some least scores, and what comes of it is compared with what
people say on the frames that they have checked. That is association alone: no picture is looked at again.

Frames that taught a model are too easy for it. Where it was trained, those held out judge, if there are enough; they
have also been what was chosen by before, so that the score of the choice is a little too good: that of the next round's
labels is not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trackforge.labelling.filling import filled, whole_tracks
from trackforge.labelling.holding import held_out
from trackforge.labelling.looking import Watch
from trackforge.labelling.measuring import measure
from trackforge.labelling.models import Models
from trackforge.labelling.places import outside
from trackforge.labelling.project import Project
from trackforge.labelling.sighting import Sighted, sighted
from trackforge.labelling.thresholds import Threshold, thresholds
from trackforge.runs.replaying import replay
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

__all__ = ["ENOUGH", "Choice", "judging", "settled"]

ENOUGH = 10
"""Frames held out from which on these alone judge a model that was trained."""
TITLES = {"hota": "HOTA", "effort": "boxes touched per 100"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """A least score, and why.

    Attributes:
        conf: The score; None for what was asked for.
        name: The same in words.
        measure: ``hota`` or ``effort``: what was compared.
        tried: The measure by least score, in words; that at hand first. NaN where there were no boxes.
        frames: How many frames it was compared on.
        fair: Whether none of these has taught the model.
    """

    conf: float | None
    name: str
    measure: str
    tried: Mapping[str, float]
    frames: int
    fair: bool

    @property
    def worth(self) -> float:
        """What it came to with this score; the greater, the better."""
        return _worth(self.tried[self.name], self.measure)

    @property
    def value_words(self) -> str:
        """What it came to, in words."""
        return f"{TITLES[self.measure]} {_shown(self.tried[self.name], self.measure)} with {self.name}"

    @property
    def words(self) -> str:
        """The choice in a line."""
        first = next(iter(self.tried))
        of = f"on {self.frames} checked frames" + ("" if self.fair else ", some of which have taught the model")
        if self.name == first:
            return f"tracking stays with {first}: none of {len(self.tried) - 1} others is better {of}"
        then = _shown(self.tried[first], self.measure)
        return f"tracking goes on with another threshold: {self.value_words}, {then} with {first}, {of}"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "conf": self.conf,
            "measure": TITLES[self.measure],
            "tried": {name: round(one, 5) if math.isfinite(one) else None for name, one in self.tried.items()},
            "frames": self.frames,
            "only frames that taught nothing": self.fair,
            "words": self.words,
        }


def judging(project: Project, *, trained: bool) -> tuple[dict[str, frozenset[int]], bool]:
    """Return the frames by which a choice about a model is made, by sequence, and whether none has taught it.

    Args:
        project: The project.
        trained: Whether the model was trained on what people have checked.
    """
    checked = {name: one.checked for name, one in project.documents().items() if one.checked}
    if not trained:
        return checked, True
    out = held_out(project)
    if sum(map(len, out.values())) >= ENOUGH:
        return out, True
    return checked, False


def settled(
    project: Project,
    detector: Mapping[str, Any],
    frames: Mapping[str, frozenset[int]],
    now: float | None,
    *,
    fair: bool = True,
    watch: Watch | None = None,
) -> Choice:
    """Choose the least score of the tracker for a model.

    Args:
        project: Its setting ``settle`` says what is compared.
        detector: The model, as a round has it.
        frames: Checked frames to compare on, by sequence.
        now: The score at hand, which stays where no other is better.
        fair: Whether none of the frames has taught the model.
        watch: Is told of every frame that the model has to look at, which it has not seen before.

    Raises:
        TrackforgeError: What sources, detector and tracker raise.
    """
    models = Models(project.run, outside(detector, project.folder))
    seen = sighted(project, models, whole=True, of=frames.__contains__, watch=watch)
    found = [(one, *one.merged(models)[:2]) for one in seen]
    people = {name: one.table() for name, one in project.documents().items() if name in frames}
    measured = "effort" if project.run.settle == "effort" else "hota"
    tried: dict[str, float] = {}
    asked = thresholds(project.run, now)
    best, worth = asked[0], -math.inf
    for threshold in asked:
        labels = _labels(project, threshold, found)
        result = measure(labels, people, frames, project.classes, same=project.run.same, precise=False)
        value = result.effort.per_100 if measured == "effort" else result.overall.hota
        tried[threshold.words] = value
        if _worth(value, measured) > worth:
            best, worth = threshold, _worth(value, measured)
    count = sum(map(len, frames.values()))
    return Choice(conf=best.conf, name=best.words, measure=measured, tried=tried, frames=count, fair=fair)


def _labels(
    project: Project, threshold: Threshold, found: Sequence[tuple[Sighted, list[Frame], dict[int, Detections]]]
) -> dict[str, TrackTable]:
    """Return the tracks that a least score gives, with their gaps filled, by sequence."""
    tracker, labels = threshold.tracker.create(), {}
    for one, frames, detections in found:
        stream = dataclasses.replace(one.stream, name=one.name, classes=project.classes)
        steps = replay(((frame, threshold.kept(detections[frame.index])) for frame in frames), tracker, stream)
        numbers = np.array([frame.index for frame in frames], np.int64)
        labels[one.name] = filled(whole_tracks(steps, sequence=one.name), numbers, project.run.gap)
    return labels


def _worth(value: float, measured: str) -> float:
    """Return what a value is worth, the greater the better; differences that nobody could see are none."""
    if math.isnan(value):
        return -math.inf
    return -round(value, 2) if measured == "effort" else round(value, 4)


def _shown(value: float, measured: str) -> str:
    return f"{value:.1f}" if measured == "effort" else f"{100 * value:.1f}"
