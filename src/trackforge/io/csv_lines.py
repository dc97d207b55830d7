"""Results as a table of comma-separated values, one row a track and frame, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.intake.names import readable
from trackforge.io.masks import text_mask
from trackforge.io.text_sink import TextSink
from trackforge.types import Step

__all__ = ["COLUMNS", "CsvSink", "CsvSinkConfig", "csv_text", "harmless"]

COLUMNS = ("frame", "time", "id", "class", "score", "x1", "y1", "x2", "y2", "class_id", "sequence", "file")
"""The header row."""


@dataclass(frozen=True, kw_only=True)
class CsvSinkConfig:
    """Settings of `CsvSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    classes: tuple[str, ...] = setting((), help="Class names; the detector's where none are set.")
    masks: bool = setting(False, help="Write a last column with masks, COCO's run lengths as JSON.")

    def __post_init__(self) -> None:
        check(self)


class CsvSink(TextSink):
    """Writes a header and one row for every visible track of every frame (RFC 4180, UTF-8, line feeds).

    ``frame`` is the 0-based index in the sequence, ``time`` the seconds since its start, empty where it has no clock.
    Corners are in pixels. Numbers are the shortest decimals that give back the very float32. ``file`` is the picture's
    name in a folder of pictures. A name that a spreadsheet would take for a formula gets an apostrophe before it.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: CsvSinkConfig) -> None:
        super().__init__(config.path)
        self.config = config

    def head(self) -> str:
        """Return the header row."""
        return csv_text([(*COLUMNS, "mask") if self.config.masks else COLUMNS])

    def body(self, step: Step) -> str:
        """Return the rows of a frame."""
        frame, tracks = step.frame, step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        classes = self.config.classes or self.stream.classes
        time = "" if frame.timestamp is None else repr(round(frame.timestamp, 6))
        names = harmless(frame.sequence or self.stream.name), harmless(frame.file or "")
        masks = step.detections.mask
        rows = []
        for row, class_id in enumerate(tracks.class_id.tolist()):
            name = harmless(classes[class_id]) if 0 <= class_id < len(classes) else ""
            corners = (str(value) for value in boxes[row])
            mask = None if masks is None else masks[tracks.detection[row]]
            last = ("" if mask is None else json.dumps(text_mask(mask)),) if self.config.masks else ()
            first = (frame.index, time, tracks.track_id[row], name, str(tracks.score[row]))
            rows.append((*first, *corners, class_id, *names, *last))
        return csv_text(rows)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of comma-separated values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def harmless(name: str) -> str:
    """Return a name that a spreadsheet shows rather than works out."""
    shown = readable(name)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown
