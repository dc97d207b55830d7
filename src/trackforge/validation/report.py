"""What `validate` returns: numbers for people, JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trackforge.intake.showing import visible
from trackforge.io.atomic import atomic_path
from trackforge.metrics.curves import RECALLS, SCORES, Curves
from trackforge.metrics.mistakes import KINDS
from trackforge.validation.result import WORST, Validation

__all__ = ["ValidationReport"]

HEADER = ("class", "AP", "AP50", "AP75", "precision", "recall", "F1", "at score", "boxes")


class ValidationReport(Validation):
    """How a detector fares on a labelled set; what it knows is told in `Validation`."""

    def table(self) -> str:
        """Return a plain text table in percent, best scores as they are."""
        lines: list[tuple[str, ...]] = [HEADER]
        rows = self.rows()
        total = ("ALL", self.precision.mean, self.mean)
        for name, one, curve in [*(rows if len(rows) > 1 else []), total]:
            parts = (one.ap, one.ap50, one.ap75, curve.best_precision, curve.best_recall, curve.best_f1)
            cells = ["-" if math.isnan(value) else f"{100 * value:.2f}" for value in parts]
            score = "-" if math.isnan(curve.best_score) else f"{curve.best_score:.3f}"
            lines.append((visible(name), *cells, score, str(curve.truths)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in lines
        )

    __str__ = table

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, None for what is not known: the content of ``val.json``."""
        by_picture = self.mistakes.by_picture(self.truth, self.found, len(self.dataset))
        return {
            **self.facts,
            "pictures": len(self.dataset),
            "boxes": self.mean.truths,
            "ignored": self.precision.ignored,
            "detections": len(self.found),
            "seconds": round(self.seconds, 3),
            "mean": _plain(asdict(self.precision.mean)) | _best(self.mean),
            "classes": {
                name: _plain(asdict(one)) | _best(curve) | {"precision_at_recall": _plain(curve.precision_at.tolist())}
                for name, one, curve in self.rows()
            },
            "curves": {
                "recalls": RECALLS.tolist(),
                "precision_at_recall": _plain(self.mean.precision_at.tolist()),
                "scores": SCORES.tolist(),
                **{name: _plain(getattr(self.mean, name).tolist()) for name in ("precision", "recall", "f1")},
            },
            "mistakes": {"score": round(self.mistakes.score, 6), **self.mistakes.counts()},
            "confusion": {"classes": list(self.classes), "counts": self.mistakes.confusion.tolist()},
            "worst": [
                {"picture": self.picture_name(row), **{kind: int(by_picture[kind][row]) for kind in KINDS}}
                for row in self.worst()
            ],
            "notes": list(self.notes),
        }

    def to_json(self, path: str | Path) -> None:
        """Write `to_dict` as JSON.

        Raises:
            SinkError: The place cannot be written to.
        """
        _write(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    def to_csv(self, path: str | Path) -> None:
        """Write one line a class, with the header of `table`; shares are fractions of 1.

        Raises:
            SinkError: The place cannot be written to.
        """
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow([name.replace(" ", "_") for name in HEADER])
        for name, one, curve in [*self.rows(), ("ALL", self.precision.mean, self.mean)]:
            best = _best(curve)
            values = [
                one.ap,
                one.ap50,
                one.ap75,
                *(best[key] for key in ("best_precision", "best_recall", "best_f1", "best_score")),
            ]
            lines.writerow([name, *("" if v is None or v != v else f"{v:.6f}" for v in values), curve.truths])
        _write(path, text.getvalue())

    def to_html(self, path: str | Path, *, worst: int = WORST) -> None:
        """Write everything as one HTML file that needs no network, with the worst pictures in it, reduced.

        Args:
            path: The file.
            worst: How many pictures.

        Raises:
            SinkError: The place cannot be written to.
            MissingDependencyError: Jinja2 or OpenCV is not installed.
        """
        from trackforge import pages
        from trackforge.validation.page import page

        pages.write(path, page(self, worst))


def _best(curve: Curves) -> dict[str, Any]:
    """Return the best score and what it gives, under names that those of average precision leave free."""
    names = ("best_score", "best_f1", "best_precision", "best_recall")
    return {name: _plain(getattr(curve, name)) for name in names}


def _plain(value: Any) -> Any:
    """Return numbers that JSON knows, to six places."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value


def _write(path: str | Path, text: str) -> None:
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
