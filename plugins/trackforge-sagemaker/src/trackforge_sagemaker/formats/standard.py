"""Sessions as AWS's container standard has them: ``{"requestType": "NEW_SESSION"}`` and ``{"requestType": "CLOSE"}``.

The standard knows no other key. Ours are optional, and say how the session tracks: ``tracker`` (a name, or a table
with ``name`` and settings), ``frame_rate``, ``name`` and ``policy``.

Source: model-hosting-container-standards (Apache-2.0), its documentation of sticky sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trackforge.errors import DataError, did_you_mean
from trackforge.intake.documents import finite_number

__all__ = ["SessionRequest", "read_session_request"]

_KEYS = ("requestType", "tracker", "frame_rate", "name", "policy")
_KINDS: tuple[Literal["NEW_SESSION", "CLOSE"], ...] = ("NEW_SESSION", "CLOSE")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class SessionRequest:
    """What is asked: a session to be opened, and how, or one to be closed."""

    kind: Literal["NEW_SESSION", "CLOSE"]
    tracker: str | Mapping[str, Any] | None = None
    frame_rate: float | None = None
    name: str = ""
    policy: Literal["every", "newest"] | None = None


def read_session_request(document: Mapping[str, Any]) -> SessionRequest:
    """Read a request whose key ``requestType`` is there.

    Raises:
        DataError: A key is unknown, or its value is none that it may have.
    """
    for key in document:
        if key not in _KEYS:
            raise DataError(
                f"A session's request has no key {key[:80]!r}.{did_you_mean(key[:80], _KEYS)} "
                f"It may have: {', '.join(_KEYS)}."
            )
    kind = next((one for one in _KINDS if one == document.get("requestType")), None)
    if kind is None:
        raise DataError(f'"requestType" must be NEW_SESSION or CLOSE; got {str(document.get("requestType"))[:40]!r}.')
    tracker, name, policy = document.get("tracker"), document.get("name", ""), document.get("policy")
    if tracker is not None and not isinstance(tracker, (str, Mapping)):
        raise DataError('"tracker" must be the name of one, or an object with "name" and settings.')
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise DataError(f'"name" must be a text of {_LONGEST_NAME} characters at most.')
    if policy not in (None, "every", "newest"):
        raise DataError('"policy" must be "every" or "newest".')
    return SessionRequest(kind, tracker, _rate(document.get("frame_rate")), name, policy)


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    try:
        rate = finite_number(value)
    except ValueError as error:
        raise DataError(f'"frame_rate" {error}.') from error
    if not 0 < rate <= 10_000:
        raise DataError(f'"frame_rate" must be a number of frames per second above 0; got {rate:g}.')
    return rate
