"""MOTChallenge files: writing results, ground truth and detections.

The text is told, and read, in `trackforge.io.mot_text`, ``seqinfo.ini`` in `trackforge.io.seqinfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import InvalidInputError, SinkError
from trackforge.io.atomic import STOPPED, PartialFile, atomic_path
from trackforge.io.mot_labels import LABELS, read_labels, write_names
from trackforge.io.mot_text import Kind, class_column, read_mot, sequence_of
from trackforge.io.seqinfo import SequenceInfo, read_seqinfo, seqinfo_lines
from trackforge.table import TrackTable
from trackforge.types import Step, Stream

__all__ = [
    "LABELS",
    "MotSink",
    "MotSinkConfig",
    "SequenceInfo",
    "read_labels",
    "read_mot",
    "read_seqinfo",
    "seqinfo_lines",
    "sequence_of",
    "write_mot",
]


def write_mot(
    path: str | Path,
    table: TrackTable,
    *,
    kind: Kind = "tracks",
    decimals: int = 9,
    classes: Sequence[str] = (),
) -> None:
    """Write a MOTChallenge file that `read_mot` reads back; it stands there whole or not at all.

    Args:
        path: The file; its folder is made where needed.
        table: What to write.
        kind: ``"tracks"`` and ``"detections"`` have 10 columns, the last three world coordinates or -1. ``"truth"`` has
            9, or 10 where the table has world coordinates or ``extra["after_class"]``.
        decimals: Places after the point; zeros at the end are left out. The default loses nothing of a file read.
        classes: Names by ``class_id``, which go into a file beside it (`trackforge.io.mot_labels`).

    Raises:
        InvalidInputError: A row has no id, with ``kind="tracks"``.
        SinkError: The place cannot be written to.
    """
    if kind == "tracks" and len(table) and table.track_id.min() < 0:
        row = int(np.flatnonzero(table.track_id < 0)[0])
        raise InvalidInputError(
            f"A file of tracks holds only boxes that have an id; row {row} (frame {table.frame[row]}) has none. "
            "Leave it out: table[table.track_id >= 0]."
        )
    n = len(table)
    box = np.concatenate((table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]), axis=1)
    columns: list[Any] = [table.frame + 1, np.full(n, -1) if kind == "detections" else table.track_id, *box.T]
    if kind == "truth":
        columns.append(table.extra.get("flag", np.ones(n, np.int64)))
    else:
        columns.append(table.score)
    if "world" in table.extra:
        columns += list(table.extra["world"].T)
    elif kind == "truth" and "after_class" in table.extra:
        columns += [table.class_id, *table.extra["after_class"].T]
    elif kind == "truth":
        columns += [table.class_id, table.extra.get("visibility", np.ones(n))]
    else:
        several = True if len(classes) > 1 else None
        columns += [class_column(table.class_id, several=several), *[np.full(n, -1)] * 2]
    texts = [_texts(np.asarray(column), decimals) for column in columns]
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(",".join(row) + "\n" for row in zip(*texts, strict=True))
    write_names(path, classes)


def _texts(column: npt.NDArray[Any], decimals: int) -> list[str]:
    if column.dtype.kind in "iub":
        return [str(int(value)) for value in column]
    return [repr(value).removesuffix(".0") for value in np.round(column, decimals).tolist()]


@dataclass(frozen=True, kw_only=True)
class MotSinkConfig:
    """Settings of `MotSink`."""

    path: Path = setting(help="File to write.")
    box: Literal["filtered", "detected"] = setting(
        "filtered", help="Write the motion model's box, or that of the detection."
    )
    min_area: float = setting(
        0.0, help="Leave out boxes of this area or less; official evaluators use 100.", unit="px²", minimum=0
    )
    max_aspect_ratio: float | None = setting(
        None, help="Leave out boxes wider than this times their height; official evaluators use 1.6.", minimum=0
    )
    decimals: int = setting(2, help="Places after the point of box coordinates.", minimum=0, maximum=9)
    labels: bool = setting(
        True, help="Where there are several classes, write their names beside the file: NAME.labels.txt."
    )

    def __post_init__(self) -> None:
        check(self)


class MotSink:
    """Writes the visible tracks of every frame as MOTChallenge text; ids are always >= 1.

    Column 8 is the number of the class counted from 1 where the detector knows several, whose names go into a file
    beside this one (`trackforge.io.mot_labels`), and else -1, as the benchmark wants it.

    Raises:
        SinkError: The place cannot be written to.
    """

    def __init__(self, config: MotSinkConfig) -> None:
        self.config = config
        self._partial: PartialFile | None = None
        self._file: TextIO | None = None
        self._classes: tuple[str, ...] = ()

    def __enter__(self) -> MotSink:
        self._classes = ()
        self._partial = PartialFile(self.config.path)
        with self._partial.writing() as path:
            self._file = path.open("w", encoding="utf-8", newline="\n")
        return self

    def open(self, stream: Stream, /) -> None:
        """Note which classes the detector knows."""
        self._classes = stream.classes

    def write(self, step: Step, /) -> None:
        """Append the visible tracks of one frame."""
        if self._file is None or self._partial is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        places, frame = self.config.decimals, step.frame.index + 1
        lines = []
        for track, score, number, (x1, y1, x2, y2) in zip(
            tracks.track_id.tolist(),
            tracks.score.tolist(),
            class_column(tracks.class_id, several=len(self._classes) > 1).tolist(),
            boxes.tolist(),
            strict=True,
        ):
            width, height = x2 - x1, y2 - y1
            if self._keeps(width, height):
                lines.append(
                    f"{frame},{track},{x1:.{places}f},{y1:.{places}f},{width:.{places}f},{height:.{places}f},"
                    f"{score:.4f},{number},-1,-1\n"
                )
        with self._partial.writing():
            self._file.writelines(lines)

    def _keeps(self, width: float, height: float) -> bool:
        ratio = self.config.max_aspect_ratio
        too_small = self.config.min_area > 0 and width * height <= self.config.min_area
        return not too_small and (ratio is None or width <= ratio * height)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        if self._file is None or self._partial is None:
            return
        file, self._file = self._file, None
        self._partial.settle(kind, error, close=file.close)
        if self.config.labels and not self._partial.direct and (kind is None or issubclass(kind, STOPPED)):
            write_names(self.config.path, self._classes)
