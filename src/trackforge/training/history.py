"""What is written down while training: CSV tables that a resumed run continues, and a figure of them."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import SinkError
from trackforge.figures import GRID, LINES, drawing, save
from trackforge.io.atomic import atomic_path
from trackforge.training.scores import Score

__all__ = ["History", "Rows"]

COLOURS = (*LINES.values(), "#db2777", "#0891b2", "#ca8a04", "#4b5563")


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
                self.rows = [row for row in map(_numbers, csv.DictReader(file)) if 0 <= row.get("step", -1) <= until]
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
        scores: What will be scored: how the figure shows it.
    """

    def __init__(self, out: Path, *, until: int = 0, tensorboard: bool = True, scores: Sequence[Score] = ()) -> None:
        self.out, self.scores = out, scores
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
        path = self.out / "training.png"
        drawn = [s for s in self.scores if not s.detail and any(s.name in row for row in self.epochs.rows)]
        shares = [s for s in drawn if s.unit == "share"]
        others = [s for s in drawn if not s.unit]
        panels = 1 + bool(shares) + bool(others)
        with drawing() as new:
            figure = new(figsize=(2 + 4.5 * panels, 4.2), dpi=120, layout="constrained")
            axes = iter(figure.subplots(1, panels, squeeze=False)[0])
            losses = next(axes)
            single = [n for row in self.losses.rows for n in row if n not in ("step", "epoch", "lr", "loss")]
            names = {"loss": "loss", **{name: name for name in single}}
            _lines(losses, self.losses.rows, names, "Loss over steps")
            validated = {s.name: s.title or s.name for s in drawn if s.unit == "loss" and s.name not in names}
            _lines(losses, self.epochs.rows, validated, "Loss over steps", first=len(names))
            if shares:
                panel = next(axes)
                _lines(panel, self.epochs.rows, _titles(shares), "Validation over steps, %", scale=100)
                panel.set_ylim(min(0, panel.get_ylim()[0]), 100)
                panel.legend(frameon=False, fontsize=9, loc="lower right")
            if others:
                _lines(next(axes), self.epochs.rows, _titles(others), "Validation over steps")
            save(figure, path)
        return path

    def _board(self, group: str, row: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    self._writer.add_scalar(f"{group}/{name}", value, int(row["step"]))


def _titles(scores: Sequence[Score]) -> dict[str, str]:
    return {score.name: score.title or score.name for score in scores}


def _lines(
    axes: Any, rows: list[dict[str, float]], names: Mapping[str, str], title: str, *, scale: float = 1, first: int = 0
) -> None:
    for place, (name, words) in enumerate(names.items(), first):
        points = [(row["step"], scale * row[name]) for row in rows if name in row and math.isfinite(row[name])]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=COLOURS[place % len(COLOURS)],
                lw=2.2 if place == 0 else 1.4,
                label=f"{words}  {points[-1][1]:.3g}",
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
