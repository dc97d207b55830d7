"""A served session as bytes (`trackforge.packing`): what its tracker knows, and what a client was told about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.errors import StateError
from trackforge.packing import pack, unpack

__all__ = ["NAME", "Saved", "read_saved"]

FORMAT = 1
NAME = 200
"""Characters of a session's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saved:
    """What is kept of a session.

    Attributes:
        session: What `trackforge.Session.state` returned: tracker, last frame, stream.
        tracker: Name and settings of the tracker; None where the bytes are those of a plain session.
        name: Of the session.
        rate: Frames a second, or None.
        policy: ``every``, ``newest`` or None for the server's.
        time: Timestamp of the last frame, or None.
        counts: ``frames``, ``dropped``, ``failed`` and ``tracks`` so far.
        ttl: Seconds without a frame after which it expires; None for the server's.
        analytics: Tables of analytics that its opener asked for; None for the server's.
    """

    session: bytes
    tracker: Mapping[str, Any] | None = None
    name: str = ""
    rate: float | None = None
    policy: str | None = None
    time: float | None = None
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    ttl: float | None = None
    analytics: Mapping[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """Return all of it as bytes."""
        table = dataclasses.asdict(self)
        return pack({"served": FORMAT, **table, "session": np.frombuffer(self.session, np.uint8)})


def read_saved(state: bytes) -> Saved:
    """Read what `Saved.to_bytes` or `trackforge.Session.state` gave.

    Raises:
        StateError: The bytes are neither, or damaged.
    """
    table = unpack(state)
    if "served" not in table:
        return Saved(session=state)
    form = table.pop("served")
    if type(form) is not int or form != FORMAT:
        raise StateError(f"The state of a served session must have format {FORMAT}. Save it with this version.")
    for added in ("ttl", "analytics"):  # which older ones do not have
        table.setdefault(added, None)
    if table.keys() != {f.name for f in dataclasses.fields(Saved)} or not all(_fits(*item) for item in table.items()):
        raise StateError("The state of a served session must be one that was saved; it is not. Save it again.")
    return Saved(**{**table, "session": table["session"].tobytes()})


def _fits(field: str, value: Any) -> bool:
    """Tell whether a field holds what it may."""
    if field == "session":
        return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1
    if field == "counts":
        return isinstance(value, dict) and all(type(one) is int and 0 <= one < 2**63 for one in value.values())
    if field == "name":
        return isinstance(value, str) and len(value) <= NAME
    if field == "ttl":
        return value is None or (type(value) in (int, float) and 0 < value < float("inf"))
    if field == "policy":
        return value is None or (isinstance(value, str) and value in ("every", "newest"))
    if field in ("tracker", "analytics"):
        return value is None or isinstance(value, dict)
    return value is None or type(value) in (int, float)  # rate and time
