"""Outputs that are whole or not there: nothing half-written ever stands under a final name."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from trackforge.errors import SinkError

__all__ = ["PartialFile", "atomic_path"]

log = logging.getLogger(__name__)
STOPPED = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""Exceptions that mean "stop here": what was written so far is a valid result."""


class PartialFile:
    """A file on its way: written as ``name.partial.ext`` beside its final place, moved there by `commit`.

    Raises:
        SinkError: The folder cannot be made or written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.final = Path(path)
        self.path = self.final.with_name(f"{self.final.stem}.partial{self.final.suffix}")
        if self.final.is_dir():
            raise SinkError(f"The output must be a file; {self.final} is a folder. Name a file in it.")
        try:
            self.final.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as error:
            raise self.failure(error) from error

    def failure(self, error: BaseException) -> SinkError:
        """Return the SinkError to raise for what went wrong in writing this file."""
        why = getattr(error, "strerror", None) or error
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            why = f"{next(folder for folder in self.final.parents if folder.exists())} is no folder"
        made = SinkError(f"{self.final} cannot be written: {why}. Choose another place, or make room there.")
        made.path = self.final
        return made

    @contextlib.contextmanager
    def writing(self) -> Iterator[Path]:
        """Give the path to write to; an OSError in the block becomes the SinkError that says what to do."""
        try:
            yield self.path
        except SinkError:
            raise
        except OSError as error:
            raise self.failure(error) from error

    def commit(self) -> None:
        """Flush to disk and move to the final name, replacing what stood there."""
        try:
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.final)
        except OSError as error:
            self.discard()
            raise self.failure(error) from error

    def discard(self) -> None:
        """Remove what was written."""
        self.path.unlink(missing_ok=True)

    def settle(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None = None,
        close: Callable[[], object] | None = None,
    ) -> None:
        """End a ``with`` block: commit on success or a stop, else leave the partial file and say where it is.

        An empty partial file, or one that could not be written, is removed; one beside which only another output
        failed is left, like after any other error.

        Args:
            kind: As ``__exit__`` got it.
            error: As ``__exit__`` got it.
            close: Writes the rest and closes the file, first of all.

        Raises:
            SinkError: The rest cannot be written; nothing is left of the file.
        """
        try:
            if close is not None:
                with self.writing():
                    close()
        except SinkError:
            self.discard()
            raise
        other = isinstance(error, SinkError) and error.path not in (None, self.final)
        if kind is None or issubclass(kind, STOPPED):
            self.commit()
        elif (issubclass(kind, SinkError) and not other) or not self.path.exists() or not self.path.stat().st_size:
            self.discard()
        else:
            log.warning("stopped by an error: what was written so far is in %s", self.path)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name ``path`` when the block ends well.

    Raises:
        SinkError: The place cannot be written to.
    """
    partial = PartialFile(path)
    try:
        with partial.writing():
            yield partial.path
    except BaseException:
        partial.discard()
        raise
    partial.commit()
