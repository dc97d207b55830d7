"""darknet's ``.data`` file: ``classes``, ``train``, ``valid`` and ``names``, a line each, ``key = value``.

Its places were meant from where darknet was started, which the file does not say: they are looked for beside the file,
as they stand or by their end. Labels are YOLO's, beside the pictures or in ``labels/``.

Source: the format of AlexeyAB/darknet's data files (public domain).
"""

from __future__ import annotations

from pathlib import Path

from trackforge.data.files import read_lines
from trackforge.data.yolo_yaml import YoloYaml, find_below
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion
from trackforge.intake.reading import reading

__all__ = ["find_darknet", "read_darknet"]

_PARTS = {"train": "train", "valid": "val", "test": "test"}


def find_darknet(folder: Path) -> Path | None:
    """Return the ``.data`` file of a folder that names a list of pictures, or None."""
    found = sorted(p for p in folder.glob("*.data") if p.is_file() and not is_companion(p.name))
    return next((p for p in found if _is_one(p)), None)


def _is_one(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4096)
    return b"=" in head and (b"train" in head or b"valid" in head)


def read_darknet(path: Path) -> YoloYaml:
    """Read a ``.data`` file.

    Raises:
        DataError: A line is no ``key = value``, or the file of names is not there.
        SourceError: It cannot be read.
    """
    with reading(path, "A darknet .data file"):
        values: dict[str, str] = {}
        for number, line in read_lines(path):
            if line.startswith(("#", ";")):
                continue
            key, equals, value = line.partition("=")
            if not equals:
                raise DataError(f"A line must be 'key = value'; got {line[:80]!r}.", path=path, line=number)
            values[key.strip()] = value.strip()
        notes, parts = [], dict[str, list[Path]]()
        for key, part in _PARTS.items():
            place = find_below(path.parent, values[key]) if values.get(key) else None
            if place is not None:
                parts[part] = [place]
            elif values.get(key):
                notes.append(f"{key}: {values[key]!r} is not there and was left out")
        names: tuple[str, ...] = ()
        if values.get("names"):
            listed = find_below(path.parent, values["names"])
            if listed is None:
                raise DataError(f"The file of class names must be there; {values['names']!r} is not.", path=path)
            names = tuple(line for _, line in read_lines(listed))
        return YoloYaml(path.parent, parts, names, notes=tuple(notes))
