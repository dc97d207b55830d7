"""Reports of some sequences each, put together into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.metrics.clear import combine_clear
from trackforge.metrics.hota import combine_hota
from trackforge.metrics.identity import combine_identity
from trackforge.metrics.report import Report
from trackforge.metrics.scores import Scores

__all__ = ["combine", "combined_scores"]

COUNTED = ("Dets", "GT_Dets", "IDs", "GT_IDs", "Frames")


def combine(reports: Sequence[Report]) -> Report:
    """Put reports of different sequences together, exactly as if they had been evaluated at once.

    For those who score sequence by sequence: in several processes, or to stop early.

    Args:
        reports: At least one; all with the same preprocessing.

    Raises:
        InvalidInputError: There is none, two hold the same sequence, or their preprocessing differs.
    """
    if not reports:
        raise InvalidInputError("There must be at least one report to combine; got none.")
    rules = sorted({report.preprocessing for report in reports})
    if len(rules) > 1:
        raise InvalidInputError(f"Reports to combine must have one preprocessing; got {', '.join(rules)}.")
    sequences: dict[str, Scores] = {}
    for report in reports:
        for name, scores in report.sequences.items():
            if name in sequences:
                raise InvalidInputError(f"Every sequence may count once; {name!r} is in two reports. Leave one out.")
            sequences[name] = scores
    return Report(
        combined=combined_scores(list(sequences.values())),
        sequences=sequences,
        preprocessing=rules[0],
        thresholds=reports[0].thresholds,
    )


def combined_scores(parts: Sequence[Scores]) -> Scores:
    """Return the scores of sequences together: counts added up, ratios formed from the sums."""
    hota = combine_hota([dict(part.curves) for part in parts])
    curves = {name: value for name, value in hota.items() if isinstance(value, np.ndarray)}
    values: dict[str, Any] = {name: value for name, value in hota.items() if name not in curves}
    values |= combine_clear(parts)
    values |= combine_identity(parts)
    values |= {name: sum(part[name] for part in parts) for name in COUNTED}
    return Scores(values, curves)
