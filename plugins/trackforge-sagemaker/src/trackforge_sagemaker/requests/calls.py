"""A call that is still to be made: service, method and request, to be shown, checked, or sent by boto3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge_sagemaker.requests.checking import check

__all__ = ["Call"]


@dataclass(frozen=True)
class Call:
    """One call of boto3's.

    Attributes:
        service: Of the client, as ``boto3.client`` takes it.
        operation: The client's method.
        request: Its keyword arguments.
    """

    service: str
    operation: str
    request: Mapping[str, Any]

    def check(self) -> bool:
        """Hold the request against the service model; see `trackforge_sagemaker.requests.check`."""
        return check(self.service, self.operation, self.request)

    def send(self, client: Any) -> Any:
        """Make the call with a client of the service and return the answer."""
        return getattr(client, self.operation)(**self.request)
