"""The outcome of an evaluation: numbers by name, per sequence and combined; as text, JSON, CSV and a figure.

All ratios are **fractions of 1** in Python, JSON and CSV; `Report.table` shows them in percent, as papers do.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import did_you_mean
from trackforge.io.atomic import atomic_path
from trackforge.metrics.hota import THRESHOLDS

__all__ = ["ALIASES", "DEFAULT_COLUMNS", "Report", "Scores"]

ALIASES = {
    "TP": "CLR_TP",
    "FP": "CLR_FP",
    "FN": "CLR_FN",
    "Recall": "CLR_Re",
    "Precision": "CLR_Pr",
    "F1": "CLR_F1",
    "FAF": "FP_per_frame",
}
"""Other names by which scores can be asked for."""
DEFAULT_COLUMNS = (
    "HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "IDP", "IDR", "IDSW", "Frag", "MT", "PT", "ML", "TP", "FP",
    "FN",
)  # fmt: skip
_NOT_RATIOS = ("FP_per_frame", "MOTP_sum")


class Scores(Mapping[str, float]):
    """Scores of a sequence, or of all together, by the names of the official evaluator.

    >>> report.combined["MOTA"], report.combined["IDSW"]    # doctest: +SKIP
    (0.778, 167)
    >>> report.combined.curve("HOTA").shape                 # doctest: +SKIP
    (19,)

    HOTA's fields have one value a threshold: asked by name they give their mean, `curve` gives all. ``ALIASES`` are
    understood too. ``Dets``, ``GT_Dets``, ``IDs``, ``GT_IDs`` and ``Frames`` count what was evaluated.
    """

    def __init__(self, values: Mapping[str, float], curves: Mapping[str, npt.NDArray[np.float64]]) -> None:
        self._curves = dict(curves)
        for curve in self._curves.values():
            curve.flags.writeable = False
        means = {name: float(curve.mean()) for name, curve in self._curves.items()}
        self._values: dict[str, float] = {**means, **{name: _plain(value) for name, value in values.items()}}

    def __getitem__(self, name: str) -> float:
        key = ALIASES.get(name, name)
        if key not in self._values:
            raise KeyError(f"There is no score {name!r}.{did_you_mean(name, [*self._values, *ALIASES])}")
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "Scores(" + ", ".join(f"{name}={self[name]:.4g}" for name in DEFAULT_COLUMNS) + ")"

    @property
    def curves(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """HOTA's fields over its thresholds, ``(19,)`` each."""
        return dict(self._curves)

    def curve(self, name: str) -> npt.NDArray[np.float64]:
        """Return one of HOTA's fields over its thresholds, ``(19,)``.

        Raises:
            KeyError: It is no field of HOTA.
        """
        if name not in self._curves:
            raise KeyError(f"There is no curve {name!r}.{did_you_mean(name, self._curves)}")
        return self._curves[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, and lists under ``"curves"``."""
        return {**self._values, "curves": {name: curve.tolist() for name, curve in self._curves.items()}}


def _plain(value: float) -> float:
    return value.item() if isinstance(value, np.generic) else value


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
        from trackforge.metrics.plot import plot_report

        plot_report(self, path, title=title)


def _cell(name: str, value: float) -> str:
    name = ALIASES.get(name, name)
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if name in _NOT_RATIOS else f"{100 * value:.2f}"
