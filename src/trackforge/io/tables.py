"""Track files of every format that holds a whole `TrackTable`: what `trackforge convert` goes through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.errors import ConfigError, DataError, InvalidInputError, MissingDependencyError, MissingFileError
from trackforge.io.coco import read_coco, write_coco
from trackforge.io.jsonl import JsonLinesSink, JsonLinesSinkConfig
from trackforge.io.masks import plain_mask
from trackforge.io.mot import read_mot, sequence_of, write_mot
from trackforge.io.mot_text import Kind
from trackforge.io.parquet import ParquetSink, ParquetSinkConfig
from trackforge.protocols import Sink
from trackforge.table import TrackTable

__all__ = ["FORMATS", "are_tracks", "convert_tables", "read_tables", "write_tables"]

FORMATS = {".txt": "mot", ".json": "coco", ".jsonl": "jsonl", ".parquet": "parquet"}
"""File endings and the names of their formats."""


def read_tables(path: str | Path, form: str, *, kind: Kind = "tracks") -> dict[str, TrackTable]:
    """Read a file as one table a sequence.

    Args:
        path: The file; for ``"mot"`` also a folder of such.
        form: One of the formats in `FORMATS`.
        kind: What a MOTChallenge file holds.

    Raises:
        DataError: The content is malformed; the message says where.
        MissingFileError: There is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"{path} must be a file or folder; there is none.")
    if form == "mot":
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not files:
            raise DataError("A folder of MOTChallenge files must hold <sequence>.txt; there is none.", path=path)
        return {sequence_of(file): read_mot(file, kind=kind) for file in files}
    if path.is_dir():
        raise DataError(f"{form} is kept in a file; this is a folder.", path=path)
    if form == "coco":
        return read_coco(path)
    return _grouped(_json_rows(path) if form == "jsonl" else _parquet_rows(path), path)


def write_tables(path: str | Path, tables: Mapping[str, TrackTable], form: str, *, kind: Kind = "tracks") -> list[Path]:
    """Write tables to a file, or several of them to a folder of MOTChallenge files.

    Returns:
        The files written.

    Raises:
        InvalidInputError: Several sequences for one MOTChallenge file, or a row without an id.
        SinkError: The place cannot be written to.
    """
    path = Path(path)
    if form == "mot":
        if path.suffix != ".txt":
            files = [path / f"{name}.txt" for name in tables]
        elif len(tables) == 1:
            files = [path]
        else:
            raise InvalidInputError(
                f"A MOTChallenge file holds one sequence; got {len(tables)}. Name a folder: {path.with_suffix('')}/."
            )
        for file, table in zip(files, tables.values(), strict=True):
            write_mot(file, table, kind=kind)
        return files
    if form == "coco":
        write_coco(path, tables)
        return [path]
    sink: Sink
    if form == "jsonl":
        sink = JsonLinesSink(JsonLinesSinkConfig(path=path))
    else:
        sink = ParquetSink(ParquetSinkConfig(path=path))
    with sink:
        for table in tables.values():
            for step in table.steps():
                sink.write(step)
    return [path]


def are_tracks(source: Path, target: Path, from_: str | None = None, to: str | None = None) -> bool:
    """Whether a conversion is of a tracker's files, rather than of a data set: pictures and labels.

    Args:
        source: What is to be read.
        target: What is to be written.
        from_: Format of the source, as far as it was named.
        to: Format of the target, as far as it was named.
    """
    if any(name is not None and name not in FORMATS.values() for name in (from_, to)):
        return False
    if source.is_dir() and not any(source.glob("*.txt")):
        return False
    return to is None or bool(target.suffix) or source.suffix.lower() != ".json"


def convert_tables(
    source: Path, target: Path, from_: str | None = None, to: str | None = None, *, kind: Kind = "tracks"
) -> dict[str, Any]:
    """Read tracks in one format and write them in another.

    Args:
        source: File to read; a folder is one of MOTChallenge files.
        target: File or folder to write.
        from_: Format of the source, where its ending does not tell.
        to: Format of the target, where its ending does not tell.
        kind: What MOTChallenge files hold.

    Returns:
        How many ``sequences`` and ``boxes``, and the ``files`` written.

    Raises:
        ConfigError: A format is not known.
        DataError, MissingFileError, InvalidInputError, SinkError: As `read_tables` and `write_tables` do.
    """
    forms = (_form(source, from_), _form(target, to))
    for path, form in zip((source, target), forms, strict=True):
        if form not in FORMATS.values():
            known = ", ".join(f"{name} ({ending})" for ending, name in FORMATS.items())
            raise ConfigError(f"The ending of {path} tells no format. Name it with --from or --to. Known: {known}.")
    tables = read_tables(source, forms[0], kind=kind)
    files = write_tables(target, tables, forms[1], kind=kind)
    return {
        "sequences": len(tables),
        "boxes": sum(len(table) for table in tables.values()),
        "files": [str(file) for file in files],
    }


def _form(path: Path, named: str | None) -> str:
    """Tell the format of a file of tracks; a folder is one of MOTChallenge files."""
    if named is not None:
        return named
    return "mot" if path.is_dir() or not path.suffix else FORMATS.get(path.suffix.lower(), "")


Row = tuple[str, int, int, float, float, float, float, float, int, float, Any]
"""Sequence, frame, id, x1, y1, x2, y2, score, class, timestamp (NaN for none) and mask (None for none)."""


def _grouped(rows: Iterable[Row], path: Path) -> dict[str, TrackTable]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row[0] or path.stem, []).append(row)
    if not parts:
        return {path.stem: TrackTable.empty(path.stem)}
    tables = {}
    for name, those in parts.items():
        numbers = np.array([row[1:-1] for row in those], np.float64)
        timed, masks = np.isfinite(numbers[:, 8]).any(), [row[-1] for row in those]
        try:
            tables[name] = TrackTable(
                frame=numbers[:, 0].astype(np.int64),
                track_id=numbers[:, 1].astype(np.int64),
                xyxy=numbers[:, 2:6],
                score=numbers[:, 6],
                class_id=numbers[:, 7].astype(np.int64),
                timestamp=numbers[:, 8] if timed else None,
                mask=None if any(mask is None for mask in masks) else np.array(masks, np.object_),
                sequence=name,
            )
        except InvalidInputError as error:
            raise DataError(str(error), path=path) from error
    return tables


def _json_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
                sequence, frame = str(line.get("sequence") or ""), int(line["frame"])
                seconds = line.get("timestamp")
                for track in line["tracks"]:
                    corners = [float(value) for value in track["xyxy"]]
                    if len(corners) != 4:
                        raise ValueError(f"xyxy must have four numbers, not {len(corners)}")
                    if int(track["track_id"]) < 0:
                        raise ValueError(f"track_id must be >= 0, not {track['track_id']}")
                    x1, y1, x2, y2 = corners
                    yield (
                        sequence,
                        frame,
                        int(track["track_id"]),
                        x1,
                        y1,
                        x2,
                        y2,
                        float(track.get("score", 1.0)),
                        int(track.get("class_id", 0)),
                        np.nan if seconds is None else float(seconds),
                        None if track.get("mask") is None else plain_mask(track["mask"]),
                    )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise DataError(
                    "A line must be an object with frame and tracks, each with track_id and xyxy; "
                    f"{reason}. Repair the line or leave it out.",
                    path=path,
                    line=number,
                ) from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files need pyarrow, which is not installed; run: pip install 'trackforge-mot[parquet]'"
        ) from error
    names = ("sequence", "frame", "track_id", "x1", "y1", "x2", "y2", "score", "class_id")
    try:
        there = parquet.read_schema(path).names
        absent = [name for name in names if name not in there]
        if absent:
            raise DataError(f"A table of tracks must have the column {absent[0]!r}; it does not.", path=path)
        timed = "timestamp" in there
        table: Any = parquet.read_table(path, columns=[*names, "timestamp"] if timed else list(names))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"This is no Parquet file: {error}", path=path) from error
    nameless = np.flatnonzero(table["track_id"].to_numpy() < 0)
    if len(nameless):
        raise DataError(
            f"A table of tracks holds only boxes that have an id; row {nameless[0]} has none. Leave such rows out "
            f"({len(nameless)} in all).",
            path=path,
        )
    columns = [table[name].to_pylist() for name in names[:1]]
    for name in names[1:]:
        values = table[name].to_numpy()
        # float32 columns mean their shortest decimals
        columns.append((values.astype(np.str_).astype(np.float64) if values.dtype == np.float32 else values).tolist())
    times = table["timestamp"].to_numpy() if timed else np.full(table.num_rows, np.nan)
    for row in zip(*columns, times.tolist(), strict=True):
        yield (row[0] or "", *row[1:], None)
