"""Outputs that are whole or not there: nothing half-written ever stands under a final name."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from trackforge.errors import SinkError
from trackforge.intake.addresses import STDOUT, was_address

__all__ = ["PartialFile", "atomic_path"]

log = logging.getLogger(__name__)
STOPPED = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""Exceptions that mean "stop here": what was written so far is a valid result."""
LONGEST = 255
"""Bytes that a file name may have, on nearly all file systems."""
FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_STREAM = re.compile(r"/dev/(null|tty|stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")
"""Names that stand for what is open or endless: there is nothing to replace."""


class PartialFile:
    """A file on its way: written as ``name.partial-1a2b3c4d.ext`` beside its final place, moved there by `commit`.

    The name on the way is random and the file is created by us or not at all, so that neither another run nor somebody
    who plants a link can make us write into a file that was there before. A symbolic link that stands under the final
    name is replaced, not followed.

    A FIFO, ``/dev/null``, ``/dev/tty``, ``/dev/stdout`` and the like are written to as they are, with nothing to
    replace and nothing to take back; any other thing that is no regular file is refused. ``-`` is standard output.

    Attributes:
        final: Where the file is to be.
        path: Where to write.
        direct: Whether that is the same.

    Raises:
        SinkError: The folder cannot be made or written to, or the place holds what is no file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.final = self.path = Path(path)
        try:
            self.direct = _is_stream(self.final)
            if not self.direct:
                if was_address(self.final) and not self.final.parent.exists():
                    raise SinkError("An output must be a file; got an address. Write to a file, and send that on.")
                self.final.parent.mkdir(parents=True, exist_ok=True)
                self.path = _created(self.final)
        except SinkError:
            raise
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            raise self.failure(error) from error

    def failure(self, error: BaseException) -> SinkError:
        """Return the SinkError to raise for what went wrong in writing this file."""
        number, why = getattr(error, "errno", None), getattr(error, "strerror", None) or error
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            why = f"{next(folder for folder in self.final.parents if folder.exists())} is no folder"
        advice = "Choose another place."
        if number in FULL:
            advice = "Choose another place, or make room there."
        elif "\0" in str(self.final):
            why, advice = "no file can have that name", "Choose another name."
        elif number not in errno.errorcode or number in (errno.EINVAL, errno.EDOM, errno.ERANGE):
            # no word of the system about the place: whoever encodes or formats the content refuses it
            advice = "Change the settings of this output, or choose another format."
        made = SinkError(f"{self.final} cannot be written: {why}. {advice}")
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
        if self.direct:
            return
        try:
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.final)
        except OSError as error:
            self.discard()
            raise self.failure(error) from error

    def discard(self) -> None:
        """Remove what was written, where that can be."""
        if not self.direct:
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
        elif self.direct:
            log.warning("stopped by an error: what went to %s is not whole", self.final)
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


def _is_stream(final: Path) -> bool:
    """Tell whether a place is to be written to as it is.

    Raises:
        SinkError: It is a folder, a device or a socket.
        OSError: It cannot be looked at.
    """
    if str(final) in STDOUT or _STREAM.fullmatch(os.path.abspath(final)):  # noqa: PTH100 - /dev/stdout is a link, whose name counts
        return True
    try:
        mode = final.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and _STREAM.fullmatch(os.path.realpath(final))):
        return True
    if stat.S_ISREG(mode):
        return False
    what = "folder. Name a file in it" if stat.S_ISDIR(mode) else "device or socket. Choose another name"
    made = SinkError(f"The output must be a file; {final} is a {what}.")
    made.path = final
    raise made


def _created(final: Path) -> Path:
    """Create a new empty file beside a place, under a name that nobody can foresee, and return its path."""
    while True:
        mark = f".partial-{secrets.token_hex(4)}{final.suffix}"
        stem = os.fsencode(final.stem)[: LONGEST - len(os.fsencode(mark))].decode(errors="ignore")
        path = final.with_name(stem + mark)
        try:
            path.open("xb").close()  # exclusively: never what is there already, and never through a link
        except FileExistsError:
            if os.path.lexists(path):
                continue
            raise  # the folder is none
        return path
