"""Zip archives of data sets, opened where they lie: unpacked once into the cache, never beside the archive.

An archive comes from somebody else. No member leaves the folder, none is a link, and all of them together are not
larger than the limits allow; this is checked from the archive's list before the first byte is written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from trackforge.errors import DataError, SinkError
from trackforge.intake.folders import is_companion
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.names import name_problem, relative_name
from trackforge.intake.reading import reading
from trackforge.io.fetch import cache_folder

__all__ = ["content", "is_archive", "unpacked"]

SMALL = 64 * 2**20
"""Bytes that an archive may unpack to however small it is."""


def is_archive(path: Path) -> bool:
    """Tell whether a path is a zip archive, by its ending."""
    return path.suffix.lower() == ".zip" and path.is_file()


def unpacked(path: Path) -> Path:
    """Return the folder with the content of a zip archive, unpacking it into the cache where it is not there yet.

    The folder is whole or not there; a changed archive gets another. ``TRACKFORGE_CACHE`` says where the cache lies.

    Raises:
        DataError: It is no zip archive, is damaged or encrypted, or breaks a rule above; with the member.
        SinkError: The cache cannot be written to, or has no room.
    """
    with reading(path, "An archive"):
        file = path.stat()
        key = hashlib.sha256(f"{path.resolve()}|{file.st_size}|{file.st_mtime_ns}".encode()).hexdigest()[:16]
        target = cache_folder() / "archives" / key
        if not target.is_dir():
            with zipfile.ZipFile(path) as archive:
                members = dict(_members(archive, path, file.st_size))
                _unpack(archive, members, target, path)
        return target / _folder(path)


def _folder(path: Path) -> str:
    """Return what the folder of an archive's content is called; ``...zip`` would lead out of the cache."""
    return path.stem if name_problem(path.stem) is None else "content"


def content(path: Path) -> Path:
    """Return where the files of a path lie: itself; of a zip archive, the first folder that holds more than a folder.

    Raises:
        DataError, SinkError: As `unpacked` does.
    """
    if not is_archive(path):
        return path
    folder = unpacked(path)
    while len(inner := list(folder.iterdir())) == 1 and inner[0].is_dir():
        folder = inner[0]
    return folder


def _members(archive: zipfile.ZipFile, path: Path, size: int) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yield what may be unpacked, by its place; refuses the archive as a whole where one member breaks a rule."""
    entries = archive.infolist()
    check_limit("members", len(entries), "The number of files in the archive", path=path)
    total = sum(entry.file_size for entry in entries)
    most = max(SMALL, size * limits().inflation)
    if total > most:
        raise DataError(
            f"The archive of {size:,} bytes must unpack to at most {most:,}; it says {total:,}. If you trust it, "
            "raise the limit: TRACKFORGE_LIMIT_INFLATION=...",
            path=path,
        )
    seen: set[str] = set()
    for entry in entries:
        if entry.is_dir():
            continue
        name = relative_name(entry.filename, "A file in an archive", path=path).as_posix()
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DataError(f"An archive must hold no links; {name!r} is one. Leave it out.", path=path)
        if entry.flag_bits & 1:
            raise DataError("The archive must not be encrypted; unpack it yourself.", path=path)
        check_limit("bytes", entry.file_size, f"The size of {name!r}", path=path)
        if name in seen:
            raise DataError(f"Files in an archive must have names of their own; {name!r} stands twice.", path=path)
        seen.add(name)
        if not is_companion(name):
            yield name, entry


def _unpack(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], target: Path, path: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        room, needed = shutil.disk_usage(target.parent).free, sum(e.file_size for e in members.values())
        if needed > room:
            raise SinkError(f"Unpacking {path} takes {needed:,} bytes in {target.parent}; there are {room:,} free.")
        beside = Path(tempfile.mkdtemp(prefix=target.name, suffix=".partial", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        for name, entry in members.items():
            with archive.open(entry) as packed:
                try:
                    file = beside / _folder(path) / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    with file.open("xb") as out:
                        shutil.copyfileobj(packed, out, 1 << 20)
                except OSError as error:
                    raise _unwritable(target, error) from error
        (beside / _folder(path)).mkdir(exist_ok=True)
        try:
            os.rename(beside, target)  # noqa: PTH104 - Path.rename would hide that it must not replace
        except OSError as error:
            if not target.is_dir():  # another process was faster
                raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unwritable(target: Path, error: OSError) -> SinkError:
    if isinstance(error, SinkError):
        return error
    return SinkError(
        f"{target} cannot be written: {error.strerror or error}. Choose another cache: TRACKFORGE_CACHE=..."
    )
