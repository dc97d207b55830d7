"""States as bytes: exact, and harmless whatever the bytes are."""

from __future__ import annotations

import json
import pickle
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge.errors import StateError
from trackforge.packing import MARK, pack, unpack

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(),
    hnp.datetime64_dtypes(),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), ARRAYS)
KEYS = st.one_of(st.text(), st.integers())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(KEYS, inner)),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes() or (a != a and b != b)
    return bool(a == b)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, TREES))
def test_everything_comes_back_to_the_bit(state: dict[Any, Any]) -> None:
    assert same(unpack(pack(state)), state)


def test_what_is_easily_lost() -> None:
    random = np.random.default_rng(3).bit_generator.state
    state = {
        "zero": -0.0,
        "nan": float("nan"),
        "far": float("-inf"),
        "big": 2**200,
        "yes": True,
        "scalar": np.float32(0.1),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10)[::3],
        "swapped": np.arange(3, dtype=">i4"),
        "none": np.empty((0, 8), np.float32),
        "random": random,
        3: {"nested": [(), [], {}]},
    }
    back = unpack(pack(state))
    assert same(back, state)
    assert back["fortran"].flags.f_contiguous
    assert back["strided"].flags.writeable


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "state.x is object"),
        (np.array([object()]), "state.x is ndarray"),
        ({(1, 2): 0}, r"state.x has \(1, 2\)"),
        ([b"raw"], r"state.x\[0\] is bytes"),
        ("\ud800", "whole characters"),
        (10**5000, "integer string conversion"),
        (ENDLESS, "not nest without end"),
    ],
    ids=range(7),
)
def test_other_things_are_refused(value: object, what: str) -> None:
    with pytest.raises(StateError, match=what):
        pack({"x": value})


def container(header: object, arrays: bytes = b"") -> bytes:
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    rest = len(text).to_bytes(8, "little") + text + arrays
    return MARK + zlib.crc32(rest).to_bytes(4, "little") + rest


def npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


HUGE = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }")
OBJECTS = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + bytes(8)
HOLLOW = [
    npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1000000000000,), }}")
    for descr in ("|V0", "<U0", "|S0")
]
BROKEN = [npy(text) for text in ("{'descr': (", "-" * 9000 + "1", "[" * 900, "\0")]
NEGATIVE = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }") + bytes(8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"TFSTATE1",
        pickle.dumps({"a": 1}),
        container(b"\xff\xfe"),
        container(b"{"),
        container(b"[" * 100_000),
        container([1, 2]),
        container(3),
        container({"d": 3}),
        container({"d": [["a", {"f": "cheese"}]]}),
        container({"d": [["a", 1], ["a", 2]]}),
        container({"d": [[None, 1]]}),
        container({"d": [[{"l": []}, 1]]}),
        container({"d": [["a", {"x": 1}]]}),
        container({"d": [["a", {"a": [0, 5]}]]}),
        container({"d": [["a", {"a": [-8, 8]}]]}, bytes(8)),
        container({"d": [["a", {"a": [0, True]}]]}, bytes(8)),
        container({"d": [["a", {"a": [0, 8]}]]}, bytes(8)),
        container({"d": [["a", {"a": [0, len(HUGE)]}]]}, HUGE),
        container({"d": [["a", {"a": [0, len(OBJECTS)]}]]}, OBJECTS),
        container({"d": [["a", {"a": [0, len(NEGATIVE)]}]]}, NEGATIVE),
        container({"l": [1]}),
    ],
    ids=range(22),
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateError, match=r"A saved state must"):
        unpack(data)


@pytest.mark.parametrize("array", [*HOLLOW, *BROKEN], ids=range(7))
def test_headers_of_arrays_that_numpy_would_choke_on(array: bytes) -> None:
    with pytest.raises(StateError, match=r"A saved state must"):
        unpack(container({"d": [["a", {"a": [0, len(array)]}]]}, array))


def test_an_array_stands_once_so_that_memory_stays_in_proportion() -> None:
    array = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }") + bytes(24)
    once = {"a": [0, len(array)]}
    assert len(unpack(container({"d": [["a", {"l": [once]}]]}, array))["a"][0]) == 3
    with pytest.raises(StateError, match="cannot stand at"):
        unpack(container({"d": [["a", {"l": [once, once]}]]}, array))


def test_every_change_of_a_bit_or_length_is_noticed() -> None:
    data = pack({"x": np.arange(3), "y": [1.5, "a"]})
    for place in range(len(data)):
        with pytest.raises(StateError):
            unpack(data[:place])
        with pytest.raises(StateError):
            unpack(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
