"""The figure of a `Report`: scores over thresholds, and sequences side by side."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trackforge.errors import MissingDependencyError
from trackforge.io.atomic import atomic_path

if TYPE_CHECKING:
    from trackforge.metrics.report import Report

__all__ = ["plot_report"]

INK, FAINT, GRID = "#1f2430", "#6b7280", "#e5e7eb"
LINES = {"HOTA": "#2563eb", "DetA": "#ea580c", "AssA": "#059669", "LocA": "#9333ea"}
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT,
    "ytick.color": FAINT, "axes.edgecolor": GRID, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 12,
    "svg.fonttype": "none",
}  # fmt: skip


def plot_report(report: Report, path: str | Path, *, title: str = "") -> None:
    """Write the figure; see `Report.plot`."""
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingDependencyError(
            "A figure needs matplotlib, which is not installed; run: pip install 'trackforge-mot[plot]'",
            name="matplotlib",
        ) from error
    several = len(report.sequences) > 1
    with matplotlib.rc_context(STYLE):
        height = max(4.4, 0.42 * len(report.sequences) + 2.2) if several else 4.4
        figure = figures.Figure(figsize=(11.5 if several else 6.6, height), dpi=150, layout="constrained")
        axes = figure.subplots(1, 2, width_ratios=(1, 1)) if several else [figure.subplots()]
        _curves(axes[0], report)
        if several:
            _bars(axes[1], report)
        total = report.combined
        line = f"HOTA {100 * total['HOTA']:.1f}   MOTA {100 * total['MOTA']:.1f}   IDF1 {100 * total['IDF1']:.1f}"
        heading = f"{title}   " if title else ""
        figure.suptitle(
            f"{heading}{line}   {total['IDSW']:.0f} switches", x=0.012, ha="left", fontsize=13, fontweight="bold"
        )
        path = Path(path)
        with atomic_path(path) as partial:
            figure.savefig(partial, format=path.suffix.lstrip(".").lower() or "png", facecolor="white")


def _curves(axes: Any, report: Report) -> None:
    ends = {}
    for name, color in LINES.items():
        curve = 100 * report.combined.curve(name)
        main = name == "HOTA"
        axes.plot(report.thresholds, curve, color=color, lw=2.8 if main else 1.8, zorder=3 if main else 2)
        if main:
            axes.fill_between(report.thresholds, curve, color=color, alpha=0.08, lw=0)
        ends[name] = float(curve[-1])
    for name, height in _spread(ends, gap=6.5).items():
        label = f"{name}  {100 * report.combined[name]:.1f}"
        axes.annotate(
            label,
            (report.thresholds[-1], height),
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


def _bars(axes: Any, report: Report) -> None:
    names = sorted(report.sequences, key=lambda name: report.sequences[name]["HOTA"])
    values = [100 * report.sequences[name]["HOTA"] for name in names]
    axes.barh(names, values, color=LINES["HOTA"], height=0.62, alpha=0.9, zorder=2)
    for mark, color in (("DetA", LINES["DetA"]), ("AssA", LINES["AssA"])):
        points = [100 * report.sequences[name][mark] for name in names]
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
    axes.axvline(100 * report.combined["HOTA"], color=INK, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.set(xlim=(0, 100), title="HOTA of each sequence, %  (dashed: all together)")
    axes.legend(loc="lower right", frameon=False, ncols=2, handletextpad=0.2)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
