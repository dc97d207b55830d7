"""A detector looks at every picture of a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.data.samples import Samples
from trackforge.detecting import detect
from trackforge.errors import ConfigError, DataError
from trackforge.protocols import Detector, Remembering
from trackforge.types import Detections, Frame

__all__ = ["check_set", "look"]


def check_set(dataset: Dataset) -> None:
    """Refuse a set that a detector cannot be scored on.

    Raises:
        DataError: It is empty, a picture is missing, or a corner is no number or beyond its opposite.
    """
    if not len(dataset):
        raise DataError(
            "The data set must hold a picture; it is empty. Check the path and the split.", path=dataset.root
        )
    paths = [dataset.image_path(row) for row in range(len(dataset))]
    missing = [path for path in paths if path is None or not split_key(path)[0].is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(dataset)} pictures are missing; the first is {missing[0] or 'without a path'}. "
            "Say where they are: pictures=... (--pictures FOLDER).",
            path=dataset.root,
        )
    boxes = dataset.boxes
    wrong = ~np.isfinite(boxes.xyxy).all(axis=1) | (boxes.size < 0).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{int(wrong.sum())} of {len(boxes)} boxes have corners that make no box; the first is "
            f"{boxes.xyxy[row].tolist()}. Repair the labels (`trackforge data check` lists them).",
            path=dataset.image_path(int(boxes.image[row])),
        )


def look(
    dataset: Dataset,
    detector: Detector,
    *,
    batch_size: int = 1,
    ahead: int = 4,
    advance: Callable[[], object] = lambda: None,
) -> list[Detections]:
    """Return what a detector finds in every picture, by row.

    Stills come in the order of the set. Films come frame by frame, so that a detector that remembers can look at them.

    Args:
        dataset: Checked by `check_set`.
        detector: Any; reset before each film where it remembers.
        batch_size: Pictures that it gets at once.
        ahead: Pictures that decoding may run ahead.
        advance: Called after each picture.

    Raises:
        ConfigError: The detector remembers frames, and the set holds stills.
        DataError: A picture cannot be decoded, or is not of the size that its labels were made for.
    """
    samples = Samples(dataset, verify=False)
    found: list[Detections | None] = [None] * len(dataset)
    for name, rows in _parts(dataset, detector):
        if isinstance(detector, Remembering):
            detector.reset(name)
        frames = _frames(samples, rows, name)
        with closing(detect(frames, detector, batch_size=batch_size, ahead=ahead)) as steps:
            for row, step in zip(rows, steps, strict=True):
                found[row] = step.detections
                advance()
    return [one for one in found if one is not None]


def _parts(dataset: Dataset, detector: Detector) -> Iterator[tuple[str, list[int]]]:
    """Yield the rows of the stills, and those of each film in the order of its frames."""
    images = dataset.images
    stills = np.flatnonzero((images.sequence == "") | (images.frame < 0)).tolist()
    if stills and isinstance(detector, Remembering):
        raise ConfigError(
            f"This detector compares each frame with those before it, so it must be shown films; {len(stills)} of "
            f"{len(dataset)} pictures belong to none. Name one that looks at single pictures: --detector yolox."
        )
    if stills:
        yield "", stills
    for name in dataset.sequences:
        rows = np.flatnonzero((images.sequence == name) & (images.frame >= 0))
        rows = rows[np.argsort(images.frame[rows], kind="stable")]
        for part in _increasing(rows.tolist(), images.frame[rows].tolist()):
            yield name, part


def _increasing(rows: list[int], frames: list[int]) -> Iterator[list[int]]:
    """Divide where a frame comes twice, as that of two parts of a set may."""
    while rows:
        first = [k for k in range(len(rows)) if k == 0 or frames[k] > frames[k - 1]]
        yield [rows[k] for k in first]
        rest = sorted(set(range(len(rows))) - set(first))
        rows, frames = [rows[k] for k in rest], [frames[k] for k in rest]


def _frames(samples: Samples, rows: list[int], sequence: str) -> Iterator[Frame]:
    images = samples.dataset.images
    for row in rows:
        sample = samples[row]
        yield Frame(
            index=int(images.frame[row]) if sequence else row,
            image=sample.image,
            sequence=sequence,
            file=Path(str(images.path[row])).name or None,
        )
