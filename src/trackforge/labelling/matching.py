"""Which frames of a project the pictures of a set are: by sequence and frame, by clip, or by the names of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.data import Boxes, Dataset, Images
from trackforge.data.files import RECORD_NAME, stems
from trackforge.data.parts import frames_of_part, part_of
from trackforge.errors import DataError, did_you_mean
from trackforge.review import Document

__all__ = ["places_of", "some"]

Ints: TypeAlias = npt.NDArray[np.int64]
EXPORTED = "\0"
"""Ends what an export calls a frame, which has no ending of a file and must not be taken for one."""


def places_of(
    part: Dataset, sequence: str, documents: Mapping[str, Document], path: Path, names: Mapping[str, str]
) -> list[tuple[str, Ints, Ints]]:
    """Tell which frames of the project the pictures of a sequence are: name, frames, and rows of the pictures.

    Args:
        part: Pictures of one sequence, or stills.
        sequence: Its name; empty for stills.
        documents: The project's, by sequence.
        path: Where the set was read from, for messages.
        names: What sequences that came are called in the project, where they are called otherwise.

    Raises:
        DataError: The project has no such sequence or pictures, a name means several, or pictures differ in size.
    """
    if not sequence:
        places = _by_file(part, documents, path)
    else:
        name, frames = _named(part, names.get(sequence, sequence), documents, path)
        stills = bool((frames < 0).any())
        places = _by_file(part, {name: documents[name]}, path) if stills else [(name, frames, np.arange(len(part)))]
    for name, _, rows in places:
        _require_size(part, rows, sequence, documents[name], path)
    return places


def _named(part: Dataset, sequence: str, documents: Mapping[str, Document], path: Path) -> tuple[str, Ints]:
    """Return which sequence of the project is called so, or has such a clip, and the frames there."""
    frames = part.images.frame
    clip = part_of(sequence)
    name = next((one for one in documents if one == sequence or Path(one).name == sequence), None)
    if name is None and clip is not None and clip.film in documents:
        try:
            return clip.film, np.array(frames_of_part(frames.tolist(), clip, film=True), np.int64)
        except DataError as error:
            raise DataError(
                f"{error} What it is called is said with --sequence '{sequence}=...'.", path=path
            ) from error
    if name is None:
        raise DataError(
            f"Sequences must be the project's; {sequence!r} is none.{did_you_mean(sequence, documents)} It has: "
            f"{', '.join(documents)}. Where one is the same under another name, say so: --sequence "
            f"'{sequence}={next(iter(documents))}'.",
            path=path,
        )
    return name, frames


def _require_size(part: Dataset, rows: Ints, sequence: str, document: Document, path: Path) -> None:
    """Raise DataError where pictures that came are of another size than those of the project."""
    sizes = np.stack([part.images.width[rows], part.images.height[rows]], axis=1)
    other = sizes[(sizes > 0).all(axis=1) & (sizes != document.size).any(axis=1)]
    if len(other) and min(document.size) > 0:
        width, height = other[0].tolist()
        raise DataError(
            f"Pictures must be as large as the project's; those of {sequence or 'the set'} are {width} x {height}, of "
            f"{document.sequence} {document.size[0]} x {document.size[1]}. Bring labels of the same pictures.",
            path=path,
        )


def _by_file(part: Dataset, documents: Mapping[str, Document], path: Path) -> list[tuple[str, Ints, Ints]]:
    """Find the frames of single pictures by the names of their files: their own, or what an export called them."""
    known = _files(documents)
    found: dict[str, tuple[list[int], list[int]]] = {}
    lost: list[str] = []
    for row, text in enumerate(_file_names(part)):
        places = (known.get(text) if "/" in text else None) or [
            *known.get(PurePosixPath(text).name, ()),
            *known.get(PurePosixPath(text).stem + EXPORTED, ()),
        ]
        places = list(dict.fromkeys(places))
        if len(places) > 1:
            raise DataError(
                f"A picture must be known by its name; {text!r} may be frame {places[0][1]} of {places[0][0]} or "
                f"frame {places[1][1]} of {places[1][0]}. Give a set that says the sequence.",
                path=path,
            )
        if not places:
            lost.append(text)
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


def _files(documents: Mapping[str, Document]) -> dict[str, list[tuple[str, int]]]:
    """Return the frames that names of files mean: whole, without folders, and as exports call them."""
    known: dict[str, list[tuple[str, int]]] = {}
    for name, document in documents.items():
        for file, frame in zip(document.files, document.frames.tolist(), strict=False):
            known.setdefault(PurePosixPath(file).name, []).append((name, frame))
            if "/" in file:
                known.setdefault(file, []).append((name, frame))
    places = [(name, frame) for name, document in documents.items() for frame in document.frames.tolist()]
    images = Images(
        path=np.full(len(places), ""),
        sequence=np.array([name for name, _ in places]),
        frame=np.array([frame for _, frame in places], np.int64),
    )
    whole = Dataset(images=images, boxes=Boxes(image=np.empty(0, np.int64)), classes=())
    for stem, place in zip(stems(whole), places, strict=True):
        known.setdefault(stem + EXPORTED, []).append(place)
    return known


def _file_names(part: Dataset) -> list[str]:
    """Return what the pictures are called: by their files, or by their records where many lie in one file."""
    recorded = part.images.extra.get(RECORD_NAME)
    files = part.images.path.tolist()
    told = [""] * len(files) if recorded is None else recorded.tolist()
    return [(one or file).replace("\\", "/") for one, file in zip(told, files, strict=True)]


def some(frames: Ints) -> str:
    """Return some frames as text."""
    listed = ", ".join(map(str, frames[:5].tolist()))
    return f"{listed} ..." if len(frames) > 5 else listed
