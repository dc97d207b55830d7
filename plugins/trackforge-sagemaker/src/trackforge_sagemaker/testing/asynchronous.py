"""Asynchronous invocations: from S3, or from the request, through a container, to S3, and a word to SNS.

Bodies go from S3 to the container, and results to S3, without being held whole in memory. The clients of S3 and SNS are
whatever has boto3's methods; nothing of AWS is imported here.

Source: Amazon SageMaker AI developer guide, "Asynchronous inference"; botocore's service model for limits.
"""

from __future__ import annotations

import datetime as dt
import http.client
import io
import json
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from trackforge_sagemaker.testing.instances import AsyncOutput, HostedEndpoint, Routing, Unreachable, calling

__all__ = ["Invocation", "Invoker"]

log = logging.getLogger(__name__)
_IN_MEMORY = 1 << 20
"""Bytes of a result that are not worth a file."""
_SHOWN = 2048
_GLANCE = 0.05
"""Seconds between two looks whether there is an instance."""


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One request.

    Attributes:
        inference: Its id.
        headers: What the container gets.
        location: ``s3://`` address of the body; empty where it came with the request.
        body: The body itself, where it came with the request.
        patience: Seconds that the container may take.
        place: Below the output path, with a slash at its end; may be empty.
    """

    inference: str
    headers: Mapping[str, str]
    location: str = ""
    body: bytes = b""
    patience: float = 900.0
    place: str = ""


class Invoker:
    """Carries out invocations of one endpoint, a few at a time.

    Args:
        name: Of the endpoint.
        endpoint: The endpoint.
        routing: Which instance gets which.
        s3: A client of S3, as boto3 makes it.
        sns: The same of SNS; may be None where no topic is named.
    """

    def __init__(self, name: str, endpoint: HostedEndpoint, output: AsyncOutput, routing: Routing, s3: Any, sns: Any):
        self._name, self._output, self._routing, self._s3, self._sns = name, output, routing, s3, sns
        self._workers = ThreadPoolExecutor(output.concurrency * max(len(endpoint.instances), 1), "async-invocation")

    def submit(self, given: Invocation) -> tuple[str, str]:
        """Take an invocation on; return where its result will be, and where the reason if it fails."""
        identity = str(uuid.uuid4())
        result = f"{self._output.output.rstrip('/')}/{given.place}{identity}.out"
        failure = f"{self._output.failure.rstrip('/')}/{given.place}{identity}-error.out"
        self._workers.submit(self._carry_out, given, result, failure, _now())
        return result, failure

    def close(self) -> None:
        """Wait for what was taken on."""
        self._workers.shutdown()

    def _carry_out(self, given: Invocation, result: str, failure: str, received: str) -> None:
        kind, reason = "application/octet-stream", ""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
            try:
                kind, reason = self._ask(given, kept)
                kept.seek(0)
                self._s3.upload_fileobj(kept if not reason else io.BytesIO(reason.encode()), *_parts(
                    failure if reason else result
                ))  # fmt: skip
            except Exception as error:  # whatever it is, whoever waits must hear of it
                log.exception("invocation %s failed", given.inference)
                reason = f"InternalError: {type(error).__name__}: {error}"
                self._s3.upload_fileobj(io.BytesIO(reason.encode()), *_parts(failure))
        self._tell(given, result, failure, kind, reason, received)

    def _ask(self, given: Invocation, kept: Any) -> tuple[str, str]:
        """Have the container answer into a file; return the type of the answer, and why there is none."""
        if given.location:
            bucket, key = _parts(given.location)
            found = self._s3.get_object(Bucket=bucket, Key=key)
            body, length = found["Body"], int(found["ContentLength"])
        else:
            body, length = io.BytesIO(given.body), len(given.body)
        while (instance := self._routing.choose("")) is None:  # the queue waits for the first instance
            time.sleep(_GLANCE)
        try:
            with calling(instance, given.headers, body, length, given.patience) as answer:
                if answer.status // 100 == 2:
                    shutil.copyfileobj(answer, kept)
                    return answer.headers.get("content-type", "application/octet-stream"), ""
                said = answer.read(_SHOWN).decode("utf-8", "replace")
                return "", f"Received client error ({answer.status}) from model with message {json.dumps(said)}."
        except (Unreachable, OSError, http.client.HTTPException) as error:
            return "", f"Received server error (0) from model: {error}"

    def _tell(self, given: Invocation, result: str, failure: str, kind: str, reason: str, received: str) -> None:
        topic = self._output.error_topic if reason else self._output.success_topic
        if not topic:
            return
        request = {
            "accept": given.headers.get("accept", ""),
            "contentType": given.headers.get("content-type", ""),
            "endpointName": self._name,
            "inputLocation": given.location,
        }
        outcome = (
            {"failureReason": reason, "responseParameters": {"failureLocation": failure}}
            if reason
            else {"responseParameters": {"contentType": kind, "outputLocation": result}}
        )
        message = {
            "awsRegion": "us-east-1", "eventTime": _now(), "receivedTime": received,
            "invocationStatus": "Failed" if reason else "Completed", "requestParameters": request, **outcome,
            "inferenceId": given.inference, "eventVersion": "1.0", "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }  # fmt: skip
        self._sns.publish(TopicArn=topic, Message=json.dumps(message))


def _parts(location: str) -> tuple[str, str]:
    """Return bucket and key of an address."""
    place = urlsplit(location)
    return place.netloc, place.path.lstrip("/")


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
