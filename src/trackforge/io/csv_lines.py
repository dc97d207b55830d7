"""Results as a table of comma-separated values, one row a track and frame, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.errors import SinkError
from trackforge.intake.names import readable
from trackforge.io.text_output import TextOutput
from trackforge.types import Step, Stream

__all__ = ["COLUMNS", "CsvSink", "CsvSinkConfig", "csv_text", "harmless"]

COLUMNS = ("frame", "time", "id", "class", "score", "x1", "y1", "x2", "y2", "class_id", "sequence", "file")
"""The header row."""


@dataclass(frozen=True, kw_only=True)
class CsvSinkConfig:
    """Settings of `CsvSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    classes: tuple[str, ...] = setting((), help="Class names; the detector's where none are set.")

    def __post_init__(self) -> None:
        check(self)


class CsvSink:
    """Writes a header and one row for every visible track of every frame (RFC 4180, UTF-8, line feeds).

    ``frame`` is the 0-based index in the sequence, ``time`` the seconds since its start, empty where it has no clock.
    Corners are in pixels. Numbers are the shortest decimals that give back the very float32. ``file`` is the picture's
    name in a folder of pictures. A name that a spreadsheet would take for a formula gets an apostrophe before it.

    Attributes:
        ended: Whether nobody reads standard output any more.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: CsvSinkConfig) -> None:
        self.config = config
        self._text: TextOutput | None = None
        self._stream = Stream()
        self.ended = False

    def __enter__(self) -> CsvSink:
        self._text, self._stream, self.ended = TextOutput(self.config.path), Stream(), False
        self._text.write(csv_text([COLUMNS]))
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, and of the sequence for frames that do not know it."""
        self._stream = stream

    def write(self, step: Step, /) -> None:
        """Append the rows of one frame."""
        if self._text is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        frame, tracks = step.frame, step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        classes = self.config.classes or self._stream.classes
        time = "" if frame.timestamp is None else repr(round(frame.timestamp, 6))
        names = harmless(frame.sequence or self._stream.name), harmless(frame.file or "")
        rows = []
        for row, class_id in enumerate(tracks.class_id.tolist()):
            name = harmless(classes[class_id]) if 0 <= class_id < len(classes) else ""
            corners = (str(value) for value in boxes[row])
            rows.append(
                (frame.index, time, tracks.track_id[row], name, str(tracks.score[row]), *corners, class_id, *names)
            )
        self._text.write(csv_text(rows))
        self.ended = self._text.ended

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        text, self._text = self._text, None
        if text is not None:
            text.settle(kind, error)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of comma-separated values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def harmless(name: str) -> str:
    """Return a name that a spreadsheet shows rather than works out."""
    shown = readable(name)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown
