"""Tags: by them everything that a project made in an account is found again, and deleted.

Every builder here takes ``project`` and gives what it makes these tags. Services write them in three ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from trackforge.errors import ConfigError

__all__ = ["MADE_BY", "PROJECT", "as_mapping", "project_tags", "tagged"]

PROJECT = "trackforge:project"
"""The key whose value is the name of the project."""
MADE_BY = "trackforge:made-by"
"""The key that everything made here carries, whatever the project."""
MOST = 50
TEXT = re.compile(r"[\w \t.:/=+\-@]*")
SEARCHED = ("sagemaker", "s3", "sns", "sqs", "cloudwatch", "ecr", "logs", "iam:role", "iam:policy")


def project_tags(project: str, more: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return the tags of what a project makes, as SageMaker, IAM, SNS, CloudWatch and ECR take them.

    Args:
        project: Its name.
        more: Further tags, by key.

    >>> project_tags("mot")
    [{'Key': 'trackforge:project', 'Value': 'mot'}, {'Key': 'trackforge:made-by', 'Value': 'trackforge'}]

    Raises:
        ConfigError: A key or a value has letters that tags may not have, or there are more than 50.
    """
    if not project:
        raise ConfigError("A project must have a name, by which all that it made is found again; got none.")
    tags = {**(more or {}), PROJECT: project, MADE_BY: "trackforge"}
    for key, value in tags.items():
        whole = 1 <= len(key) <= 128 and len(value) <= 256 and TEXT.fullmatch(key) and TEXT.fullmatch(value)
        if not whole or key.lower().startswith("aws:"):
            raise ConfigError(
                "A tag must have a key of 1 to 128 and a value of at most 256 letters, digits, spaces and _.:/=+-@, "
                f"and no key that begins with aws:; got {key!r}: {value!r}."
            )
    if len(tags) > MOST:
        raise ConfigError(f"What is made may carry {MOST} tags; got {len(tags)}.")
    order = [PROJECT, MADE_BY, *(key for key in tags if key not in (PROJECT, MADE_BY))]
    return [{"Key": key, "Value": tags[key]} for key in order]


def as_mapping(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return tags as SQS and application autoscaling take them.

    >>> as_mapping(project_tags("mot"))
    {'trackforge:project': 'mot', 'trackforge:made-by': 'trackforge'}
    """
    return {tag["Key"]: tag["Value"] for tag in tags}


def tagged(project: str, *, kinds: Iterable[str] = SEARCHED) -> dict[str, Any]:
    """Return the request of ``resourcegroupstaggingapi.get_resources`` that lists what a project made.

    Args:
        project: Its name.
        kinds: Services, or ``service:kind``.
    """
    return {"TagFilters": [{"Key": PROJECT, "Values": [project]}], "ResourceTypeFilters": list(kinds)}
