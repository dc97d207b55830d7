"""How far a training is, for whoever watches it: a value, and a line for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Progress", "Teller", "progress_words", "time_words"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is.

    Attributes:
        stage: ``"loading"`` (data, libraries, weights), ``"start"`` (the starting weights are scored), ``"training"``,
            or ``"validating"``.
        words: What is being loaded; empty elsewhere.
        done: Steps done in all, or pictures looked at.
        total: Steps in all, or pictures to look at; 0 where it is not known.
        epoch: The epoch at hand, counted from 1; 0 before the first.
        epochs: Epochs in all.
        loss: Of the last step.
        terms: What that loss is made of, by name.
        epoch_steps: Steps of an epoch; 0 before the first.
        rate: Learning rate of the last step.
        left: Seconds to the end of the run at the speed so far, validations included; None where it is not known.
        step_time: Seconds of a step in the mean so far, validations included; None where it is not known.
    """

    stage: Literal["loading", "start", "training", "validating"]
    words: str = ""
    done: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)
    epoch_steps: int = 0
    rate: float = 0.0
    left: float | None = None
    step_time: float | None = None


Teller: TypeAlias = Callable[[Progress], object]
"""Is told how far a run is, after every step and every batch of a validation, on the first process."""


def progress_words(now: Progress) -> str:
    """Return a line for people.

    >>> progress_words(Progress(stage="training", done=12, total=80, epoch=1, epochs=4, loss=3.25, rate=0.01, left=95))
    'epoch 1/4  step 12/80  loss 3.25  rate 0.01  1 min 35 s left'
    >>> progress_words(Progress(stage="start", done=8, total=200))
    'scoring the starting weights (epoch 0): 8/200 pictures'
    """
    if now.stage == "loading":
        return now.words
    pictures = f"{now.done}/{now.total} pictures"
    if now.stage == "start":
        return f"scoring the starting weights (epoch 0): {pictures}"
    if now.stage == "validating":
        return f"epoch {now.epoch}/{now.epochs}  validating: {pictures}"
    parts = [f"epoch {now.epoch}/{now.epochs}", f"step {now.done}/{now.total}", f"loss {now.loss:.4g}"]
    parts += [f"rate {now.rate:.3g}"]
    return "  ".join(parts if now.left is None else [*parts, f"{time_words(now.left)} left"])


def time_words(seconds: float) -> str:
    """Return a time for people.

    >>> time_words(42), time_words(95), time_words(7300)
    ('42 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
