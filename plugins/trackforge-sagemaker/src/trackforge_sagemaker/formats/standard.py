"""Sessions as AWS's container standard has them: ``{"requestType": "NEW_SESSION"}`` and ``{"requestType": "CLOSE"}``.

The standard knows no other key. Ours are optional, and say how a new session tracks: ``tracker`` (a name, or a table
with ``name`` and settings), ``frame_rate``, ``name``, ``policy`` and ``analytics`` (tables by name, beside those of the
model). CLOSE with ``"state": true`` is answered by the
session as base64, and NEW_SESSION with that as ``state`` goes on where it was closed, on any instance.

Source: model-hosting-container-standards (Apache-2.0), its documentation of sticky sessions.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trackforge.errors import DataError, did_you_mean
from trackforge.intake.documents import finite_number

__all__ = ["SessionRequest", "read_session_request"]

_KEYS = {
    "NEW_SESSION": ("requestType", "tracker", "frame_rate", "name", "policy", "analytics", "state"),
    "CLOSE": ("requestType", "state"),
}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class SessionRequest:
    """What is asked: a session to be opened, and how, or one to be closed.

    Attributes:
        kind: ``NEW_SESSION`` or ``CLOSE``.
        tracker: Name of a tracker, or name and settings; None for the server's.
        frame_rate: Frames a second, or None.
        name: Of the sequence.
        policy: None for the server's.
        state: Where another session was closed, to go on there.
        save: Whether the state is wanted of the session that is closed.
        analytics: Tables of analytics by name; None for the server's.
    """

    kind: str
    tracker: str | Mapping[str, Any] | None = None
    frame_rate: float | None = None
    name: str = ""
    policy: Literal["every", "newest"] | None = None
    state: bytes | None = None
    save: bool = False
    analytics: Mapping[str, Any] | None = None


def read_session_request(document: Mapping[str, Any]) -> SessionRequest:
    """Read a request whose key ``requestType`` is there.

    Raises:
        DataError: A key is unknown, or its value is none that it may have.
    """
    kind = next((one for one in _KEYS if one == document.get("requestType")), None)
    if kind is None:
        raise DataError(f'"requestType" must be NEW_SESSION or CLOSE; got {str(document.get("requestType"))[:40]!a}.')
    for key in document:
        if key not in _KEYS[kind]:
            raise DataError(
                f"A request of the type {kind} has no key {key[:80]!a}.{did_you_mean(key[:80], _KEYS[kind])} "
                f"It may have: {', '.join(_KEYS[kind])}."
            )
    if kind == "CLOSE":
        if document.get("state", False) not in (True, False):
            raise DataError('"state" of CLOSE must be true or false: whether the state of the session is wanted.')
        return SessionRequest(kind, save=document.get("state") is True)
    tracker, name, policy = document.get("tracker"), document.get("name", ""), document.get("policy")
    if tracker is not None and not isinstance(tracker, (str, Mapping)):
        raise DataError('"tracker" must be the name of one, or an object with "name" and settings.')
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise DataError(f'"name" must be a text of {_LONGEST_NAME} characters at most.')
    if policy not in (None, "every", "newest"):
        raise DataError('"policy" must be "every" or "newest".')
    analytics = document.get("analytics")
    if analytics is not None and not isinstance(analytics, Mapping):
        raise DataError('"analytics" must be tables by name: {"lines": {"lines": "door=0,50% 100%,50%"}}.')
    rate, state = _rate(document.get("frame_rate")), _state(document.get("state"))
    return SessionRequest(kind, tracker, rate, name, policy, state, analytics=analytics)


def _state(value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:  # binascii.Error is one
        raise DataError('"state" must be what CLOSE with "state": true was answered by.') from error


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
