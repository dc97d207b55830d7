"""The figure of a report: scores over thresholds, and sequences side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.figures import GRID, INK, LINES, drawing, save
from trackforge.metrics.scores import Scores

__all__ = ["plot_scores"]

Floats: TypeAlias = npt.NDArray[np.float64]


def plot_scores(
    combined: Scores, sequences: Mapping[str, Scores], thresholds: Floats, path: str | Path, *, title: str = ""
) -> None:
    """Write the figure; see `trackforge.metrics.Report.plot`."""
    several = len(sequences) > 1
    with drawing() as new:
        height = max(4.4, 0.42 * len(sequences) + 2.2) if several else 4.4
        figure = new(figsize=(11.5 if several else 6.6, height), dpi=150, layout="constrained")
        axes = figure.subplots(1, 2, width_ratios=(1, 1)) if several else [figure.subplots()]
        _curves(axes[0], combined, thresholds)
        if several:
            _bars(axes[1], combined, sequences)
        line = (
            f"HOTA {100 * combined['HOTA']:.1f}   MOTA {100 * combined['MOTA']:.1f}   IDF1 {100 * combined['IDF1']:.1f}"
        )
        heading = f"{title}   " if title else ""
        figure.suptitle(
            f"{heading}{line}   {combined['IDSW']:.0f} switches", x=0.012, ha="left", fontsize=13, fontweight="bold"
        )
        save(figure, path)


def _curves(axes: Any, combined: Scores, thresholds: Floats) -> None:
    ends = {}
    for name, color in LINES.items():
        curve = 100 * combined.curve(name)
        main = name == "HOTA"
        axes.plot(thresholds, curve, color=color, lw=2.8 if main else 1.8, zorder=3 if main else 2)
        if main:
            axes.fill_between(thresholds, curve, color=color, alpha=0.08, lw=0)
        ends[name] = float(curve[-1])
    for name, height in _spread(ends, gap=6.5).items():
        label = f"{name}  {100 * combined[name]:.1f}"
        axes.annotate(
            label,
            (thresholds[-1], height),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=LINES[name],
            fontweight="bold" if name == "HOTA" else "normal",
            annotation_clip=False,
        )
    axes.set(xlim=(0.05, 0.95), ylim=(0, 100), xlabel="IoU that a match needs", title="Score over thresholds, %")
    axes.set_xticks(np.arange(0.1, 1, 0.2))
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def _spread(heights: dict[str, float], gap: float) -> dict[str, float]:
    """Move labels apart so that each has its own line, keeping their order."""
    placed: dict[str, float] = {}
    floor = 2.0
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        placed[name] = max(height, floor)
        floor = placed[name] + gap
    return placed


def _bars(axes: Any, combined: Scores, sequences: Mapping[str, Scores]) -> None:
    names = sorted(sequences, key=lambda name: sequences[name]["HOTA"])
    values = [100 * sequences[name]["HOTA"] for name in names]
    axes.barh(names, values, color=LINES["HOTA"], height=0.62, alpha=0.9, zorder=2)
    for mark, color in (("DetA", LINES["DetA"]), ("AssA", LINES["AssA"])):
        points = [100 * sequences[name][mark] for name in names]
        axes.scatter(points, names, color=color, s=34, zorder=3, label=mark, edgecolor="white", linewidth=0.8)
    for place, value in enumerate(values):
        axes.annotate(
            f"{value:.1f}",
            (0, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color="white",
            fontweight="bold",
            fontsize=9,
        )
    axes.axvline(100 * combined["HOTA"], color=INK, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.set(xlim=(0, 100), title="HOTA of each sequence, %  (dashed: all together)")
    axes.legend(loc="lower right", frameon=False, ncols=2, handletextpad=0.2)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
