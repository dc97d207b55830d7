"""What SNS tells of asynchronous invocations, as it arrives in a queue of SQS.

AWS documents the message of a success, and of a failure only in part; so every key is looked for, and none is needed
but the id. A queue may get the envelope of SNS or, with raw delivery, the message itself.

Source: Amazon SageMaker AI developer guide, "Check prediction results", for the message.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.documents import parse_json
from trackforge_sagemaker.client.connecting import client
from trackforge_sagemaker.client.failures import explaining

__all__ = ["Notice", "Notices", "read_notice"]

_LONGEST_WAIT = 20
"""Seconds that SQS lets a request wait for messages."""
_TURN = 5.0
"""Seconds that one thread reads for all, until another may."""
_GLANCE = 0.2
"""Seconds between two looks of those that do not read."""
_HIDDEN = 2
"""Seconds after which others see a message that is theirs."""


@dataclass(frozen=True)
class Notice:
    """What a message says.

    Attributes:
        inference: Id of the invocation.
        done: Whether it was carried out.
        output: Address of the result, or empty.
        failure: Address of the reason, or empty.
        reason: Why it failed, as far as the message tells.
        endpoint: Name of the endpoint, or empty.
        source: Address of the input, or empty.
    """

    inference: str
    done: bool
    output: str = ""
    failure: str = ""
    reason: str = ""
    endpoint: str = ""
    source: str = ""


def read_notice(body: str) -> Notice:
    """Read the body of a message.

    >>> read_notice('{"inferenceId": "a", "invocationStatus": "Failed", "failureReason": "no film"}').reason
    'no film'

    Raises:
        DataError: It is no message about an invocation.
    """
    told = parse_json(body, "A message")
    if isinstance(told, Mapping) and isinstance(told.get("Message"), str) and "inferenceId" not in told:
        told = parse_json(told["Message"], "The message of SNS")
    if not isinstance(told, Mapping) or not isinstance(told.get("inferenceId"), str):
        raise DataError(f"A message about an invocation must have its inferenceId; got {str(told)[:80]}.")
    asked, answered = (_part(told, name) for name in ("requestParameters", "responseParameters"))
    status = str(told.get("invocationStatus", "")).casefold()
    reason = told.get("failureReason") or answered.get("failureReason") or told.get("failureMessage") or ""
    failure = answered.get("failureLocation") or told.get("failureLocation") or ""
    output = answered.get("outputLocation") or ""
    done = status == "completed" if status else bool(output) and not (failure or reason)
    return Notice(
        inference=told["inferenceId"],
        done=done,
        output=str(output),
        failure=str(failure),
        reason=str(reason),
        endpoint=str(asked.get("endpointName", "")),
        source=str(asked.get("inputLocation", "")),
    )


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, Mapping) else {}


class Notices:
    """Reads a queue, for any number of threads. Messages that nobody here waits for stay in it, for whoever does.

    Args:
        queue: Address of the queue.
        sqs: boto3's client of SQS; None makes one.
        region: For the client that is made.
        profile: Likewise.
    """

    def __init__(self, queue: str, *, sqs: Any = None, region: str | None = None, profile: str | None = None) -> None:
        self.queue = queue
        self._sqs = sqs or client("sqs", region=region, profile=profile)
        self._wanted: set[str] = set()
        self._found: dict[str, Notice] = {}
        self._guard, self._reading = threading.Lock(), threading.Lock()

    def take(self, inference: str, *, wait: float = _LONGEST_WAIT) -> Notice | None:
        """Return the message about an invocation, or None if none comes in so many seconds.

        One thread reads the queue for all that wait.

        Raises:
            AwsError: The queue cannot be read.
        """
        until = time.monotonic() + wait
        with self._guard:
            self._wanted.add(inference)
        while True:
            with self._guard:
                if inference in self._found or time.monotonic() >= until:
                    self._wanted.discard(inference)
                    return self._found.pop(inference, None)
            if self._reading.acquire(timeout=_GLANCE):
                try:
                    self._read(min(until - time.monotonic(), _TURN))
                finally:
                    self._reading.release()

    def _read(self, wait: float) -> None:
        """Take what is wanted out of the queue; wait so many seconds for a first message."""
        with explaining("sqs", "ReceiveMessage", f"read the queue {self.queue}"):
            answer = self._sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=max(0, min(math.ceil(wait), _LONGEST_WAIT))
            )
        messages = answer.get("Messages", ())
        ours = 0
        for message in messages:
            notice = None
            with contextlib.suppress(DataError):
                notice = read_notice(message["Body"])
            with self._guard:
                wanted = notice is not None and notice.inference in self._wanted
                if wanted and notice is not None:
                    self._found[notice.inference] = notice
            ours += wanted
            receipt = {"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]}
            with explaining("sqs", "DeleteMessage" if wanted else "ChangeMessageVisibility"):
                if wanted:
                    self._sqs.delete_message(**receipt)
                else:  # soon again for whoever wants it
                    self._sqs.change_message_visibility(**receipt, VisibilityTimeout=_HIDDEN)
        if messages and not ours:  # others' would come at once, again and again
            time.sleep(_GLANCE)
