"""Asynchronous invocations: the input to S3 (or along with the call), then a wait for the result *and* the failure.

Who looks for the result alone waits for ever where there is none; so both places are looked at, or a queue is read that
SNS tells of both.

>>> films = AsyncEndpoint("films", place="s3://bucket/async")  # doctest: +SKIP
>>> sent = films.submit(Path("street.mp4"), accept="application/jsonlines")  # doctest: +SKIP
>>> films.fetch(sent, Path("street.jsonl"))  # doctest: +SKIP
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, InvalidInputError
from trackforge_sagemaker.client.connecting import client
from trackforge_sagemaker.client.contents import digest_of, kind_of
from trackforge_sagemaker.client.failures import (
    AwsError,
    GoneError,
    ModelFailedError,
    UnreachableError,
    code_of,
    explaining,
)
from trackforge_sagemaker.client.invoking import check_endpoint
from trackforge_sagemaker.client.messages import Notices
from trackforge_sagemaker.client.places import fetch, split_place
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.client.ways import LIMITS

__all__ = ["INLINE", "AsyncEndpoint", "Submission"]

INLINE = 128_000
"""Bytes that may come with a call, in place of an address in S3."""
_FIRST, _LONGEST = 0.2, 15.0
"""Seconds between two looks, at first and at last."""
_REMINDED = 60.0
"""Seconds after which S3 is looked at though a queue should tell: messages can be lost."""
_TURN, _LATE = 20.0, 0.5
"""Seconds that the queue is read between two looks whether to stop; that the message of what is there may take."""
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_REASON = 4000


@dataclass(frozen=True)
class Submission:
    """An invocation that was taken on.

    Attributes:
        inference: Its id.
        output: Where its result will be.
        failure: Where the reason will be if it fails; empty where the endpoint has no place for that.
        source: Address of its input; empty where that came with the call.
    """

    inference: str
    output: str
    failure: str = ""
    source: str = ""


class AsyncEndpoint:
    """An endpoint that works through a queue; for any number of threads.

    Args:
        name: Of the endpoint.
        place: Where inputs are put, ``s3://bucket/prefix``; needed for files above 128,000 bytes.
        runtime: boto3's client of ``sagemaker-runtime``; None makes one.
        s3: The same of S3.
        region: For clients that are made.
        profile: Likewise.
        ttl: Seconds that a request may wait in the queue, 60 to 21,600.
        timeout: Seconds that the container may take for one, 1 to 3,600.
        patience: Who decides when a call is made again.

    Raises:
        ConfigError: The name is none, or a time is out of range.
    """

    def __init__(
        self,
        name: str,
        *,
        place: str = "",
        runtime: Any = None,
        s3: Any = None,
        region: str | None = None,
        profile: str | None = None,
        ttl: int = 21_600,
        timeout: int = 3600,
        patience: Patience | None = None,
    ) -> None:
        self.name, self.place, self.patience = check_endpoint(name), place.rstrip("/"), patience or Patience()
        for what, value, least, most in (("ttl", ttl, 60, 21_600), ("timeout", timeout, 1, 3600)):
            if not least <= value <= most:
                raise ConfigError(f"{what} must be {least} to {most} s, as SageMaker has it; got {value}.")
        if place:
            split_place(place)
        self._ttl, self._timeout = ttl, timeout
        self._runtime = runtime or client("sagemaker-runtime", region=region, profile=profile, attempts=1)
        self.s3 = s3 or client("s3", region=region, profile=profile)

    def submit(
        self,
        source: Path | bytes | str,
        *,
        kind: str = "",
        accept: str = "application/json",
        name: str = "",
        attributes: str = "",
    ) -> Submission:
        """Send an input.

        Args:
            source: A file; its bytes; or an address in S3 where it lies already.
            kind: Its content type; guessed by the ending where it is not given.
            accept: Which form is wanted.
            name: What bytes are called in S3.
            attributes: ``CustomAttributes``, which the container sees.

        Raises:
            InvalidInputError: It is too large, or there is no place to put it.
            AwsError: It cannot be put there, or the endpoint refused it.
        """
        inference = str(uuid.uuid4())
        request: dict[str, Any] = {
            "EndpointName": self.name,
            "Accept": accept,
            "InferenceId": inference,
            "RequestTTLSeconds": self._ttl,
            "InvocationTimeoutSeconds": self._timeout,
            "ContentType": kind or kind_of(source if isinstance(source, (str, Path)) else name),
        }
        request |= {"CustomAttributes": attributes} if attributes else {}
        request |= self._input(source, name)

        def once() -> Any:
            with explaining("sagemaker-runtime", "InvokeEndpointAsync", f"ask the endpoint {self.name}"):
                return self._runtime.invoke_endpoint_async(**request)

        answer = self.patience(once, again=False)
        return Submission(
            inference=str(answer.get("InferenceId") or inference),
            output=str(answer["OutputLocation"]),
            failure=str(answer.get("FailureLocation") or ""),
            source=str(request.get("InputLocation", "")),
        )

    @property
    def region(self) -> str:
        """Where the endpoint is."""
        return str(self._runtime.meta.region_name)

    def ended(self, sent: Submission) -> bool | None:
        """Tell whether there is a result (True), a failure (False), or neither as yet (None)."""
        if self._there(sent.output):
            return True
        return False if sent.failure and self._there(sent.failure) else None

    def wait(
        self,
        sent: Submission,
        *,
        patience: float | None = None,
        notices: Notices | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Wait until there is a result.

        Args:
            sent: The invocation.
            patience: Seconds; None for as long as the request may live and be worked on.
            notices: A queue that tells; without one S3 is looked at, less and less often.
            stop: Ends the waiting, once set.

        Raises:
            AwsError: The waiting was stopped.
            ModelFailedError: It failed; the message has the reason.
            UnreachableError: There is neither result nor failure, in all that time.
        """
        patience = self._ttl + self._timeout + _REMINDED if patience is None else patience
        until, wait = time.monotonic() + patience, _FIRST
        looked, heard, stop = -_REMINDED, False, stop or threading.Event()
        while not stop.is_set():
            now = time.monotonic()
            if notices is None or now - looked >= _REMINDED:
                looked = now
                if (done := self.ended(sent)) is not None:
                    if notices is not None and not heard:  # whose message nobody else wants
                        notices.take(sent.inference, wait=_LATE)
                    if not done:
                        raise self.failed(sent)
                    return
            if now >= until:
                raise UnreachableError(
                    f"An invocation must end in {patience:g} s; of {sent.inference} there is neither a result "
                    f"({sent.output}) nor a failure ({sent.failure or 'the endpoint has no place for failures'}). "
                    "Does the endpoint scale from zero? Its log tells: trackforge sagemaker logs."
                )
            if notices is None:
                stop.wait(min(wait, max(until - now, 0)))
                wait = min(1.5 * wait, _LONGEST)
                continue
            one = notices.take(sent.inference, wait=min(_TURN, until - now))
            if one is not None and not one.done:
                raise self.failed(sent, one.reason)
            if one is not None:  # the result is there, or will be in a moment
                looked, heard = -_REMINDED, True
        raise AwsError(f"The waiting for {sent.inference} was stopped; it goes on without us: {sent.output}.")

    def failed(self, sent: Submission, reason: str = "") -> ModelFailedError:
        """Return why an invocation failed, as an error to be raised."""
        try:
            bucket, key = split_place(sent.failure)
            with explaining("s3", "GetObject"):
                body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read(_REASON)
            reason = body.decode("utf-8", "replace")
        except (AwsError, InvalidInputError):
            reason = reason or "no reason is given"
        status = re.search(r"\((\d{3})\)", reason)
        told = " ".join(reason.split())
        what = sent.source or sent.inference
        return ModelFailedError(
            f"The endpoint {self.name} failed at {what}: {told} (also in {sent.failure})",
            status=int(status[1]) if status else 0,
            reason=told,
        )

    def fetch(
        self,
        sent: Submission,
        path: Path,
        *,
        patience: float | None = None,
        notices: Notices | None = None,
        stop: threading.Event | None = None,
    ) -> Path:
        """Wait for a result, and copy it to a file, whole or not at all; raises as `wait` does."""
        self.wait(sent, patience=patience, notices=notices, stop=stop)
        return fetch(self.s3, sent.output, path)

    def _input(self, source: Path | bytes | str, name: str) -> dict[str, Any]:
        if isinstance(source, str):
            split_place(source)
            return {"InputLocation": source}
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size <= INLINE:
            return {"Body": source if isinstance(source, bytes) else source.read_bytes()}
        if size > LIMITS["asynchronous"].payload:
            raise InvalidInputError(
                f"An asynchronous request must have at most {LIMITS['asynchronous'].payload:,} bytes; got {size:,}. "
                "Take a processing job: trackforge sagemaker process."
            )
        if not self.place:
            raise InvalidInputError(
                f"What is above {INLINE:,} bytes must be put into S3; no place is known. Give one: s3://bucket/prefix."
            )
        digest = digest_of(source)
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name or (source.name if isinstance(source, Path) else "")) or "input"
        place = f"{self.place}/{digest[:16]}-{stem}"
        if not self._there(place, size):
            self._put(source, place)
        return {"InputLocation": place}

    def _put(self, source: Path | bytes, place: str) -> None:
        bucket, key = split_place(place)
        with explaining("s3", "PutObject", f"copy the input to {place}"):
            if isinstance(source, bytes):
                self.s3.put_object(Bucket=bucket, Key=key, Body=source)
            else:
                self.s3.upload_file(str(source), bucket, key)

    def _there(self, place: str, size: int | None = None) -> bool:
        """Tell whether an object is there, of a size where one is given."""
        bucket, key = split_place(place)
        try:
            with explaining("s3", "HeadObject", f"look for {place}"):
                answer = self.s3.head_object(Bucket=bucket, Key=key)
        except GoneError as error:
            if code_of(error.__cause__ or error) in _ABSENT:
                return False
            raise
        return size is None or int(answer["ContentLength"]) == size
