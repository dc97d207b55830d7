"""Lines of a log as the published trainings write them, so that the expressions of published jobs go on to work.

FairMOT's, an epoch::

    epoch: 1 |train_loss 3.141593 |train_hm_loss 0.900000 |train_wh_loss ...
    epoch: 1 |val_loss 3.300000 |val_hm_loss ...

ByteTrack's (YOLOX's), every few steps, and what pycocotools prints after a validation::

    epoch: 1/30, iter: 20/117, iter_time: 0.512s, total_loss: 9.1, iou_loss: 2.2, l1_loss: 0.0, ..., ETA: 0:10:00
     Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.512

The SSD trainer writes those of the built-in algorithm by itself.

Source: ifzhang/FairMOT (MIT), ifzhang/ByteTrack (MIT) and pycocotools (BSD-2-Clause): the form of what they print.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from trackforge.training.progress import Progress, progress_words

__all__ = ["Lines", "bytetrack_line", "coco_lines", "fairmot_lines"]

FAIRMOT = ("loss", "hm_loss", "wh_loss", "off_loss", "id_loss")
BYTETRACK: Mapping[str, str] = {"iou_loss": "box", "l1_loss": "l1", "conf_loss": "objectness", "cls_loss": "class"}
"""YOLOX's names of its losses, and ours."""
SILENCE = 30.0
"""Seconds after which a training that writes no such lines says how far it is."""
COCO: Mapping[str, str] = {
    "ap": " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = {:.3f}",
    "ap50": " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = {:.3f}",
    "ap75": " Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ] = {:.3f}",
    "recall": " Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = {:.3f}",
}


def fairmot_lines(row: Mapping[str, Any]) -> Iterator[str]:
    r"""Yield FairMOT's lines of an epoch; a loss that is no number is left out.

    >>> print(*fairmot_lines({"epoch": 1, "loss": 3.14159265, "hm_loss": 0.9, "val_loss": 3.3}), sep="\n")
    epoch: 1 |train_loss 3.141593 |train_hm_loss 0.900000 |
    epoch: 1 |val_loss 3.300000 |
    """
    for head, own in (("train_", ""), ("val_", "val_")):
        found = {f"{head}{name}": float(row.get(f"{own}{name}", math.nan)) for name in FAIRMOT}
        known = [f"|{name} {value:f} " for name, value in found.items() if math.isfinite(value)]
        if known:
            yield f"epoch: {round(row['epoch'])} {''.join(known)}|"


def bytetrack_line(now: Progress, seconds: float) -> str:
    """Return YOLOX's line of a step.

    Args:
        now: Where the training is.
        seconds: What a step took, in the mean since the last line.
    """
    step = (now.done - 1) % max(now.epoch_steps, 1) + 1
    losses = {"total_loss": now.loss, **{name: now.terms.get(own, 0.0) for name, own in BYTETRACK.items()}}
    parts = [f"epoch: {now.epoch}/{now.epochs}", f"iter: {step}/{now.epoch_steps}", f"iter_time: {seconds:.3f}s"]
    parts += [f"{name}: {value:.6g}" for name, value in losses.items()]
    parts += [f"lr: {now.rate:.3e}", f"ETA: {timedelta(seconds=round(now.left or 0))}"]
    return ", ".join(parts)


def coco_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what pycocotools prints of the scores that there are."""
    for name, line in COCO.items():
        value = row.get(name, math.nan)
        if math.isfinite(value):
            yield line.format(value)


class Lines:
    """Writes the lines of a training: the published ones, and of all others one at times, so that no log is silent.

    Args:
        trainer: Which trainer's.
        every: Steps from one published line to the next.
        put: Where to.
    """

    def __init__(self, trainer: str, every: int, put: Callable[[str], object]) -> None:
        self._trainer, self._every, self._put = trainer, every, put
        self._step, self._time = 0, 0.0
        self._said = -SILENCE

    def step(self, now: Progress) -> None:
        """Tell of a step, if it is time to."""
        here = time.monotonic()
        if self._trainer == "yolox" and now.stage == "training":
            if not self._time:  # the first step that is told of: how long it took, the training knows
                self._step, self._time = now.done - 1, here - (now.step_time or 0.0)
            if now.done % self._every == 0 or now.done == now.epoch * now.epoch_steps:
                self._put(bytetrack_line(now, (here - self._time) / max(now.done - self._step, 1)))
                self._step, self._time = now.done, here
        elif now.stage == "loading" or here - self._said >= SILENCE:
            self._put(progress_words(now))
            self._said = here

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Tell of an epoch; the start, epoch 0, has its scores alone."""
        if self._trainer == "fairmot" and row["epoch"]:
            for line in fairmot_lines(row):
                self._put(line)
        if self._trainer == "yolox":
            for line in coco_lines(row):
                self._put(line)
