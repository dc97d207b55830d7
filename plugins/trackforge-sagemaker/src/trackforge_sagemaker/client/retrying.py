"""When a call is made again, and after how long: endpoints that come back from no instance take minutes.

Failures are of three sorts. *Not taken*: nothing has happened yet (throttled, no capacity, the model is not ready), so
the call may be made again whatever it is. *Unsure*: the answer is lost (a timeout, a container that broke off), so only
what does no harm twice may be made again. *Final*: the same would come again.

Source: Amazon SageMaker AI developer guide: errors of InvokeEndpoint; what inference components without a copy answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal, TypeVar

from trackforge_sagemaker.client.failures import (
    AwsError,
    ModelFailedError,
    ThrottledError,
    UnreachableError,
    code_of,
)

__all__ = ["Outcome", "Patience", "outcome"]

log = logging.getLogger(__name__)
T = TypeVar("T")
Outcome = Literal["not taken", "unsure", "final"]
_NOT_READY = frozenset({"ModelNotReadyException", "ServiceUnavailable", "ServiceUnavailableException"})
_UNSURE = frozenset({"InternalFailure", "InternalServerException", "InternalDependencyException", "InternalError"})
_WORDS = ("no capacity", "scaling may be in-progress", "not ready", "no instances")
"""In what AWS says of an inference component, or a variant, that has no copy just now."""
_LONGEST = 20.0
"""Seconds between two attempts, at most."""
_SAID = 5.0
"""Seconds of waiting from which on it is said that somebody waits."""


def outcome(error: BaseException) -> Outcome:
    """Tell what a failure means for the call."""
    cause = error.__cause__ or error
    code, text = code_of(cause), str(error).lower()
    if isinstance(error, ModelFailedError):
        if error.status in (429, 503):
            return "not taken"
        return "unsure" if error.status in (0, 500, 502, 504) else "final"
    if isinstance(error, ThrottledError) or code in _NOT_READY or any(word in text for word in _WORDS):
        return "not taken"
    return "unsure" if isinstance(error, UnreachableError) or code in _UNSURE else "final"


class Patience:
    """Makes a call again as long as that can help.

    Args:
        patience: Seconds that may be waited for an endpoint that takes no calls as yet.
        attempts: Times that a call whose answer was lost is made, at most.
        first: Seconds before the second attempt; each wait after it is longer by half, 20 s at most.
    """

    def __init__(self, patience: float = 900.0, *, attempts: int = 4, first: float = 1.0) -> None:
        self.patience, self.attempts, self.first = patience, attempts, first

    def __call__(self, call: Callable[[], T], *, again: bool = True) -> T:
        """Make a call and return its answer.

        Args:
            call: Raises an `AwsError` where it fails.
            again: Whether it does no harm twice.

        Raises:
            AwsError: It failed for good, or patience is at an end.
        """
        begun, wait, lost, told = time.monotonic(), self.first, 0, False
        while True:
            try:
                return call()
            except AwsError as error:
                kind = outcome(error)
                lost += kind == "unsure"
                waited = time.monotonic() - begun
                if kind == "final" or (kind == "unsure" and (not again or lost >= self.attempts)):
                    raise
                if waited + wait > self.patience and kind == "not taken":
                    raise _given_up(error, waited) from error
                if waited >= _SAID and not told:
                    told = True
                    log.warning("the endpoint takes no calls as yet; waiting for it, %g s at most", self.patience)
            time.sleep(wait)
            wait = min(1.5 * wait, _LONGEST)


def _given_up(error: AwsError, waited: float) -> AwsError:
    more = f" Waited {waited:.0f} s; a larger patience waits longer." if waited >= 1 else ""
    return type(error)(f"{error}{more}")
