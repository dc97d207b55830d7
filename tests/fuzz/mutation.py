"""Damage to good inputs, the same for the same seed."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Damage"]

MARKS = [
    b"0", b"-1", b"1e999", b"-1e999", b"NaN", b"Infinity", b"1e19", b"9" * 20, b"9" * 400, b"9" * 5000, b"null", b"[]",
    b"{}", b'""', b"true", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b",", b";", b'"', b"'", b"../", b"/",
    b"\\u0000", b"\\ud800", b"1.5", b"#", b"*a", b"&a", b"\xc2\xb2", b" " * 50, b"<![CDATA[", b"&#0;", b"]]>", b"-0",
    b"2147483648", b"4e9", b"4000000000", b"[" * 3000, b"<a>" * 3000, b"\x1b[2J",
]  # fmt: skip
VALUES: list[Any] = [
    0, -1, 1, 1.5, 1e300, float("inf"), float("nan"), 10**30, 2**63, 2**53 + 1, 4 * 10**9, "x", "", "../../x", "/abs",
    "\0", "\ud800", None, True, [], {}, [1], {"a": 1}, [[]], "1e999", "9" * 5000, "30000/1001", "x" * 300,
]  # fmt: skip
NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**62, -(2**62), 1e300, -1e300, float("inf"), float("nan"), 0.5]


class Damage:
    """One piece of damage after the other.

    Attributes:
        written: What `file` wrote, by path.
    """

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.written: dict[Path, bytes] = {}

    def file(self, path: Path, good: bytes, *, document: bool = False) -> Path:
        """Write good content, damaged, and return the path.

        Args:
            path: Where.
            good: The content.
            document: Whether it is JSON, whose values are exchanged then in most cases.
        """
        bad = self.document(good) if document and self.random.random() < 0.7 else self.bytes(good)
        self.written[path] = bad
        path.write_bytes(bad)
        return path

    def bytes(self, good: bytes) -> bytes:
        """Return bytes with a few places changed, cut, doubled or exchanged."""
        pick, content = self.random, bytearray(good)
        for _ in range(pick.choice([1, 1, 2, 3, 6])):
            content = content or bytearray(b"x")
            what, at = pick.random(), pick.randrange(len(content))
            if what < 0.3:
                content[at] = pick.randrange(256)
            elif what < 0.45:
                del content[at : at + pick.choice([1, 2, 5, 20, 100])]
            elif what < 0.6:
                other = pick.randrange(len(content))
                content[at:at] = content[other : other + pick.choice([1, 5, 30])]
            elif what < 0.92:
                content[at : at + pick.choice([0, 0, 1, 2, 4])] = pick.choice(MARKS)
            else:
                del content[at:]
        return bytes(content)

    def document(self, good: bytes) -> bytes:
        """Return JSON, or lines of it, with values exchanged."""
        lines = good.split(b"\n")
        at = self.random.randrange(len(lines))
        try:
            lines[at] = json.dumps(self.tree(json.loads(lines[at]))).encode(errors="surrogatepass")
        except ValueError:
            return self.bytes(good)
        return b"\n".join(lines)

    def tree(self, good: Any) -> Any:
        """Return dicts and lists, and arrays in them, with something in them exchanged, left out or doubled."""
        pick, bad = self.random, copy.deepcopy(good)
        for _ in range(pick.choice([1, 1, 2, 3])):
            node, place = bad, None
            while isinstance(node, (dict, list)) and node:
                key = pick.choice(list(node)) if isinstance(node, dict) else pick.randrange(len(node))
                place, node = (node, key), node[key]
                if pick.random() < 0.3:
                    break
            if place is None:
                continue
            parent, key = place
            what = pick.random()
            if isinstance(node, np.ndarray) and what < 0.7:
                parent[key] = self.array(node)
            elif what < 0.75:
                parent[key] = copy.deepcopy(pick.choice(VALUES))
            elif what < 0.9:
                del parent[key]
            elif isinstance(parent, list):
                parent.append(copy.deepcopy(parent[key]))
            else:
                parent[pick.choice(["id", "track_id", "name", "x", key])] = copy.deepcopy(pick.choice(VALUES))
        return bad

    def array(self, good: np.ndarray[Any, Any]) -> Any:
        """Return an array with other values, another shape or another type."""
        pick = self.random
        what = pick.randrange(6)
        if what == 0 and good.size:
            bad = good.copy()
            with np.errstate(all="ignore"):
                bad.reshape(-1)[pick.randrange(good.size)] = np.array(pick.choice(NUMBERS)).astype(good.dtype)
            return bad
        if what == 1:
            return good[: len(good) // 2] if good.ndim else good
        if what == 2:
            return np.concatenate((good, good)) if good.ndim else good
        if what == 3:
            return good.astype(pick.choice(["f4", "f8", "i4", "i8", "u8", "bool", "O", "c16", "U5"]), copy=True)
        return good[..., None] if what == 4 else good.reshape(-1)
