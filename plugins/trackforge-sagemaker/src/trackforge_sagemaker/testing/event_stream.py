"""AWS's event streams: messages with headers and checksums, as InvokeEndpointWithResponseStream answers with them.

>>> len(payload_part(b"abc")) - len(payload_part(b""))
3

A message is its length and that of its headers (u32, big-endian), their CRC-32, the headers, the payload, and a CRC-32
of everything before it. A header is a name (u8 length), the type 7 for text, and the text (u16 length).

Source: AWS's documentation "Amazon Transcribe: event stream encoding"; botocore's decoder (Apache-2.0) reads it back.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

__all__ = ["payload_part", "stream_error"]

_TEXT = 7


def payload_part(data: bytes) -> bytes:
    """Return the event that carries a part of an answer."""
    return _message(
        {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}, data
    )


def stream_error(kind: str, **members: str) -> bytes:
    """Return the exception that ends a stream, such as ``ModelStreamError`` with ``Message`` and ``ErrorCode``."""
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return _message(headers, json.dumps(members).encode())


def _message(headers: Mapping[str, str], payload: bytes) -> bytes:
    packed = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _TEXT, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 4 + 4 + 4 + len(packed) + len(payload) + 4, len(packed))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return body + struct.pack(">I", zlib.crc32(body))
