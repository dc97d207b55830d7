"""What every table of results looks like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Format a Markdown table; all columns but the first are numbers."""
    head = list(head)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *(list(map(str, row)) for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def origin(result: dict[str, Any]) -> str:
    """Say where a result comes from, in a line."""
    c = result["context"]
    return f"\n{c['machine']}; Python {c['python']}, NumPy {c['numpy']}; revision {c['revision']}.\n"
