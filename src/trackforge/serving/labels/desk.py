"""Where labels are checked: the documents of a folder as a page sees them, and the pictures that they are of."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trackforge.data import write
from trackforge.errors import DataError, InvalidInputError, MissingFileError, SourceError
from trackforge.io.mot import write_mot
from trackforge.review import Document, Opened, Outdated, Store
from trackforge.review.changes import shown
from trackforge.review.encoding import track_value
from trackforge.review.store import revision_of
from trackforge.serving.engine import Engine
from trackforge.serving.labels.pictures import Pictures
from trackforge.serving.labels.refusals import LabelsChanged, NoLabels, NoPicture, UnknownLabels, UnreadableLabels

__all__ = ["KINDS", "Desk"]

KINDS = ("txt", "json")
"""Endings of what a document is given as: MOT text, COCO."""


class Desk:
    """The documents of a server.

    Args:
        engine: Of the server; its settings name the folder.

    Attributes:
        on: Whether there is a folder.
    """

    def __init__(self, engine: Engine) -> None:
        folder = engine.run.labels
        self.on = folder is not None
        self._store = None if folder is None else Store(folder)
        self._pictures = Pictures()
        self._told: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the films."""
        self._pictures.close()

    def list(self) -> list[dict[str, Any]]:
        """Return what is to be checked, and how far that is."""
        if self._store is None:
            return []
        with self._lock:
            names = self._store.names()
            self._told = {name: self._told[name] for name in names if name in self._told}
            return [self._line(self._store, name) for name in names]

    def _line(self, store: Store, name: str) -> dict[str, Any]:
        try:
            status = store.path(name).stat()
            known = (status.st_mtime_ns, status.st_size)
            kept = self._told.get(name)
            if kept is None or kept[0] != known:
                kept = self._told[name] = (known, _summary(name, Document.load(store.path(name))))
        except (DataError, SourceError, OSError) as error:
            return {"name": name, "problem": _plain(error, store.folder)}
        return kept[1]

    def show(self, name: str) -> dict[str, Any]:
        """Return a whole document, with what its content is known by.

        Raises:
            NoLabels, UnknownLabels, UnreadableLabels: It cannot be shown.
        """
        with self._opening() as store:
            opened = store.open(name)
        document = opened.document
        tracks = [track_value(one) for one in document.tracks]
        return {**_state(opened), **document.head(), "source": Path(document.source).name, "tracks": tracks}

    def edit(self, name: str, edit: Mapping[str, Any], revision: str, key: str) -> dict[str, Any]:
        """Do something to a document; return what changed.

        Raises:
            LabelsChanged: It is another by now.
            InvalidInputError: The edit is refused.
            NoLabels, UnknownLabels, UnreadableLabels: It cannot be shown.
        """
        with self._opening() as store:
            return _changed(store.edit(name, edit, revision=revision, key=key))

    def undo(self, name: str, revision: str) -> dict[str, Any]:
        """Take back the last edit; raises `NothingToUndo`, and what `edit` raises."""
        with self._opening() as store:
            return _changed(store.undo(name, revision=revision))

    def redo(self, name: str, revision: str) -> dict[str, Any]:
        """Do again what was undone last; raises `NothingToUndo`, and what `edit` raises."""
        with self._opening() as store:
            return _changed(store.redo(name, revision=revision))

    def picture_tag(self, name: str, frame: int) -> str:
        """Return what changes with the picture of a frame; raises as `picture` does."""
        return self._pictures.tag(self._picture(name, frame))

    def picture(self, name: str, frame: int) -> tuple[bytes, str]:
        """Return the picture of a frame and its media type.

        Raises:
            NoPicture: The sequence has no such frame, or its picture is away.
            NoLabels, UnknownLabels, UnreadableLabels: The document cannot be read.
        """
        return self._pictures.encoded(self._picture(name, frame))

    def _picture(self, name: str, frame: int) -> Path:
        with self._opening() as store:
            document = store.open(name).document
        try:
            return document.picture(frame, store.folder)
        except (ValueError, DataError) as error:
            raise NoPicture(_plain(error, store.folder)) from error

    def given(self, name: str, kind: str) -> bytes:
        """Return a document as a file of another format, without pictures; raises as `show` does."""
        with self._opening() as store:
            document = store.open(name).document
        with tempfile.TemporaryDirectory(prefix="trackforge-labels-") as folder:
            path = Path(folder) / f"labels.{kind}"
            if kind == "txt":
                write_mot(path, document.table())
            else:
                try:
                    write(document.to_dataset(store.folder), path, "coco", images="none")
                except (DataError, InvalidInputError) as error:  # the size of pictures, say, is unknown
                    raise UnreadableLabels(_plain(error, Path(folder))) from error
            return path.read_bytes()

    @contextlib.contextmanager
    def _opening(self) -> Iterator[Store]:
        """Give the store; what it refuses becomes a refusal of the server's, which names no folder."""
        store = self._store
        if store is None:
            raise NoLabels("There must be a folder of labels to check; the server has none. Start it with --labels.")
        try:
            yield store
        except Outdated as error:
            raise LabelsChanged(str(error)) from error
        except MissingFileError as error:
            raise UnknownLabels(_plain(error, store.folder)) from error
        except (DataError, SourceError) as error:
            raise UnreadableLabels(_plain(error, store.folder)) from error


def _summary(name: str, document: Document) -> dict[str, Any]:
    asked = set(document.asked)
    return {
        "name": name,
        "revision": revision_of(document.encoded()),
        "sequence": document.sequence,
        "frames": len(document.frames),
        "wanted": len(asked),
        "checked": len(asked & document.checked),
        "tracks": len(document.tracks),
        "touched": document.effort.touched,
    }


def _state(opened: Opened) -> dict[str, Any]:
    return {"name": opened.name, "revision": opened.revision, "undo": opened.undo, "redo": opened.redo}


def _changed(opened: Opened) -> dict[str, Any]:
    before = opened.document if opened.before is None else opened.before
    return {**_state(opened), "changed": shown(before, opened.document)}


def _plain(error: BaseException, folder: Path) -> str:
    """Return a message without the folder of the server."""
    return str(error).replace(f"{folder}/", "").replace(str(folder), "the folder")
