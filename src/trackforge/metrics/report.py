"""The outcome of an evaluation: numbers by name, per sequence and combined; as text, JSON, CSV and a figure.

All ratios are **fractions of 1** in Python, JSON and CSV; `Report.table` shows them in percent, as papers do.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.io.atomic import atomic_path
from trackforge.metrics.hota import THRESHOLDS
from trackforge.metrics.plot import plot_scores
from trackforge.metrics.scores import ALIASES, DEFAULT_COLUMNS, Scores

__all__ = ["Report"]

_NOT_RATIOS = ("FP_per_frame", "MOTP_sum")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `trackforge.evaluate` returns.

    Attributes:
        combined: Scores of all sequences together: counts added up, ratios formed from the sums.
        sequences: Scores of each sequence.
        preprocessing: The rule that was followed.
        thresholds: ``(19,)`` IoU thresholds of the curves.
    """

    combined: Scores
    sequences: Mapping[str, Scores]
    preprocessing: str
    thresholds: npt.NDArray[np.float64] = field(default_factory=lambda: THRESHOLDS, repr=False)

    def table(self, columns: Sequence[str] = DEFAULT_COLUMNS) -> str:
        """Return a plain text table; ratios in percent."""
        rows = [["sequence", *columns]]
        named = [*self.sequences.items()] if len(self.sequences) > 1 else []
        for name, scores in [*named, ("COMBINED", self.combined)]:
            rows.append([name, *(_cell(column, scores[column]) for column in columns)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], *([rule] if named else []), lines[-1]])

    __str__ = table

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts."""
        return {
            "preprocessing": self.preprocessing,
            "thresholds": np.round(self.thresholds, 2).tolist(),
            "combined": self.combined.to_dict(),
            "sequences": {name: scores.to_dict() for name, scores in self.sequences.items()},
        }

    def to_json(self, path: str | Path) -> None:
        """Write everything as JSON.

        Raises:
            SinkError: The place cannot be written to.
        """
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write one line a sequence and a last one, COMBINED; one column a score.

        Raises:
            SinkError: The place cannot be written to.
        """
        names = list(self.combined)
        with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["sequence", *names])
            for sequence, scores in [*self.sequences.items(), ("COMBINED", self.combined)]:
                writer.writerow([sequence, *(scores[name] for name in names)])

    def plot(self, path: str | Path, *, title: str = "") -> None:
        """Draw HOTA, DetA, AssA and LocA over the thresholds, and HOTA of each sequence; PNG, SVG or PDF by ending.

        Raises:
            MissingDependencyError: matplotlib is not installed.
            SinkError: The place cannot be written to.
        """
        plot_scores(self.combined, self.sequences, self.thresholds, path, title=title)


def _cell(name: str, value: float) -> str:
    name = ALIASES.get(name, name)
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if name in _NOT_RATIOS else f"{100 * value:.2f}"
