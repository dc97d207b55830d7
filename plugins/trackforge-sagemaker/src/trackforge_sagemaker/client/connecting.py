"""Clients of boto3: made where they are needed, with retries and times that fit what is asked.

boto3 honours ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME``, so that everything here can be tried
against stand-ins.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from trackforge.errors import ConfigError, MissingDependencyError
from trackforge_sagemaker.client.failures import explaining

__all__ = ["ATTEMPTS", "INSTALL", "client", "need_boto3", "region_of", "session"]

ATTEMPTS = 5
"""Times that a call is made until throttling or an error of the server's is told."""
INSTALL = "trackforge-sagemaker[client]"
_CONNECT = 10.0
"""Seconds until an address must have answered at all."""
_READ = 70.0
"""Seconds until an answer must be there: an endpoint may take 60."""


def need_boto3() -> None:
    """Say what to install where boto3 is absent.

    Raises:
        MissingDependencyError: It is.
    """
    if importlib.util.find_spec("boto3") is None:
        raise MissingDependencyError(f"Asking AWS needs boto3, which is not installed; run: pip install '{INSTALL}'")


def session(region: str | None = None, profile: str | None = None) -> Any:
    """Make a session of boto3.

    Raises:
        MissingDependencyError: boto3 is not installed.
        ConfigError: The profile is not there.
    """
    need_boto3()
    import boto3

    with explaining("boto3", "Session"):
        return boto3.session.Session(region_name=region, profile_name=profile)


def region_of(region: str | None, profile: str | None) -> str:
    """Return the region that is meant: as given, of the environment, or of the profile.

    Raises:
        ConfigError: None is known.
    """
    found = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found and importlib.util.find_spec("boto3") is not None:
        found = session(None, profile).region_name
    if not found:
        raise ConfigError("A region must be known; none is. Give --region, or set AWS_REGION.")
    return found


def client(
    service: str,
    *,
    region: str | None = None,
    profile: str | None = None,
    made_by: Any = None,
    attempts: int | None = None,
    read_timeout: float = _READ,
    connections: int = 10,
) -> Any:
    """Make a client.

    Args:
        service: As boto3 names it: ``"sagemaker-runtime"``.
        region: None for that of environment or profile.
        profile: Of ``~/.aws/config``; None for the usual one.
        made_by: A session of boto3 that makes it; None for a new one.
        attempts: Times that a call is made at most; 1 where a second time would do harm. None for what
            ``AWS_MAX_ATTEMPTS`` says, else 5.
        read_timeout: Seconds without a byte after which an answer is given up.
        connections: That are kept open at once.

    Raises:
        MissingDependencyError: boto3 is not installed.
        ConfigError: No region is known, or the profile is not there.
    """
    need_boto3()
    from botocore.config import Config

    stated = os.environ.get("AWS_MAX_ATTEMPTS", "")
    attempts = attempts or (int(stated) if stated.isdecimal() and int(stated) else ATTEMPTS)
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=_CONNECT,
        read_timeout=read_timeout,
        max_pool_connections=connections,
    )
    if made_by is None:  # boto3 itself knows AWS_DEFAULT_REGION only
        region = region or os.environ.get("AWS_REGION")
    with explaining(service, "client"):
        return (made_by or session(region, profile)).client(service, region_name=region, config=config)
