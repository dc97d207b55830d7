"""Track files of every format that holds a whole `TrackTable`: what `trackforge convert` goes through."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, DataError, InvalidInputError, MissingFileError, SinkError
from trackforge.intake.folders import list_files
from trackforge.intake.names import inside
from trackforge.intake.reading import reading
from trackforge.io.coco import read_coco, read_coco_classes, write_coco
from trackforge.io.jsonl import JsonLinesSink, JsonLinesSinkConfig
from trackforge.io.mot import read_mot, sequence_of, write_mot
from trackforge.io.mot_labels import holds_names, names_path, read_names
from trackforge.io.mot_text import Kind
from trackforge.io.parquet import ParquetSink, ParquetSinkConfig
from trackforge.io.seqlabel import ENDING, SeqLabelSink, SeqLabelSinkConfig
from trackforge.io.table_reading import json_classes, json_tables, parquet_classes, parquet_tables
from trackforge.io.targets import keep_apart
from trackforge.table import TrackTable, one_size
from trackforge.types import Stream

__all__ = ["FORMATS", "are_tracks", "convert_tables", "read_classes", "read_tables", "write_tables"]

log = logging.getLogger(__name__)
FORMATS = {".txt": "mot", ".json": "coco", ".jsonl": "jsonl", ".parquet": "parquet", ".seqlabel.json": "seqlabel"}
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
        if not path.is_dir():
            return {sequence_of(path): read_mot(path, kind=kind)}
        files = _texts(path)
        if not files:
            raise DataError("A folder of MOTChallenge files must hold <sequence>.txt; there is none.", path=path)
        return {file.stem: read_mot(file, kind=kind, sequence=file.stem) for file in files}
    if path.is_dir():
        raise DataError(f"{form} is kept in a file; this is a folder.", path=path)
    if form in ("coco", "seqlabel"):
        return read_coco(path)
    with reading(path, "A file of tracks"):
        tables = json_tables(path) if form == "jsonl" else parquet_tables(path)
    return tables or {path.stem: TrackTable.empty(path.stem)}


def _texts(folder: Path) -> list[Path]:
    return [file for file in list_files(folder, (".txt",)).files if not holds_names(file)]


def read_classes(path: str | Path, form: str) -> tuple[str, ...]:
    """Return the names of the classes that a file of tracks, or what stands beside it, knows; none where it has none.

    Args:
        path: As for `read_tables`.
        form: Likewise.

    Raises:
        DataError: The content is malformed.
    """
    path = Path(path)
    with reading(path, "A file of tracks"):
        found = _named(path, form)
    return () if all(name == f"class {number}" for number, name in enumerate(found)) else found


def _named(path: Path, form: str) -> tuple[str, ...]:
    if form == "mot":
        return read_names(_texts(path) if path.is_dir() else [path])
    if form in ("coco", "seqlabel"):
        try:
            return read_coco_classes(path)
        except DataError:  # a list of results has no categories
            return ()
    return json_classes(path) if form == "jsonl" else parquet_classes(path)


def write_tables(
    path: str | Path,
    tables: Mapping[str, TrackTable],
    form: str,
    *,
    kind: Kind = "tracks",
    classes: Sequence[str] = (),
) -> list[Path]:
    """Write tables to a file, or several of them to a folder of MOTChallenge files.

    Args:
        path: The file or folder.
        tables: By sequence.
        form: One of the formats in `FORMATS`.
        kind: What MOTChallenge files are to hold.
        classes: Names by ``class_id``.

    Returns:
        The files written.

    Raises:
        InvalidInputError: Several sequences for one MOTChallenge file, or a row without an id.
        SinkError: The place cannot be written to.
    """
    path = Path(path)
    files = _files(path, tables, form)
    if form == "mot":
        masks = sum(mask is not None for table in tables.values() if table.mask is not None for mask in table.mask)
        if masks:
            log.warning("%s: MOTChallenge text has no place for masks; %d are left out", path, masks)
        for file, table in zip(files, tables.values(), strict=True):
            write_mot(file, table, kind=kind, classes=classes)
        return files
    if form == "coco":
        write_coco(path, tables, classes=classes)
        return files
    sink: JsonLinesSink | ParquetSink | SeqLabelSink
    if form == "seqlabel" and len(tables) > 1:
        raise InvalidInputError(f"A SeqLabel.json holds one sequence; got {len(tables)}. Write another format.")
    if form == "seqlabel":
        sink = SeqLabelSink(SeqLabelSinkConfig(path=path))
    elif form == "jsonl":
        sink = JsonLinesSink(JsonLinesSinkConfig(path=path))
    else:
        sink = ParquetSink(ParquetSinkConfig(path=path))
    with sink:
        sink.open(Stream(classes=tuple(classes), size=one_size(table.size for table in tables.values())))
        for table in tables.values():
            for step in table.steps():
                sink.write(step)
    return files


def _files(path: Path, tables: Collection[str], form: str) -> list[Path]:
    """Return the files that the sequences of these names are written to."""
    if form != "mot" or (path.suffix == ".txt" and len(tables) == 1):
        return [path]
    if path.suffix != ".txt":
        return [inside(path, f"{name}.txt", "The sequence") for name in tables]
    raise InvalidInputError(
        f"A MOTChallenge file holds one sequence; got {len(tables)}. Name a folder: {path.with_suffix('')}/."
    )


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
    source: Path,
    target: Path,
    from_: str | None = None,
    to: str | None = None,
    *,
    kind: Kind = "tracks",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Read tracks in one format and write them in another.

    Args:
        source: File to read; a folder is one of MOTChallenge files.
        target: File or folder to write.
        from_: Format of the source, where its ending does not tell.
        to: Format of the target, where its ending does not tell.
        kind: What MOTChallenge files hold.
        overwrite: Replace files that stand there; what is read is never replaced.

    Returns:
        How many ``sequences`` and ``boxes``, and the ``files`` written.

    Raises:
        ConfigError: A format is not known, or the target is what is read.
        SinkError: A file stands there.
        DataError, MissingFileError, InvalidInputError, SinkError: As `read_tables` and `write_tables` do.
    """
    forms = (_form(source, from_), _form(target, to))
    for path, form in zip((source, target), forms, strict=True):
        if form not in FORMATS.values():
            known = ", ".join(f"{name} ({ending})" for ending, name in FORMATS.items())
            raise ConfigError(f"The ending of {path} tells no format. Name it with --from or --to. Known: {known}.")
    tables = read_tables(source, forms[0], kind=kind)
    classes = _classes(source, *forms, kind)
    files = _files(target, tables, forms[1])
    beside = [names_path(file) for file in files] if forms[1] == "mot" and len(classes) > 1 else []
    keep_apart([*files, *beside], [source, *(source.glob("*.txt") if source.is_dir() else ())])
    # a device or a pipe takes what is written without losing what it held
    there = next((file for file in [*files, *beside] if file.is_file() or file.is_symlink()), None)
    if there is not None and not overwrite:
        raise SinkError(
            f"The target must be new; {there} is there already. Name another place, or let it be replaced "
            "(overwrite=True, --overwrite)."
        )
    write_tables(target, tables, forms[1], kind=kind, classes=classes)
    return {
        "sequences": len(tables),
        "boxes": sum(len(table) for table in tables.values()),
        "files": [str(file) for file in files],
    }


def _classes(source: Path, form: str, to: str, kind: Kind) -> tuple[str, ...]:
    """Return the names that a conversion takes along: ground truth in MOTChallenge text counts classes from 1."""
    classes = read_classes(source, form)
    if kind != "truth" or not classes or form == to == "mot":
        return classes
    return ("class 0", *classes) if form == "mot" else () if to == "mot" else classes


def _form(path: Path, named: str | None) -> str:
    """Tell the format of a file of tracks; a folder is one of MOTChallenge files."""
    if named is not None:
        return named
    if path.name.lower().endswith(ENDING):
        return "seqlabel"
    return "mot" if path.is_dir() or not path.suffix else FORMATS.get(path.suffix.lower(), "")
