"""What is refused before an engine hears of it: by the form of a request, not by what it asks for.

======================= ====== ===============================================================
error                   status meaning
======================= ====== ===============================================================
`BadRequest`            400    a parameter, a body or a header is wrong
`Unauthorised`          401    the token is missing or wrong
`ForeignOrigin`         403    a web page of another origin asks for what changes something
`SlowBody`              408    the body does not come, or comes too slowly
`WrongType`             415    the body is of a kind, or in an encoding, that the operation takes not
`ForeignHost`           421    the server is asked for under a name that is not its own
`UpgradeRequired`       426    a WebSocket was asked for as a plain request
`Overloaded`            503    as many requests are at work as may be
`Late`                  504    the answer was not ready within the time for a request
======================= ====== ===============================================================
"""

from __future__ import annotations

from trackforge.serving.refusals import Refusal

__all__ = [
    "BadRequest",
    "ForeignHost",
    "ForeignOrigin",
    "Late",
    "Overloaded",
    "SlowBody",
    "Unauthorised",
    "UpgradeRequired",
    "WrongType",
]


class BadRequest(Refusal):
    """A parameter, a body or a header is wrong."""

    status = 400


class Unauthorised(Refusal):
    """The token is missing or wrong."""

    status = 401


class ForeignOrigin(Refusal):
    """A web page of another origin asks for what changes something."""

    status = 403


class SlowBody(Refusal):
    """The body of a request does not come, or comes too slowly."""

    status = 408


class WrongType(Refusal):
    """A body is of a kind, or in an encoding, that the operation does not take."""

    status = 415


class ForeignHost(Refusal):
    """The server is asked for under a name that is not its own."""

    status = 421


class UpgradeRequired(Refusal):
    """A WebSocket was asked for as a plain request."""

    status = 426


class Overloaded(Refusal):
    """As many requests are at work as may be."""

    status = 503
    retry_after = 1.0


class Late(Refusal):
    """The answer was not ready within the time that a request may take."""

    status = 504
