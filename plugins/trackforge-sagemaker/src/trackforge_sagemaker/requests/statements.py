"""What documents of rights are written with: ARNs of one account and region, and statements.

Source: AWS Identity and Access Management User Guide, "IAM JSON policy reference".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trackforge_sagemaker.requests.places import partition

__all__ = ["VERSION", "Arns", "allow"]

VERSION = "2012-10-17"


class Arns:
    """ARNs of one account and region.

    Args:
        region: The region, which tells the partition.
        account: Number of the account.
    """

    def __init__(self, region: str, account: str) -> None:
        self._head, self._account, self._where = partition(region)[0], account, f"{region}:{account}"

    def of(self, service: str, resource: str) -> str:
        """Return the ARN of something of a service."""
        return f"arn:{self._head}:{service}:{self._where}:{resource}"

    def s3(self, resource: str) -> str:
        """Return the ARN of a bucket, or of what lies in one."""
        return f"arn:{self._head}:s3:::{resource}"

    def iam(self, resource: str) -> str:
        """Return the ARN of what is the account's in all regions."""
        return f"arn:{self._head}:iam::{self._account}:{resource}"


def allow(
    sid: str, actions: Iterable[str], resources: Iterable[str], condition: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a statement that allows something.

    Args:
        sid: Its name.
        actions: What is allowed.
        resources: On what.
        condition: When.
    """
    made = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return made | ({"Condition": dict(condition)} if condition else {})
