"""SageMaker's headers: read with care, since the client chose their values, and written only where they are harmless.

Source: botocore's service model of SageMaker Runtime (Apache-2.0): patterns and lengths of the fields.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping

from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.limits import limits

__all__ = [
    "ATTRIBUTES", "CLOSED_SESSION", "INFERENCE", "NEW_SESSION", "SESSION", "Hints", "echoed", "expiring", "hints",
    "session_id",
]  # fmt: skip

SESSION = "x-amzn-sagemaker-session-id"
NEW_SESSION = "x-amzn-sagemaker-new-session-id"
CLOSED_SESSION = "x-amzn-sagemaker-closed-session-id"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
INFERENCE = "x-amzn-sagemaker-inference-id"

_ID = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_PRINTABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_LONGEST = {ATTRIBUTES: 1024, INFERENCE: 64}
_LONGEST_ID = 256
_LAST = 253_402_300_799
"""The last second that a date of four digits can name."""
_CAMERA = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Hints:
    """What ``X-Amzn-SageMaker-Custom-Attributes`` says about a frame.

    Attributes:
        camera: Which camera a frame without a session is of; empty for the only one.
        index: Of the frame, or None to count on.
        timestamp: Seconds since the first frame, or None.
    """

    __slots__ = ("camera", "index", "timestamp")

    def __init__(self, camera: str = "", index: int | None = None, timestamp: float | None = None) -> None:
        self.camera, self.index, self.timestamp = camera, index, timestamp


def session_id(headers: Mapping[str, str]) -> str:
    """Return the id that a request names, ``NEW_SESSION``, or nothing.

    Raises:
        DataError: It is none that SageMaker would pass on.
    """
    given = headers.get(SESSION, "").strip()
    if not given or given == "NEW_SESSION":
        return given
    if len(given) > _LONGEST_ID or not _ID.fullmatch(given):
        raise DataError(
            "X-Amzn-SageMaker-Session-Id must be NEW_SESSION, or an id of letters, digits and hyphens within; got "
            f"{given[:40]!a}."
        )
    return given


def echoed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return custom attributes and inference id for the answer, where they are printable and not too long."""
    found = {}
    for name, longest in _LONGEST.items():
        value = headers.get(name, "").strip()
        if value and len(value) <= longest and _PRINTABLE.fullmatch(value):
            found[name] = value
    return found


def hints(headers: Mapping[str, str]) -> Hints:
    """Read ``trackforge-camera=gate; trackforge-index=7; trackforge-timestamp=0.28`` out of the custom attributes.

    Whatever else stands there is the client's own affair.

    Raises:
        DataError: One of the three has a value that it cannot have.
    """
    found = Hints()
    for part in re.split(r"[;,]", headers.get(ATTRIBUTES, "")[: _LONGEST[ATTRIBUTES]]):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name.lower().startswith("trackforge-"):
            continue
        try:
            _take(found, name.lower().removeprefix("trackforge-"), value)
        except ValueError as error:
            raise DataError(f"Custom attribute {name[:40]!a} {error}.") from error
    return found


def _take(found: Hints, name: str, value: str) -> None:
    if name == "camera":
        if not _CAMERA.fullmatch(value):
            raise ValueError("must be a name of letters, digits, '.', '_' and '-', 64 at most")
        found.camera = value
    elif name == "index":
        found.index = whole_number(value, 0, limits().frames)
    elif name == "timestamp":
        found.timestamp = finite_number(value)


def expiring(identity: str, when: float) -> str:
    """Return the value of the header that tells a new session's id.

    >>> expiring("abc", 1_700_000_000.9)
    'abc; Expires=2023-11-14T22:13:20Z'

    Args:
        identity: The id.
        when: Seconds since 1970 at which it expires, unless it is used.
    """
    moment = dt.datetime.fromtimestamp(math.floor(min(when, _LAST)), tz=dt.timezone.utc)
    return f"{identity}; Expires={moment:%Y-%m-%dT%H:%M:%SZ}"
