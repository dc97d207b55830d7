"""Whether a training has brought anything: its best epoch beside the weights that it started from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from trackforge.training.scores import Score

__all__ = ["doubt", "verdict"]

CURE = "Try a lower learning rate, more data, or more epochs."


def doubt(monitored: Score, when: str) -> str:
    """Say that what is monitored is no number, and what that means."""
    return (
        f"train.monitor should be a score that the validation set can tell; {monitored.name} is not a number {when}: "
        "there was nothing to score. As long as it is none, the latest epoch is kept as the best. Monitor another, or "
        "validate on another set."
    )


def verdict(monitored: Score | None, start: Mapping[str, float], trained: Mapping[str, float]) -> str:
    """Say how the best epoch compares with the start, or that nothing could be; empty where one was not scored.

    Args:
        monitored: The score that tells the best epoch.
        start: The row of epoch 0.
        trained: The row of the best epoch after it.
    """
    if monitored is None or monitored.name not in trained:
        return ""
    if math.isnan(trained[monitored.name]) and math.isnan(start.get(monitored.name, math.nan)):
        return doubt(monitored, f"up to epoch {trained['epoch']:.0f}")
    if monitored.name not in start:
        return ""
    before, after = (dataclasses.replace(monitored, value=row[monitored.name]) for row in (start, trained))
    told = (
        f"{before.words(2, titled=True)} at the start, {after.words(2, titled=True)} after epoch {trained['epoch']:.0f}"
    )
    if after.worth > before.worth:
        return f"training made it better: {told}"
    if after.worth < before.worth:
        return f"training made it worse: {told}, the best one. The starting weights are kept as the result. {CURE}"
    return f"training made it no better: {told}, the first of the best. That epoch is the result all the same. {CURE}"
