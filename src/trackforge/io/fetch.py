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
from collections.abc import Iterator
from pathlib import Path

from trackforge.errors import InvalidInputError, SourceError, TrackforgeError
from trackforge.intake.addresses import shown_address, without_secrets
from trackforge.io.transfer import Progress, tag_of, transfer

__all__ = ["Progress", "cache_folder", "digest", "fetch", "verify"]

log = logging.getLogger(__name__)

BLOCK = 1 << 20
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

    A file that somebody put there by hand is taken as it is, and its checksum is recorded. What comes must be whole:
    where the server tells neither length nor end, its checksum must be known beforehand. A web page in place of a file,
    a way on to another kind of address and a file above ``limits().download`` bytes are refused.

    Args:
        url: ``http`` or ``https`` address; a user name and password in it are sent to that host only, and never shown.
        path: Where the file shall lie.
        sha256: Checksum that it must have, where known beforehand.
        progress: Called as bytes come in.
        timeout: Seconds without a byte after which an attempt is given up.

    Raises:
        SourceError: The server cannot be reached or does not have the file; it says where to put the file by hand.
        DataError: The file is larger than the limit.
        InvalidInputError: The file that is there, or that came, has another checksum than it must have.
    """
    shown = shown_address(url)
    if not url.startswith(("https://", "http://")):
        raise InvalidInputError(f"url must start with https:// or http://; got {shown!r}.")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise InvalidInputError(f"sha256 must be 64 hexadecimal digits; got {sha256!r}.")
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.with_name(target.name + ".lock")):
            if not target.exists():
                log.info("downloading %s to %s", shown, target)
                _download(url, target, sha256, progress, timeout)
            verify(target, sha256)
    except TrackforgeError:
        raise
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        # ValueError: an address that is none, of ours or of where the server sends us
        reason = without_secrets(str(getattr(error, "reason", None) or error))
        if not isinstance(error, (urllib.error.URLError, OSError)):
            reason = type(error).__name__  # its words may repeat a part of the address
        raise SourceError(
            f"{shown} must be reachable to get {target.name}; {reason}. Try again, or download it elsewhere and put it "
            f"at {target}."
        ) from (error if shown == url else None)
    except OSError as error:
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
    words = record.read_text(errors="replace").split() if record.exists() else []
    recorded = words[0] if words else None
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
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _download(url: str, target: Path, sha256: str | None, progress: Progress | None, timeout: float) -> None:
    part, shown = target.with_name(target.name + ".part"), shown_address(url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            transfer(url, part, progress, timeout, checked=sha256 is not None)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS:
                raise
            log.warning("%s: the server says %d; trying again", shown, error.code)
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            if attempt == ATTEMPTS:
                raise
            log.warning("%s: broke off (%s); going on from byte %d", shown, type(error).__name__, _size(part))
        time.sleep(PAUSE * 2**attempt)
    found = digest(part)
    if sha256 is not None and found != sha256.lower():
        part.unlink()
        raise InvalidInputError(f"{shown} must have the SHA-256 {sha256}; what came has {found}. Try again.")
    record = target.with_name(target.name + ".sha256")
    record.write_text(f"{found}  {target.name}\n")
    part.replace(target)
    tag_of(part).unlink(missing_ok=True)


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
