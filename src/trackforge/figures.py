"""How every figure of the library looks, and how one is drawn and saved. Needs matplotlib when one is drawn."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, MissingDependencyError
from trackforge.io.atomic import atomic_path

__all__ = ["ENDINGS", "FAINT", "GRID", "INK", "LINES", "STYLE", "check_ending", "drawing", "save"]

INK, FAINT, GRID = "#1f2430", "#6b7280", "#e5e7eb"
LINES = {"HOTA": "#2563eb", "DetA": "#ea580c", "AssA": "#059669", "LocA": "#9333ea"}
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT,
    "ytick.color": FAINT, "axes.edgecolor": GRID, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 12,
    "svg.fonttype": "none",
}  # fmt: skip


@contextlib.contextmanager
def drawing(install: str = "trackforge-mot[plot]") -> Iterator[Any]:
    """Give matplotlib's ``Figure`` while the block runs, in the library's style; no window is ever opened.

    Args:
        install: What to install where matplotlib is missing.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingDependencyError(
            f"A figure needs matplotlib, which is not installed; run: pip install '{install}'", name="matplotlib"
        ) from error
    with matplotlib.rc_context(STYLE):
        yield figures.Figure


ENDINGS = (".png", ".svg", ".pdf")
"""Of files that a figure is written to."""


def check_ending(path: str | Path) -> None:
    """Refuse a file that no figure can be written to, before there is one.

    Raises:
        ConfigError: Its ending is another than .png, .svg or .pdf.
    """
    ending = Path(path).suffix.lower()
    if ending and ending not in ENDINGS:
        raise ConfigError(f"A figure's file must end with {', '.join(ENDINGS)}; got {str(path)!r}. Name another.")


def save(figure: Any, path: str | Path) -> None:
    """Write a figure whole or not at all; PNG, SVG or PDF by the ending.

    Raises:
        SinkError: The place cannot be written to.
    """
    path, drawn = Path(path), io.BytesIO()  # a FIFO, where that is the place, cannot be gone back in
    with atomic_path(path) as partial:
        figure.savefig(drawn, format=path.suffix.lstrip(".").lower() or "png", facecolor="white")
        partial.write_bytes(drawn.getvalue())
