"""OC-SORT and `OnlineTracker` are policy: what both would need is in the population they share."""

from __future__ import annotations

import ast
import inspect

import trackforge.online.tracker
import trackforge_byte.ocsort

LONG = 20


def lines(module) -> set[str]:
    """Return the stripped lines of code above `LONG` characters, without imports and docstrings."""
    source = inspect.getsource(module)
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if text or isinstance(node, (ast.Import, ast.ImportFrom)):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    kept = (line.strip() for number, line in enumerate(source.splitlines(), 1) if number not in skipped)
    return {line for line in kept if len(line) > LONG}


def test_the_two_hold_no_line_in_common():
    online, centric = lines(trackforge.online.tracker), lines(trackforge_byte.ocsort)
    assert len(online) > 30
    assert len(centric) > 40
    assert not online & centric
