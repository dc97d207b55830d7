"""Requests that prepare an account: the bucket, the registry of images, and what of a size may run at a time (quotas).

Source: Amazon S3, Amazon ECR and Service Quotas API References.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.calls import Call
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.sizes import current
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["USES", "Quota", "bucket", "bucket_settings", "list_quotas", "quota_increase", "quotas", "repository"]

USES: Mapping[str, str] = {
    "training": "for training job usage",
    "spot": "for spot training job usage",
    "warm": "for training warm pool usage",
    "processing": "for processing job usage",
    "endpoint": "for endpoint usage",
    "transform": "for transform job usage",
}
"""How the names of quotas end, by what a machine is used for: ``ml.g5.xlarge for training job usage``."""


def bucket(name: str, region: str) -> dict[str, Any]:
    """Return the request of ``s3.create_bucket``.

    >>> bucket("mot-1", "us-east-1")
    {'Bucket': 'mot-1'}
    """
    made: dict[str, Any] = {"Bucket": check_name(name, "bucket")}
    # The first region must not be named.
    return made | ({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}})


def bucket_settings(name: str, *, project: str, days: int = 30, scratch: str = "scratch/") -> Iterator[Call]:
    """Yield the calls that close a bucket to the public, encrypt and tag it, and empty what is passing.

    Args:
        name: Of the bucket.
        project: Its tags are put on it.
        days: After which what lies below ``scratch`` goes, and what of broken uploads is left.
        scratch: Prefix of what is passing: bodies of asynchronous calls.
    """
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    rules = [
        {"ID": "scratch", "Status": "Enabled", "Filter": {"Prefix": scratch}, "Expiration": {"Days": days}},
        {"ID": "broken-uploads", "Status": "Enabled", "Filter": {"Prefix": ""},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]  # fmt: skip
    yield Call("s3", "put_public_access_block", {
        "Bucket": name, "PublicAccessBlockConfiguration": dict.fromkeys(closed, True),
    })  # fmt: skip
    yield Call("s3", "put_bucket_encryption", {
        "Bucket": name, "ServerSideEncryptionConfiguration": {"Rules": [rule]},
    })  # fmt: skip
    yield Call("s3", "put_bucket_tagging", {"Bucket": name, "Tagging": {"TagSet": project_tags(project)}})
    yield Call("s3", "put_bucket_lifecycle_configuration", {
        "Bucket": name, "LifecycleConfiguration": {"Rules": rules},
    })  # fmt: skip


def repository(name: str, *, project: str, keep: int = 5) -> Iterator[Call]:
    """Yield the calls that make a registry of images, and let it forget old ones.

    Args:
        name: Of the repository.
        project: Its tags are put on it.
        keep: How many images stay.
    """
    yield Call("ecr", "create_repository", {
        "repositoryName": check_name(name, "repository"), "tags": project_tags(project),
        "imageScanningConfiguration": {"scanOnPush": True},
    })  # fmt: skip
    rule = {
        "rulePriority": 1,
        "description": f"keep {keep} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }
    yield Call("ecr", "put_lifecycle_policy", {
        "repositoryName": name, "lifecyclePolicyText": json.dumps({"rules": [rule]}),
    })  # fmt: skip


@dataclass(frozen=True)
class Quota:
    """How many machines of a size may be in use at a time.

    Attributes:
        size: Such as ``ml.g5.xlarge``.
        use: A key of `USES`.
        value: How many.
        code: Of the quota.
        adjustable: Whether more can be asked for.
    """

    size: str
    use: str
    value: float
    code: str
    adjustable: bool = True


def list_quotas() -> dict[str, Any]:
    """Return the request of ``service-quotas.list_service_quotas``, which comes in pages."""
    return {"ServiceCode": "sagemaker", "MaxResults": 100}


def quotas(listed: Iterable[Mapping[str, Any]], wanted: Mapping[str, Iterable[str]]) -> list[Quota]:
    """Return the quotas of sizes, found by name in the account's list.

    Args:
        listed: ``Quotas`` of all pages.
        wanted: Uses, by size: ``{"ml.g5.xlarge": ["training", "endpoint"]}``. Retired sizes are those in their place.

    Returns:
        In the order asked for; what the list does not have is 0, and has no code.

    Raises:
        ConfigError: A use is unknown.
    """
    by_name = {re.sub(r"\s+", " ", str(one.get("QuotaName", ""))).strip().lower(): one for one in listed}
    found = []
    for size, uses in wanted.items():
        now = current(size)[0]
        for use in uses:
            if use not in USES:
                raise ConfigError(f"A use must be one of {', '.join(USES)}; got {use!r}.")
            one = by_name.get(f"{now} {USES[use]}", {})
            code, may = str(one.get("QuotaCode", "")), bool(one.get("Adjustable", False))
            found.append(Quota(now, use, float(one.get("Value", 0.0)), code, may))
    return found


def quota_increase(quota: Quota, machines: int) -> dict[str, Any]:
    """Return the request of ``service-quotas.request_service_quota_increase``.

    Args:
        quota: That is too small.
        machines: How many are wanted.

    Raises:
        ConfigError: The quota is not known, cannot be raised, or is large enough.
    """
    if not quota.code or not quota.adjustable or machines <= quota.value:
        raise ConfigError(
            "A quota must be known, adjustable and below what is wanted to be raised; "
            f"{quota.size} {USES[quota.use]} is {quota.value:g}, wanted are {machines}."
        )
    return {"ServiceCode": "sagemaker", "QuotaCode": quota.code, "DesiredValue": float(machines)}
