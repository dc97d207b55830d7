"""One endpoint, as SageMaker's runtime offers it: a body there, an answer back, sizes looked at beforehand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import ConfigError, InvalidInputError
from trackforge_sagemaker.client.connecting import client
from trackforge_sagemaker.client.failures import explaining
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.client.ways import LIMITS

__all__ = ["Endpoint", "Reply", "check_endpoint"]

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def check_endpoint(name: str) -> str:
    """Return the name of an endpoint, if it is one.

    Raises:
        ConfigError: It is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"endpoint must be a name of letters, digits and hyphens, 63 at most; got {name!r}.")
    return name


@dataclass(frozen=True)
class Reply:
    """What an endpoint answered.

    Attributes:
        body: All of it.
        kind: Its ``Content-Type``.
        session: Id of the session that was opened, without the time at which it ends; or empty.
        expires: That time as SageMaker writes it, or empty.
        closed: Id of the session that was closed, or empty.
    """

    body: bytes
    kind: str = ""
    session: str = ""
    expires: str = ""
    closed: str = ""


class Endpoint:
    """Calls an endpoint in real time; for any number of threads.

    Args:
        name: Of the endpoint.
        runtime: boto3's client of ``sagemaker-runtime``; None makes one that makes each call once.
        region: For the client that is made; None for the usual one.
        profile: Likewise.
        component: Inference component that is meant.
        variant: Production variant that is meant.
        limit: Bytes of a body, at most; an account may have been granted more.
        patience: Who decides when a call is made again.
        connections: Calls at once.

    Raises:
        ConfigError: The name is none, or no region is known.
        MissingDependencyError: boto3 is not installed.
    """

    def __init__(
        self,
        name: str,
        *,
        runtime: Any = None,
        region: str | None = None,
        profile: str | None = None,
        component: str = "",
        variant: str = "",
        limit: int = LIMITS["real-time"].payload,
        patience: Patience | None = None,
        connections: int = 10,
    ) -> None:
        self.name, self.limit, self.patience = check_endpoint(name), limit, patience or Patience()
        told = {"InferenceComponentName": component, "TargetVariant": variant}
        self._told = {key: value for key, value in told.items() if value}
        self._runtime = runtime or client(
            "sagemaker-runtime", region=region, profile=profile, attempts=1, connections=connections
        )

    @property
    def region(self) -> str:
        """Where the endpoint is."""
        return str(self._runtime.meta.region_name)

    def __call__(
        self,
        body: bytes,
        kind: str,
        *,
        accept: str = "application/json",
        session: str = "",
        attributes: str = "",
        again: bool = True,
    ) -> Reply:
        """Send a body and return the answer.

        Args:
            body: What is sent.
            kind: Its ``Content-Type``.
            accept: Which form is wanted.
            session: Id of the session, ``NEW_SESSION``, or nothing.
            attributes: ``CustomAttributes``, which the container sees.
            again: Whether it does no harm to send it twice.

        Raises:
            InvalidInputError: The body is too large.
            AwsError: The endpoint refused it, failed at it, or cannot be reached.
        """
        self.check_size(body)
        request: dict[str, Any] = {"EndpointName": self.name, "ContentType": kind, "Accept": accept, "Body": body}
        request |= self._told
        request |= {"SessionId": session} if session else {}
        request |= {"CustomAttributes": attributes} if attributes else {}
        return self.patience(lambda: self._once(request), again=again)

    def check_size(self, body: bytes) -> None:
        """Refuse a body that SageMaker would refuse after all of it was sent.

        Raises:
            InvalidInputError: It is too large.
        """
        if len(body) > self.limit:
            raise InvalidInputError(
                f"A request in real time must have at most {self.limit:,} bytes; got {len(body):,}. Send a smaller "
                "picture, or JPEG of a lower quality; or put it into S3 and ask asynchronously ('trackforge sagemaker "
                "choose' compares)."
            )

    def _once(self, request: Mapping[str, Any]) -> Reply:
        with explaining("sagemaker-runtime", "InvokeEndpoint", f"ask the endpoint {self.name}"):
            answer = self._runtime.invoke_endpoint(**request)
            body = answer["Body"].read()
        opened, _, rest = str(answer.get("NewSessionId") or "").partition(";")
        expires = rest.partition("Expires=")[2].strip()
        return Reply(
            body=body,
            kind=str(answer.get("ContentType") or ""),
            session=opened.strip(),
            expires=expires,
            closed=str(answer.get("ClosedSessionId") or ""),
        )
