"""Download a file once, whole and checked: resumed where it broke off, locked against other processes.

Beside every file ``name`` in the cache lies ``name.sha256``, written when the file first came; a later use reads the
file against it. While a download runs, ``name.part`` holds what came so far and ``name.part.tag`` says which version of
the file that is, so that the rest can be asked for with an HTTP Range.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from trackforge.errors import InvalidInputError, SourceError

__all__ = ["Progress", "cache_folder", "digest", "fetch", "verify"]

log = logging.getLogger(__name__)

Progress = Callable[[int, "int | None"], None]
"""Called with the bytes that are there and the bytes in all (None where the server does not say)."""
BLOCK = 1 << 18
ATTEMPTS = 4
PAUSE = 0.25
"""Seconds before the first new attempt; doubles each time."""


def cache_folder() -> Path:
    """Return where downloads are kept: ``TRACKFORGE_CACHE``, else the platform's folder for caches of this user."""
    named = os.environ.get("TRACKFORGE_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "trackforge" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "trackforge"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trackforge"


def fetch(
    url: str,
    path: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Return ``path``, after downloading it from ``url`` where it is not there yet.

    A file that somebody put there by hand is taken as it is, and its checksum is recorded.

    Args:
        url: ``http`` or ``https`` address.
        path: Where the file shall lie.
        sha256: Checksum that it must have, where known beforehand.
        progress: Called as bytes come in.
        timeout: Seconds without a byte after which an attempt is given up.

    Raises:
        SourceError: The server cannot be reached or does not have the file; it says where to put the file by hand.
        InvalidInputError: The file that is there, or that came, has another checksum than it must have.
    """
    if not url.startswith(("https://", "http://")):
        raise InvalidInputError(f"url must start with https:// or http://; got {url!r}.")
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.with_name(target.name + ".lock")):
            if not target.exists():
                log.info("downloading %s to %s", url, target)
                _download(url, target, sha256, progress, timeout)
            verify(target, sha256)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise SourceError(
            f"{url} must be reachable to get {target.name}; {reason}. Try again, or download it elsewhere and put it "
            f"at {target}."
        ) from error
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            f"{target} must be writable to keep the download; {error.strerror or error}. Make room there, or set "
            "TRACKFORGE_CACHE to another folder."
        ) from error
    return target


def verify(path: str | os.PathLike[str], sha256: str | None = None) -> str:
    """Return the SHA-256 of a file, after checking it against ``sha256`` and the one recorded beside it, if any.

    Where none is recorded, it is now.

    Raises:
        InvalidInputError: The checksums differ.
    """
    target = Path(path)
    record = target.with_name(target.name + ".sha256")
    found = digest(target)
    recorded = record.read_text().split()[0] if record.exists() and record.read_text().strip() else None
    for wanted, what in ((sha256, "as published"), (recorded, "as when it came")):
        if wanted is not None and wanted.lower() != found:
            raise InvalidInputError(
                f"{target} must have the SHA-256 {wanted} {what}; it has {found}. It is damaged or was replaced: "
                f"delete it and {record.name} to get it anew, or delete only {record.name} to take it as it is."
            )
    if recorded is None:
        scratch = record.with_name(f"{record.name}.{os.getpid()}")
        scratch.write_text(f"{found}  {target.name}\n")
        scratch.replace(record)
    return found


def digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK * 4):
            found.update(block)
    return found.hexdigest()


def _download(url: str, target: Path, sha256: str | None, progress: Progress | None, timeout: float) -> None:
    part = target.with_name(target.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(url, part, progress, timeout)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS:
                raise
            log.warning("%s: the server says %d; trying again", url, error.code)
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            if attempt == ATTEMPTS:
                raise
            log.warning("%s: broke off (%s); going on from byte %d", url, error, _size(part))
        time.sleep(PAUSE * 2**attempt)
    found = digest(part)
    if sha256 is not None and found != sha256.lower():
        part.unlink()
        raise InvalidInputError(f"{url} must have the SHA-256 {sha256}; what came has {found}. Try again.")
    record = target.with_name(target.name + ".sha256")
    record.write_text(f"{found}  {target.name}\n")
    part.replace(target)
    part.with_name(part.name + ".tag").unlink(missing_ok=True)


def _transfer(url: str, part: Path, progress: Progress | None, timeout: float) -> None:
    """Bring ``part`` to full length, from where it stands if the server's file is still the same one."""
    tag_file = part.with_name(part.name + ".tag")
    request = urllib.request.Request(url, headers={"User-Agent": "trackforge", "Accept-Encoding": "identity"})  # noqa: S310
    have, tag = _size(part), tag_file.read_text() if tag_file.exists() else ""
    if have and tag:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310 - fetch checked the scheme
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        part.unlink(missing_ok=True)
        tag_file.unlink(missing_ok=True)
        raise ConnectionError("the rest that was asked for does not exist; starting over") from error
    with response:
        start, total = _extent(response, have)
        if not start:
            part.unlink(missing_ok=True)  # before the tag changes: bytes of one version must never bear another's tag
        tag_file.write_text(_tag(response))
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            there = start
            while block := response.read(BLOCK):
                file.write(block)
                there += len(block)
                if progress is not None:
                    progress(there, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and there != total:
        raise ConnectionError(f"{there} of {total} bytes came")


def _extent(response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Return the position of the first byte that comes, and the length of the whole file where it is known."""
    length = response.headers.get("Content-Length")
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0, None if length is None else int(length)
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != have:
        raise ConnectionError("the server gave another part than was asked for")
    if found[2] != "*":
        return have, int(found[2])
    return have, None if length is None else have + int(length)


def _tag(response: http.client.HTTPResponse) -> str:
    """Return what identifies this version of the file: a strong ETag, else the date; empty where resuming is unsafe."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "") or ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock file; another process, or thread, that wants it waits."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # tries for ten seconds, then raises
                    break
                except OSError:
                    continue
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file gives the lock back
