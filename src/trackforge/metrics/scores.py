"""Scores by the names of the official evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import did_you_mean

__all__ = ["ALIASES", "DEFAULT_COLUMNS", "Scores"]

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
