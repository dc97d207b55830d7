"""Channels: what a training job reads, from where in S3, and how it gets there.

Three forms of data are known to the built-in algorithm and to our trainers: files (``File``: copied before the start,
``FastFile``: read from S3 as needed), RecordIO, and augmented manifests, which SageMaker sends through a pipe.

Source: Amazon SageMaker API Reference, ``Channel``; Developer Guide, "Augmented Manifest File".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.places import s3_uri

__all__ = ["Mode", "channel", "channels", "manifest_channel"]

Mode = Literal["File", "FastFile", "Pipe"]
NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
MOST = 20
MOST_ATTRIBUTES = 16
RECORDIO = "application/x-recordio"


def channel(
    name: str, uri: str, *, mode: Mode | None = None, content_type: str = "", sharded: bool = False,
    gzip: bool = False, recordio: bool = False, shuffle: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a channel of everything below a prefix.

    Args:
        name: Of the channel: letters, digits and ``_``. SageMaker allows ``-`` and ``.`` too, which break the script
            that SDK v3 makes of it.
        uri: Where the data are, ``s3://BUCKET/PREFIX``.
        mode: How they come; File without one.
        content_type: Such as ``application/x-recordio``.
        sharded: Whether each of several machines gets a part of the files, in place of all of them.
        gzip: Whether they are compressed.
        recordio: Whether a pipe wraps each file as a record.
        shuffle: Seed of the order in which a pipe sends them, anew each epoch.

    Raises:
        ConfigError: Name, address or mode cannot be.
    """
    return _made(name, uri, "S3Prefix", mode, content_type, sharded, recordio, shuffle) | (
        {"CompressionType": "Gzip"} if gzip else {}
    )


def manifest_channel(
    name: str, uri: str, attributes: Sequence[str], *, content_type: str = RECORDIO, shuffle: int | None = None,
    sharded: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return a channel of an augmented manifest, which comes through a pipe as RecordIO.

    Args:
        name: Of the channel.
        uri: The manifest.
        attributes: Names in each of its lines, in the order in which they are sent: the picture first
            (``source-ref``), then its labels.
        content_type: What the container gets.
        shuffle: Seed of the order, anew each epoch.
        sharded: Whether each of several machines gets a part.

    Raises:
        ConfigError: Name or address cannot be, or there are no attributes or more than 16.
    """
    if not 1 <= len(attributes) <= MOST_ATTRIBUTES:
        raise ConfigError(
            f"An augmented manifest must name 1 to {MOST_ATTRIBUTES} attributes, such as source-ref and the labels'; "
            f"got {len(attributes)}."
        )
    made = _made(name, uri, "AugmentedManifestFile", "Pipe", content_type, sharded, True, shuffle)
    made["DataSource"]["S3DataSource"]["AttributeNames"] = list(attributes)
    return made


def channels(given: Mapping[str, str | Mapping[str, Any]] | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the channels of a job.

    Args:
        given: Addresses or channels by name, or channels.

    Raises:
        ConfigError: There are none or too many, or two have one name.
    """
    made: list[dict[str, Any]] = []
    if isinstance(given, Mapping):
        for name, one in given.items():
            made.append(channel(name, one) if isinstance(one, str) else {**one, "ChannelName": _name(name)})
    else:
        made = [dict(one) for one in given]
    names = [one["ChannelName"] for one in made]
    if not 1 <= len(made) <= MOST or len(set(names)) != len(names):
        raise ConfigError(f"A job must have 1 to {MOST} channels of different names; got {', '.join(names) or 'none'}.")
    return made


def _made(
    name: str, uri: str, kind: str, mode: Mode | None, content_type: str, sharded: bool, recordio: bool,
    shuffle: int | None,
) -> dict[str, Any]:  # fmt: skip
    if (recordio or shuffle is not None) and mode != "Pipe":
        raise ConfigError(f"Records and an order are a pipe's; channel {name} comes as {mode or 'File'}. Take Pipe.")
    source = {
        "S3DataType": kind,
        "S3Uri": s3_uri(uri, f"Channel {name}"),
        "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
    }
    made: dict[str, Any] = {"ChannelName": _name(name), "DataSource": {"S3DataSource": source}}
    if content_type:
        made["ContentType"] = content_type
    if mode:
        made["InputMode"] = mode
    if recordio:
        made |= {"RecordWrapperType": "RecordIO", "CompressionType": "None"}
    if shuffle is not None:
        made["ShuffleConfig"] = {"Seed": shuffle}
    return made


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ConfigError(f"A channel's name must be 1 to 64 letters, digits or '_'; got {name!r}.")
    return name
