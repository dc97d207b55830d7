"""Arrays as MXNet stores them, in NumPy's words: type numbers, bfloat16, and the two sparse kinds.

Source: apache/mxnet (Apache-2.0), as described by its headers ``mshadow/base.h`` and ``mxnet/ndarray.h``; checked
against files that MXNet 1.9.1 wrote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits

__all__ = ["BFLOAT16", "DTYPES", "SparseArray", "dense", "widened"]

SMALL = 64 * 2**20
"""Bytes that a sparse array may have as a whole however few values it has."""
BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""How bfloat16 stands in NumPy, which has no such type: the upper half of a float32, in the words of MXNet's files."""

DTYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
    3: np.dtype("u1"),
    4: np.dtype("<i4"),
    5: np.dtype("i1"),
    6: np.dtype("<i8"),
    7: np.dtype("?"),
    8: np.dtype("<i2"),
    9: np.dtype("<u2"),
    10: np.dtype("<u4"),
    11: np.dtype("<u8"),
    12: BFLOAT16,
}
"""MXNet's numbers of types."""


@dataclass(frozen=True, eq=False)
class SparseArray:
    """A sparse array, unchanged as the file holds it.

    Attributes:
        kind: ``"row_sparse"``: some rows of an array of any number of dimensions; ``"csr"``: a matrix.
        shape: Of the whole array.
        data: The values: rows ``(K, *shape[1:])``, or those of a matrix ``(K,)``.
        indices: Which row each of ``data`` is, or in which column it stands, ``(K,)``.
        indptr: For ``csr``: where in ``data`` each row begins, and the end, ``(rows + 1,)``; else None.
    """

    kind: Literal["row_sparse", "csr"]
    shape: tuple[int, ...]
    data: npt.NDArray[Any]
    indices: npt.NDArray[Any]
    indptr: npt.NDArray[Any] | None = None

    def dense(self) -> npt.NDArray[Any]:
        """Return the whole array, zeros included.

        Raises:
            DataError: The parts contradict each other, or the whole is out of proportion to them (the limits
                ``inflation`` and ``bytes``).
        """
        problem = self.problem()
        if problem:
            raise DataError(f"A sparse array must have parts that fit; {problem}. Save it anew.")
        size = math.prod(self.shape) * self.data.itemsize
        check_limit("bytes", size, "The size of a sparse array")
        most = max(SMALL, (self.data.nbytes + self.indices.nbytes) * limits().inflation)
        if size > most:
            raise DataError(
                f"A sparse array of {self.data.nbytes:,} bytes must be at most {most:,} as a whole, not {size:,}. "
                "If you trust it, raise the limit: TRACKFORGE_LIMIT_INFLATION=..."
            )
        whole = np.zeros(self.shape, self.data.dtype)
        if not self.indices.size:
            return whole
        if self.indptr is None:
            whole[self.indices.astype(np.int64)] = self.data
        else:
            begins = self.indptr.astype(np.int64)
            rows = np.repeat(np.arange(self.shape[0]), begins[1:] - begins[:-1])
            whole[rows, self.indices.astype(np.int64)] = self.data
        return whole

    def problem(self) -> str:
        """Say what in the parts contradicts the rest; empty where nothing does. Parts without any value are fine."""
        if (self.kind == "csr") != (self.indptr is not None) or (self.kind == "csr" and len(self.shape) != 2):
            return f"{self.kind} of shape {self.shape} cannot be"
        if not self.shape or self.indices.ndim != 1 or self.indices.dtype.kind not in "iu":
            return f"its indices are {self.indices.dtype} {self.indices.shape}"
        count = self.indices.size
        if not count and not self.data.size:
            return ""
        expected = (count,) if self.kind == "csr" else (count, *self.shape[1:])
        if self.data.shape != expected:
            return f"its values have the shape {self.data.shape} where {expected} is needed"
        most = self.shape[1] if self.kind == "csr" else self.shape[0]
        if count and (int(self.indices.min()) < 0 or int(self.indices.max()) >= most):
            return f"an index is not within 0..{most - 1}"
        if self.indptr is not None:
            begins = self.indptr
            if begins.dtype.kind not in "iu" or begins.shape != (self.shape[0] + 1,):
                return f"its row pointers are {begins.dtype} {begins.shape}"
            ordered = begins.astype(np.int64)
            if ordered[0] != 0 or ordered[-1] != count or (np.diff(ordered) < 0).any():
                return "its row pointers do not rise from 0 to the number of values"
        return ""


def widened(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return bfloat16 as float32, to the bit; any other array as it is.

    >>> widened(np.array([(0x3F80,), (0xC000,)], BFLOAT16))
    array([ 1., -2.], dtype=float32)
    """
    if array.dtype != BFLOAT16:
        return array
    return (array["bfloat16"].astype("<u4") << 16).view("<f4")


def dense(array: npt.NDArray[Any] | SparseArray) -> npt.NDArray[Any]:
    """Return an array of either kind as one with all its numbers, bfloat16 as float32.

    Raises:
        DataError: A sparse one cannot be made whole.
    """
    return widened(array.dense() if isinstance(array, SparseArray) else array)
