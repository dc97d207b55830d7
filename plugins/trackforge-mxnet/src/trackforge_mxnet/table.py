"""All operators, gathered from the modules of `trackforge_mxnet.ops`."""

from __future__ import annotations

import importlib
import pkgutil

from trackforge_mxnet import ops
from trackforge_mxnet.operators import OPERATORS, Operator

__all__ = ["load_operators"]


def load_operators() -> dict[str, Operator]:
    """Return the whole table; the first call imports torch."""
    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{module.name}")
    return OPERATORS
