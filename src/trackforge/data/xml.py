"""Xml from outside: elements with their lines, in whatever encoding it says, without entities."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException  # only the name of an error: nothing is parsed with it
from xml.sax.handler import ContentHandler

from trackforge.errors import DataError, MissingDependencyError
from trackforge.intake.reading import reading

__all__ = ["Node", "load_xml", "root_tag"]

_DEEPEST = 100
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*['\"]([A-Za-z][A-Za-z0-9._-]{0,40})['\"]")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_NO_TEXT = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
"""Codecs of Python that are no encodings of files."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(slots=True)
class Node:
    """An xml element.

    Attributes:
        tag: Its name.
        line: 1-based line that it begins on.
        attributes: Their values by name.
        text: What stands in it, before, between and after its children.
        children: Elements in it.
    """

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        """Return the children of that name."""
        return [c for c in self.children if c.tag == tag]

    def find(self, path: str) -> Node | None:
        """Return the first element on a path, ``"size/width"``."""
        node: Node | None = self
        for tag in path.split("/"):
            node = next((c for c in node.children if c.tag == tag), None) if node else None
        return node

    def value(self, path: str, default: str = "") -> str:
        """Return the text of the first element on a path."""
        node = self.find(path)
        return node.text.strip() if node else default


def load_xml(path: Path, what: str, notes: list[str] | None = None) -> Node:
    """Read an xml file.

    Args:
        path: The file.
        what: What it is, for messages.
        notes: Gets a sentence for a file with bytes that are none of its encoding; these become question marks.

    Raises:
        DataError: It is not well-formed, with the line; it declares entities, or is nested deeper than 100.
        MissingDependencyError: defusedxml is not installed.
        SourceError: It cannot be read.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.sax import parseString
    except ImportError as error:
        raise MissingDependencyError(
            "Reading xml needs defusedxml, which is not installed. Install trackforge-mot[data].", name="defusedxml"
        ) from error
    with reading(path, what):
        text, spoiled = _decoded(path.read_bytes(), path)
        if spoiled and notes is not None:
            notes.append(f"{path} holds bytes that are not {spoiled}; they were read as \ufffd")
        tree = _Tree(path)
        try:
            parseString(text.encode(), tree)
        except SAXParseException as error:
            why = f"{what} must be xml; {error.getMessage()}."
            raise DataError(why, path=path, line=error.getLineNumber()) from error
        except DefusedXmlException as error:
            line = tree.locator.getLineNumber() if tree.locator else None
            raise DataError("Entities are not allowed in annotations.", path=path, line=line) from error
        return tree.root.children[0]


def root_tag(path: Path) -> str | None:
    """Return the name of the outermost element, from the beginning of the file; None where there is none to be seen."""
    try:
        with path.open("rb") as file:
            text, _ = _decoded(file.read(4096), path)
    except (OSError, DataError):
        return None
    found = _ROOT.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return found[1] if found else None


def _decoded(content: bytes, path: Path) -> tuple[str, str]:
    """Return the text without its declaration, every line where it was, and the encoding if some bytes are not of it."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    declaration = _DECLARATION.match(content)
    stated = _ENCODING.search(declaration[0]) if declaration else None
    name = marked or (stated[1].decode("ascii") if stated else "utf-8")
    if not marked and name.lower().replace("_", "-").startswith(("utf-16", "utf-32", "ucs-2")):
        name = "utf-8"  # the declaration could be read, so it is not true
    if not marked and content[:4] in (b"<\0?\0", b"\0<\0?"):
        name = "utf-16-le" if content[0] else "utf-16-be"
    try:
        codec = codecs.lookup(name)
        if codec.name in _NO_TEXT:
            raise LookupError
        text, spoiled = content.decode(name), ""
    except UnicodeDecodeError:
        text, spoiled = content.decode(name, errors="replace"), name
    except LookupError as error:
        raise DataError(f"The file must state an encoding that is known; got {name!r}.", path=path, line=1) from error
    head = re.match(r"\s*<\?xml.*?\?>", text, re.DOTALL)
    return ("\n" * head[0].count("\n") + text[head.end() :] if head else text), spoiled


class _Tree(ContentHandler):
    """Builds nodes; a locator of the parser tells the lines."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.locator: Any = None
        self.root = Node("", 0)
        self._open = [self.root]
        self._text: list[list[str]] = [[]]

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 - of the interface
        self.locator = locator

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        node = Node(name, self.locator.getLineNumber(), dict(attrs.items()))
        if len(self._open) > _DEEPEST:
            raise DataError(f"Elements must be nested at most {_DEEPEST} deep.", path=self.path, line=node.line)
        self._open[-1].children.append(node)
        self._open.append(node)
        self._text.append([])

    def characters(self, content: str) -> None:
        self._text[-1].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802, ARG002
        self._open.pop().text = "".join(self._text.pop())
