"""When labels are good enough: a score of the labels that people checked, and where it should be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["KNOWN", "Goal"]

KNOWN = ("AP50", "AP", "precision", "recall", "F1", "IDF1", "HOTA", "MOTA", "effort")
"""Scores by name; all are shares of 1 but ``effort``, touched boxes per 100, of which less is better."""
_READ = re.compile(r"\s*([A-Za-z0-9]+)\s*(>=|<=|=|>|<)\s*([0-9.eE+-]+)\s*(%?)\s*")


@dataclass(frozen=True)
class Goal:
    """A score and its least (of effort: greatest) value."""

    name: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read ``AP50=0.9``, ``IDF1>=80%`` or ``effort<10``.

        Raises:
            ConfigError: It is no such thing, or can never be reached.
        """
        found = _READ.fullmatch(text)
        known = {name.casefold(): name for name in KNOWN}
        if found is None:
            raise ConfigError(f"A goal must read NAME=VALUE, such as AP50=0.9 or effort<10; got {text!r}.")
        name = known.get(found[1].casefold())
        if name is None:
            raise ConfigError(
                f"A goal must be about one of {', '.join(KNOWN)}; got {found[1]!r}.{did_you_mean(found[1], KNOWN)}"
            )
        try:
            value = float(found[3]) / (100 if found[4] else 1)
        except ValueError:
            raise ConfigError(f"A goal must have a number; got {text!r}.") from None
        least = name == "effort"
        if found[2] in ((">", ">=") if least else ("<", "<=")):
            better = "less" if least else "more"
            raise ConfigError(f"Of {name} {better} is better; got {text!r}. Turn the sign round.")
        if least and found[4]:
            raise ConfigError(f"effort is counted in boxes touched per 100; got {text!r}. Write effort<10.")
        if not least and not 0 < value <= 1:
            raise ConfigError(f"{name} is a share of 1; got {text!r}. Write {name}=0.9, or {name}=90%.")
        return cls(name, value)

    @property
    def words(self) -> str:
        """The goal in words."""
        return f"{self.name} at {'most' if self.name == 'effort' else 'least'} {self.value:g}"

    def reached(self, scores: Mapping[str, float | None]) -> bool:
        """Tell whether scores by name reach it; one that is not known does not."""
        value = scores.get(self.name)
        if value is None or math.isnan(value):
            return False
        return value <= self.value if self.name == "effort" else value >= self.value
