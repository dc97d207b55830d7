"""MXNet's ``.params`` files, read and written byte for byte as MXNet does, with NumPy only.

A file is a list of arrays with a list of names: ``arg:...`` and ``aux:...`` where a graph was exported, plain names
where a Gluon block was saved, none where somebody saved a list. Every version of arrays is read: those of MXNet before
0.9 (V0), 1.0 (V1), 1.x (V2), of NumPy semantics (V3), and the ``.npz`` archives of MXNet 2; dense and sparse, of every
type. Which device an array was on is not kept: it is on the CPU now.

A file is somebody else's: every size is compared with what is left of the file before memory is taken, and there is
nothing in the format that could run.

Source: apache/mxnet (Apache-2.0), ``src/ndarray/ndarray.cc``, behaviour only; checked against files of MXNet 1.9.1.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path
from trackforge.io.mxnet_arrays import BFLOAT16, DTYPES, SparseArray, dense, widened
from trackforge.io.mxnet_layout import MAGIC, V2, V3, ParamsFile
from trackforge.io.mxnet_npz import read_npz

__all__ = ["BFLOAT16", "SparseArray", "dense", "is_params", "read_params", "write_params"]

Array: TypeAlias = "npt.NDArray[Any] | SparseArray"

ZIP = b"PK"
CPU = struct.pack("<ii", 1, 0)


def is_params(content: bytes) -> bool:
    """Tell whether a file that begins with these bytes is one of MXNet's (8 suffice); `.npz` files are not told."""
    return content[:8] == struct.pack("<Q", MAGIC)


def read_params(source: str | Path | bytes, *, keep_bfloat16: bool = False) -> dict[str, Array]:
    """Read the arrays of a file by their names, in its order.

    Args:
        source: The file, or its content.
        keep_bfloat16: Leave bfloat16 as `BFLOAT16`, which `write_params` writes again to the bit; otherwise it
            becomes float32, which holds every such number.

    Returns:
        Arrays by name as stored, ``arg:`` and ``aux:`` kept; those of a list without names are ``"0"``, ``"1"``, ....
        What MXNet calls an empty array is one of shape (0,).

    Raises:
        DataError: It is no such file, is damaged, or announces more than it holds; with the array's number and name.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    if isinstance(source, bytes):
        with reading("(bytes)", "A file of MXNet parameters"):
            return _read(io.BytesIO(source), len(source), None, keep_bfloat16=keep_bfloat16)
    path = Path(source)
    with reading(path, "A file of MXNet parameters"), path.open("rb") as file:
        return _read(file, path.stat().st_size, path, keep_bfloat16=keep_bfloat16)


def _read(file: IO[bytes], size: int, path: Path | None, *, keep_bfloat16: bool) -> dict[str, Array]:
    if file.read(2) == ZIP:
        found = read_npz(file, size, path)
    else:
        walk = ParamsFile(file, size, path)
        entries = walk.entries()
        names = walk.names(len(entries))
        found = {name: walk.array(entry, name) for name, entry in zip(names, entries, strict=True)}
    return found if keep_bfloat16 else {name: _widened(array) for name, array in found.items()}


def _widened(array: Array) -> Array:
    if isinstance(array, SparseArray):
        return SparseArray(array.kind, array.shape, widened(array.data), array.indices, array.indptr)
    return widened(array)


def write_params(
    path: str | Path | None,
    arrays: Mapping[str, Array] | Sequence[Array],
    *,
    numpy_shapes: bool | None = None,
) -> bytes:
    """Write arrays as MXNet does, and return the file's content.

    Args:
        path: Where to write; None: only return.
        arrays: By name, ``arg:weight`` say, or a list without names.
        numpy_shapes: Write version V3, in which numbers alone (shape ``()``) and shapes with a 0 can be, rather than
            V2, as MXNet does under ``npx.set_np()``; unless given, where an array needs it.

    Raises:
        InvalidInputError: An array's type is none of MXNet's, a sparse one's parts do not fit, or V2 cannot hold it.
        SinkError: The place cannot be written to.
    """
    names = list(arrays) if isinstance(arrays, Mapping) else []
    values = [_plain(array) for array in (arrays.values() if isinstance(arrays, Mapping) else arrays)]
    v3 = any(_needs_v3(array) for array in values) if numpy_shapes is None else numpy_shapes
    out = bytearray(struct.pack("<QQQ", MAGIC, 0, len(values)))
    for number, array in enumerate(values):
        name = names[number] if names else str(number)
        _append(out, array, name, v3=v3)
    out += struct.pack("<Q", len(names))
    for name in names:
        text = name.encode()
        out += struct.pack("<Q", len(text)) + text
    content = bytes(out)
    if path is not None:
        with atomic_path(path) as partial:
            partial.write_bytes(content)
    return content


def _plain(array: Array) -> Array:
    return array if isinstance(array, SparseArray) else np.asarray(array)


def _needs_v3(array: Array) -> bool:
    if isinstance(array, SparseArray) or (array.shape == (0,) and array.dtype == np.float32):
        return False  # MXNet's empty array is float32, and no more than a mark
    return not array.shape or 0 in array.shape


def _append(out: bytearray, array: Array, name: str, *, v3: bool) -> None:
    if not v3 and _needs_v3(array):
        raise InvalidInputError(
            f"Without NumPy semantics, dimensions are >= 1; {name!r} has the shape {array.shape}. Set numpy_shapes."
        )
    out += struct.pack("<I", V3 if v3 else V2)
    parts: list[npt.NDArray[Any]] = []
    if isinstance(array, SparseArray):
        if array.problem():
            raise InvalidInputError(f"A sparse array must have parts that fit; in {name!r} {array.problem()}.")
        out += struct.pack("<i", 1 if array.indptr is None else 2)
        out += _shape_bytes(array.data.shape)
        parts = [array.indices] if array.indptr is None else [array.indptr, array.indices]
        data = array.data
    else:
        out += struct.pack("<i", 0)
        data = array
        if not v3 and array.shape == (0,):
            out += _shape_bytes(())
            return
    out += _shape_bytes(array.shape) + CPU + _code(data, name)
    for part in parts:
        out += _code(part, name) + _shape_bytes(part.shape)
    for part in (data, *parts):
        out += np.ascontiguousarray(part, _stored(part, name)).tobytes()


def _shape_bytes(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _code(array: npt.NDArray[Any], name: str) -> bytes:
    stored = _stored(array, name)
    return struct.pack("<i", next(code for code, dtype in DTYPES.items() if dtype == stored))


def _stored(array: npt.NDArray[Any], name: str) -> np.dtype[Any]:
    """Return the type that an array is written in: its own, in the order of bytes that files have."""
    own = array.dtype if array.dtype == BFLOAT16 else array.dtype.newbyteorder("<")
    if own not in DTYPES.values():
        known = ", ".join("bfloat16" if dtype == BFLOAT16 else dtype.name for dtype in DTYPES.values())
        raise InvalidInputError(f"MXNet knows arrays of {known}; {name!r} is of {array.dtype}. Convert it.")
    return own
