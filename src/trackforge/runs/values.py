"""Values as JSON, TOML and command lines spell them.

>>> print(toml({"frames": 9, "tracker": {"name": "byte", "duplicate_iou": None}}), end="")
frames = 9
<BLANKLINE>
[tracker]
name = "byte"
duplicate_iou = "none"
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["plain", "toml", "written"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def plain(value: Any) -> Any:
    """Return numbers, strings, lists and dicts as they are, tuples as lists, and all else as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return str(value)


def written(value: Any) -> str:
    """Return a value as people write it in settings: ``true``, ``none``, ``640x480``."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "x".join(map(written, value))
    return str(value)


def toml(content: Mapping[str, Any]) -> str:
    """Return a TOML file: values first, then a table for each mapping, and an array of tables for a list of such.

    TOML has no null; None is written as ``"none"``, which settings understand.
    """
    values: list[str] = []
    tables: list[str] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            tables += _table(_key(key), value)
        elif isinstance(value, (tuple, list)) and value and all(isinstance(one, Mapping) for one in value):
            for one in value:
                tables += ["", f"[[{_key(key)}]]", *_pairs(one)]
        else:
            values.append(f"{_key(key)} = {_value(value)}")
    return "\n".join([*values, *tables]).lstrip("\n") + "\n"


def _table(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Write a table, or where it holds nothing but tables, those."""
    if table and all(isinstance(one, Mapping) for one in table.values()):
        for key, one in table.items():
            yield from _table(f"{name}.{_key(key)}", one)
    else:
        yield from ("", f"[{name}]", *_pairs(table))


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_key(key)} = {_value(value)}" for key, value in table.items())


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    value = plain(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return _text(written(value))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # which JSON lets through and TOML does not
