"""A folder of pictures that grows beside its place and takes it at the end; the folder's `PartialFile`."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
from pathlib import Path

from trackforge.errors import SinkError
from trackforge.io.atomic import STOPPED

__all__ = ["PartialFolder", "folder_failure"]

log = logging.getLogger(__name__)


class PartialFolder:
    """Makes the folder, under a name that nobody else has.

    Args:
        final: Where it is meant to be.

    Raises:
        SinkError: It cannot be made.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        place = final.absolute()  # so that the folder itself, ".", has a name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self.path = place.with_name(f"{place.name}.partial-{secrets.token_hex(4)}")
            self.path.mkdir()
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            raise folder_failure(final, error) from error

    def save(self, name: str, content: bytes) -> None:
        """Write one file of it; folders in its name are made.

        Raises:
            SinkError: It cannot be written.
        """
        target = self.path / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise folder_failure(self.final, error) from error

    def settle(self, kind: type[BaseException] | None, *, mixed: bool) -> None:
        """End a ``with`` block: on success or a stop take the place, else stay beside it, where anything was written.

        Args:
            kind: As ``__exit__`` got it.
            mixed: Whether the files go among those that are there; else the place must be free, or an empty folder.

        Raises:
            SinkError: The place cannot be taken; what was written stays beside it, which is said.
        """
        if kind is None or issubclass(kind, STOPPED):
            try:
                self._mix() if mixed else self._replace()
            except OSError as error:
                log.warning("what was written is in %s", self.path)
                raise folder_failure(self.final, error) from error
        elif issubclass(kind, SinkError) or not any(self.path.iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            log.warning("stopped by an error: what was written so far is in %s", self.path)

    def _replace(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.final.rmdir()  # an empty one
        self.path.replace(self.final)

    def _mix(self) -> None:
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            place = self.final / file.relative_to(self.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        shutil.rmtree(self.path, ignore_errors=True)


def folder_failure(final: Path, error: Exception) -> SinkError:
    """Return the SinkError for what went wrong in writing a folder."""
    made = SinkError(f"{final} cannot be written: {getattr(error, 'strerror', None) or error}. Choose another place.")
    made.path = final
    return made
