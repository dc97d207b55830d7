"""Which frames of a project the pictures of a set are: by sequence and frame, by clip, or by the names of files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.data import Dataset
from trackforge.data.parts import part_of
from trackforge.errors import DataError, did_you_mean
from trackforge.review import Document

__all__ = ["places_of", "some"]

log = logging.getLogger(__name__)
Ints: TypeAlias = npt.NDArray[np.int64]


def places_of(
    part: Dataset, sequence: str, documents: Mapping[str, Document], path: Path
) -> list[tuple[str, Ints, Ints]]:
    """Tell which frames of the project the pictures of a sequence are: name, frames, and rows of the pictures.

    Args:
        part: Pictures of one sequence, or stills.
        sequence: Its name; empty for stills.
        documents: The project's, by sequence.
        path: Where the set was read from, for messages.

    Raises:
        DataError: The project has no such sequence or pictures, or a name means several.
    """
    rows = np.arange(len(part))
    if not sequence:
        return _by_file(part, documents, path)
    frames = part.images.frame
    clip = part_of(sequence)
    if sequence not in documents and clip is not None and clip.film in documents:
        if clip.first and len(frames) and frames.max() <= clip.last - clip.first:
            frames = frames + clip.first  # counted from the clip's own beginning
        return [(clip.film, frames, rows)]
    name = next((one for one in documents if one == sequence or Path(one).name == sequence), None)
    if name is None and len(documents) == 1:
        name = next(iter(documents))
        log.info("%s is taken for %s, the only sequence of the project", sequence, name)
    if name is None:
        raise DataError(
            f"Sequences must be the project's; {sequence!r} is none.{did_you_mean(sequence, documents)} It has: "
            f"{', '.join(documents)}.",
            path=path,
        )
    if (frames < 0).any():
        return _by_file(part, {name: documents[name]}, path)
    return [(name, frames, rows)]


def _by_file(part: Dataset, documents: Mapping[str, Document], path: Path) -> list[tuple[str, Ints, Ints]]:
    """Find the frames of single pictures by the names of their files."""
    known: dict[str, list[tuple[str, int]]] = {}
    for name, document in documents.items():
        for file, frame in zip(document.files, document.frames.tolist(), strict=False):
            known.setdefault(PurePosixPath(file).name, []).append((name, frame))
            if "/" in file:
                known.setdefault(file, []).append((name, frame))
    found: dict[str, tuple[list[int], list[int]]] = {}
    lost: list[str] = []
    for row, text in enumerate(part.images.path.tolist()):
        plain = text.replace("\\", "/")
        places = known.get(plain) or known.get(PurePosixPath(plain).name) or []
        if len(places) > 1:
            raise DataError(
                f"A picture must be known by its name; {plain!r} may be frame {places[0][1]} of {places[0][0]} or "
                f"frame {places[1][1]} of {places[1][0]}. Give a set that says the sequence.",
                path=path,
            )
        if not places:
            lost.append(plain)
            continue
        name, frame = places[0]
        found.setdefault(name, ([], []))[0].append(frame)
        found[name][1].append(row)
    if lost:
        raise DataError(
            f"Pictures must be the project's; {len(lost)} are not: {', '.join(lost[:5])}{' ...' if lost[5:] else ''}.",
            path=path,
        )
    return [(name, np.array(frames), np.array(rows)) for name, (frames, rows) in found.items()]


def some(frames: Ints) -> str:
    """Return some frames as text."""
    listed = ", ".join(map(str, frames[:5].tolist()))
    return f"{listed} ..." if len(frames) > 5 else listed
