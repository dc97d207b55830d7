"""Tables: plain ones, and those of numbers whose cells are shaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.pages.templates import render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["heat_table", "table"]

_TABLE = """\
<div class="scroll"><table class="{{ css }}">
{% if caption %}<caption>{{ caption }}</caption>
{% endif %}
<thead><tr>{% for name in head %}<th scope="col"{% if right[loop.index0] %} class="num"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for cell in row %}<td{% if right[loop.index0] %} class="num"{% endif %}>{{ cell | number if cell is number else cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
"""  # noqa: E501 - a cell is a line
_HEAT = """\
<div class="scroll"><table class="heat">
{% if caption %}<caption>{{ caption }}</caption>
{% endif %}
<thead><tr><th scope="col">{{ corner }}</th>{% for name in columns %}<th scope="col" class="num">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for name, cells in rows %}
<tr><th scope="row">{{ name }}</th>{% for value, level in cells %}<td class="num h{{ level }}">{{ value | number }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
"""  # noqa: E501


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "", css: str = "data") -> Markup:
    """Return a table; a column of numbers stands to the right.

    Args:
        head: Names of the columns.
        rows: Cells: text, numbers, or HTML from `render`; None is a dash.
        caption: Above it.
        css: Classes.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    rows = [["–" if cell is None else cell for cell in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[i], (int, float, np.number)) or row[i] == "–" for row in rows)
        for i in range(len(head))
    ]
    return render(_TABLE, head=head, rows=rows, right=right, caption=caption, css=css)


def heat_table(
    rows: Sequence[str],
    columns: Sequence[str],
    values: npt.ArrayLike,
    *,
    corner: str = "",
    caption: str = "",
    by_row: bool = True,
) -> Markup:
    """Return a table of numbers >= 0 whose cells are the darker, the greater; a confusion matrix, say.

    Args:
        rows: R names.
        columns: C names.
        values: ``(R, C)`` numbers; NaN is a dash.
        corner: What rows and columns are: ``"truth ↓  found →"``.
        caption: Above it.
        by_row: Whether shades compare within a row; else within the table.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    number = np.asarray(values, np.float64).reshape(len(rows), len(columns))
    known = np.nan_to_num(number, nan=0.0)
    most = known.max(axis=1, keepdims=True, initial=0) if by_row else np.full((len(rows), 1), known.max(initial=0))
    level = np.ceil(9 * known / np.where(most > 0, most, 1)).astype(int)
    cells = [(name, list(zip(number[i].tolist(), level[i].tolist(), strict=True))) for i, name in enumerate(rows)]
    return render(_HEAT, rows=cells, columns=columns, corner=corner, caption=caption)
