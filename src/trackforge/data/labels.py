"""Text labels beside pictures, normalised to the picture: YOLO, and JDE's ``labels_with_ids``.

* YOLO: ``images/<split>/x.jpg`` and ``labels/<split>/x.txt``, a line a box; class names in a yaml file or
  ``classes.txt``; or the pictures and their labels in one folder, as labelImg and older programs have them.
* JDE: ``images/.../x.jpg`` and ``labels_with_ids/.../x.txt``, a line ``class id cx cy w h``, id -1 unknown; the frames
  of a sequence lie in ``<sequence>/img1/000001.jpg``, counted from 1, or from 0 where there is a 000000.

What a line means is told in `trackforge.data.label_lines`, what a yaml file means in `trackforge.data.yolo_yaml`.

Source: ultralytics' and JDE's (Zhonghao Wang et al., ECCV 2020) documentation of their formats.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.data.darknet import find_darknet, read_darknet
from trackforge.data.files import left_out, read_lines
from trackforge.data.jde_paths import Part, find_jde, label_of, listed_pictures
from trackforge.data.label_lines import Label, LabelReader
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.yolo_yaml import YoloYaml, find_below, find_yaml, read_yaml
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.limits import check_limit
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["read_jde", "read_yolo", "sniff_jde", "sniff_yolo"]

FOLDERS = ("train", "val", "valid", "test")
"""Names of folders that are parts where no yaml file says so."""
_FRAME = re.compile(r"(?:^|/)([^/]+)/img1/0*(\d{1,18})$")


@dataclass(frozen=True)
class _Picture:
    file: Path
    label: Path
    split: str


@dataclass
class _Found:
    """The pictures of a set, and what was met on the way to them.

    Attributes:
        pictures: In order.
        companions: How many files were left out since a system left them there.
        empty: Names of parts that hold no picture.
        notes: One sentence each.
    """

    pictures: list[_Picture] = field(default_factory=list)
    companions: int = 0
    empty: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the pictures of a folder and those below it."""
        listing = list_files(folder, IMAGE_SUFFIXES, recursive=True)
        self.companions += listing.companions
        return listing.files


def sniff_yolo(path: Path) -> bool:
    """Tell whether a path looks like a YOLO data set."""
    if path.is_file():
        return path.suffix.lower() in (".yaml", ".yml", ".data")
    return bool(_label_folders(path)) or _description(path) is not None or _labelled_beside(path)


def sniff_jde(path: Path) -> bool:
    """Tell whether a path looks like a JDE data set."""
    return (path / "labels_with_ids").is_dir() or (path.is_file() and find_jde(path) is not None)


def read_yolo(path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = ()) -> Dataset:
    """Read a YOLO data set: its folder, or the yaml or darknet's ``.data`` file that describes it.

    Args:
        path: Where it is.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names; without, those of the yaml file or ``classes.txt``.
    """
    file = path if path.is_file() else _description(path)
    described = YoloYaml(path)
    if file is not None:
        described = read_darknet(file) if file.suffix.lower() == ".data" else read_yaml(file)
    root = described.root if path.is_file() else path
    found = _yolo_pictures(root, described)
    names = tuple(classes) or described.names or _class_file(root)
    reader = LabelReader(ids=False, classes=len(names), keypoints=described.keypoints, findings=findings)
    # what a yaml file says is where to look, never from where pictures may be taken
    own = path.parent if path.is_file() else path
    if root.is_relative_to(own):
        found.companions += _companions(root)
    return _read(root, found, split, names, reader).replace(folders=(own,))


def _description(folder: Path) -> Path | None:
    """Return the file that describes a set, or None."""
    return find_yaml(folder) or find_darknet(folder)


def read_jde(path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = ()) -> Dataset:
    """Read a JDE data set, a part of it, or a list of its pictures; see `trackforge.data.jde_paths`.

    Args:
        path: Where it is.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names; without, those of ``classes.txt``, or ``pedestrian`` where all labels are class 0.
    """
    part, found = find_jde(path) or Part(path, folder=path / "images"), _Found()
    root = part.root
    for file in listed_pictures(part.list) if part.list else found.files(part.folder or root):
        inside = file.relative_to(root if part.list else root / "images")
        found.pictures.append(_Picture(file, label_of(file, root), "" if part.list else _split_of(inside)))
    names = tuple(classes) or _class_file(root)
    return _read(
        root, found, split, names, LabelReader(ids=True, classes=len(names), keypoints=(0, 0), findings=findings)
    )


def _split_of(inside: Path) -> str:
    """The part that a picture belongs to: the first folder, unless that is its sequence."""
    parents = inside.parts[:-1]
    if len(parents) >= 2 and parents[-1] == "img1":
        parents = parents[:-2]
    return parents[0] if parents else ""


def _label_folders(root: Path) -> list[Path]:
    """Return the ``images`` folders that have a ``labels`` folder beside them."""
    candidates = [root, *sorted(p for p in root.iterdir() if p.is_dir() and not is_companion(p.name))]
    return [p / "images" for p in candidates if (p / "images").is_dir() and (p / "labels").is_dir()]


def _labelled_beside(root: Path) -> bool:
    """Tell whether pictures have their labels beside them, as labelImg writes them: a class and numbers."""
    labels = (p.with_suffix(".txt") for p in list_files(root, IMAGE_SUFFIXES, recursive=True).files)
    first = next((label for label in labels if label.is_file() and label.stat().st_size), None)
    with first.open("rb") if first else io.BytesIO() as file:
        return re.match(rb"\s*\d+(\s+-?[\d.]+(e-?\d+)?){4}", file.readline(10_000)) is not None


def _yolo_pictures(root: Path, described: YoloYaml) -> _Found:
    seen = set()
    found = _Found(notes=list(described.notes))
    listed = [(key, place) for key, places in described.parts.items() for place in places]
    same = len({place for _, place in listed}) < len({key for key, _ in listed})
    places = listed or [("", folder) for folder in _label_folders(root)]
    if not places and _labelled_beside(root):
        folders = [root / part for part in FOLDERS if (root / part).is_dir()]
        places = [*((folder.name, folder) for folder in folders), ("", root)]
    for key, place in places:
        files = _listed(place, root) if place.is_file() else found.files(place)
        if not files:
            found.empty.append(key or place.parent.name)
        for file in files:
            if file in seen:
                continue
            seen.add(file)
            images = next((p for p in reversed(file.parents) if p.name == "images"), None)
            beside = file.with_suffix(".txt")
            if images is None:  # labels lie with the pictures
                found.pictures.append(_Picture(file, beside, key))
                continue
            inside = file.relative_to(images)
            label = (images.parent / "labels" / inside).with_suffix(".txt")
            if not (images.parent / "labels").is_dir() and beside.is_file():
                label = beside
            part = inside.parts[0] if len(inside.parts) > 1 else images.parent.name if images.parent != root else ""
            found.pictures.append(_Picture(file, label, part or ("" if same or key == "rest" else key)))
    return found


def _companions(root: Path) -> int:
    """Count the pictures of what macOS packs beside a set, as if it were another."""
    folders = [p for p in root.iterdir() if p.is_dir() and is_companion(p.name)]
    return sum(p.suffix.lower() in IMAGE_SUFFIXES for folder in folders for p in folder.rglob("*"))


def _listed(file: Path, root: Path) -> list[Path]:
    """Return the pictures that a list names: below the set, be the list from another machine, or where it says."""
    found = []
    for _, line in read_lines(file):
        below = find_below(file.parent, line) or find_below(root, line)
        found.append(below or Path(os.path.normpath(file.parent / line)))
    return found


def _class_file(root: Path) -> tuple[str, ...]:
    for name in ("classes.txt", "obj.names", "labels/classes.txt"):
        if (root / name).is_file():
            return tuple(line for _, line in read_lines(root / name))
    beside = sorted(p for p in root.glob("*/classes.txt") if not is_companion(p, root))
    return tuple(line for _, line in read_lines(beside[0])) if beside else ()


def _read(root: Path, found: _Found, split: str | None, classes: tuple[str, ...], reader: LabelReader) -> Dataset:
    pictures, findings = found.pictures, reader.findings
    if not pictures:
        raise DataError(
            "There must be pictures under images/ (or where the yaml file says); none was found.", path=root
        )
    if split is not None:
        chosen = _chosen(split, {p.split for p in pictures}, root)
        pictures = [p for p in pictures if p.split == chosen]
    build = Builder()
    boxes: list[tuple[int, tuple[int, int], Label]] = []
    missing = 0
    frames = _frames(root, pictures) if reader.ids else {}
    for picture in pictures:
        try:
            size = picture_size(picture.file)
        except DataError as error:
            findings.caught(error, kind="broken-picture")
            continue
        own = picture.file.is_relative_to(root)
        inside = (picture.file.relative_to(root) if own else picture.file.absolute()).as_posix()
        name, number = frames.get(picture.file, ("", -1))
        row = build.image(inside, size, sequence=name, frame=number, split=picture.split)
        if not picture.label.is_file():
            missing += 1
            continue
        try:
            lines = list(read_lines(picture.label))
        except DataError as error:
            findings.caught(error)
            continue
        boxes += [(row, size, label) for label in reader.read(picture.label, lines)]
    _note(build, found, pictures, missing, findings)
    build.notes += reader.settle()
    for row, (width, height), label in boxes:
        x1, y1, x2, y2 = label.share
        extra = None if label.score is None else {"score": label.score}
        corners = (x1 * width, y1 * height, x2 * width, y2 * height)
        build.box(row, corners, label.class_id, label.track_id, extra=extra)
    if not classes:
        count = build.largest_class + 1
        classes = ("pedestrian",) if reader.ids and count <= 1 else tuple(map(str, range(count)))
        if not reader.ids:
            build.notes.append("no file gives names to the classes; they are called by their numbers")
    return build.finish(classes, root=root)


def _chosen(split: str, parts: set[str], root: Path) -> str:
    close = [p for p in sorted(parts) if p.startswith(split)]
    if split in parts or len(close) == 1:
        return split if split in parts else close[0]
    raise DataError(
        f"There is no split {split!r}; there are: {', '.join(sorted(filter(None, parts))) or 'none'}.", path=root
    )


def _frames(root: Path, pictures: Sequence[_Picture]) -> Mapping[Path, tuple[str, int]]:
    """Return sequence and 0-based frame of the pictures that are frames."""
    frames: dict[Path, tuple[Path, str, int]] = {}
    for picture in pictures:
        frame = _FRAME.search(picture.file.relative_to(root).with_suffix("").as_posix())
        if frame:
            check_limit("frames", int(frame[2]), "The number of a frame", path=picture.file)
            frames[picture.file] = picture.file.parent, frame[1], int(frame[2])
    from_zero = {folder for folder, _, number in frames.values() if number == 0}
    return {file: (name, number - (folder not in from_zero)) for file, (folder, name, number) in frames.items()}


def _note(build: Builder, found: _Found, pictures: Sequence[_Picture], missing: int, findings: Findings) -> None:
    """Say what was left out, and report label files that no picture belongs to."""
    folders = {p.label.parent for p in pictures} - {p.file.parent for p in pictures}
    known = {p.label for p in pictures}
    files = (f for d in folders if d.is_dir() for f in d.glob("*.txt") if not is_companion(f.name))
    orphans = sorted(f for f in files if f not in known and f.name != "classes.txt")
    for file in orphans:
        findings.warn("The label file has no picture.", path=file, kind="orphan-label")
    if orphans:
        build.notes.append(f"{len(orphans)} label files have no picture and were left out, the first is {orphans[0]}")
    for name in found.empty:
        findings.warn(f"The part {name!r} holds no picture.", kind="empty-split")
        build.notes.append(f"the part {name!r} holds no picture")
    if missing:
        build.notes.append(f"{missing} of {len(pictures)} pictures have no label file; they count as empty")
    if found.companions:
        build.notes.append(left_out(found.companions))
    build.notes += found.notes
