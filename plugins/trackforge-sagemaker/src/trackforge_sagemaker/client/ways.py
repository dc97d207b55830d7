"""SageMaker's ways of serving, and which of them can do a piece of work: by payload, time and instances at rest.

>>> best(Work(task="tracking", of="film", payload=40_000_000, seconds=300)).name
'asynchronous'
>>> verdict("batch-transform", Work(task="tracking", of="film", payload=1_000_000, seconds=5)).fits
False

Source: Amazon SageMaker AI developer guide and botocore's service models, for every limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["LIMITS", "WAYS", "Limits", "Verdict", "Way", "Work", "best", "shown", "size_of", "verdict", "verdicts"]

Way = Literal["real-time", "serverless", "asynchronous", "processing", "batch-transform"]
_MIB = 1 << 20
_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1 << 10, "mib": _MIB, "gib": 1 << 30}
_HOURS = 730
"""Of a month."""


@dataclass(frozen=True)
class Work:
    """One request, and how many machines may idle.

    Attributes:
        task: Tracks need their frames in order and in one place; detections do not.
        of: What one request is about: a frame of a camera that goes on, a whole film, or a picture by itself.
        payload: Bytes of one request.
        seconds: That one answer takes.
        minimum: Instances that are kept even when there is nothing to do.
        gpu: Whether a GPU is needed.
    """

    task: Literal["tracking", "detection"] = "tracking"
    of: Literal["camera", "film", "picture"] = "film"
    payload: int = 1_000_000
    seconds: float = 1.0
    minimum: int = 1
    gpu: bool = False


@dataclass(frozen=True)
class Limits:
    """What a way allows: bytes of a request, seconds of an answer, the fewest instances at rest."""

    payload: int
    seconds: float
    at_rest: int
    gpu: bool = True


LIMITS: dict[Way, Limits] = {
    "real-time": Limits(6_291_456, 60, 0),
    "serverless": Limits(4 * _MIB, 60, 0, gpu=False),
    "asynchronous": Limits(1 << 30, 3600, 0),
    "processing": Limits(1 << 50, 604_800, 0),
    "batch-transform": Limits(100 * _MIB, 3600, 0),
}
WAYS = tuple(LIMITS)
_WHAT = {
    "real-time": "an endpoint that answers at once; sessions keep a camera's tracker",
    "serverless": "an endpoint that AWS starts when it is asked, on CPUs",
    "asynchronous": "an endpoint with a queue: films in S3, results in S3, down to no instance",
    "processing": "a job over a folder of S3: starts, works, ends",
    "batch-transform": "a job that puts every object of a folder to a model by itself",
}


@dataclass(frozen=True)
class Verdict:
    """Whether a way fits, and why.

    Attributes:
        name: The way.
        fits: Whether it can do the work.
        what: The way in a few words.
        against: What it cannot; empty where it fits.
        notes: What is to be known of it all the same.
    """

    name: Way
    fits: bool
    what: str
    against: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def verdict(way: Way | str, work: Work) -> Verdict:
    """Judge one way.

    Raises:
        ConfigError: There is none of that name.
    """
    name = next((one for one in WAYS if one == way), None)
    if name is None:
        raise ConfigError(f"way must be one of {', '.join(WAYS)}; got {way!r}.{did_you_mean(way, WAYS)}")
    against = tuple(_against(name, work))
    return Verdict(name, not against, _WHAT[name], against, tuple(_notes(name, work)))


def verdicts(work: Work) -> list[Verdict]:
    """Judge all ways, those that fit first, the best before the others."""
    found = [verdict(way, work) for way in _ranked(work)]
    return sorted(found, key=lambda one: not one.fits)


def best(work: Work) -> Verdict:
    """Return the way to take; processing does whatever no endpoint can.

    Raises:
        ConfigError: No way can do it, since it takes longer than a job may.
    """
    first = verdicts(work)[0]
    if not first.fits:
        raise ConfigError(
            f"One answer must take at most {LIMITS['processing'].seconds:g} s, which is the longest job; got "
            f"{work.seconds:g}. Divide the films."
        )
    return first


def _ranked(work: Work) -> list[Way]:
    """Return the ways in the order in which they are wanted, those that cannot included."""
    idle: list[Way] = ["asynchronous", "serverless", "real-time"]
    if work.of != "film":
        idle = ["serverless", "real-time", "asynchronous"]
    order: list[Way] = ["real-time", "asynchronous", "serverless"] if work.minimum else idle
    return [*order, "batch-transform", "processing"] if work.task == "detection" else [
        *order, "processing", "batch-transform"
    ]  # fmt: skip


def _against(way: Way, work: Work) -> Iterator[str]:
    limit = LIMITS[way]
    if way == "batch-transform" and work.task == "tracking":
        yield (
            "tracks need their frames in order and in one tracker; batch transform hands objects to any worker of any "
            "instance, in any order, and keeps nothing between two. Take a processing job, which gets whole films"
        )
    if work.of == "camera" and way in ("asynchronous", "processing"):
        yield "a camera goes on, and wants an answer a frame; this answers once all of the input is there"
    if work.of == "camera" and way == "serverless" and work.task == "tracking":
        yield "a camera's tracker must be where its frames go; nothing says which serverless worker gets a request"
    if work.payload > limit.payload:
        more = " (asynchronous takes an address in S3 instead)" if way in ("real-time", "serverless") else ""
        yield f"a request of {shown(work.payload)} is above {shown(limit.payload)}{more}"
    if work.seconds > limit.seconds:
        yield f"an answer that takes {work.seconds:g} s is above {limit.seconds:g} s"
    if work.gpu and not limit.gpu:
        yield "there is no GPU"


def _notes(way: Way, work: Work) -> Iterator[str]:
    if way == "real-time":
        if work.minimum:
            yield f"{work.minimum} instance{'s' * (work.minimum > 1)} always on: {work.minimum * _HOURS} hours a month"
        else:
            yield (
                "down to no instance only with an inference component, and calls fail while it comes back (minutes): "
                "the clients here wait and ask again"
            )
        if work.of == "camera" and work.task == "tracking":
            yield "with sessions (SessionId=NEW_SESSION): any number of cameras and instances"
        if work.of == "film":
            yield "an answer that is streamed may take 8 minutes"
    elif way == "serverless":
        yield "the first request after a rest waits until the container is up; 6 GB of memory and 200 at once at most"
    elif way == "asynchronous":
        if not work.minimum:
            yield "no instance at rest; an alarm on the backlog starts the first one, in minutes (deploy sets it)"
        else:
            yield f"{work.minimum * _HOURS} instance hours a month at rest; --minimum 0 saves them"
        yield "the result lies in S3, and SNS tells; a body up to 128,000 bytes may come with the request"
    elif way == "processing":
        yield "minutes to start, for every job; nothing runs, or costs, between jobs"
        yield "no limit on size but the volume; films are shared out over instances"
    elif way == "batch-transform" and work.task == "detection":
        yield "pictures only, of 100 MB at most; results lie beside each other in S3"


def size_of(text: str) -> int:
    """Return the bytes that a text means.

    >>> size_of("40MB"), size_of("6 MiB"), size_of("128000")
    (40000000, 6291456, 128000)

    Raises:
        ConfigError: It is no size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise ConfigError(f"A size must be a number with KB, MB, GB, KiB, MiB or GiB; got {text!r}. Write 40MB.")
    return int(float(found[1]) * _UNITS[found[2]])


def shown(size: int) -> str:
    """Return a size as people read it."""
    for unit, bytes_ in (("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
        if size >= bytes_:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size} bytes"
