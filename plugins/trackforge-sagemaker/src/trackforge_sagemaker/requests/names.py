"""Names of what is made in an account: unique, of the letters and the length that each kind may have.

Jobs of SageMaker cannot be deleted, so the name of one is used up for ever: a unique name ends in the time and a few
letters. Whoever wants the same name again (a repeated dry run, a test, a resumed deployment) gives the token himself.

Source: Amazon SageMaker API Reference and the service models of botocore 1.44: patterns and lengths of names.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["LONGEST", "bucket_name", "check_name", "made_from", "unique_name"]

LONGEST: Mapping[str, int] = {
    "training-job": 63, "tuning-job": 32, "processing-job": 63, "transform-job": 63, "labeling-job": 63, "model": 63,
    "endpoint-config": 63, "endpoint": 63, "variant": 63, "inference-component": 63, "workteam": 63, "bucket": 63,
    "role": 64, "policy": 128, "topic": 256, "queue": 80, "repository": 256, "alarm": 255, "scaling-policy": 256,
}  # fmt: skip
"""Letters that the name of each kind may have. SageMaker makes the names of a tuning's trainings from the tuning's."""
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
ROUND = re.compile(r"[a-zA-Z0-9_+=,.@/-]+")
"""Kinds of other services are freer."""
BUCKET = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
EXAMPLE, ENDING = "-20261127-101500-ab12", re.compile(r"-\d{8}-\d{6}-[0-9a-f]{4}")
"""How a unique name ends, but for those of tunings."""
STRICT = frozenset(LONGEST) - {"role", "policy", "topic", "queue", "repository", "alarm", "scaling-policy", "bucket"}


def unique_name(base: str, *, most: int = 63, token: str | None = None) -> str:
    """Return a name that nothing else has: the base, then the time and four random digits, or the token.

    Args:
        base: What the name begins with; letters that a name may not have become ``-``, and what is too long is cut.
        most: Letters that the name may have; see `LONGEST`.
        token: In place of time and chance, for a name that is the same the next time.

    >>> unique_name("ByteTrack on MOT17", token="a1")
    'ByteTrack-on-MOT17-a1'

    Raises:
        ConfigError: Nothing of the base or of the token can stand in a name, or there is no room for both.
    """
    ending = _clean(token, "token") if token is not None else _now(most)
    room = most - len(ending) - 1
    head = _clean(base, "base")[: max(room, 0)].strip("-")
    if not head:
        raise ConfigError(f"A name of {most} letters must have room for its base; the token {ending!r} leaves none.")
    return f"{head}-{ending}"


def made_from(name: str, base: str, *, most: int = 63) -> bool:
    """Tell whether `unique_name` made a name, with time and chance, from a base.

    >>> made_from("films-20261127-101500-ab12", "films"), made_from("films-small-20261127-101500-ab12", "films")
    (True, False)
    """
    head, ending = name[: -len(EXAMPLE)], name[-len(EXAMPLE) :]
    whole = _clean(base, "base")[: most - len(EXAMPLE)].strip("-")
    return head == whole and ENDING.fullmatch(ending) is not None


def check_name(name: str, kind: str) -> str:
    """Return a name that its kind may have.

    Args:
        name: The name.
        kind: A key of `LONGEST`.

    >>> check_name("mot17-1", "training-job")
    'mot17-1'

    Raises:
        ConfigError: It is too long, or has other letters than names of its kind may have; or there is no such kind.
    """
    if kind not in LONGEST:
        raise ConfigError(f"The kind of a name must be known; got {kind!r}.{did_you_mean(kind, LONGEST)}")
    if kind == "bucket":
        pattern, letters = BUCKET, "small letters, digits, '.' and '-', at least 3"
    elif kind in STRICT:
        pattern, letters = NAME, "letters and digits, with '-' between them"
    else:
        pattern, letters = ROUND, "letters, digits and _+=,.@/-"
    short = kind == "bucket" and len(name) < 3
    if short or len(name) > LONGEST[kind] or not pattern.fullmatch(name):
        raise ConfigError(f"The name of a {kind} must be 1 to {LONGEST[kind]} {letters}; got {name!r}.")
    return name


def bucket_name(account: str, region: str, *, base: str = "trackforge") -> str:
    """Return the name of an account's bucket in a region: the same every time, so that it is made once.

    >>> bucket_name("123456789012", "eu-west-1")
    'trackforge-eu-west-1-123456789012'
    """
    return check_name(f"{base}-{region}-{account}".lower(), "bucket")


def _now(most: int) -> str:
    now = datetime.now(timezone.utc)
    # A tuning's name has 32 letters in all: the day is left to the description there.
    return f"{now:%m%d%H%M%S}-{secrets.token_hex(2)}" if most < 40 else f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _clean(text: str, what: str) -> str:
    cleaned = re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-")
    if not cleaned:
        raise ConfigError(f"The {what} of a name must have letters or digits (a-z, 0-9); got {text!r}.")
    return cleaned
