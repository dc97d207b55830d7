"""What SNS tells of asynchronous invocations, as it arrives in a queue of SQS.

AWS documents the message of a success, and of a failure only in part; so every key is looked for, and none is needed
but the id. A queue may get the envelope of SNS or, with raw delivery, the message itself.

Source: Amazon SageMaker AI developer guide, "Check prediction results", for the message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.documents import parse_json
from trackforge_sagemaker.client.connecting import client
from trackforge_sagemaker.client.failures import explaining

__all__ = ["Notice", "Notices", "read_notice"]

_LONGEST_WAIT = 20
"""Seconds that SQS lets a request wait for messages."""


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
    """Reads a queue. Messages of invocations that are not asked for stay in it, for whoever waits for them.

    Args:
        queue: Address of the queue.
        sqs: boto3's client of SQS; None makes one.
        region: For the client that is made.
        profile: Likewise.
    """

    def __init__(self, queue: str, *, sqs: Any = None, region: str | None = None, profile: str | None = None) -> None:
        self.queue = queue
        self._sqs = sqs or client("sqs", region=region, profile=profile)

    def receive(self, mine: Callable[[str], bool], *, wait: float = _LONGEST_WAIT) -> list[Notice]:
        """Take messages out of the queue.

        Args:
            mine: Tells by its id whether an invocation is asked for.
            wait: Seconds to wait for a first one, 20 at most.

        Raises:
            AwsError: The queue cannot be read.
        """
        found = []
        with explaining("sqs", "ReceiveMessage", f"read the queue {self.queue}"):
            answer = self._sqs.receive_message(
                QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=int(max(0, min(wait, _LONGEST_WAIT)))
            )
        for message in answer.get("Messages", ()):
            notice = None
            with contextlib.suppress(DataError):
                notice = read_notice(message["Body"])
            if notice is not None and mine(notice.inference):
                found.append(notice)
                with explaining("sqs", "DeleteMessage"):
                    self._sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            else:  # at once for whoever wants it
                with contextlib.suppress(Exception):
                    self._sqs.change_message_visibility(
                        QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                    )
        return found
