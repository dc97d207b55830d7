"""Tar archives read where they lie: plain files by name, within limits, and nothing that could lead out of a folder.

The unpacked stream is counted while it flows, so that an archive that unpacks without end is broken off, whatever its
headers say; no header may be large, and no seek may lead back, which is how damaged headers make readers go in circles.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.names import relative_name

__all__ = ["Tar", "is_tar"]

GZIP = b"\x1f\x8b"
SMALL = 64 * 2**20
"""Bytes that an archive may unpack to however small it is."""
MOST_FILES = 10_000
PIECE = 2**16
"""Bytes that are read at once, and the most that a header may take."""


def is_tar(path: Path) -> bool:
    """Tell by its beginning whether a file may be a tar archive, compressed by gzip or not."""
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith(GZIP) or head[257:262] == b"ustar"


class Tar:
    """The plain files of a tar archive.

    Args:
        path: The archive, compressed by gzip or not at all.

    Raises:
        DataError: From every method: it is damaged, unpacks to more than the limits allow, or has a member that is a
            link, a device, or named as to lead out; with the member.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._packed = self._file.read(2) == GZIP

    def __enter__(self) -> Tar:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file by name, ``./`` before it left out, in the archive's order."""
        return {name: size for name, size, _ in self._walk()}

    def contents(self, names: list[str]) -> dict[str, bytes]:
        """Return the content of files by name."""
        found: dict[str, bytes] = {}
        for name, size, source in self._walk():
            if name in names:
                check_limit("bytes", size, f"The size of {name!r}", path=self._path)
                found[name] = self._read(source, size, name)
                if len(found) == len(names):
                    break
        return found

    def unpack(self, folder: Path) -> list[Path]:
        """Write every file below a folder, a piece at a time, and return their places.

        Raises:
            OSError: The folder cannot be written to.
        """
        written = []
        for name, size, source in self._walk():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                for part in self._pieces(source, size, name):
                    file.write(part)
            written.append(place)
        return written

    def _walk(self) -> Iterator[tuple[str, int, IO[bytes]]]:
        self._file.seek(0)
        plain: Any = gzip.GzipFile(fileobj=self._file, mode="rb") if self._packed else self._file
        flow = _Flow(plain, self._path, self._most())
        seen: set[str] = set()
        try:
            with tarfile.open(fileobj=flow, mode="r:") as tar:  # type: ignore[call-overload]
                for number, member in enumerate(tar):
                    if number >= MOST_FILES:
                        self._refuse(f"must hold at most {MOST_FILES:,} files; this holds more")
                    tar.members = []  # the list that it keeps of what it has seen
                    if member.isdir():
                        continue
                    name = relative_name(member.name, "A file in an archive", path=self._path).as_posix()
                    if not member.isreg() or member.issparse():
                        self._refuse(f"must hold plain files only; {name!r} is a link, a device or sparse")
                    if name in seen:
                        self._refuse(f"must name every file differently; {name!r} stands twice")
                    seen.add(name)
                    source = tar.extractfile(member)
                    if source is None or member.size < 0:
                        self._refuse(f"must hold plain files only; {name!r} is none")
                    yield name, member.size, source
            while flow.read(PIECE):  # to the checksum at the end
                pass
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            self._refuse(f"must be whole; it is damaged or cut short ({str(error)[:100]}). Get it anew")

    def _read(self, source: IO[bytes], size: int, name: str) -> bytes:
        return b"".join(self._pieces(source, size, name))

    def _pieces(self, source: IO[bytes], size: int, name: str) -> Iterator[bytes]:
        while size:
            part = source.read(min(size, PIECE))
            if not part:
                self._refuse(f"must be whole; {name!r} is cut short. Get it anew")
            yield part
            size -= len(part)

    def _most(self) -> int:
        return max(SMALL, self._path.stat().st_size * (limits().inflation if self._packed else 1))

    def _refuse(self, what: str) -> NoReturn:
        raise DataError(f"An archive {what}.", path=self._path)


class _Flow:
    """An unpacked stream that only flows on, a piece at a time, up to an end."""

    def __init__(self, plain: IO[bytes], path: Path, most: int) -> None:
        self._plain, self._path, self._most = plain, path, most

    def tell(self) -> int:
        return self._plain.tell()

    def seek(self, to: int, whence: int = 0) -> int:
        here = self._plain.tell()
        if whence or to < here:
            raise tarfile.ReadError("a header points back")
        while here < to:
            here += len(self.read(min(to - here, PIECE))) or to  # an end before that is seen by the next read
        return self._plain.tell()

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= PIECE:
            raise tarfile.ReadError(f"a header of {count:,} bytes")
        if self._plain.tell() + count > self._most + PIECE:
            raise DataError(
                f"The archive must unpack to at most {self._most:,} bytes; it goes on. If you trust it, raise the "
                "limit: TRACKFORGE_LIMIT_INFLATION=...",
                path=self._path,
            )
        return self._plain.read(count)
