"""One request for a file over HTTP, or for the rest of it; what comes in its place is refused.

What a server says about itself is somebody else's: lengths that are none, tags that would be headers, ways on to other
kinds of addresses, pages that ask for a password instead of the file.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit

from trackforge.errors import SourceError, TrackforgeError
from trackforge.intake.addresses import shown_address
from trackforge.intake.limits import check_limit

__all__ = ["Progress", "tag_of", "transfer"]

Progress = Callable[[int, "int | None"], None]
"""Called with the bytes that are there and the bytes in all (None where the server does not say)."""
BLOCK = 1 << 18
PAGES = (".html", ".htm", ".xhtml")
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"[\x20-\x7e]{1,256}")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


def transfer(url: str, part: Path, progress: Progress | None, timeout: float, *, checked: bool) -> None:
    """Bring ``part`` to full length, from where it stands if the server's file is still the same one.

    Args:
        url: Where from.
        part: Where to.
        progress: Called as bytes come in.
        timeout: Seconds without a byte after which to give up.
        checked: Whether a checksum will tell whether the file is whole.

    Raises:
        SourceError: The server gives something else, or does not say how much it gives.
        DataError: It gives more than the limit.
        ConnectionError: It broke off, and may be asked again.
        urllib.error.URLError, http.client.HTTPException, OSError: As the library of Python says.
    """
    tag_file, have = tag_of(part), part.stat().st_size if part.exists() else 0
    tag = tag_file.read_text(errors="replace") if tag_file.exists() else ""
    if not _TAG.fullmatch(tag):
        tag = ""
    request = _request(url)
    if have and tag:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        response = urllib.request.build_opener(_Ways(url)).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        part.unlink(missing_ok=True)
        tag_file.unlink(missing_ok=True)
        raise ConnectionError("the rest that was asked for does not exist; starting over") from error
    with response:
        start, total = _extent(response, have)
        _check(response, url, part.name.removesuffix(".part"), checked=checked or total is not None)
        if not start:
            part.unlink(missing_ok=True)  # before the tag changes: bytes of one version must never bear another's tag
        tag_file.write_text(_tag(response))
        try:
            there = _copy(response, url, part, start, total, progress)
        except TrackforgeError:  # no part of the file
            part.unlink(missing_ok=True)
            tag_file.unlink(missing_ok=True)
            raise
    if total is not None and there != total:
        raise ConnectionError(f"{there} of {total} bytes came")


def tag_of(part: Path) -> Path:
    """Return the file that says of which version ``part`` is."""
    return part.with_name(part.name + ".tag")


def _request(url: str) -> urllib.request.Request:
    """Make the request; name and password of the address go to that host, and not along to where it sends us."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    plain = parts._replace(netloc=host, path=quote(parts.path, safe="/%:@!$&'()*+,;=~-._"))
    request = urllib.request.Request(  # noqa: S310 - fetch checked the scheme
        plain._replace(query=quote(parts.query, safe="/%:@!$&'()*+,;=~-._?"), fragment="").geturl(),
        headers={"User-Agent": "trackforge", "Accept-Encoding": "identity"},
    )
    if at:
        name, _, word = user.partition(":")
        secret = base64.b64encode(f"{unquote(name)}:{unquote(word)}".encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    return request


class _Ways(urllib.request.HTTPRedirectHandler):
    """Follows a server to another HTTP address only, and never from a secure one to one that is not."""

    def __init__(self, url: str) -> None:
        self._url = url

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        kind = urlsplit(newurl).scheme.lower()
        if kind not in ("http", "https") or (kind == "http" and req.full_url.startswith("https:")):
            raise SourceError(
                f"{shown_address(self._url)} must lead to a file over {'HTTPS' if kind == 'http' else 'HTTP'}; it "
                f"leads on to {shown_address(newurl)}. Give the address of the file itself."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(response: http.client.HTTPResponse, url: str, name: str, *, checked: bool) -> None:
    """Refuse what cannot be the whole file."""
    shown, headers = shown_address(url), response.headers
    kind = headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml") and not name.lower().endswith(PAGES):
        raise _page(url)
    packed = headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise SourceError(f"{shown} must come as it is; it comes packed ({packed[:20]}). Download it elsewhere.")
    if not checked and not response.chunked:
        raise SourceError(
            f"{shown} must say how long it is; it does not, so nobody can tell whether all of it came. Give its "
            "SHA-256, or download it elsewhere."
        )


def _page(url: str) -> SourceError:
    return SourceError(
        f"{shown_address(url)} must be the file itself; what comes is a web page, to log in perhaps. Open it in a "
        "browser, and download the file there."
    )


def _copy(
    response: http.client.HTTPResponse, url: str, part: Path, start: int, total: int | None, progress: Progress | None
) -> int:
    """Write what comes behind what is there, and return how much there is then."""
    name, what = part.name.removesuffix(".part"), f"The size in bytes of {shown_address(url)}"
    check_limit("download", total or 0, what)
    there = start
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        while block := response.read(BLOCK):
            if not there and _PAGE.match(block[:4096]) and not name.lower().endswith(PAGES):
                raise _page(url)
            there += len(block)
            check_limit("download", there, what)
            file.write(block)
            if progress is not None:
                progress(there, total)
        file.flush()
        os.fsync(file.fileno())
    return there


def _extent(response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Return the position of the first byte that comes, and the length of the whole file where it is known."""
    stated = response.headers.get("Content-Length", "").strip()
    length = int(stated) if _LENGTH.fullmatch(stated) else None
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0, None if response.chunked else length
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != have:
        raise ConnectionError("the server gave another part than was asked for")
    if found[2] != "*":
        return have, int(found[2])
    return have, None if length is None else have + length


def _tag(response: http.client.HTTPResponse) -> str:
    """Return what identifies this version of the file: a strong ETag, else the date; empty where resuming is unsafe."""
    tag = response.headers.get("ETag", "")
    if not tag or tag.startswith("W/"):
        tag = response.headers.get("Last-Modified", "") or ""
    return tag if _TAG.fullmatch(tag) else ""
