"""Training data through SageMaker's Pipe mode: a channel's pipe becomes a data set that `trackforge.data.read` reads.

In Pipe mode a channel is no folder. The platform writes its data once an epoch into a named pipe,
``/opt/ml/input/data/CHANNEL_EPOCH``, and makes the next one when that was closed. Training here draws its batches as a
function of seed, epoch and step, from pictures in any order, so that every process has the same ones and a killed run
resumes to the same bits: what flows by once in somebody else's order cannot give that. So the pipe of the first epoch
is read to its end, record by record in constant memory, into a file on the disk, and no other is opened. What Pipe mode
saves is the wait before the container starts, not the room: the volume must hold the channel (``VolumeSizeInGB``).

Two kinds of data come so:

* files of RecordIO (``train.rec``, of MXNet's ``im2rec`` or ``trackforge data convert --to recordio``) as they are, one
  after the other; they become the data set ``recordio``;
* an augmented manifest with ``RecordWrapperType`` ``RecordIO``: the values of ``AttributeNames``, picture by picture,
  each a record. They become the data set ``augmented-manifest``, picture first.

Without the wrapper the values of a manifest follow each other with nothing between them, and no reader can tell where
one ends: that is refused.

Source: Amazon SageMaker AI Developer Guide, "Augmented Manifest Files" and "Pipe mode"; the wire form of RecordIO is
`trackforge.io.recordio`'s affair.
"""

from __future__ import annotations

import io
import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from trackforge.data.records import is_picture
from trackforge.errors import ConfigError, DataError, MissingFileError, SinkError
from trackforge.intake.names import readable
from trackforge.io.atomic import atomic_path
from trackforge.io.recordio import RecordWriter, encode_record, records
from trackforge_sagemaker.opt_ml import Channel

__all__ = ["materialise"]

log = logging.getLogger(__name__)
MARK = encode_record(b"")[:4]
"""What every record begins with."""
WAIT = 60.0
"""Seconds within which the platform makes the pipe."""
GLANCE = 0.05
"""Seconds between two looks whether the pipe is there."""
JSON = tuple(b'{["-0123456789tfn')
"""Bytes that the value of an attribute can begin with."""
MOST = 16
"""Attributes that a channel may name."""


def materialise(
    channel: Channel,
    attributes: Sequence[str] = (),
    folder: str | Path | None = None,
    *,
    classes: Sequence[str] = (),
    wait: float = WAIT,
) -> Path:
    """Read the pipe of a channel's first epoch into a file, and return where that is.

    A pipe can be read once: of several processes on a machine, one does it, before it starts the others.

    Args:
        channel: The channel.
        attributes: ``AttributeNames`` of an augmented manifest, in their order, where they are known: a container is
            not told. Without them, how often a picture comes tells how many records a sample has.
        folder: Where to; the folder that the channel would have in File mode, unless given.
        classes: Names of the classes, written beside as ``classes.txt``, for streams that do not tell them.
        wait: Seconds within which the pipe must be there.

    Returns:
        ``FOLDER/CHANNEL.rec``, whole, for `trackforge.data.read`.

    Raises:
        MissingFileError: There is no pipe.
        DataError: What comes is no RecordIO, or not what the attributes say; with the number of the sample.
        ConfigError: The attributes name no picture, or several.
        SinkError: There is no room for it, or the place cannot be written to.
    """
    pipe = channel.fifo(0)
    at = _place_of_picture(attributes)
    place = Path(folder or channel.path) / f"{channel.name}.rec"
    begin = time.monotonic()
    _await(pipe, wait)
    try:
        with atomic_path(place) as partial, pipe.open("rb") as stream, partial.open("wb") as file:
            writer, samples = RecordWriter(file), 0
            for number, sample in enumerate(_samples(stream, pipe, len(attributes), at)):
                samples = number + 1
                for payload in sample:
                    writer.write(payload)
            if not samples:
                raise DataError("A channel must hold data; its pipe ended without any. Look at its S3Uri.", path=pipe)
    except SinkError as error:
        raise SinkError(
            f"{error} The volume must hold the whole channel {channel.name!r}: give the job more VolumeSizeInGB."
        ) from error
    if classes:
        with atomic_path(place.with_name("classes.txt")) as partial:
            partial.write_text("".join(f"{readable(name)}\n" for name in classes), encoding="utf-8")
    took = time.monotonic() - begin
    log.info(
        "channel %s: %d samples, %d bytes through its pipe in %.1f s", channel.name, samples, writer.position, took
    )
    return place


def _place_of_picture(attributes: Sequence[str]) -> int:
    """Return which attribute of a sample is its picture."""
    pictures = [k for k, name in enumerate(attributes) if name.endswith("-ref")]
    if attributes and len(pictures) != 1:
        raise ConfigError(
            "Of the attributes one must be the picture, source-ref, whose object is sent in its place; got "
            f"{', '.join(attributes)}. Name them as AttributeNames of the channel does, in that order."
        )
    return pictures[0] if pictures else 0


def _await(pipe: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while not pipe.exists():
        if time.monotonic() > deadline:
            raise MissingFileError(
                f"A channel in Pipe mode must have its pipe; there is no {pipe} after {wait:g} s. Look at the name of "
                "the channel and its TrainingInputMode."
            )
        time.sleep(GLANCE)


def _samples(stream: BinaryIO, where: Path, width: int, at: int) -> Iterator[Sequence[bytes]]:
    """Yield the records of each sample as they are to be kept; ``width`` is 0 where nobody says how many there are."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    head = buffered.peek(len(MARK))[: len(MARK)]
    if head and head != MARK[: len(head)]:
        raise DataError(
            f"What comes through a pipe must be RecordIO; it begins with {head.hex()}. Set RecordWrapperType RecordIO "
            "for an augmented manifest, or send .rec files.",
            path=where,
        )
    coming = records(buffered, name=where)
    first = next(coming, None)
    if first is None:
        return
    if first[: len(MARK)] == MARK:
        raise DataError(
            "A record must be a picture or labels; this is a file of RecordIO inside a record. Leave RecordWrapperType "
            "out: .rec files are RecordIO already.",
            path=where,
        )
    begin = [first]
    if not width and (is_picture(first) or _is_value(first)):
        begin, width, at = _shape(begin, coming)
    coming = itertools.chain(begin, coming)
    if width:
        yield from _grouped(coming, width, at, where)
    else:  # pictures with labels, as im2rec writes them
        yield from ((payload,) for payload in coming)


def _is_value(payload: bytes) -> bool:
    """Tell whether a record is text, the value of an attribute; what ``im2rec`` writes has zeros in its head."""
    return payload[:1] != b"" and payload[0] in JSON and b"\0" not in payload[:64]


def _shape(begin: list[bytes], coming: Iterator[bytes]) -> tuple[list[bytes], int, int]:
    """Read up to the second picture; return the records, how many a sample has, and which of them is the picture."""
    pictures = [k for k, payload in enumerate(begin) if is_picture(payload)]
    while len(pictures) < 2 and len(begin) <= 2 * MOST and (payload := next(coming, None)) is not None:
        if is_picture(payload):
            pictures.append(len(begin))
        begin.append(payload)
    width = pictures[1] - pictures[0] if len(pictures) == 2 else len(begin)
    return begin, width, pictures[0] if pictures else 0


def _grouped(coming: Iterator[bytes], width: int, at: int, where: Path) -> Iterator[Sequence[bytes]]:
    """Yield samples with their picture first."""
    sample: list[bytes] = []
    number = 0
    for payload in coming:
        sample.append(payload)
        if len(sample) < width:
            continue
        if not is_picture(sample[at]):
            raise DataError(
                f"Record {at} of sample {number} must be its picture, a JPEG or PNG; it is neither. Look at the order "
                "of the attributes, and at the picture.",
                path=where,
            )
        yield (sample[at], *sample[:at], *sample[at + 1 :])
        sample, number = [], number + 1
    if sample:
        raise DataError(
            f"A sample must have {width} records, one an attribute; sample {number} ends after {len(sample)}.",
            path=where,
        )
