"""What is written down while training: CSV tables that a resumed run continues, and a figure of them."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import SinkError
from trackforge.io.atomic import atomic_path

__all__ = ["History", "Rows"]

INK, FAINT, GRID = "#1f2430", "#6b7280", "#e5e7eb"
COLOURS = ("#2563eb", "#ea580c", "#059669", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#4b5563")
TITLES = {"ap": "AP", "ap50": "AP50", "hota": "HOTA", "mota": "MOTA", "idf1": "IDF1"}
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT,
    "ytick.color": FAINT, "axes.edgecolor": GRID, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10,
}  # fmt: skip


class Rows:
    """A CSV file that grows row by row; a column that turns up later is empty in the rows before.

    Args:
        path: The file. What it holds up to step ``until`` is kept, the rest is cut off.
        until: Steps that are done.
    """

    def __init__(self, path: Path, *, until: int = 0) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._columns: list[str] = []
        if until and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in map(_numbers, csv.DictReader(file)) if 0 < row.get("step", 0) <= until]
        for row in self.rows:
            self._columns += [name for name in row if name not in self._columns]
        self._rewrite()

    def add(self, row: Mapping[str, float]) -> None:
        """Write one more row.

        Raises:
            SinkError: The file cannot be written.
        """
        self.rows.append(dict(row))
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite()
            return
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(self._cells(row))
        except OSError as error:
            raise SinkError(f"{self.path} cannot be written: {error.strerror}. Make room there.") from error

    def _rewrite(self) -> None:
        with atomic_path(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if self._columns:
                writer.writerow(self._columns)
            writer.writerows(self._cells(row) for row in self.rows)

    def _cells(self, row: Mapping[str, float]) -> list[str]:
        return ["" if name not in row else f"{row[name]:.10g}" for name in self._columns]


class History:
    """``losses.csv`` (every few steps), ``epochs.csv`` (every epoch), TensorBoard and ``training.png``.

    Args:
        out: Folder.
        until: Steps that are done already; later ones, of a run that was killed, are cut off.
        tensorboard: Write TensorBoard logs too, where it is installed.
    """

    def __init__(self, out: Path, *, until: int = 0, tensorboard: bool = True) -> None:
        self.out = out
        self.losses = Rows(out / "losses.csv", until=until)
        self.epochs = Rows(out / "epochs.csv", until=until)
        self._writer: Any = None
        if tensorboard and importlib.util.find_spec("tensorboard") is not None:
            board: Any = importlib.import_module("torch.utils.tensorboard")
            self._writer = board.SummaryWriter(str(out / "tensorboard"), purge_step=until + 1)

    def step(self, row: Mapping[str, float]) -> None:
        """Write down a step: ``step``, ``epoch``, ``lr``, ``loss`` and the single losses."""
        self.losses.add(row)
        self._board("train", row)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Write down an epoch: ``epoch``, ``step``, ``loss`` and the scores."""
        self.epochs.add(row)
        self._board("val", row)

    def close(self) -> None:
        """Finish the TensorBoard log."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def plot(self) -> Path | None:
        """Draw losses and scores; return where, or None without matplotlib or without anything to draw."""
        if importlib.util.find_spec("matplotlib") is None or not self.losses.rows:
            return None
        matplotlib: Any = importlib.import_module("matplotlib")
        figures: Any = importlib.import_module("matplotlib.figure")
        path = self.out / "training.png"
        scores = [name for name in TITLES if any(name in row for row in self.epochs.rows)]
        with matplotlib.rc_context(STYLE):
            figure = figures.Figure(figsize=(11, 4.2) if scores else (6.5, 4.2), layout="constrained")
            panels = figure.subplots(1, 2 if scores else 1, squeeze=False)[0]
            single = [n for row in self.losses.rows for n in row if n not in ("step", "epoch", "lr", "loss")]
            _lines(panels[0], self.losses.rows, ["loss", *dict.fromkeys(single)], "Loss over steps")
            if scores:
                _lines(panels[1], self.epochs.rows, scores, "Validation over steps, %", scale=100)
                panels[1].set_ylim(min(0, panels[1].get_ylim()[0]), 100)
                panels[1].legend(frameon=False, fontsize=9, loc="lower right")
            with atomic_path(path) as partial:
                figure.savefig(partial, dpi=120)
        return path

    def _board(self, group: str, row: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    self._writer.add_scalar(f"{group}/{name}", value, int(row["step"]))


def _lines(axes: Any, rows: list[dict[str, float]], names: list[str], title: str, scale: float = 1) -> None:
    for place, name in enumerate(names):
        points = [(row["step"], scale * row[name]) for row in rows if name in row and math.isfinite(row[name])]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=COLOURS[place % len(COLOURS)],
                lw=2.2 if place == 0 else 1.4,
                label=f"{TITLES.get(name, name)}  {points[-1][1]:.3g}",
                clip_on=False,
                markersize=4,
                marker="o" if len(points) < 3 else None,
            )
    axes.set(title=title, xlabel="step")
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, fontsize=9)


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Read one row; what a kill cut in two does not count."""
    try:
        return {name: float(value) for name, value in row.items() if name is not None and value not in ("", None)}
    except (TypeError, ValueError):
        return {}
