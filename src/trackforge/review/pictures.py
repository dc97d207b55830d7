"""Where the pictures of a document lie: in a film by number, or in a folder by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.intake.names import inside

__all__ = ["picture_path"]


def picture_path(
    source: str, frames: npt.NDArray[np.int64], files: Sequence[str], frame: int, root: str | Path
) -> Path:
    """Return the path of the picture of a frame.

    Args:
        source: Film or folder, relative to ``root`` or absolute.
        frames: ``(F,)`` frames of the sequence, ascending.
        files: Names of pictures below ``source``, one a frame; empty for a film.
        frame: Which.
        root: Folder of the document.

    Returns:
        The path; ``"film.mp4#12"`` for frame 12 of a film.

    Raises:
        InvalidInputError: There is no such frame, or no source.
        DataError: A name leads out of the folder.
    """
    place: Any = np.searchsorted(frames, frame)
    if place >= len(frames) or frames[place] != frame:
        raise InvalidInputError(f"A frame must be one of the sequence's; {frame} is none.")
    if not source:
        raise InvalidInputError("The document must say where its pictures are; it says no source. Give one.")
    base = Path(root) / source
    if files:
        return inside(base, files[int(place)], "The picture")
    return base.with_name(f"{base.name}#{frame}")
