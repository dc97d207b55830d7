"""The page of a validation: scores, curves, confusion, and the worst pictures with their mistakes drawn over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trackforge import pages
from trackforge.metrics.curves import RECALLS, SCORES, Curves
from trackforge.metrics.mistakes import KINDS
from trackforge.validation.worst import MEANINGS, STYLE, gallery

if TYPE_CHECKING:
    from markupsafe import Markup

    from trackforge.validation.result import Validation

__all__ = ["page"]

LINES = 5
"""Classes whose curves are drawn beside the mean: those with the most boxes."""
SHOWN = 15
"""Classes that the confusion matrix shows."""
_TILES = """\
<dl class="tiles">
{% for name, value, told in tiles %}<div><dt title="{{ told }}">{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}
</dl>
"""
_BODY = """\
{% for note in notes %}<p class="note">{{ note }}</p>
{% endfor %}
{{ tiles }}
<section><h2>Curves at IoU 0.5</h2>
<div class="grid-2">{{ charts }}</div></section>
<section><h2>Mistakes</h2>
<p>At score {{ score }} or more{{ why }}: {{ right }} of {{ boxes }} objects are found.</p>
<div class="grid-2">{{ bars }}<ul class="meanings">
{% for name, told in meanings %}<li><b class="k-{{ name }}">{{ name }}</b>: {{ told }}</li>
{% endfor %}
</ul></div></section>
<section><h2>Worst pictures</h2>
{{ worst }}</section>
<section><h2>Classes</h2>
<p class="faint">The score that serves each class best, and what it gives there: precision, recall, F1.</p>
{{ classes }}</section>
{% if confusion %}<section><h2>Confusion</h2>
<p class="faint">{{ told }}</p>
{{ confusion }}</section>
{% endif %}
"""


def page(report: Validation, worst: int) -> str:
    """Return the page as text."""
    mistakes, mean = report.mistakes, report.mean
    counts = mistakes.counts()
    why = ", where the mean F1 is best" if abs(mistakes.score - mean.best_score) < 1e-9 else ""
    confusion, told = _confusion(report)
    body = pages.render(
        _BODY,
        notes=report.notes,
        tiles=_tiles(report),
        charts=_charts(report),
        score=f"{mistakes.score:.3f}",
        why=why,
        right=counts["right"],
        boxes=mean.truths,
        bars=pages.bar_chart({kind: counts[kind] for kind in KINDS}, digits=0),
        meanings=MEANINGS.items(),
        classes=_classes(report),
        confusion=confusion,
        told=told,
        worst=gallery(report, worst),
    )
    detector = report.facts.get("detector")
    name = detector.get("name", "") if isinstance(detector, Mapping) else ""
    title = f"{name or 'Detector'} on {report.dataset.name or report.dataset.root.name or 'a labelled set'}"
    speed = len(report.dataset) / report.seconds if report.seconds else 0.0
    count = len(report.rows())
    classes = f"{count} classes" if count != 1 else "one class"
    subtitle = f"{len(report.dataset)} pictures, {mean.truths} boxes, {classes}; {speed:.1f} a second"
    return pages.document(title, body, subtitle=subtitle, styles=[STYLE])


def _tiles(report: Validation) -> Markup:
    one, curve = report.precision.mean, report.mean
    tiles = [
        ("AP", one.ap, "mean over IoU .5 to .95, COCO's main score"),
        ("AP50", one.ap50, "average precision at IoU .5"),
        ("AP75", one.ap75, "average precision at IoU .75"),
        ("AP small", one.ap_small, "of boxes below 32 x 32 pixels"),
        ("AP medium", one.ap_medium, "of boxes up to 96 x 96 pixels"),
        ("AP large", one.ap_large, "of larger boxes"),
        ("AR 100", one.recall, "average recall with the best 100 boxes of a picture and class"),
        ("AR 10", one.recall10, "with the best 10"),
        ("AR 1", one.recall1, "with the best one"),
        ("best F1", curve.best_f1, f"mean over classes, at score {curve.best_score:.3f}"),
    ]
    shown = [(name, "–" if value != value else f"{100 * value:.1f}", told) for name, value, told in tiles]
    return pages.render(_TILES, tiles=shown)


def _charts(report: Validation) -> Markup:
    rows = report.rows()
    lines: dict[str, Curves] = {"mean" if len(rows) > 1 else rows[0][0] if rows else "mean": report.mean}
    lines |= {name: curve for name, _, curve in rows[:LINES]} if len(rows) > 1 else {}
    thin = np.arange(0, len(SCORES), 5)
    kinds: Sequence[tuple[str, str]] = (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
    charts = [
        pages.line_chart(
            {name: (RECALLS.tolist(), curve.precision_at.tolist()) for name, curve in lines.items()},
            title="Precision over recall",
            x="recall",
            y="precision",
            x_range=(0, 1),
            y_range=(0, 1),
        )
    ]
    charts += [
        pages.line_chart(
            {name: (SCORES[thin].tolist(), getattr(curve, kind)[thin].tolist()) for name, curve in lines.items()},
            title=f"{title} over score",
            x="least score",
            y=title,
            x_range=(0, 1),
            y_range=(0, 1),
        )
        for kind, title in kinds
    ]
    return pages.joined(charts)


def _classes(report: Validation) -> Markup:
    def percent(value: float) -> str | None:
        return None if value != value else f"{100 * value:.1f}"

    rows = []
    for name, one, curve in [*report.rows(), ("all", report.precision.mean, report.mean)]:
        shares = (one.ap, one.ap50, one.ap75, one.recall, curve.best_precision, curve.best_recall, curve.best_f1)
        score = None if curve.best_score != curve.best_score else f"{curve.best_score:.3f}"
        rows.append([name, *map(percent, shares), score, curve.truths])
    head = ("class", "AP", "AP50", "AP75", "AR", "precision", "recall", "F1", "best score", "boxes")
    return pages.table(head, rows, css="data numbers")


def _confusion(report: Validation) -> tuple[Markup | str, str]:
    """Return the matrix of those classes that are confused most, and what is left out."""
    if len(report.classes) < 2:
        return "", ""
    matrix, count = report.mistakes.confusion, len(report.classes)
    wrong = matrix[:count, :count] - np.diag(np.diag(matrix)[:count])
    weight = 1000 * (wrong.sum(axis=0) + wrong.sum(axis=1)) + matrix[:count].sum(axis=1)
    chosen = np.sort(np.argsort(-weight, kind="stable")[:SHOWN])
    chosen = chosen[weight[chosen] > 0]
    rest = np.setdiff1d(np.arange(count), chosen)
    names = [report.classes[k] for k in chosen.tolist()]
    told = (
        "Rows are true classes, columns what they were found as; the darker, the larger the share of its row. "
        "A misplaced box counts as not found."
    )
    rows, columns, values = [*names, "nothing there"], [*names, "not found"], matrix
    values = values[np.ix_([*chosen, count], [*chosen, count])]
    if len(rest) and matrix[:, rest].sum() + matrix[rest].sum():
        told += f" The {len(chosen)} classes that are confused most; the others are together."
        others = np.append(matrix[np.ix_(chosen, rest)].sum(axis=1), matrix[count, rest].sum())
        values = np.insert(values, len(chosen), others, axis=1)
        columns = [*names, f"{len(rest)} others", "not found"]
    shown = np.where(values > 0, values, np.nan)  # a dash, so that what is there stands out
    return pages.heat_table(rows, columns, shown, corner="truth ↓ found →"), told
