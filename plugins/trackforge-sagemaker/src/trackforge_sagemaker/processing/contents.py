"""Files by their content, in constant memory: whether a result would come out the same is told by nothing less."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["digest", "of_files"]

PIECE = 1 << 20
ARTEFACT = ("-symbol.json", ".params")
"""Endings of the files of a model of MXNet, each of which stands for all of them."""
BESIDE = (".params", ".npz", ".json", ".txt", ".csv", ".lst", ".names")
"""Endings of what is read beside them (`trackforge.io.model_archive`)."""


def of_files(paths: Iterable[Path], root: Path) -> str:
    """Return the SHA-256 of files, and of those below folders, with their places below a folder; empty for none.

    Raises:
        OSError: One cannot be read.
    """
    found, none = hashlib.sha256(), True
    for file in (one for path in paths for one in _below(path)):
        none = False
        name = file.relative_to(root).as_posix().encode(errors="surrogateescape")
        found.update(len(name).to_bytes(4, "big") + name + _of_file(file))
    return "" if none else found.hexdigest()


def _below(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    elif path.is_file():
        yield path


def _of_file(path: Path) -> bytes:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.digest()


def digest(facts: Any) -> str:
    """Return 16 hexadecimal digits that change with anything in the facts; files count by their content.

    Every text that is the path of a file is taken for it; folders, where a setting says that it is a path, or weights.
    Where a file lies does not matter: a model that is unpacked anew lies elsewhere every time.
    """
    text = json.dumps(_contents(facts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _contents(value: Any, *, is_path: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _contents(one, is_path=key == "weights") for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_contents(one) for one in value]
    if isinstance(value, (str, Path)):
        return _of_path(Path(value), folders=is_path or isinstance(value, Path)) or str(value)
    return value


def _of_path(path: Path, *, folders: bool) -> str:
    """Return what a path leads to; empty where it leads nowhere, as an address or any other text does."""
    try:
        if path.is_dir():
            return of_files([path], path) if folders else ""
        if not path.is_file():
            return ""
        if path.name.endswith(ARTEFACT):
            beside = [one for one in path.parent.iterdir() if one.is_file() and one.name.lower().endswith(BESIDE)]
            return of_files([*sorted(beside), path], path.parent)
        return _of_file(path).hex()
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return ""
