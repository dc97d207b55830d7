"""Arrays of whoever calls, as arrays of NumPy: lists, tensors on any device, half precision; or an error of ours.

Detectors hand over what they have: tensors that sit on a GPU, that carry a gradient, or whose numbers NumPy does not
know. What can be converted without a loss is; what holds no numbers is refused here, so that nobody after it need ask.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

__all__ = ["as_array", "as_floats", "as_number", "as_whole", "converted", "shown"]

LIMIT = 2**63
"""Whole numbers of columns lie below it, and not below its negative."""


def as_array(name: str, value: object) -> npt.NDArray[Any]:
    """Return an array of NumPy with the numbers, texts or objects of ``value``; it may share its memory.

    Half precision that NumPy does not know (bfloat16, 8 bits) becomes float32.

    Args:
        name: Of the column or argument, for messages.
        value: An array or a tensor of any library and device, numbers, or lists of these.

    Raises:
        InvalidInputError: It is no array, or one without numbers of its own: sparse, masked, without data (meta).
    """
    if type(value) is np.ndarray and value.dtype.kind != "V":
        return value
    problem = _problem(value)
    if problem:
        raise InvalidInputError(f"{name} must be an array of numbers; got {problem}.")
    try:
        if isinstance(value, (list, tuple)) and value and hasattr(value[0], "detach"):
            array = np.asarray([as_array(name, part) for part in value])
        else:
            array = np.asarray(_on_host(value))
        if array.dtype.kind == "V" and array.dtype.names is None:
            array = array.astype(np.float32)
    except InvalidInputError:
        raise
    except Exception as error:  # a tensor's library may raise what it likes
        why = " ".join(str(error).split())[:200]
        raise InvalidInputError(
            f"{name} must be an array of numbers; {type(value).__name__} cannot be made one: {why}."
        ) from error
    return array


def _problem(value: Any) -> str | None:
    """Say why something that looks like an array has no numbers to give."""
    if isinstance(value, np.ma.MaskedArray):
        return "a masked array with masked values; fill or drop them" if np.ma.is_masked(value) else None
    if hasattr(value, "detach"):
        if getattr(value, "is_meta", False):
            return "a meta tensor, which holds no data; run the model on a device"
        if getattr(value, "is_sparse", False) or str(getattr(value, "layout", "torch.strided")) != "torch.strided":
            return "a sparse tensor; call its to_dense() first"
    elif type(value).__module__.startswith("scipy.sparse"):
        return "a sparse matrix; call its toarray() first"
    return None


def _on_host(value: Any) -> Any:
    """Return what NumPy can read: a tensor without gradient, in this machine's memory, of a precision that it knows."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        if any(word in str(getattr(value, "dtype", "")) for word in ("bfloat16", "float8")):
            value = value.float()
        return value
    if hasattr(value, "asnumpy"):  # MXNet
        return value.asnumpy()
    if hasattr(value, "__cuda_array_interface__") and hasattr(value, "get"):  # CuPy
        return value.get()
    return value


def as_floats(name: str, value: object) -> npt.NDArray[Any]:
    """Return an array of numbers, of which those of half precision are float32; raises as `as_array` does."""
    array = as_array(name, value)
    if array.dtype.kind == "f":
        return array.astype(np.float32) if array.dtype.itemsize < 4 else array
    return converted(name, array, np.float64)


def converted(name: str, array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a new array of another type that means the same; floats may lose digits, but not become whole.

    Raises:
        InvalidInputError: A value cannot be had in that type, or is none: times and complex numbers, say.
    """
    if array.dtype == dtype:
        return np.array(array)
    kind = array.dtype.kind
    try:
        if kind in "cmMV" and dtype is not np.object_:
            message = f"{array.dtype} is no number"
            raise TypeError(message)
        if dtype is np.int64 and kind != "i":
            array = _whole(array)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.array(array, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"{name} must be convertible to {np.dtype(dtype)}; {error}.") from error


def _whole(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers, as class ids of other libraries are, where each is a whole one of 64 bits."""
    bad: list[Any] = []
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)
        with np.errstate(invalid="ignore"):
            bad = array[~((wide == np.rint(wide)) & (np.abs(wide) < LIMIT))].tolist()
    elif array.dtype.kind == "u" and array.dtype.itemsize == 8:
        bad = array[array >= np.uint64(LIMIT)].tolist()
    elif array.dtype.kind == "O":
        bad = [value for value in array.flat if isinstance(value, float) and not value.is_integer()]
    if bad:
        message = f"{shown(bad[:5])} are no whole numbers of 64 bits"
        raise ValueError(message)
    return array


def as_number(name: str, value: object, what: str, advice: str) -> float:
    """Return a finite number.

    Args:
        name: Of the field, for the message.
        value: A number, an array or a tensor of one.
        what: What it must be: ``"a finite number of seconds"``.
        advice: What to do where it is none.

    Raises:
        InvalidInputError: It is none; texts and times are none, either.
    """
    number = math.nan
    try:
        if type(value) in (float, int):
            number = value  # type: ignore[assignment]
        elif not isinstance(value, (str, bytes)):
            array = as_array(name, value)
            if array.size == 1 and array.dtype.kind in "iufO":
                number = float(array.item())
        if math.isfinite(number):
            return number
    except (InvalidInputError, TypeError, ValueError, OverflowError):
        pass
    raise InvalidInputError(f"{name} must be {what}; got {shown(value)}. {advice}")


def as_whole(value: object) -> int | None:
    """Return a whole number of 64 bits, also of NumPy's and of a tensor's; None where it is none."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a tensor's library may raise what it likes
        return None
    return number if -LIMIT <= number < LIMIT else None


def shown(value: object) -> str:
    """Return a value as a message may show it: short, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - of a whole number of thousands of digits, say
        text = type(value).__name__
    return text if len(text) <= 80 else text[:77] + "..."
