"""Whether a training has brought anything: its best epoch beside the weights that it started from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from trackforge.training.scores import Score

__all__ = ["verdict"]

CURE = "Try a lower learning rate, more data, or more epochs."


def verdict(monitored: Score | None, start: Mapping[str, float], trained: Mapping[str, float]) -> str:
    """Say how the best epoch compares with the start; empty where one of the two was not scored.

    Args:
        monitored: The score that tells the best epoch.
        start: The row of epoch 0.
        trained: The row of the best epoch after it.
    """
    if monitored is None or monitored.name not in start or monitored.name not in trained:
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
