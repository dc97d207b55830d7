"""Addresses in S3: taken apart once, files copied from there whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trackforge.errors import InvalidInputError
from trackforge.io.atomic import atomic_path
from trackforge_sagemaker.client.failures import AccessError, GoneError, explaining

__all__ = ["fetch", "split_place", "version_of"]

_PLACE = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])(?:/(?P<key>.*))?", re.DOTALL)


def split_place(place: str) -> tuple[str, str]:
    """Return bucket and key of an address.

    >>> split_place("s3://films/a/b.mp4"), split_place("s3://films")
    (('films', 'a/b.mp4'), ('films', ''))

    Raises:
        InvalidInputError: It is none.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        raise InvalidInputError(f"An address in S3 must read s3://bucket/key; got {place[:200]!r}.")
    return found["bucket"], found["key"] or ""


def fetch(s3: Any, place: str, path: Path) -> Path:
    """Copy an object to a file, whole or not at all.

    Args:
        s3: A client of S3.
        place: ``s3://bucket/key``.
        path: Where it goes.

    Raises:
        GoneError: There is no such object.
        SinkError: The file cannot be written.
    """
    bucket, key = split_place(place)
    with atomic_path(path) as partial, explaining("s3", "GetObject", f"copy {place}"):
        s3.download_file(bucket, key, str(partial))
    return path


def version_of(s3: Any, place: str) -> str:
    """Return what tells an object from another that was put in its place; empty where it cannot be looked at.

    Args:
        s3: A client of S3.
        place: ``s3://bucket/key``.

    Raises:
        AwsError: S3 cannot be reached.
    """
    bucket, key = split_place(place)
    try:
        with explaining("s3", "HeadObject", f"look at {place}"):
            return str(s3.head_object(Bucket=bucket, Key=key)["ETag"])
    except (AccessError, GoneError):  # whoever reads it may look at more than we may, else it says what is wrong
        return ""
