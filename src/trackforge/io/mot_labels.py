"""Names of classes beside MOTChallenge text, which has their numbers only: ``street.labels.txt`` beside ``street.txt``.

A names file has one class a line: line n is class n. It is looked for under the name of its file (``det.labels.txt``),
then as ``labels.txt`` in the folder, for all files there, as CVAT writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trackforge.intake.names import readable
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path

__all__ = ["LABELS", "holds_names", "names_path", "read_labels", "read_names", "write_names"]

LABELS = "labels.txt"
"""Name of the file that names the classes of all files beside it."""
UNTOLD = ("person", "pedestrian", "object", "moving")
"""What the one class of a file is taken for where no name stands beside it."""


def names_path(file: str | Path) -> Path:
    """Return the names file that belongs to one MOTChallenge file: ``out/street.labels.txt``."""
    path = Path(file)
    return path.with_name(f"{path.stem}.{LABELS}")


def holds_names(path: Path) -> bool:
    """Tell by its name whether a file holds names of classes, rather than boxes."""
    return path.name == LABELS or path.name.endswith(f".{LABELS}")


def read_labels(beside: str | Path) -> tuple[str, ...]:
    """Return the names of classes that stand beside a MOTChallenge file; none where there is no such file.

    Raises:
        DataError: It is not text.
    """
    own, shared = names_path(beside), Path(beside).parent / LABELS
    path = own if own.is_file() else shared
    if not path.is_file():
        return ()
    with reading(path, "A file of class names"):
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        return tuple(line.strip().strip("\"'") for line in lines)


def read_names(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the names that stand beside several files; none where some have others, or none.

    Raises:
        DataError: One is not text.
    """
    found = {read_labels(file) for file in files}
    return found.pop() if len(found) == 1 else ()


def write_names(file: str | Path, classes: Sequence[str]) -> None:
    """Write the names of classes beside a MOTChallenge file.

    One class that is a person, or nothing in particular, needs no name: that is what the benchmark's files mean.

    Raises:
        SinkError: The place cannot be written to.
    """
    path = names_path(file)
    told = len(classes) > 1 or (len(classes) == 1 and classes[0] not in UNTOLD)
    there = path.is_file() or path.with_name(LABELS).is_file()
    if told or (classes and there):  # those would give this one other names
        with atomic_path(path) as partial:
            partial.write_text("".join(f"{_line(name)}\n" for name in classes), encoding="utf-8")


def _line(name: str) -> str:
    """Return a name as a line that is read back as it was."""
    plain = " ".join(readable(name).split())
    return plain if plain and plain == plain.strip("\"'") else f'"{plain}"'
