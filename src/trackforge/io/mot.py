"""MOTChallenge files: writing results, ground truth and detections, and ``seqinfo.ini`` both ways.

The text is told, and read, in `trackforge.io.mot_text`.
"""

from __future__ import annotations

import configparser
import math
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.io.atomic import PartialFile, atomic_path
from trackforge.io.mot_text import Kind, class_column, read_mot, sequence_of
from trackforge.table import TrackTable
from trackforge.types import Step

__all__ = [
    "MotSink",
    "MotSinkConfig",
    "SequenceInfo",
    "read_mot",
    "read_seqinfo",
    "seqinfo_lines",
    "sequence_of",
    "write_mot",
]


def write_mot(path: str | Path, table: TrackTable, *, kind: Kind = "tracks", decimals: int = 9) -> None:
    """Write a MOTChallenge file that `read_mot` reads back; it stands there whole or not at all.

    Args:
        path: The file; its folder is made where needed.
        table: What to write.
        kind: ``"tracks"`` and ``"detections"`` have 10 columns, the last three world coordinates or -1. ``"truth"`` has
            9, or 10 where the table has world coordinates.
        decimals: Places after the point; zeros at the end are left out. The default loses nothing of a file read.

    Raises:
        InvalidInputError: A row has no id, unless ``kind="detections"``.
        SinkError: The place cannot be written to.
    """
    if kind != "detections" and len(table) and table.track_id.min() < 0:
        row = int(np.flatnonzero(table.track_id < 0)[0])
        raise InvalidInputError(
            f"A {kind} file holds only boxes that have an id; row {row} (frame {table.frame[row]}) has none. "
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
    elif kind == "truth":
        columns += [table.class_id, table.extra.get("visibility", np.ones(n))]
    else:
        columns += [class_column(table.class_id), *[np.full(n, -1)] * 2]
    texts = [_texts(np.asarray(column), decimals) for column in columns]
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(",".join(row) + "\n" for row in zip(*texts, strict=True))


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

    def __post_init__(self) -> None:
        check(self)


class MotSink:
    """Writes the visible tracks of every frame as MOTChallenge text; ids are always >= 1.

    Raises:
        SinkError: The place cannot be written to.
    """

    def __init__(self, config: MotSinkConfig) -> None:
        self.config = config
        self._partial: PartialFile | None = None
        self._file: TextIO | None = None

    def __enter__(self) -> MotSink:
        self._partial = PartialFile(self.config.path)
        with self._partial.writing() as path:
            self._file = path.open("w", encoding="utf-8", newline="\n")
        return self

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
            class_column(tracks.class_id).tolist(),
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


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What a MOTChallenge ``seqinfo.ini`` says about a sequence.

    Attributes:
        name: Of the sequence.
        length: Frames.
        rate: Frames per second.
        width: Of the images, pixels.
        height: Of the images, pixels.
        image_dir: Folder of the images, beside the ini file.
        image_ext: Ending of their names, with the dot.
    """

    name: str
    length: int
    rate: float = 30.0
    width: int = 0
    height: int = 0
    image_dir: str = "img1"
    image_ext: str = ".jpg"


def read_seqinfo(path: str | Path) -> SequenceInfo:
    """Read a ``seqinfo.ini``, or the one in a sequence's folder.

    Raises:
        DataError: It has no ``[Sequence]`` with a length, or a value is no number.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    path = path / "seqinfo.ini" if path.is_dir() else path
    ini = configparser.ConfigParser(interpolation=None)
    try:
        ini.read_string(path.read_text(encoding="utf-8-sig"))
        section = ini["Sequence"]
        info = SequenceInfo(
            name=section.get("name", path.parent.name),
            length=int(section["seqLength"]),
            rate=section.getfloat("frameRate", 30.0),
            width=section.getint("imWidth", 0),
            height=section.getint("imHeight", 0),
            image_dir=section.get("imDir", "img1"),
            image_ext=section.get("imExt", ".jpg"),
        )
        if min(info.length, info.width, info.height) < 0 or not 0 <= info.rate < math.inf:
            raise ValueError("a number is negative or not finite")
    except (configparser.Error, KeyError, ValueError) as error:
        raise DataError(
            f"A seqinfo.ini must have a section [Sequence] with numbers for seqLength and frameRate; {error}.",
            path=path,
        ) from error
    return info


def seqinfo_lines(info: SequenceInfo) -> tuple[str, ...]:
    """Return the lines of a ``seqinfo.ini`` that `read_seqinfo` reads back."""
    return (
        "[Sequence]",
        f"name={info.name}",
        f"imDir={info.image_dir}",
        f"frameRate={info.rate:g}",
        f"seqLength={info.length}",
        f"imWidth={info.width}",
        f"imHeight={info.height}",
        f"imExt={info.image_ext}",
    )
