"""Places and identities that requests name: addresses in S3, ARNs, images in a registry."""

from __future__ import annotations

import re

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name

__all__ = ["account_of", "image_uri", "partition", "role_arn", "s3_parts", "s3_uri"]

S3 = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)
ROLE = re.compile(r"arn:aws[a-z\-]*:iam::(\d{12}):role/?[a-zA-Z_0-9+=,.@\-_/]+")
ACCOUNT = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
LONGEST_URI = 1024


def s3_uri(uri: str, what: str) -> str:
    """Return an address in S3.

    Args:
        uri: The address, ``s3://bucket/prefix``.
        what: Whose place it is, for the message.

    >>> s3_uri("s3://mot/train/", "The channel train")
    's3://mot/train/'

    Raises:
        ConfigError: It is none.
    """
    s3_parts(uri, what)
    return uri


def s3_parts(uri: str, what: str) -> tuple[str, str]:
    """Return bucket and key of an address in S3; see `s3_uri`.

    >>> s3_parts("s3://mot/train/", "x")
    ('mot', 'train/')
    """
    found = S3.fullmatch(uri)
    if found is None or len(uri) > LONGEST_URI:
        raise ConfigError(f"{what} must be an address in S3, s3://BUCKET/PREFIX, of at most 1024 letters; got {uri!r}.")
    return check_name(found[1], "bucket"), found[2]


def role_arn(role: str) -> str:
    """Return the ARN of a role that SageMaker takes on.

    Raises:
        ConfigError: It is none.
    """
    if not ROLE.fullmatch(role):
        raise ConfigError(f"The role must be an ARN, arn:aws:iam::123456789012:role/NAME; got {role!r}.")
    return role


def account_of(role: str) -> str:
    """Return the account of a role's ARN."""
    return role_arn(role).split(":")[4]


def partition(region: str) -> tuple[str, str]:
    """Return the partition of a region, as ARNs begin with it, and the ending of its hosts.

    >>> partition("eu-west-1"), partition("cn-north-1")
    (('aws', 'amazonaws.com'), ('aws-cn', 'amazonaws.com.cn'))

    Raises:
        ConfigError: It cannot be the name of a region.
    """
    if not REGION.fullmatch(region):
        raise ConfigError(f"The region must be a name such as eu-west-1; got {region!r}.")
    if region.startswith("cn-"):
        return "aws-cn", "amazonaws.com.cn"
    return ("aws-us-gov" if region.startswith("us-gov-") else "aws"), "amazonaws.com"


def image_uri(account: str, region: str, repository: str = "trackforge", tag: str = "latest") -> str:
    """Return the address of an image in an account's registry (ECR).

    >>> image_uri("123456789012", "eu-west-1", tag="gpu")
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/trackforge:gpu'

    Raises:
        ConfigError: Account or region cannot be one.
    """
    if not ACCOUNT.fullmatch(account):
        raise ConfigError(f"The account must be 12 digits; got {account!r}.")
    return f"{account}.dkr.ecr.{region}.{partition(region)[1]}/{repository}:{tag}"
