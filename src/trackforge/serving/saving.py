"""A served session as bytes (`trackforge.packing`): what its tracker knows, and what a client was told about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from trackforge.errors import StateError
from trackforge.packing import pack, unpack

__all__ = ["Saved", "read_saved"]

FORMAT = 1


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
        counts: ``frames``, ``dropped`` and ``failed`` so far.
    """

    session: bytes
    tracker: Mapping[str, Any] | None = None
    name: str = ""
    rate: float | None = None
    policy: str | None = None
    time: float | None = None
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)

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
    if table.pop("served") != FORMAT:
        raise StateError(f"The state of a served session must have format {FORMAT}. Save it with this version.")
    try:
        inner = np.asarray(table.pop("session"), np.uint8).tobytes()
        counts = {str(key): max(0, int(value)) for key, value in dict(table.pop("counts")).items()}
        saved = Saved(session=inner, counts=counts, **table)
        texts = isinstance(saved.name, str) and isinstance(saved.policy, (str, type(None)))
        numbers = all(isinstance(one, (float, int, type(None))) for one in (saved.rate, saved.time))
        if not (texts and numbers and isinstance(saved.tracker, (Mapping, type(None)))):
            message = "its fields are of the wrong kinds"
            raise TypeError(message)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise StateError(
            f"The state of a served session must be one that was saved; {error}. Save it again."
        ) from error
    return saved
