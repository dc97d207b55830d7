"""The yaml file beside a YOLO data set: the few constructs that such files use, without a yaml library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trackforge.data.files import read_lines
from trackforge.errors import DataError

__all__ = ["YoloYaml", "find_yaml", "read_yaml", "yaml_lines"]

PARTS = ("train", "val", "test")
_KEY = re.compile(r"^([A-Za-z_]\w*)\s*:\s*(.*)$")
_ITEM = re.compile(r"^\s*(?:-\s+|(\d+)\s*:\s*)(.+)$")


@dataclass(frozen=True)
class YoloYaml:
    """What such a file says: where the set lies, its parts, its class names."""

    path: str = ""
    parts: dict[str, list[str]] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def find_yaml(folder: Path) -> Path | None:
    """Return the yaml file of a folder that names classes or parts, or None."""
    found = sorted(folder.glob("*.y*ml"), key=lambda p: (p.stem not in ("data", "dataset", "config"), p.name))
    return next((p for p in found if any(re.match(r"(names|train)\s*:", line) for _, line in read_lines(p))), None)


def read_yaml(path: Path) -> YoloYaml:
    """Read the keys ``path``, ``train``, ``val``, ``test`` and ``names``; everything else is passed over.

    Raises:
        DataError: Class names or parts are written in a way that is not understood, with the line.
    """
    values: dict[str, list[str]] = {}
    numbers: list[int] = []
    key = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The yaml file cannot be read: {error}.", path=path) from error
    for line, raw in enumerate(text.splitlines(), 1):
        content = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if not content.strip() or content in ("---", "..."):
            continue
        head = _KEY.match(content)
        if head:
            key, rest = head[1], head[2].strip()
            understood = key == "names" or rest[:1] not in tuple("[{|>&*")
            values[key] = _inline(rest, path, line) if understood or key in PARTS else []
            continue
        item = _ITEM.match(content)
        if item and key in values:
            if key == "names" and item[1] is not None:
                numbers.append(int(item[1]))
            values[key].append(_plain(item[2]))
        elif key == "names":
            raise DataError(
                f"A class name must be '- name' or 'number: name'; got {content.strip()!r}.", path=path, line=line
            )
    if numbers and numbers != list(range(len(numbers))):
        raise DataError(f"The classes must be numbered 0, 1, 2, ... in order; got {numbers}.", path=path)
    where = (values.get("path") or [""])[0]
    root = path.parent / where
    parts = {
        key: [folder for folder in value if (root / folder).exists()]
        for key, value in values.items()
        if key not in ("path", "names") and (key in PARTS or all(v.startswith("images") for v in value))
    }
    return YoloYaml(where, {key: value for key, value in parts.items() if value}, tuple(values.get("names", ())))


def _inline(text: str, path: Path, line: int) -> list[str]:
    if not text:
        return []
    if text[0] == "[" and text[-1] == "]":
        return [_plain(part) for part in _split(text[1:-1])]
    if text[0] == "{" and text[-1] == "}":
        pairs = [part.partition(":") for part in _split(text[1:-1])]
        if [p[0].strip() for p in pairs] != [str(k) for k in range(len(pairs))]:
            raise DataError("The classes must be numbered 0, 1, 2, ... in order.", path=path, line=line)
        return [_plain(p[2]) for p in pairs]
    if text[0] in "[{|>&*":
        raise DataError(
            f"This way of writing a value is not understood: {text!r}. Use one line a name.", path=path, line=line
        )
    return [_plain(text)]


def _split(text: str) -> list[str]:
    """Split at commas outside quotes."""
    return [p for p in re.findall(r"\s*((?:'[^']*'|\"[^\"]*\"|[^,])+)", text) if p.strip()]


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return str(json.loads(text))
    return text[1:-1].replace("''", "'") if len(text) >= 2 and text[0] == text[-1] == "'" else text


def yaml_lines(classes: Sequence[str], splits: Sequence[str], *, rest: bool) -> Iterator[str]:
    """Yield the lines of such a file; ``rest``: whether there are pictures that belong to no split."""
    yield "path: ."
    free = {"train", "val", "test"}
    for number, split in enumerate(splits):
        key = next((k for k in PARTS if split.startswith(k) and k in free), f"part{number}")
        free.discard(key)
        yield f"{key}: {json.dumps(f'images/{split}', ensure_ascii=False)}"
    if rest:  # a trainer insists on both keys
        yield from (f"{key}: images" for key in ("train", "val") if not splits)
        yield from ["rest: images"] * bool(splits)
    yield "names:"
    for number, name in enumerate(classes):
        yield f"  {number}: {json.dumps(name, ensure_ascii=False)}"
