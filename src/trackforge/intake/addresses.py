"""Addresses of cameras and files on the network: told apart from paths, and shown without what is secret in them.

Cameras carry passwords in their addresses, storage services carry signatures: neither may reach a log, a message, a
result or a file name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = [
    "STDIN", "STDOUT", "address_name", "file_path", "is_address", "shown_address", "shown_setting", "source_name",
    "was_address", "without_secrets",
]  # fmt: skip

STDIN = ("-", "/dev/stdin")
"""What people write for standard input."""
STDOUT = ("-", "/dev/stdout")
"""What people write for standard output, where the place says that it is one."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_ADDRESS_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/{1,2}[^/]")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://[^\s'\"<>]+")
_IN_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+:/)[^\s/'\"]*@")
_SECRET = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|token|secret|key|auth|sig(?:nature)?|user(?:name)?)=)[^&_/;?#]*"
)
_SECRET_OPTION = re.compile(r"(?i)(headers?|cookies?|\w*(?:pass|pwd|secret|token|key|auth|sig|user)\w*)=.")
_HARMLESS = re.compile(r"(?i)(?:id|ch|cam|camera|channel|stream|subtype|profile|track|part|resolution|fps)=\w{1,8}")


def is_address(text: str) -> bool:
    """Tell whether a text is an address, ``scheme://...``, rather than a path.

    >>> is_address("rtsp://10.0.0.7/1"), is_address("2024-01-01T12:00:00.mp4"), is_address("C:/film.mp4")
    (True, False, False)
    """
    return _ADDRESS.match(text) is not None


def was_address(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is an address of which one slash is lost, as `pathlib` makes of it; or an address itself.

    >>> was_address("http:/host/a.mp4"), was_address("12:30/a.mp4"), was_address("C:/a.mp4")
    (True, False, False)
    """
    return _ADDRESS_PATH.match(str(path)) is not None


def file_path(text: str) -> str:
    """Return the path that an address ``file://...`` stands for; any other text as it is.

    >>> file_path("file:///films/a%20b.mp4"), file_path("FILE://localhost/a.mp4"), file_path("50%25.mp4")
    ('/films/a b.mp4', '/a.mp4', '50%25.mp4')
    """
    if not text.lower().startswith("file://"):
        return text
    path = unquote(text[len("file://") :])
    host, slash, rest = path.partition("/")
    return slash + rest if host.lower() in ("", "localhost") else path


def shown_address(text: str) -> str:
    """Return an address as it may be shown: without user, password and fragment, and of its query what is harmless.

    >>> shown_address("rtsp://admin:S3cret@10.0.0.7:554/cam?channel=1&token=abc")
    'rtsp://10.0.0.7:554/cam?channel=1&...'
    """
    split = _split(text)
    if split is None:
        return text
    host = split.netloc.rpartition("@")[2]
    path = _SECRET.sub(r"\1...", split.path)
    words = [word if _HARMLESS.fullmatch(word) else "..." for word in re.split("[&;]", split.query) if word]
    query = "&".join(dict.fromkeys(words))
    return f"{split.scheme}://{host}{path}" + (f"?{query}" if query else "")


def address_name(text: str) -> str:
    """Return a name for what comes from an address, fit for a file: host and path, nothing secret, no separator.

    >>> address_name("http://admin:S3cret@10.0.0.7:8080/cam/1?pwd=x")
    '10.0.0.7_8080_cam_1'
    >>> address_name("https://host/videos/street.mp4?sig=x")
    'street'
    """
    split = _split(shown_address(text))
    if split is None:
        return text
    last = split.path.rstrip("/").rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    if dot and stem and suffix.isalnum() and len(suffix) <= 5:
        words = stem
    else:
        words = f"{split.netloc}{split.path}" + (f"?{split.query}" if split.query else "")
    return re.sub(r"(?:[^A-Za-z0-9.\-]|\.{2,})+", "_", words).strip("_.")[:100] or "camera"


def source_name(path: str) -> str:
    """Return the name of the sequence that a path or address gives, fit for a file and without anything secret.

    >>> source_name("films/street.mp4"), source_name("rtsp://admin:S3cret@10.0.0.7/1"), source_name("-")
    ('street', '10.0.0.7_1', 'stdin')
    """
    if path in STDIN:
        return "stdin"
    return address_name(path) if is_address(path) else Path(path).stem


def without_secrets(message: str) -> str:
    """Return a message, of a library say, with every address in it as `shown_address` shows it."""
    return _IN_PATH.sub(r"\1", _IN_TEXT.sub(lambda found: shown_address(found.group()), message))


def shown_setting(value: Any) -> Any:
    """Return a setting as it may be written down: without what is secret in addresses and in options ``key=value``.

    >>> shown_setting({"path": "rtsp://u:p@host/1", "options": ("passphrase=abc", "rtsp_transport=udp")})
    {'path': 'rtsp://host/1', 'options': ('passphrase=...', 'rtsp_transport=udp')}
    """
    if isinstance(value, str):
        if is_address(value):
            return shown_address(value)
        secret = _SECRET_OPTION.match(value)
        return f"{secret[1]}=..." if secret else without_secrets(value)
    if isinstance(value, dict):
        return {key: shown_setting(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(shown_setting(one) for one in value)
    return value


def _split(text: str) -> SplitResult | None:
    if not is_address(text):
        return None
    scheme, rest = text.split("://", 1)
    host = re.split("[/?#]", rest)[0]
    if "@" not in host and re.search(r":(?!\d*$)[^\]]*$", host):  # a password with one of these signs in it
        rest = rest.rpartition("@")[2]
    try:
        return urlsplit(f"{scheme}://{rest}")
    except ValueError:  # brackets that are no IPv6 address: show no more than the scheme
        return SplitResult(scheme, re.split("[/?#]", rest.rpartition("@")[2])[0], "", "", "")
