"""The parts of a report that need no scripts: scores, counts, speeds, settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trackforge import pages
from trackforge.metrics import Report
from trackforge.metrics.scores import DEFAULT_COLUMNS
from trackforge.reporting.folders import Results

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["counts", "scores", "settings", "speeds"]

LESS_IS_BETTER = frozenset({"IDSW", "Frag", "ML", "FP", "FN"})
NO_DIRECTION = frozenset({"PT"})
COUNTS = frozenset({"IDSW", "Frag", "MT", "PT", "ML", "TP", "FP", "FN"})
STAGES = ("decode", "detect", "track", "write")
_DIFFERENCE = '<span class="{{ css }}">{{ text }}</span>'


def scores(labels: Sequence[str], reports: Sequence[Report | None], preprocessing: str, iou: float) -> Markup:
    """Return the scores of the runs, with what the second gains, and HOTA over its thresholds."""
    shown = [(label, one) for label, one in zip(labels, reports, strict=True) if one is not None]
    if not shown:
        return pages.render("")
    names = list(dict.fromkeys(name for _, one in shown for name in one.sequences))
    rows: list[list[Any]] = []
    for name in [*(names if len(names) > 1 else ()), "all"]:
        told = [one.combined if name == "all" else one.sequences.get(name) for _, one in shown]
        for (label, _), values in zip(shown, told, strict=True):
            if values is not None:
                rows.append(
                    [name if len(names) > 1 else names[0], label, *(_cell(c, values[c]) for c in DEFAULT_COLUMNS)]
                )
        if len(told) == 2 and told[0] is not None and told[1] is not None:
            rows.append(["", "difference", *(_difference(c, told[1][c] - told[0][c]) for c in DEFAULT_COLUMNS)])
    curves = {
        f"{label} {name}" if len(shown) > 1 else name: (one.thresholds.tolist(), one.combined.curve(name).tolist())
        for name in (("HOTA", "DetA", "AssA") if len(shown) == 1 else ("HOTA",))
        for label, one in shown
    }
    return pages.render(
        "<section><h2>Scores</h2>{{ table }}<p class='faint'>{{ told }}</p>{{ chart }}</section>",
        table=pages.table(["sequence", "run", *DEFAULT_COLUMNS], rows),
        told=f"Ratios in percent. Preprocessing: {preprocessing}. Least overlap of a match: {iou:g}.",
        chart=pages.line_chart(
            curves, title="Scores over the overlap that a match must have", x="IoU", x_range=(0, 1), y_range=(0, 1)
        ),
    )


def _cell(name: str, value: float) -> str:
    return f"{int(value):,}" if name in COUNTS else f"{100 * value:.1f}"


def _difference(name: str, value: float) -> Markup:
    text = f"{int(value):+,}" if name in COUNTS else f"{100 * value:+.1f}"
    good = value < 0 if name in LESS_IS_BETTER else value > 0
    css = "faint" if not value or name in NO_DIRECTION else "better" if good else "worse"
    return pages.render(_DIFFERENCE, css=css, text=text)


def counts(runs: Sequence[Results]) -> Markup:
    """Return frames, boxes, ids and classes of each sequence."""
    rows: list[list[Any]] = []
    for run in runs:
        for one in run.sequences.values():
            ids, times = np.unique(one.table.track_id[one.table.track_id >= 0], return_counts=True)
            rows.append(
                [
                    one.name,
                    run.label,
                    one.processed if one.processed is not None else "–",
                    _number(one.facts.get("detections")),
                    len(one.table),
                    len(ids),
                    float(np.median(times)) if len(ids) else None,
                    _classes(one.table.class_id.tolist(), one.classes),
                ]
            )
    head = ["sequence", "run", "frames", "detections", "boxes", "ids", "frames an id (median)", "classes"]
    return pages.render("<section><h2>Counts</h2>{{ table }}</section>", table=pages.table(head, rows))


def _classes(labels: Sequence[int], names: Sequence[str]) -> str:
    found, times = np.unique(labels, return_counts=True)
    if not names and found.tolist() in ([], [0]):
        return "–"  # a detector that tells nothing apart
    most = sorted(zip(times.tolist(), found.tolist(), strict=True), reverse=True)
    told = [f"{names[label] if 0 <= label < len(names) else f'class {label}'} {count:,}" for count, label in most[:6]]
    return ", ".join(told) + (f" and {len(most) - 6} more" if len(most) > 6 else "")


def speeds(runs: Sequence[Results]) -> Markup:
    """Return milliseconds a frame of each stage."""
    charts = []
    for run in runs:
        for one in run.sequences.values():
            stages = one.facts.get("stage_ms")
            if not isinstance(stages, Mapping):
                continue
            known = {name: value for name in (*STAGES, *stages) if (value := _number(stages.get(name))) is not None}
            rate = _number(one.facts.get("fps"))
            title = f"{one.name}, {run.label}" + ("" if rate is None else f": {rate:.1f} frames a second")
            charts.append(pages.bar_chart(known, title=title, unit=" ms", digits=2))
    if not charts:
        return pages.render("")
    return pages.render(
        "<section><h2>Speed of the stages</h2><p class='faint'>Milliseconds a frame; stages overlap.</p>"
        "<div class='grid-2'>{{ charts }}</div></section>",
        charts=pages.joined(charts),
    )


def settings(runs: Sequence[Results]) -> Markup:
    """Return what ran: components with their settings, versions, as far as the runs tell."""
    rows: list[list[str]] = []
    for run in runs:
        for name, value in run.facts.items():
            if name not in ("sequences", "scores"):
                rows.append([run.label, name, _told(value)])
    if not rows:
        return pages.render("")
    return pages.render("<section><h2>What ran</h2>{{ table }}</section>", table=pages.table(["run", "what", ""], rows))


def _told(value: Any) -> str:
    """Return a value of JSON as people read it: without brackets, as far as that is clear."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_told(one)}" for key, one in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(_told(one) for one in value) or "–"
    return (
        {True: "yes", False: "no", None: "–"}.get(value, str(value))
        if not isinstance(value, (int, float)) or isinstance(value, bool)
        else f"{value:g}"
    )


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if known else None
