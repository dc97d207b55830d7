"""What happened, by the analytics of a run: crossings, entries, exits; as CSV, JSON lines or Parquet."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.errors import MissingDependencyError, SinkError
from trackforge.intake.names import readable
from trackforge.io.atomic import STOPPED, PartialFile
from trackforge.io.csv_lines import csv_text, harmless
from trackforge.io.text_output import TextOutput
from trackforge.types import Step, Stream

__all__ = ["FIRST", "EventSink", "EventSinkConfig", "columns_of", "rows_csv", "write_parquet"]

FIRST = ("sequence", "analytic", "kind", "frame", "time", "track_id", "class")
"""Columns that stand first, in this order; what else the events say follows in the order in which it came."""


@dataclass(frozen=True, kw_only=True)
class EventSinkConfig:
    """Settings of `EventSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    form: Literal["auto", "csv", "jsonl", "parquet"] = setting(
        "auto", help="Auto: Parquet and JSON lines for files that end so, else CSV."
    )

    def __post_init__(self) -> None:
        check(self)


class EventSink:
    """Writes one row for everything that an analytic says has happened (`Step.events`).

    Columns are ``sequence, analytic, kind, frame, time, track_id, class``, then what else the events of the run say:
    ``line`` and ``direction`` of a crossing, say. ``frame`` is the 0-based index, ``time`` the seconds since the start
    of the sequence, empty where it has no clock. JSON lines are written as things happen; the columns of a table are
    known at the end, so that CSV and Parquet are written then.

    Raises:
        SinkError: The file cannot be written.
        MissingDependencyError: Parquet needs pyarrow.
    """

    def __init__(self, config: EventSinkConfig) -> None:
        self.config = config
        self._rows: list[dict[str, Any]] = []
        self._stream = Stream()
        self._text: TextOutput | None = None
        self._partial: PartialFile | None = None
        self.ended = False

    @property
    def form(self) -> str:
        """``csv``, ``jsonl`` or ``parquet``."""
        endings = {".jsonl": "jsonl", ".parquet": "parquet"}
        auto = self.config.form == "auto"
        return endings.get(self.config.path.suffix.lower(), "csv") if auto else self.config.form

    def __enter__(self) -> EventSink:
        self._rows, self._stream, self.ended = [], Stream(), False
        if self.form == "parquet":
            _need_pyarrow()
            self._partial = PartialFile(self.config.path)
        else:
            self._text = TextOutput(self.config.path)
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the name of the sequence, for frames that do not know it."""
        self._stream = stream

    def write(self, step: Step, /) -> None:
        """Take what happened in one frame."""
        if self._text is None and self._partial is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        sequence = readable(step.frame.sequence or self._stream.name)
        rows = [{"sequence": sequence, **event} for event in step.events]
        if self._text is not None and self.form == "jsonl":
            self._text.write("".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))
            self.ended = self._text.ended
        else:
            self._rows += rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        text, self._text, partial, self._partial = self._text, None, self._partial, None
        if text is not None:
            if self.form == "csv" and (kind is None or issubclass(kind, STOPPED)):
                text.write(rows_csv(self._rows, FIRST))
            text.settle(kind, error)
        if partial is not None:
            partial.settle(kind, error, close=lambda: write_parquet(partial.path, self._rows, FIRST))


def _need_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingDependencyError(
            "Parquet files need pyarrow, which is not installed; run: pip install 'trackforge-mot[parquet]'",
            name="pyarrow",
        )


def columns_of(rows: Iterable[Mapping[str, Any]], first: Sequence[str] = ()) -> list[str]:
    """Return the names of all columns: ``first``, then the others in the order in which they came."""
    return list(dict.fromkeys([*first, *(name for row in rows for name in row)]))


def rows_csv(rows: Sequence[Mapping[str, Any]], first: Sequence[str] = ()) -> str:
    """Return flat rows as comma-separated values with a header; what a row does not say is empty.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    columns = columns_of(rows, first)
    return csv_text([columns, *([_cell(row.get(name)) for name in columns] for row in rows)])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    return repr(value) if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], first: Sequence[str] = ()) -> None:
    """Write flat rows as a Parquet table; a column takes the type of its values, and texts where they differ."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]

    table = {}
    for name in columns_of(rows, first):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1:
            values = [None if value is None else str(value) for value in values]
        table[name] = pa.array(values, pa.string() if not kinds else None)
    parquet.write_table(pa.table(table), path)
