"""Replays detections that another program has written: tracking without the detector, tuning, comparing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.detectors.suspicion import suspicion
from trackforge.errors import DataError, InvalidInputError, did_you_mean
from trackforge.io.coco import read_coco, read_coco_classes
from trackforge.io.mot import read_labels, read_mot
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame, Stream

__all__ = ["FileDetector", "FileDetectorConfig"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FileDetectorConfig:
    """Settings of `FileDetector`."""

    path: Path = setting(help="MOTChallenge text file or COCO json with detections.")
    format: Literal["auto", "mot", "coco"] = setting("auto", help="Format of the file; auto: .json is COCO, else MOT.")
    reference: Path | None = setting(
        None, help="For a COCO list of results: the annotation file that its image and category ids mean."
    )
    classes: tuple[str, ...] = setting((), help="Names of the classes, where the file has none.")
    min_score: float | None = setting(
        None, help="Detections with a lower score are left out; none keeps all.", role="conf"
    )

    def __post_init__(self) -> None:
        check(self)


class FileDetector:
    """Gives each frame the detections that a file holds for its index; pictures are not looked at.

    MOT files count frames from 1 and classes from 1: line ``1,...`` belongs to ``frame.index`` 0. A ``labels.txt``
    beside one names the classes. A COCO file with several videos is asked by ``frame.sequence``. Embeddings are not
    replayed, masks of COCO files are.

    Raises:
        SourceError: The file cannot be read.
        DataError: The file is malformed; the message names the line or entry. Or it has a class without a name.
    """

    embedding_dim: int | None = None

    def __init__(self, config: FileDetectorConfig) -> None:
        self.config = config
        path, names = config.path, config.classes
        self._suspected: set[str] = set()
        if config.format == "coco" or (config.format == "auto" and path.suffix.lower() == ".json"):
            self._tables = read_coco(path, reference=config.reference)
            names = names or _coco_names(config.reference or path)
        else:
            table = read_mot(path, kind="detections")
            self._tables = {table.sequence: table}
            names = names or read_labels(path)
        if config.min_score is not None:
            self._tables = {name: t[t.score >= config.min_score] for name, t in self._tables.items()}
        count = 1 + max((int(t.class_id.max()) for t in self._tables.values() if len(t)), default=0)
        self.classes: tuple[str, ...] = names or _numbered(count)
        if len(self.classes) < count:
            raise DataError(
                f"Every class must have a name; class {count - 1} (from 0) has none among {', '.join(self.classes)}. "
                "Name all of them with the setting 'classes'.",
                path=path,
            )

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return what the file holds for each frame; nothing for frames that it does not mention.

        Raises:
            InvalidInputError: The file has several sequences and none is that of a frame.
        """
        return [self._table(frame.sequence).detections(frame.index) for frame in frames]

    def open(self, stream: Stream, /) -> None:
        """Say, once a sequence, where the file hardly belongs to what is being tracked."""
        if stream.name not in self._suspected and (stream.name in self._tables or len(self._tables) == 1):
            self._suspected.add(stream.name)
            doubt = suspicion(self._table(stream.name), stream)
            if doubt:
                log.warning("The detections of %s may not fit %r: %s", self.config.path, stream.name, doubt)

    def _table(self, sequence: str) -> TrackTable:
        tables = self._tables
        if sequence in tables:
            return tables[sequence]
        if len(tables) == 1:
            return next(iter(tables.values()))
        if not tables:
            return TrackTable.empty()
        raise InvalidInputError(
            f"{self.config.path} holds several sequences and the frame's must be one of them; got {sequence!r}."
            f"{did_you_mean(sequence, tables)} It has: {', '.join(tables)}."
        )


def _numbered(count: int) -> tuple[str, ...]:
    return ("object",) if count == 1 else tuple(f"object {n + 1}" for n in range(count))


def _coco_names(path: Path) -> tuple[str, ...]:
    """Return the names of the categories, or none where the file is a bare list of results."""
    try:
        return read_coco_classes(path)
    except DataError:
        return ()
