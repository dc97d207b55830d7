"""What a score is: a name, a value and which direction is better. Nothing else in the library knows.

What is monitored, the tables, the figure, TensorBoard, the command's lines and those that SageMaker reads metrics from
are all made of `Score`. A new one is a `Scorer`; what core offers stands in `trackforge.training.scorers`.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from trackforge.data.model import Dataset
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.training.monitoring import name_hint

if TYPE_CHECKING:
    from trackforge.data.samples import Sample
    from trackforge.training.module import TrainingModule
    from trackforge.types import Detections

__all__ = [
    "Better",
    "Monitor",
    "Score",
    "Scorer",
    "best_words",
    "epoch_words",
    "filled",
    "losses",
    "metric_definitions",
    "metric_line",
]

Better: TypeAlias = Literal["higher", "lower"]


@dataclass(frozen=True)
class Score:
    """One number that tells how good a model is.

    Attributes:
        name: As in tables and in ``train.monitor``.
        value: NaN where there is nothing to score, or where the score is only announced.
        better: Which direction is better.
        unit: ``"share"``, a fraction of 1, shown in percent; ``"loss"``, drawn beside the losses of training; or empty.
        title: For figures and summaries; the name where empty.
        detail: Whether tables alone show it, not figures and lines.
    """

    name: str
    value: float = math.nan
    better: Better = "higher"
    unit: Literal["share", "loss", ""] = ""
    title: str = ""
    detail: bool = False

    @property
    def worth(self) -> float:
        """The value so that more is better; NaN is worth nothing."""
        return -math.inf if math.isnan(self.value) else self.value if self.better == "higher" else -self.value

    def words(self, digits: int = 1, *, titled: bool = False) -> str:
        """Return name and value, e.g. ``ap 41.2``: shares in percent with some digits after the point."""
        value = f"{100 * self.value:.{digits}f}" if self.unit == "share" else f"{self.value:.4g}"
        return f"{(titled and self.title) or self.name} {value}"


class Scorer(ABC):
    """Scores a model in validation.

    Pictures are shared out over the processes: each calls `look` for its own, and the first process calls `score` with
    what all of them have seen.
    """

    @abstractmethod
    def announce(self, dataset: Dataset) -> Sequence[Score]:
        """Return the scores that will come, without values, before training begins.

        Raises:
            DataError: The validation set does not have what it takes.
            MissingDependencyError: A package that computes them is not installed.
        """

    def look(
        self,
        module: TrainingModule,  # noqa: ARG002 - for scorers that ask for more than detections
        samples: Sequence[Sample],  # noqa: ARG002
        found: Sequence[Detections],
    ) -> Sequence[Any]:
        """Return what `score` needs of some pictures, one picklable value each; their detections by default.

        Args:
            module: In eval mode, with the averaged weights, without gradients.
            samples: The pictures as they are on disk, with labels.
            found: What the module detected in each.
        """
        return found

    @abstractmethod
    def score(self, dataset: Dataset, seen: Sequence[Any]) -> Mapping[str, float]:
        """Return values by name; ``seen`` has what `look` returned for each picture, by row."""


def losses(names: Iterable[str], *, prefix: str = "") -> tuple[Score, ...]:
    """Announce a loss and its terms, of which the terms are a detail."""
    total = Score(f"{prefix}loss", better="lower", unit="loss", title=f"{prefix}loss".replace("_", " "))
    return total, *(Score(f"{prefix}{name}", better="lower", unit="loss", detail=True) for name in names)


def filled(announced: Sequence[Score], values: Mapping[str, float]) -> tuple[Score, ...]:
    """Return announced scores with values, in the order of the announcement.

    Raises:
        InvalidInputError: A value has no announcement, or an announced score no value.
    """
    strange = set(values) ^ {score.name for score in announced}
    if strange:
        raise InvalidInputError(
            f"A scorer must give the scores that it announced, {', '.join(s.name for s in announced) or 'none'}; "
            f"{min(strange)!r} is on one side only. Make announce and score agree."
        )
    return tuple(replace(score, value=float(values[score.name])) for score in announced)


class Monitor:
    """Watches one score: which epoch is the best so far, and for how long there was none better.

    Args:
        name: Of the score.
        announced: All scores there will be.
        patience: Validations without a better score after which to stop; 0 for never.
        min_epochs: Epochs before which not to stop.
        tolerance: Share of the best score so far by which another must be better to count for patience; what is better
            by less is kept as the best all the same.

    Attributes:
        best: The best epoch's row of the table; empty before the first.
        stale: Validations since there was one that counts for patience.

    Raises:
        ConfigError: There is no such score.
    """

    def __init__(
        self, name: str, announced: Sequence[Score], *, patience: int = 0, min_epochs: int = 0, tolerance: float = 0.0
    ) -> None:
        known = {score.name: score for score in announced}
        if name not in known:
            raise ConfigError(f"train.monitor must be one of {', '.join(known)}; got {name!r}.{name_hint(name, known)}")
        self._score, self._patience = known[name], patience
        self._min_epochs, self._tolerance = min_epochs, tolerance
        self.best: dict[str, float] = {}
        self.stale = 0

    def offer(self, row: Mapping[str, float]) -> bool:
        """Take in a validated epoch; return whether it is to be kept as the best so far.

        Of equals that is the first, but for the start: it stays only where it is better than every epoch. An epoch as
        good as the start is kept, but no reason for patience. As long as no score is a number, the latest is kept.
        """
        better = not self.best or self._worth(row) > self._worth(self.best)
        replaced = bool(self.best) and (self.best.get("epoch") == 0 or math.isnan(self.best[self._score.name]))
        as_good = replaced and self._worth(row) == self._worth(self.best)
        self.stale = 0 if better and self._gained(row) else self.stale + 1
        if better or as_good:
            self.best = dict(row)
        return better or as_good

    def exhausted(self, epoch: float) -> bool:
        """Whether there was no better score for too long, after so many epochs."""
        return bool(self._patience) and self.stale >= self._patience and epoch >= self._min_epochs

    def _gained(self, row: Mapping[str, float]) -> bool:
        """Whether a better row is better by enough."""
        if not self._tolerance or not self.best:
            return True
        before = self._worth(self.best)
        return not math.isfinite(before) or self._worth(row) - before > self._tolerance * abs(before)

    def _worth(self, row: Mapping[str, float]) -> float:
        return replace(self._score, value=row[self._score.name]).worth


# ---- scores in words


def epoch_words(row: Mapping[str, Any]) -> str:
    """Return a line for people about what a `trackforge.training.Watcher` is told of an epoch."""
    shown = [score.words() for score in row["scores"] if not score.detail]
    return "  ".join([f"epoch {row['epoch']}/{row['epochs']}", *shown, f"{row['seconds']:.0f} s"])


def best_words(epoch: float, scores: Sequence[Score]) -> str:
    """Return a line for people about the best epoch: ``best: epoch 9, AP 41.23, AP50 70.11``."""
    shown = [score.words(2, titled=True) for score in scores if not score.detail]
    return ", ".join([f"best: epoch {epoch:.0f}", *shown])


def metric_line(values: Mapping[str, float]) -> str:
    """Return a line for programs: ``epoch=9; step=900; loss=0.41; ap_person=0.5;``, blanks in names made ``_``."""
    return " ".join(f"{_plain(name)}={value:.6g};" for name, value in values.items())


def metric_definitions(names: Iterable[str]) -> list[dict[str, str]]:
    """Return SageMaker's ``MetricDefinitions``, which find the values of `metric_line` in a log.

    SageMaker takes 40 at most.
    """
    number = r"([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|nan|inf));"
    return [{"Name": _plain(name), "Regex": rf"(?:^|\s){re.escape(_plain(name))}={number}"} for name in names]


def _plain(name: str) -> str:
    return re.sub(r"\s+", "_", name)
