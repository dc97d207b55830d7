"""Sequence files of Ground Truth: which pictures a sequence has, where they lie and when they were taken.

Source: AWS, "Create a video frame sequence input manifest file" (developer guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, load_json
from trackforge.intake.limits import check_limit

__all__ = ["SequenceFile", "read_sequence_file"]


@dataclass(frozen=True)
class SequenceFile:
    """What a sequence file says.

    Attributes:
        path: The file.
        prefix: Address of the pictures' folder.
        files: Names of the pictures, in order.
        times: When each was taken, seconds since 1970; NaN where it is not stated.
    """

    path: Path
    prefix: str
    files: tuple[str, ...]
    times: tuple[float, ...]


def read_sequence_file(path: Path) -> SequenceFile:
    """Read a sequence file.

    Raises:
        DataError: It is none; lists a picture twice, or another number of them than it states.
    """
    document = load_json(path, "A sequence file")
    listed = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise DataError("A sequence file must be an object with a list 'frames'; it has none.", path=path)
    check_limit("frames", len(listed), "The number of frames", path=path)
    stated = document.get("number-of-frames")
    if stated is not None and stated != len(listed):
        raise DataError(
            f"number-of-frames must be how many frames are listed, {len(listed)}; got {str(stated)[:40]}.", path=path
        )
    files, times = [], []
    for at, frame in enumerate(listed):
        name: Any = frame.get("frame") if isinstance(frame, dict) else None
        if not isinstance(name, str) or not name:
            raise DataError(f"frames[{at}] must name its picture, 'frame'; it names none.", path=path)
        files.append(name)
        time = frame.get("unix-timestamp")
        try:
            times.append(float("nan") if time is None else finite_number(time))
        except ValueError as error:
            raise DataError(f"The unix-timestamp of frames[{at}] {error}.", path=path) from error
    if len(set(files)) < len(files):
        twice = next(name for k, name in enumerate(files) if name in files[:k])
        raise DataError(f"A sequence must have every picture once; {twice[:80]!a} is there twice.", path=path)
    prefix = document.get("prefix")
    return SequenceFile(path, prefix if isinstance(prefix, str) else "", tuple(files), tuple(times))
