"""What a trial shall make large.

>>> str(Objective.parse("HOTA - 0.5*IDF1"))
'HOTA-0.5*IDF1'
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from trackforge.errors import ConfigError
from trackforge.metrics import Report
from trackforge.metrics.naming import check_names

__all__ = ["Objective"]

_TERM = re.compile(r"\s*([+-]?)\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)\s*\*\s*)?([A-Za-z_][\w()]*)\s*")


@dataclasses.dataclass(frozen=True)
class Objective:
    """A score, or a weighted sum of scores; greater is better.

    Attributes:
        weights: Weight of each score, by the names of `trackforge.metrics.Report`; ratios are fractions of 1.
        average: ``"combined"`` takes the scores of all sequences together, in which long and crowded ones count most;
            ``"sequences"`` the mean over sequences, in which all count the same.
    """

    weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: {"HOTA": 1.0})
    average: Literal["combined", "sequences"] = "combined"

    def __post_init__(self) -> None:
        if self.average not in ("combined", "sequences"):
            raise ConfigError(f"average must be combined or sequences; got {self.average!r}.")
        if not self.weights or not all(np.isfinite(weight) for weight in self.weights.values()):
            raise ConfigError(f"An objective needs at least one score, with finite weights; got {dict(self.weights)}.")

    @classmethod
    def parse(cls, text: str, average: Literal["combined", "sequences"] = "combined") -> Objective:
        """Read ``HOTA``, ``HOTA + 0.5*IDF1`` or ``HOTA - 0.0001*IDSW``.

        Raises:
            ConfigError: It does not read so, or there is no such score.
        """
        weights: dict[str, float] = {}
        place = 0
        while place < len(text) or not weights:
            term = _TERM.match(text, place)
            if term is None or (weights and not term[1]):
                raise ConfigError(f"An objective must read like HOTA or HOTA+0.5*IDF1; got {text!r}.")
            weights[term[3]] = weights.get(term[3], 0.0) + float(f"{term[1]}{term[2] or 1}")
            place = term.end()
        check_names(weights, "objective")
        return cls(weights, average)

    def __str__(self) -> str:
        terms = ""
        for name, weight in self.weights.items():
            factor = "" if abs(weight) == 1 else f"{abs(weight):g}*"
            terms += ("-" if weight < 0 else "+" if terms else "") + factor + name
        return terms

    def __call__(self, report: Report) -> float:
        """Return the value of a report.

        Raises:
            ConfigError: There is no score of such a name.
        """
        parts = [report.combined] if self.average == "combined" else list(report.sequences.values())
        try:
            values = [sum(weight * part[name] for name, weight in self.weights.items()) for part in parts]
        except KeyError as error:
            raise ConfigError(f"objective: {error.args[0]}") from None
        return float(np.mean(values))
