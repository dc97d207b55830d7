"""The instances of a hosted endpoint: who gets a request, and the request itself, as a container sees it.

A session stays with the instance that opened it; what has none goes round. An instance is an address of a running
container: ``http://127.0.0.1:8081``.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from trackforge_sagemaker.formats.headers import ATTRIBUTES, CLOSED_SESSION, INFERENCE, NEW_SESSION, SESSION

__all__ = ["FORWARDED", "RETURNED", "AsyncOutput", "HostedEndpoint", "Routing", "Unreachable", "calling"]

FORWARDED = ("content-type", "accept", ATTRIBUTES, INFERENCE, SESSION, "x-amzn-sagemaker-target-model")
"""Headers that a container gets; the platform drops all others."""
RETURNED = (ATTRIBUTES, NEW_SESSION, CLOSED_SESSION)
"""Headers of a container's answer, beside ``Content-Type``, that its client gets."""


class Unreachable(Exception):  # noqa: N818 - told to the client as SageMaker tells it
    """The container gave no answer, or none in time."""


@dataclass(frozen=True, kw_only=True)
class AsyncOutput:
    """Where the results of asynchronous invocations go: ``AsyncInferenceConfig`` of CreateEndpointConfig.

    Attributes:
        output: ``S3OutputPath``.
        failure: ``S3FailurePath``.
        success_topic: ARN of a topic of SNS that hears of results; empty for none.
        error_topic: The same, for failures.
        concurrency: ``MaxConcurrentInvocationsPerInstance``.
    """

    output: str
    failure: str
    success_topic: str = ""
    error_topic: str = ""
    concurrency: int = 1


@dataclass(frozen=True, kw_only=True)
class HostedEndpoint:
    """An endpoint: running containers, and how they are asked.

    Attributes:
        instances: Addresses of the containers.
        output: Where asynchronous results go; None for an endpoint in real time only.
        variant: Name of the production variant.
        patience: Seconds that an answer in real time may take.
    """

    instances: Sequence[str]
    output: AsyncOutput | None = None
    variant: str = "AllTraffic"
    patience: float = 60.0


class Routing:
    """Chooses instances: the same for all requests of a session."""

    def __init__(self, instances: Sequence[str]) -> None:
        self._homes: dict[str, str] = {}
        self._guard = threading.Lock()
        self.scale(instances)

    def scale(self, instances: Sequence[str]) -> None:
        """Take other instances; sessions of those that are gone go to any."""
        with self._guard:
            self._instances = tuple(instances)
            self._round = itertools.cycle(self._instances)

    def choose(self, session: str) -> str | None:
        """Return the instance for a request of a session, of ``NEW_SESSION``, or of none; None where there is none."""
        with self._guard:
            home = self._homes.get(session)
            return home if home in self._instances else next(self._round, None)

    def learn(self, instance: str, headers: Message) -> None:
        """Remember the session that an answer says was opened."""
        opened = headers.get(NEW_SESSION, "").partition(";")[0].strip()
        if opened:
            with self._guard:
                self._homes[opened] = instance


@contextlib.contextmanager
def calling(
    instance: str, headers: Mapping[str, str], body: Any, length: int, patience: float
) -> Iterator[http.client.HTTPResponse]:
    """Send a body to ``/invocations`` and give the answer, whose body is still to be read.

    Args:
        instance: Address of the container.
        headers: What it gets beside the length.
        body: Bytes, or a file that is read piece by piece.
        length: Bytes of it.
        patience: Seconds until an answer must begin, and between its parts.

    Raises:
        Unreachable: There is no answer.
    """
    place = urlsplit(instance)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=patience)
    try:
        try:
            connection.request("POST", "/invocations", body, {**headers, "content-length": str(length)})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        yield answer
    finally:
        connection.close()
