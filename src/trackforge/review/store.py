"""A folder of documents that people edit: each edit is saved at once, can be undone, and is for what its sender saw.

Every state of a document has a *revision*, which its content alone decides. An edit names the one that it is meant for;
where the document is another by now, it is refused with the document as it is. So two people, two pages, or a page and
a program that writes the file can never undo each other's work without knowing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from trackforge.errors import DataError, InvalidInputError, MissingFileError, did_you_mean
from trackforge.intake.documents import parse_json
from trackforge.intake.folders import natural_order
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path
from trackforge.review.actions import apply
from trackforge.review.changes import difference, patched
from trackforge.review.document import SUFFIX, Document
from trackforge.review.journal import Journal

__all__ = ["JOURNAL", "NothingToUndo", "Opened", "Outdated", "Store", "revision_of"]

JOURNAL = ".edits.jsonl"
"""How the file with the history of a document ends."""
OPEN = 16
"""Documents that are kept in memory."""
_Signature: TypeAlias = tuple[int, int, int]


class Outdated(InvalidInputError):  # noqa: N818 - says what is wrong with the edit
    """The document is another than the one that an edit was made for.

    Attributes:
        current: As it is now.
    """

    def __init__(self, message: str, current: Opened) -> None:
        super().__init__(message)
        self.current = current


class NothingToUndo(InvalidInputError):  # noqa: N818 - likewise
    """There is no edit that could be undone, or done again."""


@dataclass(frozen=True)
class Opened:
    """A document as it is saved.

    Attributes:
        name: Its file's name without the ending.
        document: The document.
        revision: What its content is known by.
        undo: How many edits can be undone.
        redo: How many can be done again.
        before: As it was before what was just done to it; None where nothing was.
    """

    name: str
    document: Document
    revision: str
    undo: int
    redo: int
    before: Document | None = None


class _Kept:
    """A document in memory, and what its file looked like when it was read or written."""

    def __init__(self, path: Path, journal: Path) -> None:
        self.signature = _signature(path)
        with reading(path, "A document of labels"):
            content = path.read_bytes()
            self.document = Document.decoded(parse_json(content.decode("utf-8-sig"), path=path), path=path)
        encoded = self.document.encoded()
        # one that another program wrote in its own way is known by how it would be written here
        self.revision = revision_of(encoded)
        self.journal = Journal(journal)
        self.position = self.journal.position(self.revision)


class Store:
    """The documents of a folder; safe to use from several threads.

    Args:
        folder: Where the files ``NAME.labels.json`` are; more may come at any time.

    Raises:
        MissingFileError: There is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise MissingFileError(f"Labels must lie in a folder; {folder} is none. Check the path.")
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        """Return the names of the documents, in the order that people mean."""
        with reading(self.folder, "A folder of labels"):
            files = [
                one.name[: -len(SUFFIX)]
                for one in self.folder.iterdir()
                if one.name.endswith(SUFFIX) and not one.name.startswith(".") and ".partial-" not in one.name
            ]
        return natural_order([one for one in files if one])

    def path(self, name: str) -> Path:
        """Return the file of a document.

        Raises:
            MissingFileError: The folder has no document of that name.
        """
        known = self.names()
        if name not in known:
            hint = did_you_mean(name, known)
            raise MissingFileError(f"The folder must have a document of that name; got {ascii(name)[:80]}.{hint}")
        return self.folder / f"{name}{SUFFIX}"

    def open(self, name: str) -> Opened:
        """Return a document as it is on disk.

        Raises:
            MissingFileError: There is none of that name.
            DataError: It is damaged.
        """
        with self._lock:
            return self._told(name, self._fresh(name))

    def edit(self, name: str, edit: Mapping[str, Any], *, revision: str | None = None, key: str = "") -> Opened:
        """Do something to a document, and save it.

        Args:
            name: Which document.
            edit: What to do (`trackforge.review.actions`).
            revision: The revision that it is meant for; None for whatever there is.
            key: Any text that its sender gives to this edit alone: sent again, it is done once.

        Raises:
            Outdated: The document is another by now.
            InvalidInputError: The edit is refused.
            MissingFileError, DataError, SinkError: The document is away, damaged, or cannot be saved.
        """
        with self._lock:
            kept = self._fresh(name)
            if revision is not None and revision != kept.revision:
                done = kept.journal.entries[kept.position - 1] if kept.position else None
                if done is not None and key and done.key == key and done.before == revision:
                    before = patched(kept.document, kept.journal.told(done)["undo"])
                    return self._told(name, kept, before)  # it came twice
                raise self._outdated(name, kept)
            old = kept.document
            new = apply(old, edit)
            encoded = new.encoded()
            after = revision_of(encoded)
            told = {"edit": dict(edit), "undo": difference(new, old), "redo": difference(old, new)}
            place = kept.journal.add(kept.revision, after, key, **told)
            try:
                self._save(name, kept, new, encoded)
            except BaseException:
                kept.journal.cut(place)
                self._kept.pop(name, None)
                raise
            kept.position = len(kept.journal.entries)
            return self._told(name, kept, old)

    def undo(self, name: str, *, revision: str | None = None) -> Opened:
        """Take back the last edit that stands in a document; raises `NothingToUndo`, and what `edit` raises."""
        return self._step(name, revision, back=True)

    def redo(self, name: str, *, revision: str | None = None) -> Opened:
        """Do again what was undone last; raises `NothingToUndo`, and what `edit` raises."""
        return self._step(name, revision, back=False)

    def _step(self, name: str, revision: str | None, *, back: bool) -> Opened:
        with self._lock:
            kept = self._fresh(name)
            entries, at = kept.journal.entries, kept.position
            if revision is not None and revision != kept.revision:
                near = entries[at:][:1] if back else entries[:at][-1:]
                if any((one.after if back else one.before) == revision for one in near):
                    change = kept.journal.told(near[0])["redo" if back else "undo"]
                    return self._told(name, kept, patched(kept.document, change))  # it came twice
                raise self._outdated(name, kept)
            if not (at if back else len(entries) - at):
                raise NothingToUndo(f"There must be an edit to {'undo' if back else 'do again'}; there is none.")
            entry = entries[at - 1 if back else at]
            old = kept.document
            new = patched(old, kept.journal.told(entry)["undo" if back else "redo"])
            encoded = new.encoded()
            if revision_of(encoded) != (entry.before if back else entry.after):
                raise DataError("The history must lead to the document; it does not.", path=kept.journal.path)
            self._save(name, kept, new, encoded)
            kept.position = at - 1 if back else at + 1
            return self._told(name, kept, old)

    def _fresh(self, name: str) -> _Kept:
        """Return a document as it is on disk, read anew where somebody else has written it."""
        path = self.path(name)
        kept = self._kept.get(name)
        if kept is None or kept.signature != _signature(path):
            kept = self._kept[name] = _Kept(path, self.folder / f"{name}{JOURNAL}")
        self._kept.move_to_end(name)
        while len(self._kept) > OPEN:
            self._kept.popitem(last=False)
        return kept

    def _save(self, name: str, kept: _Kept, document: Document, encoded: bytes) -> None:
        path = self.folder / f"{name}{SUFFIX}"
        with atomic_path(path) as partial:
            partial.write_bytes(encoded)
        kept.document, kept.revision, kept.signature = document, revision_of(encoded), _signature(path)

    def _told(self, name: str, kept: _Kept, before: Document | None = None) -> Opened:
        undo, redo = kept.position, len(kept.journal.entries) - kept.position
        return Opened(name, kept.document, kept.revision, undo, redo, before)

    def _outdated(self, name: str, kept: _Kept) -> Outdated:
        return Outdated(
            f"An edit must be made to the document as it is; {name} was changed meanwhile, by somebody else or in "
            "another window. Look at it as it is now, and do it again.",
            self._told(name, kept),
        )


def revision_of(encoded: bytes) -> str:
    """Return what a document is known by, given the content of its file."""
    return hashlib.sha256(encoded).hexdigest()[:20]


def _signature(path: Path) -> _Signature:
    with reading(path, "A document of labels"):
        status = path.stat()
    return (status.st_ino, status.st_mtime_ns, status.st_size)
