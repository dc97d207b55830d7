"""Pascal VOC: one xml file a picture.

``Annotations/x.xml``, ``JPEGImages/x.jpg``, ``ImageSets/Main/<split>.txt``, or a folder of such (``VOCdevkit``); or xml
files beside their pictures, in a folder or in ``train/``, ``valid/`` and ``test/``. Corners are 1-based pixel numbers,
both inclusive, so the continuous box is ``(xmin - 1, ymin - 1, xmax, ymax)``; fractions are allowed. ``difficult``
marks what is not judged: an ignore region.

The picture of an xml file is the one that ``filename`` names, whatever folder of the labeller's machine it names with
it, else the one called like the xml file. It is looked for in ``JPEGImages``, beside the xml file, in ``images`` and in
the folder of the set, then anywhere below that.

Source: Everingham et al., "The PASCAL VOC Challenge 2012 Development Kit".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from trackforge.data.building import Builder
from trackforge.data.dialects.markup import Element, first_tag, parse_xml
from trackforge.data.files import left_out, list_pictures, read_lines
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.voc_parts import part_names, parts_of
from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.names import name_problem
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["VOC_CLASSES", "read_voc", "sniff_voc"]

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The twenty classes of VOC 2007 and 2012."""
_TRIED = 20
"""Xml files that are looked into to see what they are."""


def sniff_voc(path: Path) -> bool:
    """Tell whether a path looks like Pascal VOC: xml files, and the first are annotations of pictures."""
    if not path.is_dir():
        return False
    tags = [first_tag(file) for file, _ in zip(_candidates(path), range(_TRIED), strict=False)]
    return "annotation" in tags or ("" in tags and not any(tags))


def _bases(path: Path) -> list[Path]:
    """Return the folders that hold ``Annotations``: the path, or those in it (``VOCdevkit``); without, the path."""
    own = (path / "Annotations").is_dir() or any(not is_companion(p.name) for p in path.glob("*.xml"))
    for pattern in () if own else ("*/Annotations", "*/*/Annotations"):
        found = [p.parent for p in sorted(path.glob(pattern)) if p.is_dir() and not is_companion(p, path)]
        if found:
            return found
    return [path]


def _annotations(base: Path) -> Path:
    return base / "Annotations" if (base / "Annotations").is_dir() else base


def _candidates(path: Path) -> Iterator[Path]:
    """Yield some xml files of a folder; a large set of another kind is not searched through."""
    for folder in map(_annotations, _bases(path)):
        children = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())]
        for child in children:
            yield from (p for p in child.glob("*.xml") if not is_companion(p, folder))
        if folder.name == "Annotations":
            yield from (p for p in folder.rglob("*.xml") if not is_companion(p, folder))


def _files(base: Path, notes: list[str]) -> dict[str, Path]:
    """Return the xml files of a folder by their path without ending."""
    folder = _annotations(base)
    listing = list_files(folder, (".xml",))
    if folder != base or not listing.files:  # a folder of xml files and pictures may have others in it
        listing = list_files(folder, (".xml",), recursive=True)
    if listing.companions:
        notes.append(left_out(listing.companions))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in listing.files}


def read_voc(
    path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = (), origin: Literal[0, 1] = 1
) -> Dataset:
    """Read a Pascal VOC folder, or a folder of such xml files with the pictures.

    Args:
        path: Where it is.
        findings: Where malformed entries are reported.
        split: Read this part only.
        classes: Class names in order; without, those of ``classes.txt``, the twenty of VOC if they suffice, or what is
            found, sorted.
        origin: Number of the first pixel: 1, or 0 for tools that count from there (corners are then taken as they are).
    """
    build = Builder()
    found = {base: _files(base, build.notes) for base in _bases(path)}
    names_of_parts = dict.fromkeys(name for base, files in found.items() for name in part_names(base, files))
    if split is not None and split not in names_of_parts:
        raise DataError(f"There is no split {split!r}; there are: {', '.join(names_of_parts) or 'none'}.", path=path)
    parts: dict[Path, str] = {}
    for base, files in found.items():
        parts |= {files[key]: part for key, part in parts_of(base, split, files, build.notes, findings).items()}
    listed = path / "classes.txt"
    known = tuple(classes) or (tuple(line for _, line in read_lines(listed)) if listed.is_file() else ())
    names = dict.fromkeys(known)
    pictures = _Pictures(path)
    rows: list[tuple[Element, int]] = []
    others: list[Path] = []
    spoiled = 0
    listed_files = [(base, file) for base, files in found.items() for file in files.values()]
    for base, file in listed_files:
        if split is not None and file not in parts:
            continue
        try:
            tree = parse_xml(file, "A VOC annotation")
            if tree.tag != "annotation":
                others.append(file)
                continue
            picture, size = _picture(pictures, base, file, tree)
        except DataError as error:
            findings.caught(error)
            continue
        row = build.image(picture, size, split=parts.get(file, ""))
        for node in tree.all("object"):
            name = node.value("name")
            if not name or (known and name not in names):
                wanted = f"be one of {', '.join(known)}" if known else "have a name"
                message = f"The class must {wanted}; got {name!r}."
                findings.bad(message, path=file, line=node.line, kind="class-range")
                continue
            spoiled += "\ufffd" in name
            names[name] = None
            rows.append((node, row))
    _refuse_others(path, len(listed_files), others, build.notes)
    if spoiled:
        build.notes.append(f"the class names of {spoiled} boxes hold bytes that are not of the encoding that is stated")
    order = known or (VOC_CLASSES if set(names) <= set(VOC_CLASSES) else tuple(sorted(names)))
    numbers = {name: k for k, name in enumerate(order)}
    for node, row in rows:
        try:
            _object(build, node, row, numbers, origin)
        except DataError as error:
            findings.caught(error)
    return build.finish(order, root=path)


def _refuse_others(path: Path, count: int, others: Sequence[Path], notes: list[str]) -> None:
    if not count:
        raise DataError("There must be xml files in Annotations/, or in the folder; there is none.", path=path)
    if len(others) == count:
        raise DataError(
            f"A VOC annotation must be an <annotation>; this is a <{first_tag(others[0])}>, another format. Name it.",
            path=others[0],
        )
    if others:
        notes.append(f"{len(others)} xml files are no VOC annotations and were left out, the first is {others[0]}")


# ---- pictures and boxes


@dataclass
class _Pictures:
    """The pictures of a set; all are listed only where one is not where it should be."""

    root: Path
    _by_name: dict[str, Path] | None = field(default=None)

    def find(self, base: Path, file: Path, names: Sequence[str]) -> Path:
        """Return the picture with one of these names, for an xml file of ``base``, or where it should be."""
        inner = file.parent.relative_to(_annotations(base))
        jpegs, images = base / "JPEGImages", base / "images"
        folders = (jpegs / inner, jpegs, file.parent, images / inner, images, base)
        for folder in dict.fromkeys(folders):
            for name in names:
                if (folder / name).is_file():
                    return folder / name
        if self._by_name is None:
            self._by_name = {p.name.lower(): p for p in reversed(list_pictures(self.root))}
        found = next((self._by_name[n] for n in map(str.lower, names) if n in self._by_name), None)
        return found or folders[0] / names[0]


def _picture(pictures: _Pictures, base: Path, file: Path, tree: Element) -> tuple[str, tuple[int, int]]:
    """Return the picture of an xml file, relative to the root, and its size."""
    stated = tree.value("filename").replace("\\", "/")
    # a folder that is named with it is one of the labeller's machine, unless it is one of the set
    own = [stated, PurePosixPath(stated).name] if not name_problem(stated) else [PurePosixPath(stated).name]
    own = [name for name in dict.fromkeys(own) if not name_problem(name)]
    names = [name for name in own if PurePosixPath(name).suffix]
    names += [stem + suffix for stem in (file.stem, *own) for suffix in (*IMAGE_SUFFIXES, ".JPG", ".JPEG")]
    found = pictures.find(base, file, names)
    size = (_pixels(tree, "width"), _pixels(tree, "height"))
    if min(size) <= 0:
        size = picture_size(found)
    return found.relative_to(pictures.root).as_posix(), size


def _pixels(tree: Element, side: str) -> int:
    try:
        return int(finite_number(tree.value("size", side) or 0))
    except ValueError as error:
        raise tree.fault(f"The size must be numbers; one {error}.") from error


def _object(build: Builder, node: Element, row: int, classes: Mapping[str, int], origin: int) -> None:
    box = node.find("bndbox")
    if box is None:
        raise node.fault("An object must have a bndbox.")
    try:
        corners = [finite_number(box.value(name)) for name in ("xmin", "ymin", "xmax", "ymax")]
    except ValueError as error:
        raise box.fault(f"A bndbox must have numbers xmin, ymin, xmax, ymax; one {error}.") from error
    extra: dict[str, str | int] = {key: node.value(key) for key in ("pose",) if node.find(key)}
    extra |= {key: int(node.value(key) or 0) for key in ("truncated", "occluded") if node.value(key) in ("0", "1")}
    build.box(
        row,
        (corners[0] - origin, corners[1] - origin, corners[2], corners[3]),
        classes[node.value("name")],
        track_id=_track(node.value("trackid")),  # ImageNet VID's addition
        ignore=node.value("difficult").lower() in ("1", "true", "yes"),
        extra=extra,
    )


def _track(text: str) -> int:
    try:
        return whole_number(text, least=0)
    except ValueError:
        return -1
