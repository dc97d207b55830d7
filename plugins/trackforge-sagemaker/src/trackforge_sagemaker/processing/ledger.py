"""What a job has done so far, a line a sequence, so that one that is started again goes on where it was.

``processed.jsonl`` lies beside the results (``processed-HOST.jsonl`` where there are several hosts) and grows as
sequences end. A sequence is kept where some line says that it was done whole, from an input of the same content, with
the same settings and model, and its outputs are what they were: results become final whole, but those of a run that
was stopped hold what came before, and those of other settings are others. Contents are compared by their SHA-256; when
files were written tells nothing, since SageMaker copies them anew for every job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import SinkError
from trackforge.intake.documents import parse_json
from trackforge_sagemaker.processing.contents import of_files
from trackforge_sagemaker.processing.inputs import Item, files_of

__all__ = ["DONE", "Ledger", "seen"]

DONE = "done"
NAME = "processed"


def seen(item: Item) -> str:
    """Return what a sequence looks like before it is tracked, for its line.

    Raises:
        OSError: It cannot be read.
    """
    return of_files(files_of(item), item.path.parent)


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
        try:
            same = self.outputs(entry["outputs"]) == entry["outputs"] and seen(item) == entry.get("sha256")
        except OSError:  # whoever tracks it will say what is wrong with it
            return None
        return entry if same else None

    def outputs(self, places: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of outputs, by their places below the folder; empty for what is not there."""
        return {place: of_files([self._output / place], self._output) for place in places}

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
