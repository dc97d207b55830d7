"""Which scores there are, told before any are computed."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from trackforge.errors import ConfigError
from trackforge.metrics.evaluation import evaluate
from trackforge.metrics.scores import Scores
from trackforge.table import TrackTable

__all__ = ["check_names"]


def check_names(names: Iterable[str], what: str) -> None:
    """Refuse names that no score has.

    Args:
        names: As somebody gave them.
        what: What they were given for: the beginning of the message.

    Raises:
        ConfigError: There is no such score; the message says which name is near.
    """
    for name in names:
        try:
            _one_box()[name]
        except KeyError as error:
            raise ConfigError(f"{what}: {error.args[0]}") from None


@functools.cache
def _one_box() -> Scores:
    """Score a single box with itself: the report of anything has the same names."""
    table = TrackTable(
        frame=np.zeros(1, np.int64),
        track_id=np.ones(1, np.int64),
        xyxy=np.array([[0.0, 0.0, 1.0, 1.0]]),
        sequence="one",
    )
    return evaluate({"one": table}, {"one": table}).combined
