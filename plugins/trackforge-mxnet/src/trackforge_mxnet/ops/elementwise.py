"""Arithmetic value by value: of one array, of two (broadcast or not), and of an array and a number.

Comparisons give 1 and 0 in the type of their input, as MXNet's do, not truths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__: list[str] = []

Two = Callable[[Any, Any], Tensor]


def _round(data: Tensor) -> Tensor:
    """Round halves away from zero."""
    return torch.sign(data) * torch.floor(torch.abs(data) + 0.5)


def _rint(data: Tensor) -> Tensor:
    """Round halves down."""
    floor, ceiling = torch.floor(data), torch.ceil(data)
    return torch.where(data - floor <= ceiling - data, floor, ceiling)


def _cube_root(data: Tensor) -> Tensor:
    return torch.sign(data) * torch.abs(data).pow(1 / 3)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "arccos": torch.arccos,
    "arccosh": torch.arccosh,
    "arcsin": torch.arcsin,
    "arcsinh": torch.arcsinh,
    "arctan": torch.arctan,
    "arctanh": torch.arctanh,
    "cbrt": _cube_root,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "degrees": torch.rad2deg,
    "erf": torch.erf,
    "erfinv": torch.erfinv,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "fix": torch.trunc,
    "floor": torch.floor,
    "log": torch.log,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "logical_not": lambda data: (data == 0).to(data.dtype),
    "negative": torch.neg,
    "radians": torch.deg2rad,
    "rcbrt": lambda data: 1 / _cube_root(data),
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "rint": _rint,
    "round": _round,
    "rsqrt": torch.rsqrt,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softsign": torch.nn.functional.softsign,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
    "trunc": torch.trunc,
}
_OTHER_SPELLINGS = {"_abs": "abs", "_negative": "negative", "_sqrt": "sqrt"}


def _compared(compare: Callable[[Any, Any], Any]) -> Two:
    def run(one: Any, other: Any) -> Tensor:
        dtype = one.dtype if isinstance(one, Tensor) else other.dtype
        return compare(one, other).to(dtype)  # type: ignore[no-any-return]

    return run


def _truths(combine: Callable[[Tensor, Tensor], Tensor]) -> Two:
    def run(one: Tensor, other: Any) -> Tensor:
        truth = other != 0 if isinstance(other, Tensor) else torch.tensor(other != 0, device=one.device)
        return combine(one != 0, truth).to(one.dtype)

    return run


def _number(like: Tensor, value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=like.dtype, device=like.device)


def _divided(one: Any, other: Any) -> Tensor:
    whole = not any(isinstance(x, Tensor) and x.is_floating_point() for x in (one, other))
    return torch.div(one, other, rounding_mode="trunc") if whole else one / other


_BINARY: dict[str, Two] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divided,
    "mod": torch.remainder,
    "power": lambda a, b: a**b,
    "maximum": lambda a, b: torch.maximum(a, _number(a, b)),
    "minimum": lambda a, b: torch.minimum(a, _number(a, b)),
    "hypot": lambda a, b: torch.hypot(a, _number(a, b)),
    "equal": _compared(lambda a, b: a == b),
    "not_equal": _compared(lambda a, b: a != b),
    "greater": _compared(lambda a, b: a > b),
    "greater_equal": _compared(lambda a, b: a >= b),
    "lesser": _compared(lambda a, b: a < b),
    "lesser_equal": _compared(lambda a, b: a <= b),
    "logical_and": _truths(torch.logical_and),
    "logical_or": _truths(torch.logical_or),
    "logical_xor": _truths(torch.logical_xor),
}
_CAMEL = {"add": ("Plus",), "sub": ("Minus",), "greater_equal": ("GreaterEqual",), "lesser_equal": ("LesserEqual",)}
_CAMEL["not_equal"] = ("NotEqual",)
_ALSO = {"add": ("_plus", "elemwise_add", "_grad_add", "broadcast_plus"), "sub": ("_minus", "elemwise_sub")}
_ALSO |= {"mul": ("elemwise_mul",), "div": ("elemwise_div",)}
_ALSO["sub"] = (*_ALSO["sub"], "broadcast_minus")


def _register_unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operator(name, *(other for other, meant in _OTHER_SPELLINGS.items() if meant == name))
    def make(_: Attributes) -> Function:
        return function


def _register_binary(name: str, function: Two) -> None:
    camel = _CAMEL.get(name, (name.capitalize(),))

    @operator(f"_{name}", f"broadcast_{name}", *(f"_{word}" for word in camel), *_ALSO.get(name, ()))
    def make(_: Attributes) -> Function:
        return function

    words = {"add": "plus", "sub": "minus"}.get(name, name)

    @operator(f"_{words}_scalar", *(f"_{word}Scalar" for word in camel))
    def with_number(attributes: Attributes) -> Function:
        number = _scalar(attributes)
        return lambda data: function(data, number if data.is_floating_point() else int(number))


def _scalar(attributes: Attributes) -> float:
    attributes.flag("is_int", default=True)
    return attributes.number("scalar", 0.0)


def _register_reversed(names: tuple[str, ...], function: Two) -> None:
    @operator(*names)
    def with_number(attributes: Attributes) -> Function:
        number = _scalar(attributes)
        return lambda data: function(_number(data, number), data)


for _name, _function in _UNARY.items():
    _register_unary(_name, _function)
for _name, _two in _BINARY.items():
    _register_binary(_name, _two)
_register_reversed(("_rminus_scalar", "_RMinusScalar"), lambda a, b: a - b)
_register_reversed(("_rdiv_scalar", "_RDivScalar"), _divided)
_register_reversed(("_rpower_scalar", "_RPowerScalar"), lambda a, b: a**b)
_register_reversed(("_rmod_scalar", "_RModScalar"), lambda a, b: torch.remainder(a, b))


@operator("add_n", "ElementWiseSum", "_sum")
def _add_n(_: Attributes) -> Function:
    def run(*data: Tensor) -> Tensor:
        total = data[0]
        for one in data[1:]:
            total = total + one
        return total

    return run


@operator("clip")
def _clip(attributes: Attributes) -> Function:
    low, high = attributes.number("a_min"), attributes.number("a_max")
    return lambda data: data.clamp(low, high)


@operator("smooth_l1")
def _smooth_l1(attributes: Attributes) -> Function:
    sharpness = attributes.number("scalar", 1.0) ** 2

    def run(data: Tensor) -> Tensor:
        size = data.abs()
        return torch.where(size < 1 / sharpness, 0.5 * sharpness * data.square(), size - 0.5 / sharpness)

    return run


@operator("where")
def _where(_: Attributes) -> Function:
    def run(condition: Tensor, one: Tensor, other: Tensor) -> Tensor:
        if condition.ndim == 1 and one.ndim > 1:  # chooses whole rows
            condition = condition.reshape((-1,) + (1,) * (one.ndim - 1))
        return torch.where(condition != 0, one, other)

    return run


DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
}


@operator("Cast", "cast", "amp_cast")
def _cast(attributes: Attributes) -> Function:
    dtype = DTYPES[attributes.text("dtype", "", tuple(DTYPES))]
    return lambda data: data.to(dtype)
