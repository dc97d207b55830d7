"""Reads the log of SageMaker's built-in Object Detection: losses, score, progress and speed, an epoch a row.

Its lines, as the container writes them (our SSD trainer writes the same)::

    [06/08/2021 00:23:45 INFO 139] #quality_metric: host=algo-1, epoch=0, batch=1035 train cross_entropy <loss>=(1.159)
    [06/08/2021 00:23:45 INFO 139] #quality_metric: host=algo-1, epoch=0, validation mAP <score>=(0.199)
    [06/08/2021 00:23:45 INFO 139] #progress_metric: host=algo-1, completed 20.0 % of epochs
    [06/08/2021 00:23:45 INFO 139] Epoch:    0, batches:    1000, num_examples:    16000, 88.7 samples/sec, ...

Source: published logs of the algorithm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["BuiltinLog", "EpochMetrics", "read_log"]

_QUALITY = re.compile(
    r"#quality_metric: host=(?P<host>[\w.-]+), epoch=(?P<epoch>\d+), (?:batch=(?P<batch>\d+) )?"
    r"(?P<name>train \w+|validation \w+) <(?:loss|score)>=\((?P<value>[^)]*)\)"
)
_PROGRESS = re.compile(r"#progress_metric: host=(?P<host>[\w.-]+), completed (?P<share>[\d.]+) % of epochs")
_SPEED = re.compile(r"Epoch:\s*(?P<epoch>\d+), batches:\s*\d+, num_examples:\s*\d+, (?P<speed>[\d.]+) samples/sec")
_SAVED = re.compile(r'Saved checkpoint to "(?P<path>[^"]+)"')
_HOST = "algo-1"


@dataclass
class EpochMetrics:
    """What was said of an epoch; NaN where nothing was.

    Attributes:
        epoch: From 0.
        cross_entropy: Loss of classes, of the last line that told it.
        smooth_l1: Loss of boxes.
        map: Validation's score, 0 to 1.
        throughput: Pictures a second.
    """

    epoch: int
    cross_entropy: float = math.nan
    smooth_l1: float = math.nan
    map: float = math.nan
    throughput: float = math.nan

    @property
    def metrics(self) -> dict[str, float]:
        """What is known, by the names that SageMaker has for it."""
        named = {
            "train:cross_entropy": self.cross_entropy, "train:smooth_l1": self.smooth_l1, "validation:mAP": self.map,
            "train:throughput": self.throughput,
        }  # fmt: skip
        return {name: value for name, value in named.items() if not math.isnan(value)}


@dataclass
class BuiltinLog:
    """A whole log.

    Attributes:
        epochs: One each, in order.
        progress: Percent of the epochs that were done.
        saved: Files of checkpoints, in order.
    """

    epochs: list[EpochMetrics] = field(default_factory=list)
    progress: float = 0.0
    saved: list[str] = field(default_factory=list)

    @property
    def best(self) -> EpochMetrics | None:
        """The epoch with the greatest score, the earliest of equals; None without validation."""
        scored = [one for one in self.epochs if not math.isnan(one.map)]
        return max(scored, key=lambda one: one.map, default=None)


def read_log(lines: Iterable[str], host: str = _HOST) -> BuiltinLog:
    """Read a log.

    Args:
        lines: In any form: CloudWatch's messages, or lines of a file. What is no metric is passed over.
        host: Whose lines count, of several machines.
    """
    log = BuiltinLog()
    epochs: dict[int, EpochMetrics] = {}

    def of(number: str) -> EpochMetrics:
        return epochs.setdefault(int(number), EpochMetrics(int(number)))

    for line in lines:
        if (found := _QUALITY.search(line)) and found["host"] == host:
            name = {"train cross_entropy": "cross_entropy", "train smooth_l1": "smooth_l1", "validation mAP": "map"}
            if found["name"] in name:
                setattr(of(found["epoch"]), name[found["name"]], _number(found["value"]))
        elif (found := _PROGRESS.search(line)) and found["host"] == host:
            log.progress = max(log.progress, _number(found["share"]))
        elif found := _SPEED.search(line):
            of(found["epoch"]).throughput = _number(found["speed"])
        elif found := _SAVED.search(line):
            log.saved.append(found["path"])
    log.epochs = [epochs[number] for number in sorted(epochs)]
    return log


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
