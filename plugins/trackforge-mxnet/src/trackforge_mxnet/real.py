"""Real MXNet and GluonCV, where somebody has them, beside NumPy 2 and torch 2.

MXNet is retired (Apache Attic): its last release is 1.9.1 of 2022, and nobody mends it, holes in its security included.
Open with it only files that you trust, once, and convert; `mxnet` of this plugin runs them without it.

Its wheels still load on Python 3.10 to 3.13 (Linux x86-64 and arm64, macOS on Intel). Three things are in the way, and
are put aside here, for the length of the imports where possible:

* NumPy 1.24 and 2.0 dropped names that MXNet binds when it is imported;
* GluonCV refuses to be imported where torch 2 can be;
* GluonCV takes the package ``cython-bbox`` for an extension of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from trackforge.errors import MissingDependencyError

__all__ = ["load_gluoncv", "load_mxnet"]

INSTALL = "pip install --no-deps mxnet==1.9.1 gluoncv==0.10.5.post0; pip install 'trackforge-mxnet[mxnet]'"
RETIRED = (
    "MXNet is retired: nobody mends it, holes in its security included. Open only files that you trust with it; the "
    "detector 'mxnet' runs exported models without it."
)
_TYPES: dict[str, Any] = {"bool": bool, "int": int, "float": float, "object": object, "str": str, "complex": complex}
_VALUES: dict[str, Any] = {
    "PZERO": 0.0,
    "NZERO": -0.0,
    "PINF": np.inf,
    "NINF": -np.inf,
    "Inf": np.inf,
    "Infinity": np.inf,
    "infty": np.inf,
    "NaN": np.nan,
    "NAN": np.nan,
    "float_": np.float64,
    "complex_": np.complex128,
    "unicode_": np.str_,
    "string_": np.bytes_,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "alltrue": np.all,
    "sometrue": np.any,
    "row_stack": np.vstack,
    "round_": np.round,
}
_MADE: dict[str, Callable[..., Any]] = {
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
    "in1d": lambda a, b, **words: np.isin(np.ravel(a), b, **words),
    "msort": lambda a: np.sort(a, axis=0),
    "trapz": lambda *args, **words: np.trapezoid(*args, **words),  # type: ignore[attr-defined, unused-ignore]
}
_GONE = ("mirr", "npv", "pmt", "ppmt", "pv", "rate")
"""Financial functions, which MXNet binds and nobody calls."""


def _gone(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"numpy.{name} is no more")

    return refuse


@contextlib.contextmanager
def _names_of_old() -> Iterator[None]:
    """Give NumPy the names that it dropped, as long as MXNet binds them."""
    wanted = {**_TYPES, **_VALUES, **_MADE, **{name: _gone(name) for name in _GONE}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        added = [name for name in wanted if name not in vars(np)]
        for name in added:
            setattr(np, name, wanted[name])
        try:
            yield
        finally:
            for name in added:
                delattr(np, name)


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Hide torch from an import."""
    own = {name: module for name, module in sys.modules.items() if name == "torch" or name.startswith("torch.")}
    for name in own:
        del sys.modules[name]
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]
        sys.modules.update(own)


def load_mxnet() -> ModuleType:
    """Import MXNet 1.9.1, and warn once that it is retired.

    Raises:
        MissingDependencyError: It is not installed, or does not load here.
    """
    if "mxnet" in sys.modules:
        return sys.modules["mxnet"]
    try:
        with _names_of_old():
            found = importlib.import_module("mxnet")
    except (ImportError, OSError, AttributeError) as error:
        for name in [name for name in sys.modules if name == "mxnet" or name.startswith("mxnet.")]:
            del sys.modules[name]
        raise MissingDependencyError(
            f"MXNet 1.9.1 must be installed and load; {_reason(error)}. In an environment of its own: {INSTALL}. On "
            "Debian it needs libquadmath0 and libgomp1. Or export the model where MXNet still runs, and take the "
            "detector 'mxnet', which needs none.",
            name="mxnet",
        ) from error
    _stand_in("mxnet")
    warnings.warn(RETIRED, stacklevel=2)
    return found


def _stand_in(package: str) -> None:
    """Some names are looked up when a package works, not when it is imported: they are put into its own modules."""
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for own in ("np", "_np", "onp"):
                if vars(module).get(own) is np:
                    setattr(module, own, _NUMPY)


class _Numpy:
    """NumPy with the names that it dropped, for MXNet's and GluonCV's modules only."""

    def __getattr__(self, name: str) -> Any:
        if name in _TYPES:
            return _TYPES[name]
        if name not in vars(np):
            for table in (_VALUES, _MADE):
                if name in table:
                    return table[name]
        return getattr(np, name)


_NUMPY = _Numpy()


def load_gluoncv() -> ModuleType:
    """Import GluonCV on MXNet; raises as `load_mxnet` does."""
    load_mxnet()
    if "gluoncv" in sys.modules:
        return sys.modules["gluoncv"]
    try:
        with _names_of_old(), _without_torch(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = importlib.import_module("gluoncv")
            importlib.import_module("gluoncv.model_zoo")
            coder = importlib.import_module("gluoncv.nn.coder")
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        for name in [name for name in sys.modules if name == "gluoncv" or name.startswith("gluoncv.")]:
            del sys.modules[name]
        raise MissingDependencyError(
            f"GluonCV 0.10.5 must be installed and load; {_reason(error)}. In an environment of its own: {INSTALL}.",
            name="gluoncv",
        ) from error
    coder.cython_bbox = None  # type: ignore[attr-defined]  # the package of that name is another
    _stand_in("gluoncv")
    return found


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
