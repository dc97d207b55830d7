"""Small charts as SVG: lines and bars, with axes, a legend, and values to hover over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trackforge.errors import InvalidInputError
from trackforge.pages.templates import render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["bar_chart", "line_chart", "ticks"]

COLOURS = 8
"""How many colours of lines the page's style has; then they begin anew, dashed."""
_LINES = """\
<figure class="chart">
{% if title %}<figcaption>{{ title }}</figcaption>
{% endif %}
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title or y }}">
{% for at, label in ys %}
<line class="grid" x1="{{ left }}" x2="{{ right }}" y1="{{ at }}" y2="{{ at }}"/><text class="tick" x="{{ left - 6 }}" y="{{ at + 4 }}" text-anchor="end">{{ label }}</text>
{% endfor %}
{% for at, label in xs %}
<text class="tick" x="{{ at }}" y="{{ bottom + 16 }}" text-anchor="middle">{{ label }}</text>
{% endfor %}
<line class="axis" x1="{{ left }}" x2="{{ right }}" y1="{{ bottom }}" y2="{{ bottom }}"/>
{% if x %}<text class="name" x="{{ (left + right) / 2 }}" y="{{ height - 4 }}" text-anchor="middle">{{ x }}</text>
{% endif %}
{% if y %}<text class="name" x="{{ left }}" y="12">{{ y }}</text>
{% endif %}
{% for line in lines %}
<polyline class="line s{{ line.colour }}{{ ' dashed' if line.dashed }}" points="{{ line.points }}"><title>{{ line.name }}</title></polyline>
{% for cx, cy, told in line.dots %}
<circle class="dot s{{ line.colour }}" cx="{{ cx }}" cy="{{ cy }}" r="3"><title>{{ line.name }}: {{ told }}</title></circle>
{% endfor %}
{% endfor %}
</svg>
{% if lines | length > 1 %}
<ul class="legend">{% for line in lines %}<li class="s{{ line.colour }}">{{ line.name }}</li>{% endfor %}</ul>
{% endif %}
</figure>
"""  # noqa: E501 - a shape is a line
_BARS = """\
<figure class="chart bars">
{% if title %}<figcaption>{{ title }}</figcaption>
{% endif %}
<table>
{% for bar in bars %}
<tr><th scope="row">{{ bar.name }}</th><td><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="100" height="10"/><rect class="bar s{{ bar.colour }}" width="{{ bar.width }}" height="10"/></svg></td><td class="num">{{ bar.value | number(digits) }}{{ unit }}</td></tr>
{% endfor %}
</table>
</figure>
"""  # noqa: E501


def line_chart(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    width: int = 480,
    height: int = 280,
    dots: int = 40,
) -> Markup:
    """Return lines over an axis of numbers.

    Args:
        lines: x and y by name of the line; points that are not finite break nothing and are left out.
        title: Above the chart.
        x: What the x axis counts.
        y: What the y axis counts.
        x_range: From where to where; as the numbers are where None.
        y_range: Likewise.
        width: In units of the picture; on the page it is as wide as there is room, up to that many pixels.
        height: Likewise.
        dots: Up to how many points of a line are dots to hover over.

    Raises:
        InvalidInputError: x and y of a line differ in length.
        MissingDependencyError: Jinja2 is not installed.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for name, (xs, ys) in lines.items():
        if len(xs) != len(ys):
            raise InvalidInputError(f"A line must have as many x as y; {name!r} has {len(xs)} and {len(ys)}.")
        both = ((float(a), float(b)) for a, b in zip(xs, ys, strict=True))
        points[name] = [(a, b) for a, b in both if math.isfinite(a) and math.isfinite(b)]
    everything = [point for line in points.values() for point in line]
    x_low, x_high = x_range or _range([a for a, _ in everything])
    y_low, y_high = y_range or _range([b for _, b in everything])
    left, right, top, bottom = 46.0, width - 12.0, 24.0, height - (40.0 if x else 24.0)

    def across(value: float) -> float:
        return round(left + (value - x_low) / (x_high - x_low) * (right - left), 2)

    def up(value: float) -> float:
        return round(bottom - (value - y_low) / (y_high - y_low) * (bottom - top), 2)

    drawn = [
        {
            "name": name,
            "colour": index % COLOURS,
            "dashed": index >= COLOURS,
            "points": " ".join(f"{across(a)},{up(b)}" for a, b in line),
            "dots": [(across(a), up(b), f"{a:g}, {b:.4g}") for a, b in line] if len(line) <= dots else [],
        }
        for index, (name, line) in enumerate(points.items())
    ]
    return render(
        _LINES,
        title=title,
        x=x,
        y=y,
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        xs=[(across(at), f"{at:g}") for at in ticks(x_low, x_high)],
        ys=[(up(at), f"{at:g}") for at in ticks(y_low, y_high)],
        lines=drawn,
    )


def bar_chart(
    values: Mapping[str, float], *, title: str = "", unit: str = "", most: float | None = None, digits: int = 3
) -> Markup:
    """Return one bar below the other, each with its name and value.

    Args:
        values: Numbers >= 0 by name; NaN has no bar.
        title: Above the chart.
        unit: Written after the values, say ``" ms"``.
        most: What a full bar is; the greatest of the values where None.
        digits: After the point.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    full = max((value for value in values.values() if math.isfinite(value)), default=0.0) if most is None else most
    bars = [
        {
            "name": name,
            "value": value,
            "colour": 0,
            "width": round(100 * min(1.0, max(0.0, value / full)), 2) if full > 0 and math.isfinite(value) else 0,
        }
        for name, value in values.items()
    ]
    return render(_BARS, title=title, unit=unit, bars=bars, digits=digits)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers from low to high, about as many as wanted.

    >>> ticks(0, 1), ticks(0, 730)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 200.0, 400.0, 600.0])
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    size = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(size * factor for factor in (1, 2, 5, 10) if span / (size * factor) <= wanted + 1e-9)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds the values and is not empty."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        return (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    return (0.0 if 0 < low < 0.5 * high else low), high
