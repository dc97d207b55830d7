"""Where everything lies in a ``.params`` file: gone through once, with every size checked, before numbers are read.

Source: apache/mxnet (Apache-2.0), ``src/ndarray/ndarray.cc``, behaviour only; checked against files of MXNet 1.9.1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.io.mxnet_arrays import DTYPES, SparseArray

__all__ = ["MAGIC", "V2", "V3", "ParamsFile"]

MAGIC = 0x112
"""The first word of a file."""
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
"""Marks of arrays; before V1 the first word is the number of dimensions."""
MOST_DIMENSIONS = 32
MOST_ARRAYS = 100_000
"""Arrays of a file; the largest networks have thousands. A few bytes of a file must not become many objects."""
KINDS: dict[int, Literal["row_sparse", "csr"]] = {1: "row_sparse", 2: "csr"}
AUXILIARY = {"row_sparse": 1, "csr": 2}
"""Arrays of indices that a sparse array has: csr keeps its row pointers before its columns."""


class _Part(NamedTuple):
    """Numbers that lie somewhere in a file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int


@dataclass(slots=True)
class _Entry:
    """An array of a file, not read yet."""

    kind: Literal["", "row_sparse", "csr"]
    shape: tuple[int, ...]
    data: _Part
    auxiliary: tuple[_Part, ...] = ()


class ParamsFile:
    """Goes through a file once to learn what lies where, and fetches the numbers afterwards.

    Args:
        file: Open at any place.
        size: Its bytes.
        path: For messages.

    Raises:
        DataError: From every method: it is damaged, or announces more than it holds; with the array's number or name.
    """

    def __init__(self, file: IO[bytes], size: int, path: Path | None) -> None:
        self._file, self._size, self._path = file, size, path
        self._place = "the head"
        file.seek(0)

    def entries(self) -> list[_Entry]:
        """Return where every array lies."""
        magic, _ = self._words("QQ")
        if magic != MAGIC:
            raise self._fault(f"must begin with the mark {MAGIC:#x}; it begins with {magic:#x}")
        (count,) = self._words("Q")
        if count > min(MOST_ARRAYS, self._left // 4):
            raise self._fault(f"announces {count:,} arrays, which cannot be in {self._size:,} bytes")
        return [self._entry(number) for number in range(count)]

    def names(self, count: int) -> list[str]:
        """Return the names, which stand behind the arrays."""
        self._place = "the list of names"
        (given,) = self._words("Q")
        if given not in (0, count):
            raise self._fault(f"must have as many names as arrays; there are {given:,} names and {count:,} arrays")
        names = [str(number) for number in range(count)] if not given else list(self._texts(given))
        if self._left:
            raise self._fault(f"must end after the names; {self._left:,} bytes follow")
        if len(set(names)) < len(names):
            seen: set[str] = set()
            twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise self._fault(f"must name every array differently; {twice[:80]!r} stands twice")
        return names

    def _texts(self, count: int) -> Iterator[str]:
        for number in range(count):
            (length,) = self._words("Q")
            try:
                yield self._bytes(length).decode()
            except UnicodeDecodeError:
                raise self._fault(f"must hold text; name {number} is not UTF-8") from None

    def array(self, entry: _Entry, name: str) -> npt.NDArray[Any] | SparseArray:
        """Read an array."""
        self._place = f"the array {name[:80]!r}"
        data = self._numbers(entry.data)
        if not entry.kind:
            return data
        parts = [self._numbers(part) for part in entry.auxiliary]
        made = SparseArray(entry.kind, entry.shape, data, parts[-1], parts[0] if entry.kind == "csr" else None)
        if made.problem():
            raise self._fault(f"must have parts that fit; {made.problem()}")
        return made

    def _entry(self, number: int) -> _Entry:
        self._place = f"array {number}"
        (mark,) = self._words("I")
        kind: Literal["", "row_sparse", "csr"] = ""
        stored: tuple[int, ...] | None = None
        if mark in (V2, V3):
            (stype,) = self._words("i")
            if stype:
                kind = self._known(KINDS, stype, "kind of storage")
                stored = self._shape(mark)
        # before V1, the word is the number of dimensions
        shape = self._shape(mark) if mark in (V1, V2, V3) else self._dimensions("I", mark)
        if shape is None or (not shape and mark != V3):
            return _Entry("", (0,), _Part(DTYPES[0], (0,), self._file.tell()))
        self._words("ii")  # the device
        (code,) = self._words("i")
        dtype = self._known(DTYPES, code, "type")
        if not kind:
            return _Entry(kind, shape, self._part(dtype, shape))
        described = []
        for _ in range(AUXILIARY[kind]):
            (code,) = self._words("i")
            described.append((self._known(DTYPES, code, "type of indices"), self._shape(mark) or (0,)))
        data = self._part(dtype, stored or (0,))
        return _Entry(kind, shape, data, tuple([self._part(*one) for one in described]))

    def _shape(self, mark: int) -> tuple[int, ...] | None:
        """Read a shape; None where NumPy semantics say that it is not known."""
        (count,) = self._words("i")
        return None if mark == V3 and count == -1 else self._dimensions("q", count)

    def _dimensions(self, word: str, count: int) -> tuple[int, ...]:
        if not 0 <= count <= MOST_DIMENSIONS:
            raise self._fault(f"must have at most {MOST_DIMENSIONS} dimensions; it says {count:#x}")
        shape = self._words(f"{count}{word}")
        if min(shape, default=0) < 0:
            raise self._fault(f"must have a shape of numbers >= 0; it says {shape}")
        return shape

    def _part(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Part:
        """Note where numbers lie, and pass them over."""
        size = math.prod(shape) * dtype.itemsize
        if size > self._left:
            raise self._fault(f"announces {size:,} bytes ({dtype} {shape}), of which {self._left:,} are there")
        made = _Part(dtype, shape, self._file.tell())
        self._file.seek(size, 1)
        return made

    def _numbers(self, part: _Part) -> npt.NDArray[Any]:
        try:
            array = np.empty(part.shape, part.dtype)
        except ValueError:  # no numbers at all, but a dimension that no machine can count
            raise self._fault(f"has the impossible shape {part.shape}") from None
        if array.nbytes:
            self._file.seek(part.offset)
            # memoryview() knows no records, of which bfloat16 is one
            if self._file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
                raise self._fault("is cut short")
        return array

    @property
    def _left(self) -> int:
        return self._size - self._file.tell()

    def _words(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self._bytes(struct.calcsize(f"<{layout}")))

    def _bytes(self, count: int) -> bytes:
        if count > self._left:
            raise self._fault(f"announces {count:,} bytes, of which {self._left:,} are there")
        return self._file.read(count)

    def _known(self, known: Mapping[int, Any], code: int, what: str) -> Any:
        if code not in known:
            raise self._fault(f"has the {what} {code}, which is unknown")
        return known[code]

    def _fault(self, what: str) -> DataError:
        message = f"A file of MXNet parameters must be whole and well-formed; {self._place} {what}. Get it anew."
        return DataError(message, path=self._path)
