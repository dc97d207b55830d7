"""Public names that are imported on first use (PEP 562), listed once: in the stub that type checkers read.

Imports next to nothing itself, since everybody pays for it.
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["names_of"]


def names_of(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: Its ``__name__``.
        file: Its ``__file__``. Beside it stands ``__init__.pyi`` with one line for each public name, which reads
            ``from package.module import Name as Name``. A name that is a module of the package is imported as such.
    """
    homes = {}
    with open(file.rpartition(".")[0] + ".pyi", encoding="utf-8") as stub:  # noqa: PTH123 - pathlib takes 5 ms to import
        for line in stub:
            words = line.split()
            if len(words) == 6 and words[0] == "from" and words[3] == words[5]:
                homes[words[3]] = words[1]

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        if home == package:
            return importlib.import_module(f"{home}.{name}")
        value = getattr(importlib.import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*homes, *vars(sys.modules[package])})

    return get, names, sorted(homes)
