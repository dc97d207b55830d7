"""The ``.npz`` files that MXNet 2 writes in the place of ``.params``: arrays by name, sparse ones as folders.

Read with checks that `numpy.load` leaves out: an array is not larger than its member, a member not larger than the
limits, and nothing is unpickled. Source: apache/mxnet (Apache-2.0), ``src/serialization/cnpy.cc``, behaviour only.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.reading import reading
from trackforge.io.mxnet_arrays import BFLOAT16, SparseArray

__all__ = ["read_npz"]

_Array: TypeAlias = "npt.NDArray[Any] | SparseArray"
SMALL = 64 * 2**20
"""Bytes that an archive may unpack to however small it is."""
ROW_SPARSE = frozenset({"data", "indices", "shape", "format"})
CSR = ROW_SPARSE | {"indptr"}


def read_npz(file: IO[bytes], size: int, path: Path | None) -> dict[str, _Array]:
    """Return the arrays of an archive by name.

    Args:
        file: The archive.
        size: Its bytes.
        path: Where from, for messages.

    Raises:
        DataError: A member is no array, announces more than it has, or breaks a limit; with its name.
        Exception: Whatever a damaged archive makes `zipfile` raise.
    """
    folders: dict[str, dict[str, _Array]] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_limit("members", len(members), "The number of arrays", path=path)
        total, most = sum(member.file_size for member in members), max(SMALL, size * limits().inflation)
        if total > most:
            raise DataError(
                f"An archive of {size:,} bytes must unpack to at most {most:,}; it says {total:,}.", path=path
            )
        for member in members:
            name = member.filename.removesuffix(".npy")
            folder, _, part = name.rpartition("/")
            if part in folders.setdefault(folder, {}):
                raise DataError(f"Arrays must have names of their own; {name!r} stands twice.", path=path)
            content = archive.read(member)
            folders[folder][part] = np.empty(0) if folder and part == "format" else _array(content, name, path)
    found: dict[str, _Array] = {}
    for folder, parts in folders.items():
        if folder and parts.keys() in (ROW_SPARSE, CSR):
            found[folder] = _sparse(parts, folder, path)
        else:
            found.update({f"{folder}/{part}" if folder else part: array for part, array in parts.items()})
    return found


def _array(content: bytes, name: str, path: Path | None) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` member, whose header is checked against what follows it."""
    file = io.BytesIO(content)
    with reading(path or name, f"The array {name!r}"):
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, fortran, dtype = read(file)
    body = len(content) - file.tell()
    plain = dtype == BFLOAT16 or (dtype.kind in "fiub" and dtype.itemsize <= 8)
    if not plain or min(shape, default=0) < 0 or len(shape) > 32 or math.prod(shape) * dtype.itemsize != body:
        raise DataError(
            f"{name!r} must hold the numbers that it announces; {dtype} {shape} cannot be {body} bytes.", path=path
        )
    flat = np.frombuffer(content, dtype, math.prod(shape), file.tell()) if body else np.empty(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("<"), order="C", copy=True)


def _sparse(parts: Mapping[str, Any], name: str, path: Path | None) -> SparseArray:
    shape = parts["shape"]
    if shape.ndim != 1 or shape.dtype.kind not in "iu" or shape.size > 32 or (shape < 0).any():
        raise DataError(f"{name!r} must have a shape of whole numbers; got {shape.dtype} {shape.shape}.", path=path)
    made = SparseArray(
        "csr" if "indptr" in parts else "row_sparse",
        tuple(shape.tolist()),
        parts["data"],
        parts["indices"],
        parts.get("indptr"),
    )
    problem = made.problem()
    if problem:
        raise DataError(f"The sparse array {name!r} must have parts that fit; {problem}.", path=path)
    return made
