"""The one template engine: Jinja2 that escapes everything and knows no undefined name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trackforge.errors import MissingDependencyError
from trackforge.intake.showing import visible

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["joined", "markup", "render"]


@lru_cache(maxsize=1)
def _engine() -> Any:
    try:
        jinja: Any = importlib.import_module("jinja2")
    except ImportError as error:
        raise MissingDependencyError(
            "An HTML page needs Jinja2, which is not installed; run: pip install 'trackforge-mot[html]'", name="jinja2"
        ) from error
    engine = jinja.Environment(
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    engine.filters["number"] = _number
    return engine


@lru_cache(maxsize=64)
def _compiled(template: str) -> Any:
    return _engine().from_string(template)


def render(template: str, /, **values: Any) -> Markup:
    """Fill a Jinja2 template; what is filled in is escaped, but for `markupsafe.Markup`, and control characters show.

    Args:
        template: Its text. ``{{ x | number }}`` writes a number for people: 1,234 or 0.123.
        **values: What it names.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
        jinja2.TemplateError: The template is wrong, or names what is not given.
    """
    return markup(_compiled(template).render(values))


def markup(text: str) -> Markup:
    """Return HTML that is known to be safe, marked as such.

    Raises:
        MissingDependencyError: Jinja2 is not installed.
    """
    _engine()  # MarkupSafe comes with it
    made: Markup = importlib.import_module("markupsafe").Markup(text)
    return made


def joined(parts: Iterable[Markup]) -> Markup:
    """Join pieces of HTML."""
    return markup("\n").join(parts)


def _number(value: float | None, digits: int = 3) -> str:
    """Return a number as people read it, with a thin mark at thousands; a dash for none.

    >>> _number(12345), _number(0.12345), _number(12.0), _number(None)
    ('12,345', '0.123', '12', '–')
    """
    if value is None or value != value:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.1f}"
