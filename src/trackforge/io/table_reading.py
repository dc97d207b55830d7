"""Reading tracks back from JSON lines and Parquet: numbers as they were written, and where one cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError, MissingDependencyError
from trackforge.intake.documents import finite_number, parse_json, whole_number
from trackforge.intake.limits import check_limit
from trackforge.intake.names import relative_name
from trackforge.io.masks import check_mask, plain_mask
from trackforge.io.parquet import MASK
from trackforge.table import TrackTable, one_size

__all__ = ["json_classes", "json_tables", "parquet_classes", "parquet_tables"]

Row = tuple[int, int, float, float, float, float, float, int, float, Any, Any]
"""Frame, id, x1, y1, x2, y2, score, class, timestamp (NaN for none), mask and the detector's box (None for none)."""


def json_tables(path: Path) -> dict[str, TrackTable]:
    """Read JSON lines as one table a sequence; none where there is no track.

    Raises:
        DataError: A line is malformed, with its number.
        OSError: The file cannot be opened.
    """
    parts: dict[str, list[Row]] = {}
    sizes: dict[str, set[tuple[int, int]]] = {}
    with path.open(encoding="utf-8-sig") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                name, size, rows = _json_rows(parse_json(text))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise DataError(
                    "A line must be an object with frame and tracks, each with track_id and xyxy; "
                    f"{reason}. Repair the line or leave it out.",
                    path=path,
                    line=number,
                ) from error
            if rows:
                relative_name(name or path.stem, "The sequence", path=path, line=number)
                check_limit("frames", rows[0][0], "The frame", path=path, line=number)
                check_limit("classes", max(row[7] for row in rows), "The class", path=path, line=number)
                parts.setdefault(name or path.stem, []).extend(rows)
                sizes.setdefault(name or path.stem, set()).add(size)
    tables = {}
    for name, those in parts.items():
        frame, track, x1, y1, x2, y2, score, class_id, times, masks, own = zip(*those, strict=True)
        tables[name] = _table(
            path,
            name,
            size=one_size(sizes[name]),
            frame=np.array(frame, np.int64),
            track_id=np.array(track, np.int64),
            xyxy=np.array((x1, y1, x2, y2)).T,
            score=np.array(score),
            class_id=np.array(class_id, np.int64),
            timestamp=np.array(times),
            mask=None if all(mask is None for mask in masks) else np.array(masks, np.object_),
            extra={} if any(box is None for box in own) else {"detected": np.array(own, np.float64)},
        )
    return tables


def json_classes(path: Path) -> tuple[str, ...]:
    """Return the names of the classes in JSON lines that can be read, "class n" where a number has none; or none."""
    names: dict[int, str] = {}
    with path.open(encoding="utf-8-sig") as file:
        for text in file:
            for track in parse_json(text)["tracks"] if text.strip() else ():
                if isinstance(track.get("class"), str):
                    names.setdefault(int(track.get("class_id", 0)), track["class"])
    return tuple(names.get(number, f"class {number}") for number in range(max(names, default=-1) + 1))


def _json_rows(line: Any) -> tuple[str, tuple[int, int], list[Row]]:
    """Return the sequence, the picture's width and height (0 where not stated) and the tracks of one line.

    Raises what Python raises where it is not as it must be.
    """
    sequence, frame = str(line.get("sequence") or ""), _number("frame", line["frame"], whole_number, 0)
    width, height = (_number(side, line.get(side) or 0, whole_number, 0) for side in ("width", "height"))
    seconds = line.get("timestamp")
    time = np.nan if seconds is None else _number("timestamp", seconds, finite_number)
    rows = []
    for track in line["tracks"]:
        x1, y1, x2, y2 = _corners("xyxy", track["xyxy"])
        rows.append(
            (
                frame,
                _number("track_id", track["track_id"], whole_number, -1),
                x1,
                y1,
                x2,
                y2,
                _number("score", track.get("score", 1.0), finite_number),
                _number("class_id", track.get("class_id", 0), whole_number),
                time,
                None if track.get("mask") is None else _fitting(plain_mask(track["mask"]), (height, width)),
                None if track.get("detected") is None else _corners("detected", track["detected"]),
            )
        )
    return sequence, (width, height), rows


def _fitting(mask: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    if min(size) > 0 and tuple(mask["size"]) != size:
        raise ValueError(f"a mask must be as large as its picture, {list(size)} (height, width), not {mask['size']}")
    return mask


def _corners(name: str, given: Any) -> tuple[float, ...]:
    corners = tuple(_number(name, value, finite_number) for value in given)
    if len(corners) != 4:
        raise ValueError(f"{name} must have four numbers, not {len(corners)}")
    return corners


def _number(name: str, value: Any, convert: Callable[..., Any], *bounds: int) -> Any:
    try:
        return convert(value, *bounds)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _table(path: Path, name: str, *, timestamp: npt.NDArray[np.float64], **columns: Any) -> TrackTable:
    timed = np.isfinite(timestamp).any()
    try:
        return TrackTable(timestamp=timestamp if timed else None, sequence=name, **columns)
    except InvalidInputError as error:
        raise DataError(str(error), path=path) from error


def parquet_tables(path: Path) -> dict[str, TrackTable]:
    """Read a Parquet table as one table a sequence; none where it has no row.

    Raises:
        DataError: A column is missing or of another type, or a row does not fit, with its number.
        MissingDependencyError: pyarrow is not installed.
    """
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
        wanted = [*names, "timestamp"] if "timestamp" in there else list(names)
        masked = list(MASK) if all(name in there for name in MASK) else []
        rows = parquet.read_metadata(path).num_rows
        check_limit("bytes", rows * len(wanted + masked) * 8, "A table's size in memory, in bytes,", path=path)
        # as a dictionary, for a text that stands in a million rows is written once
        table: Any = parquet.read_table(path, columns=wanted + masked, read_dictionary=masked[:1])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"This is no Parquet file: {error}", path=path) from error
    columns = {name: _parquet_column(table, name, path) for name in wanted[1:]}
    columns.setdefault("timestamp", np.full(table.num_rows, np.nan))
    check_limit("frames", float(columns["frame"].max(initial=0)), "The frame", path=path)
    check_limit("classes", float(columns["class_id"].max(initial=0)), "The class", path=path)
    if masked:
        columns["mask"] = _parquet_masks(table, path)
    box = np.stack([columns.pop(name) for name in ("x1", "y1", "x2", "y2")], axis=1)
    size = _parquet_size(table.schema.metadata)
    sequences = np.array([name or path.stem for name in table["sequence"].to_pylist()], np.str_)
    tables = {}
    _, first = np.unique(sequences, return_index=True)
    for name in sequences[np.sort(first)].tolist():
        relative_name(name, "The sequence", path=path)
        mine = sequences == name
        tables[name] = _table(
            path, name, size=size, xyxy=box[mine], **{key: value[mine] for key, value in columns.items()}
        )
    return tables


def _parquet_masks(table: Any, path: Path) -> npt.NDArray[np.object_]:
    """Return the masks of all rows."""
    counts: list[str | None] = []
    for chunk in table[MASK[0]].chunks:
        texts = chunk.dictionary.to_pylist()
        counts += [None if at is None else texts[at] for at in chunk.indices.to_pylist()]
    height, width = (table[name].to_pylist() for name in MASK[1:])
    masks = np.full(len(counts), None)
    for row, (text, *size) in enumerate(zip(counts, height, width, strict=True)):
        if text is not None:
            masks[row] = check_mask({"size": size, "counts": text}, f"row {row}", path=path)
    return masks


def _parquet_size(metadata: Mapping[bytes, bytes] | None) -> tuple[int, int] | None:
    """Return width and height of the pictures, where a table of ours states them."""
    try:
        width, height = map(whole_number, parse_json((metadata or {})[b"trackforge.stream"].decode())["size"])
    except (KeyError, TypeError, ValueError, AttributeError, DataError):
        return None
    return one_size([(width, height)])


def parquet_classes(path: Path) -> tuple[str, ...]:
    """Return the names of the classes that a Parquet table of ours knows; none of others."""
    import pyarrow.parquet as parquet

    stream = (parquet.read_schema(path).metadata or {}).get(b"trackforge.stream", b"{}")
    names = parse_json(stream.decode()).get("classes", ())
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _parquet_column(table: Any, name: str, path: Path) -> npt.NDArray[Any]:
    """Return a column as int64 or float64; a row that does not fit is named."""
    values: npt.NDArray[Any] = table[name].to_numpy()
    whole = name in ("frame", "track_id", "class_id")
    if values.dtype.kind not in "iuf":
        raise DataError(
            f"The column {name!r} must hold {'whole ' if whole else ''}numbers; it holds {table[name].type}.", path=path
        )
    if values.dtype == np.float32:  # means its shortest decimals
        values = values.astype(np.str_).astype(np.float64)
    if not whole:
        return values.astype(np.float64)
    if values.dtype.kind == "f":
        bad = ~((values == np.rint(values)) & (np.abs(values) <= 2**53))
    else:
        bad = values > np.int64(2**63 - 1) if values.dtype == np.uint64 else np.zeros(len(values), np.bool_)
    rule = f"The column {name!r} must hold whole numbers in 64 bits"
    if not bad.any() and name == "track_id":
        bad, rule = values < -1, "An id must be >= 0, or -1 for a box without one"
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{rule}; row {row} has {values[row]}. Leave such rows out ({int(bad.sum())} in all).",
            path=path,
        )
    return values.astype(np.int64)
