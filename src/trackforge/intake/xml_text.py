"""The text of an xml file, in the encoding that it states.

Labellers' machines write gb2312, gbk, latin-1 or utf-16, which the parser of the standard library mostly does not know;
Python's codecs do. A file that says utf-16 in plain letters is not, as .NET writes them; and one that says nothing, or
utf-8, may hold names in the encoding of its machine.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from trackforge.errors import DataError

__all__ = ["xml_text"]

_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*['\"]([A-Za-z][A-Za-z0-9._-]{0,40})['\"]")
_NO_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
"""Codecs of Python that no file is written in."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BARE = {b"<\0?\0": "utf-16-le", b"\0<\0?": "utf-16-be"}


def xml_text(content: bytes, path: Path) -> str:
    """Return the text without its declaration, every line where it was; bytes that mean nothing become U+FFFD.

    Args:
        content: The file, or its beginning.
        path: Its path, for messages.

    Raises:
        DataError: It states an encoding that there is not.
    """
    name = next((name for mark, name in _MARKS if content.startswith(mark)), "") or _BARE.get(content[:4], "")
    if not name:
        declaration = _DECLARATION.match(content)
        stated = _ENCODING.search(declaration[0]) if declaration else None
        name = stated[1].decode("ascii") if stated else "utf-8"
        if re.match(r"utf[-_]?(16|32)|ucs", name, re.IGNORECASE):
            name = "utf-8"  # it could be read so far, so it is not that
    try:
        if codecs.lookup(name).name in _NO_ENCODINGS:
            raise LookupError
        text = content.decode(name, errors="replace")
    except LookupError as error:
        raise DataError(f"The file must state an encoding that is known; got {name!r}.", path=path, line=1) from error
    head = re.match(r"\s*<\?xml.*?\?>", text, re.DOTALL)
    return "\n" * head[0].count("\n") + text[head.end() :] if head else text
