"""What Ground Truth demands of a labelling job's names and sizes, checked before anything is written or sent.

Source: AWS, "Input data quotas", "Labeling category configuration file with label category and frame attributes
reference" and the reference of CreateLabelingJob.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from trackforge.errors import ConfigError

__all__ = [
    "MOST_FRAMES",
    "MOST_SEQUENCES",
    "Kind",
    "Task",
    "check_attribute",
    "check_labels",
    "check_prefix",
    "functions",
]

Kind: TypeAlias = Literal["adjustment", "verification", "new"]
Task: TypeAlias = Literal["video-tracking", "video-detection", "boxes"]
MOST_SEQUENCES, MOST_FRAMES = 10, 2000
"""Sequences of a manifest, and frames of a sequence."""
MOST_LABELS = {"video": 30, "boxes": 50}
LONGEST_LABEL = 16
_ATTRIBUTE = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,126}")
_FUNCTIONS = {
    "video-tracking": "VideoObjectTracking",
    "video-detection": "VideoObjectDetection",
    "boxes": "BoundingBox",
}


def check_attribute(name: str, task: Task, *, what: str = "attribute", other: str = "") -> None:
    """Refuse a name under which labels cannot stand in a manifest.

    Args:
        name: Of the attribute.
        task: What is labelled.
        what: How the setting is called, for the message.
        other: The attribute with the labels that are looked at, which must stay.

    Raises:
        ConfigError: It is none.
    """
    if not _ATTRIBUTE.fullmatch(name):
        raise ConfigError(
            f"{what} must be of letters, digits and hyphens, 127 at most, none at its ends; got {name!r}."
        )
    if name.endswith("-metadata"):
        raise ConfigError(f"{what} must not end in -metadata, as what Ground Truth says of it does; got {name!r}.")
    if task != "boxes" and not name.endswith("-ref"):
        raise ConfigError(f"{what} must end in -ref for labels of video; got {name!r}. Say {name + '-ref'!r}.")
    if task == "boxes" and name.endswith("-ref"):
        raise ConfigError(f"{what} must not end in -ref for labels of pictures; got {name!r}. Say {name[:-4]!r}.")
    if name == other:
        raise ConfigError(f"{what} must differ from the labels that are looked at; both are {name!r}. Name another.")


def check_labels(classes: Sequence[str], task: Task) -> None:
    """Refuse classes that a job cannot have.

    Raises:
        ConfigError: They are none, too many, or a name is too long.
    """
    video = task != "boxes"
    most = MOST_LABELS["video" if video else "boxes"]
    if not 1 <= len(classes) <= most:
        raise ConfigError(
            f"A labelling job of this task must have 1 to {most} classes; got {len(classes)}. Keep some: "
            "select_classes, --classes."
        )
    long = [name for name in classes if len(name) > LONGEST_LABEL]
    if video and long:
        raise ConfigError(
            f"Names of classes must have at most {LONGEST_LABEL} characters for labels of video; got {long[0]!r} "
            f"({len(long[0])}). Rename it: rename_classes, --rename."
        )


def check_prefix(prefix: str) -> str:
    """Return an address that files will have, with the slash at its end that Ground Truth wants; empty for none.

    Raises:
        ConfigError: It is no address of S3.
    """
    if not prefix:
        return ""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9](/.*)?", prefix):
        raise ConfigError(
            "prefix must be an address such as s3://bucket/folder/, the bucket in 3 to 63 small letters, digits, "
            f"hyphens and points; got {prefix!r}."
        )
    return prefix if prefix.endswith("/") else f"{prefix}/"


def functions(kind: Kind, task: Task) -> tuple[str, str]:
    """Return the names of the functions that AWS has for a job: before a task, and for what becomes of its answers.

    >>> functions("adjustment", "video-tracking")
    ('PRE-AdjustmentVideoObjectTracking', 'ACS-AdjustmentVideoObjectTracking')
    """
    name = ("" if kind == "new" else kind.capitalize()) + _FUNCTIONS[task]
    return f"PRE-{name}", f"ACS-{name}"
