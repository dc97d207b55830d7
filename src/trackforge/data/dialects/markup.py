"""XML from outside: a tree of elements with the lines they stand on, or an error of ours, whatever the bytes.

Read by defusedxml, which refuses entities and whatever lies outside the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException, handler, saxutils

from trackforge.errors import DataError, MissingDependencyError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.reading import reading
from trackforge.intake.xml_text import xml_text

__all__ = ["Element", "as_text", "first_tag", "mentions", "parse_xml", "quoted"]

DEEPEST = 100
"""Elements within each other that a file may have; labels have six."""
_HEAD = 65536
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(eq=False, slots=True)
class Element:
    """An element of XML.

    Attributes:
        tag: Its name.
        path: The file.
        line: 1-based line on which it begins.
        attributes: As text.
        children: The elements in it.
    """

    tag: str
    path: Path
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text in it, without blanks around."""
        return "".join(self.parts).strip()

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children of a name."""
        return (child for child in self.children if child.tag == tag)

    def find(self, *tags: str) -> Element | None:
        """Return the first child of the first name, its first child of the second, and so on; or None."""
        node = self
        for tag in tags:
            for child in node.children:
                if child.tag == tag:
                    node = child
                    break
            else:
                return None
        return node

    def value(self, *tags: str) -> str:
        """Return the text of `find`, or nothing."""
        node = self.find(*tags)
        return node.text if node is not None else ""

    def fault(self, message: str) -> DataError:
        """Return an error that names the line of this element."""
        return DataError(message, path=self.path, line=self.line)

    def stated(self, name: str) -> str:
        """Return an attribute that must be there.

        Raises:
            DataError: It is not.
        """
        if name not in self.attributes:
            raise self.fault(f"An element <{self.tag}> must have an attribute {name!r}.")
        return self.attributes[name]

    def number(self, name: str) -> float:
        """Return an attribute as a finite number.

        Raises:
            DataError: It is missing, or none.
        """
        try:
            return finite_number(self.stated(name))
        except ValueError as error:
            raise self.fault(f"The attribute {name!r} of <{self.tag}> {error}.") from None

    def whole(self, name: str, least: int = 0) -> int:
        """Return an attribute as a whole number.

        Raises:
            DataError: It is missing, none, or too small.
        """
        try:
            return whole_number(self.stated(name), least)
        except ValueError as error:
            raise self.fault(f"The attribute {name!r} of <{self.tag}> {error}.") from None

    def whole_text(self, *tags: str) -> int | None:
        """Return the text of `find` as a whole number >= 0; None where there is none.

        Raises:
            DataError: It is something else.
        """
        node = self.find(*tags)
        if node is None or not node.text:
            return None
        try:
            return whole_number(node.text, 0)
        except ValueError as error:
            raise node.fault(f"The text of <{node.tag}> {error}.") from None


class _Builder(handler.ContentHandler):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.stack = [Element("", path, 0, {})]
        self.locator: Any = None

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 - the parser's name for it
        self.locator = locator

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the parser's name for it
        element = Element(name, self.path, self.locator.getLineNumber(), dict(attrs.items()) if len(attrs) else {})
        if len(self.stack) > DEEPEST:
            raise element.fault(f"Elements must be nested {DEEPEST} deep at most; these are deeper.")
        self.stack[-1].children.append(element)
        self.stack.append(element)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - the parser's name for it
        self.stack.pop()

    def characters(self, content: str) -> None:
        self.stack[-1].parts.append(content)


def parse_xml(path: Path, what: str) -> Element:
    """Read an XML file and return its outermost element.

    Args:
        path: The file.
        what: What it must be, for messages: ``"A CVAT file"``.

    Raises:
        DataError: It is not well-formed XML, has entities, or is nested too deep; with the line.
        MissingFileError, SourceError: It is not there, or cannot be opened.
        MissingDependencyError: defusedxml is not installed.
    """
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.sax import parseString
    except ImportError as error:
        raise MissingDependencyError(
            "Reading XML needs defusedxml, which is not installed. Install trackforge-mot[data].", name="defusedxml"
        ) from error
    made = _Builder(path)
    with reading(path, what):
        text = xml_text(path.read_bytes(), path)
        try:
            parseString(text.encode(), made)
        except SAXParseException as error:
            raise DataError(
                f"{what} must be XML; {error.getMessage()}.", path=path, line=error.getLineNumber() or None
            ) from error
        except DefusedXmlException as error:
            line = made.locator.getLineNumber() if made.locator is not None else None
            raise DataError(f"{what} must not hold entities, nor point outside.", path=path, line=line) from error
    return made.stack[0].children[0]


def first_tag(path: Path) -> str:
    """Return the name of the outermost element, to tell what a file is; nothing where that is not to be seen."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    try:
        text = xml_text(head, path)
    except DataError:
        return ""
    found = re.search(r"<([A-Za-z_][\w.:-]*)", re.sub(r"<!--.*?(?:-->|\Z)", "", text, flags=re.DOTALL))
    return found[1] if found else ""


def mentions(path: Path, *tags: str) -> str:
    """Return which of some elements comes first in a file; nothing where there is none of them."""
    marks = {f"<{tag}".encode(): tag for tag in tags}
    pattern = re.compile(b"(" + b"|".join(map(re.escape, marks)) + rb")[\s/>]")
    try:
        with path.open("rb") as file:
            rest = b""
            while block := file.read(_HEAD):
                found = pattern.search(rest + block)
                if found:
                    return marks[found[1]]
                rest = block[-64:]
    except OSError:
        return ""
    return ""


def as_text(value: str) -> str:
    """Return a text as XML holds it between elements; what XML cannot hold becomes a mark of its absence."""
    return saxutils.escape(_NO_TEXT.sub("\ufffd", value))


def quoted(value: str) -> str:
    """Return a text as XML holds it in an attribute, with its quotation marks."""
    return saxutils.quoteattr(_NO_TEXT.sub("\ufffd", value))
