"""Manifests of SageMaker and Ground Truth as documents: an object a line, with all that it says.

Whatever a line labels, a picture's boxes, a film's tracks, a sentence's mood, is an attribute of any name beside
``<attribute>-metadata``, which says what kind of labels it is. What we do not know is kept, so that lines that were
read are written as they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trackforge.errors import DataError
from trackforge.intake.documents import parse_json
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path

__all__ = ["METADATA", "ManifestLine", "read_manifest_lines", "write_manifest_lines"]

METADATA = "-metadata"


class ManifestLine(NamedTuple):
    """A line.

    Attributes:
        document: All that it says.
        path: The manifest.
        number: Of the line, from 1.
    """

    document: Mapping[str, Any]
    path: Path
    number: int

    def labels(self) -> dict[str, Mapping[str, Any]]:
        """Return the metadata of each attribute that has labels, by the attribute's name.

        >>> line = {"source-ref": "a.jpg", "mood": "1", "mood-metadata": {"type": "groundtruth/image-classification"}}
        >>> ManifestLine(line, Path("output.manifest"), 1).labels()
        {'mood': {'type': 'groundtruth/image-classification'}}
        """
        found: dict[str, Mapping[str, Any]] = {}
        for key, value in self.document.items():
            name = key.removesuffix(METADATA)
            if name != key and isinstance(value, dict):
                found[name] = value
        return found

    def fault(self, message: str) -> DataError:
        """Return an error that names this line."""
        return DataError(message, path=self.path, line=self.number)


def read_manifest_lines(path: str | Path, caught: Callable[[DataError], None] | None = None) -> Iterator[ManifestLine]:
    """Yield the lines of a manifest that are not blank.

    Args:
        path: The manifest.
        caught: Takes the error of a broken line, which is left out then; may raise. Without it, it is raised.

    Raises:
        DataError: A line is no JSON object.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    path = Path(path)
    with reading(path, "A manifest"), path.open(encoding="utf-8-sig") as opened:
        for number, text in enumerate(opened, 1):
            if not text.strip():
                continue
            try:
                document = parse_json(text, "A line", path=path, line=number)
                if not isinstance(document, dict):
                    raise DataError(
                        f"A line must be a JSON object; got {type(document).__name__}.", path=path, line=number
                    )
            except DataError as error:
                if caught is None:
                    raise
                caught(error)
                continue
            yield ManifestLine(document, path, number)


def write_manifest_lines(path: str | Path, documents: Iterable[Mapping[str, Any]]) -> None:
    """Write a manifest, whole or not at all.

    Raises:
        SinkError: The place cannot be written to.
    """
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
