"""Public names that are imported on first use (PEP 562), listed once: in the stub that type checkers read."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["names_of"]

_LINE = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def names_of(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: Its ``__name__``.
        file: Its ``__file__``; beside it stands ``__init__.pyi`` with a line ``from package.module import Name as Name``
            for each public name. A name that is a module is imported as such.
    """
    stub = Path(file).with_suffix(".pyi").read_text(encoding="utf-8")
    homes = {name: module for module, name in _LINE.findall(stub)}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        value = importlib.import_module(f"{home}.{name}") if home == package else _attribute(home, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*homes, *vars(sys.modules[package])})

    return get, names, sorted(homes)


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
