"""The yaml file beside a YOLO data set: what it says, and where what it says is.

Such files travel: ``path: /content/datasets/coco`` was true on somebody else's machine, and Roboflow writes ``train:
../train/images`` for what lies beside the file. So a place is looked for below the file's folder first, by as much of
its end as is there; a note says what was taken for what.

Every value is read as the text that stands there (a class may be called ``no``, ``1`` or ``2020-01-01``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from trackforge.errors import DataError, MissingDependencyError
from trackforge.intake.folders import is_companion
from trackforge.intake.limits import check_limit
from trackforge.intake.names import inside, name_problem
from trackforge.intake.reading import reading

__all__ = ["YoloYaml", "find_below", "find_yaml", "read_yaml", "yaml_text"]

PARTS = ("train", "val", "test")
_KNOWN = re.compile(rb"^\s*['\"]?(names|train)['\"]?\s*:", re.MULTILINE)
_LONGEST = 2 * 2**20
"""Bytes of the longest such file: some times one with the 20,000 names of ImageNet-21k."""


@dataclass(frozen=True)
class YoloYaml:
    """What such a file says.

    Attributes:
        root: The folder that the set's files lie in.
        parts: For each part its folders and lists of pictures, those that are there.
        names: Names of the classes.
        keypoints: Number of key points of a box and of values a point, ``kpt_shape``; (0, 0) where it has none.
        notes: What is worth knowing, one sentence each.
    """

    root: Path
    parts: dict[str, list[Path]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    keypoints: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


def find_yaml(folder: Path) -> Path | None:
    """Return the yaml file of a folder that names classes or parts, or None."""
    found = [p for p in folder.glob("*.y*ml") if p.suffix in (".yaml", ".yml") and not is_companion(p.name)]
    found = [p for p in found if p.is_file() and p.stat().st_size <= _LONGEST]
    found.sort(key=lambda p: (p.stem not in ("data", "dataset", "config"), p.name))
    return next((p for p in found if _KNOWN.search(p.read_bytes())), None)


def read_yaml(path: Path) -> YoloYaml:
    """Read the keys ``path``, ``train``, ``val``, ``test``, ``names``, ``nc`` and ``kpt_shape``, and other parts.

    Raises:
        DataError: It is no yaml, or a key holds what it cannot mean; with the line where there is one.
        MissingDependencyError: PyYAML is not installed.
        SourceError: It cannot be read.
    """
    with reading(path, "A YOLO yaml file"):
        if path.stat().st_size > _LONGEST:
            raise DataError(f"The yaml file of a data set must have at most {_LONGEST:,} bytes.", path=path)
        document = _load(path.read_bytes(), path)
        notes: list[str] = []
        names = _names(document, path, notes)
        stated = _texts(document.get("path"))
        root = _root(stated[0] if stated else "", path.parent, notes)
        parts: dict[str, list[Path]] = {}
        for key, node in document.items():
            texts = _texts(node)
            if key == "path" or not (key in PARTS or (texts and all(t.startswith("images") for t in texts))):
                continue
            found = [_place(key, text, root, path.parent, notes) for text in texts]
            if any(found):
                parts[key] = [place for place in found if place is not None]
        places = [place for listed in parts.values() for place in listed]
        own = bool(places) and all(place.is_relative_to(path.parent) for place in places)
        if own and not root.is_relative_to(path.parent):
            root = path.parent
        return YoloYaml(root, parts, names, _keypoints(document.get("kpt_shape"), path), tuple(notes))


def _load(content: bytes, path: Path) -> dict[str, Any]:
    """Return the nodes of the topmost keys; nothing is made of them but text, so tags and words mean nothing."""
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(
            "Reading yaml needs PyYAML, which is not installed. Install trackforge-mot[data].", name="yaml"
        ) from error
    # a comment in the encoding of somebody's machine is no reason to read nothing
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    try:
        document: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = error.problem or error.context or "it cannot be parsed"
        raise DataError(f"The file must be yaml; {why}.", path=path, line=mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        raise DataError(f"The file must be yaml; {' '.join(str(error).split())[:200]}.", path=path) from error
    if document is not None and document.id != "mapping":
        raise DataError("A yaml file must hold keys such as 'train:' and 'names:'.", path=path, line=_line(document))
    return {key.value: value for key, value in (document.value if document else ()) if key.id == "scalar"}


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _is_nothing(node: Any) -> bool:
    return node is None or (node.id == "scalar" and not node.style and node.value in ("", "~", "null", "Null", "NULL"))


def _texts(node: Any) -> list[str]:
    """The text of a node, or those of a list, that say something."""
    nodes = node.value if node is not None and node.id == "sequence" else [node]
    return [n.value.strip() for n in nodes if not _is_nothing(n) and n.id == "scalar" and n.value.strip()]


# ---- classes


def _names(document: Mapping[str, Any], path: Path, notes: list[str]) -> tuple[str, ...]:
    given: Any = document.get("names")
    if _is_nothing(given):
        return ()
    if given.id == "mapping":
        numbered = {_number(key, path): value for key, value in given.value}
    elif given.id == "sequence":
        numbered = dict(enumerate(given.value))
    else:
        raise _name_error(given, path)
    for node in numbered.values():
        if node.id != "scalar":
            raise _name_error(node, path)
    stated = document.get("nc")
    count = max(max(numbered, default=-1) + 1, 0 if _is_nothing(stated) else _number(stated, path))
    check_limit("classes", count, "The number of classes", path=path)
    names = [numbered[k].value if k in numbered else f"class {k}" for k in range(count)]
    if len(numbered) < count:
        gaps = [name for k, name in enumerate(names) if k not in numbered]
        shown = ", ".join(map(repr, gaps[:3])) + (" and so on" if len(gaps) > 3 else "")
        notes.append(f"{len(gaps)} of the classes 0..{count - 1} have no name in {path.name}; they are called {shown}")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"Class names must differ; {name!r} came twice. Rename or merge them.", path=path)
        seen.add(name)
    return tuple(names)


def _name_error(node: Any, path: Path) -> DataError:
    got = repr(node.value[:60]) if node.id == "scalar" else f"a {node.id}"
    return DataError(f"A class name must be '- name' or 'number: name'; got {got}.", path=path, line=_line(node))


def _number(node: Any, path: Path) -> int:
    if node.id != "scalar" or not re.fullmatch(r"\d{1,18}", node.value.strip(), re.ASCII):
        got = repr(node.value[:60]) if node.id == "scalar" else f"a {node.id}"
        raise DataError(f"The classes must be numbered 0, 1, 2, ...; got {got}.", path=path, line=_line(node))
    number = int(node.value)
    check_limit("classes", number, "The number of a class", path=path, line=_line(node))
    return number


def _keypoints(node: Any, path: Path) -> tuple[int, int]:
    if _is_nothing(node):
        return 0, 0
    texts = _texts(node)
    if len(texts) != 2 or not re.fullmatch(r"\d{1,5}", texts[0], re.ASCII) or texts[1] not in ("2", "3"):
        raise DataError(
            "kpt_shape must be the number of key points, and 2 or 3 values each, such as [17, 3].",
            path=path,
            line=_line(node),
        )
    return int(texts[0]), int(texts[1])


# ---- places


def find_below(root: Path, text: str) -> Path | None:
    """Return what a path, be it of another machine, means below ``root``: as it stands, or by the end that is there."""
    parts = PurePosixPath(text.replace("\\", "/")).parts
    for k in range(len(parts)):
        tail = "/".join(parts[k:])
        if name_problem(tail) or (k and tail == "images"):  # too common a name to tell whose
            continue
        if (root / tail).exists():
            return root / tail
    return None


def _root(text: str, folder: Path, notes: list[str]) -> Path:
    """Return the folder that the parts lie in."""
    if not text or text == ".":
        return folder
    try:
        stated = inside(folder, text, "The path")
    except DataError:
        stated = None
    if stated is not None and stated.is_dir():
        return stated
    if name_problem(text) in (None, "is absolute") or text.startswith(".."):
        elsewhere = folder / text.replace("\\", "/")
        below = find_below(folder, text)
        if below is not None and below.is_dir():
            notes.append(f"path: {text!r} was taken for {below}")
            return below
        if elsewhere.is_dir() and elsewhere.resolve() != folder.resolve():
            return elsewhere
    if Path(folder / text).resolve() != folder.resolve():
        notes.append(f"path: {text!r} is not there; the set was looked for beside the yaml file")
    return folder


def _place(key: str, text: str, root: Path, folder: Path, notes: list[str]) -> Path | None:
    """Return where a part lies: below the set, below the yaml file's folder, or elsewhere; None where it is not."""
    text = text.replace("\\", "/")
    for base in (root, folder):
        found = find_below(base, text)
        if found is not None:
            if name_problem(text):
                notes.append(f"{key}: {text!r} was taken for {found}")
            return found
    if "\0" not in text and (root / text).exists():
        return root / text
    if key in PARTS:
        notes.append(f"the part {key!r} is not there ({text}) and was left out")
    return None


# ---- writing


def yaml_text(classes: Sequence[str], splits: Mapping[str, str], *, rest: bool) -> str:
    """Return the content of such a file.

    Args:
        classes: Names.
        splits: For each part the folder below ``images``.
        rest: Whether there are pictures that belong to no split.

    Raises:
        MissingDependencyError: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(
            "Writing yaml needs PyYAML, which is not installed. Install trackforge-mot[data].", name="yaml"
        ) from error
    document: dict[str, Any] = {"path": ".", **dict(_parts(splits))}
    if rest:  # a trainer insists on both keys
        document |= {"rest": "images"} if splits else {"train": "images", "val": "images"}
    document["names"] = dict(enumerate(classes))
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
    return text


def _parts(splits: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    free = set(PARTS)
    for number, (split, folder) in enumerate(splits.items()):
        key = next((k for k in PARTS if split.startswith(k) and k in free), f"part{number}")
        free.discard(key)
        yield key, f"images/{folder}"
