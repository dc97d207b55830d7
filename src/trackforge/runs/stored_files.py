"""Which files hold tracks, and what is in them: of trackers, of labellers, of people who checked."""

from __future__ import annotations

from pathlib import Path

from trackforge.data import read, to_tables
from trackforge.errors import InvalidInputError
from trackforge.intake.documents import parse_json
from trackforge.io.tables import FORMATS, read_classes, read_tables
from trackforge.review import Document
from trackforge.table import TrackTable

__all__ = ["LABELS", "form_of", "read_stored", "stated"]

LABELS = ("tracking-annotations", "trackingAnnotations")
"""What Ground Truth calls the frames in its ``SeqLabel.json``, and in the answers of its workers."""
CHECKED = ".labels.json"
HEAD = 65536
"""Characters at the beginning of a JSON file in which that shows."""


def form_of(path: str | Path) -> str:
    """Return the format of a file of tracks by name; empty where it is none.

    ``mot``, ``jsonl``, ``parquet`` and ``coco`` are those of trackers, ``labels`` any that `trackforge.data` reads,
    ``checked`` what the page to check labels keeps.
    """
    path = Path(path)
    if not path.is_file():
        return ""
    if path.name.lower().endswith(CHECKED):
        return "checked"
    ending = path.suffix.lower()
    if ending == ".json" and _says(path, LABELS):
        return "labels"
    return "labels" if ending == ".xml" else FORMATS.get(ending, "")


def _says(path: Path, words: tuple[str, ...]) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(HEAD)
    return any(f'"{word}"' in head for word in words)


def read_stored(path: Path) -> tuple[dict[str, TrackTable], tuple[str, ...]]:
    """Return the tracks of every sequence in a file, and the names of the classes.

    Raises:
        DataError: It is malformed.
        MissingFileError: It is not there.
        InvalidInputError: It holds no sequences.
    """
    form = form_of(path)
    if form == "checked":
        document = Document.load(path)
        return {document.sequence: document.table()}, tuple(document.classes)
    if form != "labels":
        return read_tables(path, form), read_classes(path, form)
    dataset = read(path)
    if not dataset.sequences:
        raise InvalidInputError(f"Stored tracks must be of sequences; {path} has stills only. Track them first.")
    names = dict(zip(dataset.class_numbers, dataset.classes, strict=True))
    classes = tuple(names.get(number, f"class {number}") for number in range(max(names, default=-1) + 1))
    return to_tables(dataset), classes


def stated(path: Path) -> tuple[float | None, tuple[int, int] | None]:
    """Return frames a second and ``(width, height)`` as a file states them for all frames; None where it does not."""
    form = form_of(path)
    if form == "checked":
        document = Document.load(path)
        return document.rate, document.size if min(document.size) > 0 else None
    if form != "parquet":
        return None, None
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]

    text = (parquet.read_schema(path).metadata or {}).get(b"trackforge.stream")
    stream = parse_json(text.decode()) if text else {}
    size = stream.get("size")
    return stream.get("rate"), (int(size[0]), int(size[1])) if size else None
