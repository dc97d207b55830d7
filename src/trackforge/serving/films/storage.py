"""Where films and their results lie: a folder of this process, which goes with it.

A process that was killed cannot clear up after itself. Each folder has a lock beside it that the system lets go of when
its process ends, however it ends (`trackforge.io.owned`); whoever starts removes the folders whose lock nobody holds.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from trackforge.errors import ConfigError, SinkError
from trackforge.io.owned import owned

__all__ = ["Storage"]

log = logging.getLogger(__name__)
PREFIX = "trackforge-films-"
WHAT = "A folder of films belongs to one server"


class Storage:
    """A folder for the films of one server.

    Args:
        place: The folder in which it is made; None for one of this user's among the temporary ones.

    Attributes:
        folder: The folder; others can neither read nor list it.

    Raises:
        SinkError: It cannot be made.
    """

    def __init__(self, place: Path | None = None) -> None:
        self._stack = contextlib.ExitStack()
        try:
            place = _own_place() if place is None else place
            place.mkdir(parents=True, exist_ok=True)
            _clear(place)
            self.folder = place / (PREFIX + secrets.token_hex(8))
            self._stack.enter_context(owned(self.folder.with_suffix(".lock"), WHAT))
            self.folder.mkdir(mode=0o700)
        except OSError as error:
            self._stack.close()
            why = error.strerror or error
            raise SinkError(f"Films need a folder; none can be made in {place}: {why}. Name another.") from error
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder with all that is in it; may be called more than once."""
        self._stack.close()


def _own_place() -> Path:
    """Return a folder for temporary things that nobody else can write to, nor have made in our name."""
    if not hasattr(os, "getuid"):  # Windows has a temporary folder for each user
        return Path(tempfile.gettempdir())
    place = Path(tempfile.gettempdir()) / f"trackforge-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return place
    log.warning("%s is somebody else's, or open to others: films go elsewhere", place)
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def _clear(place: Path) -> None:
    """Remove the folders of servers that are no more."""
    if importlib.util.find_spec("fcntl") is None:  # no locks that tell who is alive
        return
    for lock in place.glob(PREFIX + "*.lock"):
        folder = lock.with_suffix("")
        with contextlib.suppress(ConfigError, SinkError), owned(lock, WHAT):  # else somebody is at work there
            if folder.is_dir() and not folder.is_symlink():
                log.info("%s was left behind by a server that was killed, and is removed", folder)
                shutil.rmtree(folder, ignore_errors=True)
