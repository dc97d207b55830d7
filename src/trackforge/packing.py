"""Saved states as bytes, without pickle: what a tracker's ``state_dict()`` holds, to the bit, and nothing that can run.

A container is the mark ``TFSTATE1``, a checksum of the rest, the length of a header, the header and arrays. The header
is JSON, in which texts, whole numbers, true, false and null stand for themselves and everything else is an object of
one key: ``{"f": "0x1.8p+1"}`` a float, ``{"d": [[key, value], ...]}`` a dict, ``{"l": [...]}`` a list,
``{"t": [...]}`` a tuple, ``{"a": [offset, bytes]}`` an array and ``{"s": [offset, bytes]}`` a NumPy scalar. Arrays are
``.npy`` files, as ``numpy.save`` writes them with ``allow_pickle=False``, in the order in which the header names them:
each stands once, so that reading takes no more memory than a few times what the bytes do.

>>> unpack(pack({"ids": np.array([3, 1]), "now": 2.5, "name": "street"}))
{'ids': array([3, 1]), 'now': 2.5, 'name': 'street'}
"""

from __future__ import annotations

import io
import json
import math
import struct
import zlib
from collections.abc import Mapping
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from trackforge.errors import StateError

__all__ = ["pack", "unpack"]

MARK = b"TFSTATE1"
LENGTHS = struct.Struct("<IQ")
"""Checksum of all that follows it, and bytes of the header."""


def pack(state: Mapping[str, Any], /) -> bytes:
    """Return a state as bytes.

    Args:
        state: Arrays, numbers, texts, None, and dicts, lists and tuples of them; keys are texts or whole numbers.

    Raises:
        StateError: It holds something else: an object, say, an array of objects, or itself.
    """
    arrays = bytearray()
    try:
        header = json.dumps(_tree(dict(state), arrays, "state"), ensure_ascii=False, separators=(",", ":")).encode()
    except (RecursionError, ValueError) as error:
        if isinstance(error, StateError):
            raise
        raise StateError(
            f"A state must be of whole characters and not nest without end; {error}. Change it."
        ) from error
    rest = LENGTHS.pack(0, len(header))[4:] + header + bytes(arrays)
    return MARK + struct.pack("<I", zlib.crc32(rest)) + rest


def _tree(value: Any, arrays: bytearray, where: str) -> Any:
    """Return a value as JSON holds it; arrays are appended and told by their place."""
    if value is None or type(value) in (str, bool, int):
        return value
    if type(value) is float:
        return {"f": value.hex()}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (str, int):
                raise StateError(f"Keys of a state must be texts or whole numbers; {where} has {key!r}. Change it.")
        return {"d": [[key, _tree(item, arrays, f"{where}.{key}")] for key, item in value.items()]}
    if type(value) in (list, tuple):
        items = [_tree(item, arrays, f"{where}[{place}]") for place, item in enumerate(value)]
        return {"l" if type(value) is list else "t": items}
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        file = io.BytesIO()
        npy.write_array(file, np.asarray(value), allow_pickle=False)
        begin, data = len(arrays), file.getvalue()
        arrays += data
        return {"a" if isinstance(value, np.ndarray) else "s": [begin, len(data)]}
    raise StateError(
        f"A state must hold arrays, numbers, texts, and dicts and lists of them; {where} is {type(value).__name__}. "
        "Convert it."
    )


def unpack(data: bytes, /) -> dict[str, Any]:
    """Return the state that `pack` made bytes of; nothing in the bytes is ever run.

    Raises:
        StateError: The bytes are something else, or damaged.
    """
    begin = len(MARK) + LENGTHS.size
    if len(data) < begin or data[: len(MARK)] != MARK:
        raise StateError(f"A saved state must begin with {MARK.decode()}; these {len(data)} bytes do not. Check them.")
    checksum, length = LENGTHS.unpack_from(data, len(MARK))
    if zlib.crc32(data[len(MARK) + 4 :]) != checksum or length > len(data) - begin:
        raise StateError("A saved state must be whole; this one is cut short or damaged. Save it again.")
    try:
        state = _value(json.loads(data[begin : begin + length].decode()), _Arrays(memoryview(data)[begin + length :]))
    except (
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        OverflowError,
        RecursionError,
        MemoryError,
        TokenError,
    ) as error:
        raise StateError(f"A saved state must be one that trackforge wrote; {error}. Save it again.") from error
    if not isinstance(state, dict):
        raise StateError(f"A saved state must be a dict; this one is {type(state).__name__}. Save it again.")
    return state


def _value(node: Any, arrays: _Arrays) -> Any:
    if node is None or isinstance(node, (str, bool, int)):
        return node
    if not isinstance(node, dict) or len(node) != 1:
        raise ValueError(f"its header holds {str(node)[:60]}")
    ((kind, content),) = node.items()
    if kind == "f":
        return float.fromhex(content)
    if kind == "d":
        made = {key: _value(item, arrays) for key, item in content}
        if len(made) != len(content) or not all(type(key) in (str, int) for key in made):
            raise ValueError("its header has a key twice, or one that is no text or number")
        return made
    if kind in ("l", "t"):
        items = [_value(item, arrays) for item in content]
        return items if kind == "l" else tuple(items)
    if kind in ("a", "s"):
        array = arrays.take(content)
        return array if kind == "a" else array[()]
    raise ValueError(f"its header holds the unknown kind {kind!r}")


class _Arrays:
    """The arrays of a container, each to be taken once, in order."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._taken = data, 0

    def take(self, place: Any) -> Any:
        """Read an array where the header says it is; its size is checked before memory is taken for it."""
        begin, length = place
        if not (type(begin) is type(length) is int and begin == self._taken and 0 <= length <= len(self._data) - begin):
            raise ValueError(f"an array cannot stand at {place}")
        self._taken = begin + length
        data = self._data[begin : begin + length]
        file = io.BytesIO(data)
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"an array has the unknown version {version}")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        body = data[file.tell() :]
        count = math.prod(shape)
        is_hollow = count and not dtype.itemsize  # elements without bytes: any number of them would fit
        if dtype.hasobject or min(shape, default=0) < 0 or count * dtype.itemsize != len(body) or is_hollow:
            raise ValueError(f"an array of {dtype} {shape} cannot be {len(body)} bytes")
        flat = np.frombuffer(body, dtype, count) if len(body) else np.empty(count, dtype)
        return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")
