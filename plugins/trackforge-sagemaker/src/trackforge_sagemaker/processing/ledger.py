"""What a job has done so far, a line a sequence, so that one that is started again goes on where it was.

``processed.jsonl`` lies beside the results (``processed-HOST.jsonl`` where there are several hosts) and grows as
sequences end. A sequence is kept where some line says that it was done whole, from an input of the same size, with
the same settings and model, and its outputs are still as large as they were: results become final whole, but those of
a run that was stopped hold what came before, and those of other settings are others.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import SinkError
from trackforge.intake.documents import parse_json
from trackforge_sagemaker.processing.inputs import Item

__all__ = ["DONE", "Ledger", "digest"]

DONE = "done"
NAME = "processed"


def digest(facts: Any) -> str:
    """Return 16 hexadecimal digits that change with anything in the facts; files count by their content.

    Where a file lies does not matter: a model that is unpacked anew lies elsewhere every time.
    """
    text = json.dumps(_contents(facts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _contents(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _contents(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_contents(one) for one in value]
    if isinstance(value, (str, Path)) and os.sep in str(value):
        try:
            with Path(value).open("rb") as file:
                return (
                    hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha(file)
                )
        except (OSError, ValueError):  # no file: a folder, an address, some other text
            return str(value)
    return value


def _sha(file: Any) -> str:
    """Do as `hashlib.file_digest` of Python 3.11."""
    found = hashlib.sha256()
    while piece := file.read(1 << 20):
        found.update(piece)
    return found.hexdigest()


class Ledger:
    """The lines of this host, and what earlier runs of any host wrote.

    Args:
        output: Folder of the results.
        host: Name of this host where there are several, else empty.
        settings: The `digest` of what a result depends on beside its input.

    Raises:
        SinkError: The folder cannot be written to.
    """

    def __init__(self, output: Path, host: str, settings: str) -> None:
        self._output, self._settings = output, settings
        self._file = output / (f"{NAME}-{host}.jsonl" if host else f"{NAME}.jsonl")
        self._known: dict[str, dict[str, Any]] = {}
        try:
            output.mkdir(parents=True, exist_ok=True)
            for file in sorted(output.glob(f"{NAME}*.jsonl")):
                self._read(file)
        except OSError as error:
            raise self._failure(error) from error

    def _read(self, file: Path) -> None:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = parse_json(line, "A line", path=file)
                self._known[entry["name"]] = entry
            except (ValueError, KeyError, TypeError):  # a run that was killed may have left half of its last line
                continue

    def kept(self, item: Item) -> dict[str, Any] | None:
        """Return what an earlier run says of a sequence, where nothing is to be done about it any more."""
        entry = self._known.get(item.name)
        if entry is None or entry.get("state") != DONE or entry.get("bytes") != item.bytes:
            return None
        if entry.get("settings") != self._settings or not isinstance(entry.get("outputs"), dict):
            return None
        now = self.sizes(entry["outputs"])
        return entry if now == entry["outputs"] else None

    def sizes(self, places: Iterable[str]) -> dict[str, int]:
        """Return how large outputs are, by their places below the folder; -1 for what is not there."""
        return {place: _size(self._output / place) for place in places}

    def add(self, item: Item, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Write down what became of a sequence; return the line.

        Raises:
            SinkError: It cannot be written.
        """
        line = {"name": item.name, "bytes": item.bytes, "settings": self._settings, **entry}
        try:
            with self._file.open("a+b") as file:
                if file.tell() and not _ends_with_line(file):
                    file.write(b"\n")  # after half a line
                file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        except OSError as error:
            raise self._failure(error) from error
        return line

    def _failure(self, error: OSError) -> SinkError:
        made = SinkError(f"{self._file} cannot be written: {error.strerror or error}. Make room there.")
        made.path = self._file
        return made


def _ends_with_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else -1
