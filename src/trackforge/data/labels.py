"""Text labels beside pictures, normalised to the picture: YOLO, and JDE's ``labels_with_ids``.

* YOLO: ``images/<split>/x.jpg`` and ``labels/<split>/x.txt``, a line ``class cx cy w h`` a box (or ``class x1 y1 x2 y2
  x3 y3 ...``, a polygon); class names in a yaml file or ``classes.txt``.
* JDE: ``images/.../x.jpg`` and ``labels_with_ids/.../x.txt``, a line ``class id cx cy w h``, id -1 unknown; the frames
  of a sequence lie in ``<sequence>/img1/000001.jpg``.

Source: ultralytics' and JDE's (Zhonghao Wang et al., ECCV 2020) documentation of their formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.files import PicturePlacer, Place, list_pictures, read_lines, require_sizes, stems, write_text
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.yolo_yaml import YoloYaml, find_yaml, read_yaml, yaml_lines
from trackforge.errors import DataError
from trackforge.io.pictures import picture_size

__all__ = ["read_jde", "read_yolo", "sniff_jde", "sniff_yolo", "write_jde", "write_yolo"]

_FRAME = re.compile(r"(?:^|/)([^/]+)/img1/0*(\d+)$")


@dataclass(frozen=True)
class _Picture:
    file: Path
    label: Path
    split: str


# ---- reading


def sniff_yolo(path: Path) -> bool:
    """Tell whether a path looks like a YOLO data set."""
    if path.is_file():
        return path.suffix.lower() in (".yaml", ".yml")
    return bool(_label_folders(path)) or (find_yaml(path) is not None)


def sniff_jde(path: Path) -> bool:
    """Tell whether a path looks like a JDE data set."""
    return (path / "labels_with_ids").is_dir()


def read_yolo(path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = ()) -> Dataset:
    """Read a YOLO data set: its folder, or its yaml file.

    Args:
        path: Where it is.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names; without, those of the yaml file or ``classes.txt``.
    """
    yaml_file = path if path.is_file() else find_yaml(path)
    described = read_yaml(yaml_file) if yaml_file else YoloYaml()
    root = yaml_file.parent / described.path if yaml_file and path.is_file() else path
    pictures = list(_yolo_pictures(root, described))
    return _read(root, pictures, split, tuple(classes) or described.names or _class_file(root), findings, ids=False)


def read_jde(path: Path, *, findings: Findings, split: str | None = None, classes: Sequence[str] = ()) -> Dataset:
    """Read a JDE data set: the folder that holds ``images`` and ``labels_with_ids``.

    Args:
        path: Where it is.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names; without, those of ``classes.txt``, or ``pedestrian`` where all labels are class 0.
    """
    folder = path / "images"
    pictures = []
    for file in list_pictures(folder):
        inside = file.relative_to(folder)
        label = (path / "labels_with_ids" / inside).with_suffix(".txt")
        pictures.append(_Picture(file, label, _split_of(inside)))
    return _read(path, pictures, split, tuple(classes) or _class_file(path), findings, ids=True)


def _split_of(inside: Path) -> str:
    """The part that a picture belongs to: the first folder, unless that is its sequence."""
    parents = inside.parts[:-1]
    if len(parents) >= 2 and parents[-1] == "img1":
        parents = parents[:-2]
    return parents[0] if parents else ""


def _label_folders(root: Path) -> list[Path]:
    """Return the ``images`` folders that have a ``labels`` folder beside them."""
    candidates = [root, *sorted(p for p in root.iterdir() if p.is_dir())] if root.is_dir() else []
    return [p / "images" for p in candidates if (p / "images").is_dir() and (p / "labels").is_dir()]


def _yolo_pictures(root: Path, described: YoloYaml) -> Iterator[_Picture]:
    seen = set()
    listed = [(key, root / folder) for key, folders in described.parts.items() for folder in folders]
    same = len({folder for _, folder in listed}) < len({key for key, _ in listed})
    for key, folder in listed or [("", folder) for folder in _label_folders(root)]:
        files = _listed(folder) if folder.suffix == ".txt" else list_pictures(folder)
        for file in files:
            if file in seen:
                continue
            seen.add(file)
            images = next((p for p in reversed(file.parents) if p.name == "images"), None)
            if images is None:  # labels lie with the pictures
                yield _Picture(file, file.with_suffix(".txt"), key)
                continue
            inside = file.relative_to(images)
            label = (images.parent / "labels" / inside).with_suffix(".txt")
            part = inside.parts[0] if len(inside.parts) > 1 else images.parent.name if images.parent != root else ""
            yield _Picture(file, label, part or ("" if same or key == "rest" else key))


def _listed(file: Path) -> list[Path]:
    return [file.parent / line for _, line in read_lines(file)]


def _class_file(root: Path) -> tuple[str, ...]:
    for name in ("classes.txt", "obj.names", "labels/classes.txt"):
        if (root / name).is_file():
            return tuple(line for _, line in read_lines(root / name))
    return ()


def _read(
    root: Path,
    pictures: Sequence[_Picture],
    split: str | None,
    classes: tuple[str, ...],
    findings: Findings,
    *,
    ids: bool,
) -> Dataset:
    if not pictures:
        raise DataError(
            "There must be pictures under images/ (or where the yaml file says); none was found.", path=root
        )
    parts = sorted({p.split for p in pictures})
    if split is not None and split not in parts:
        close = [p for p in parts if p.startswith(split)]
        if len(close) != 1:
            raise DataError(
                f"There is no split {split!r}; there are: {', '.join(filter(None, parts)) or 'none'}.", path=root
            )
        split = close[0]
    build = Builder()
    polygons = 0
    for picture in pictures:
        if split is not None and picture.split != split:
            continue
        try:
            size = picture_size(picture.file)
        except DataError as error:
            findings.caught(error, kind="broken-picture")
            continue
        polygons += _read_picture(build, root, picture, size, len(classes), findings, ids=ids)
    _note_orphans(build, pictures, split, findings)
    if polygons:
        build.notes.append(f"{polygons} polygons were read as their bounding boxes")
    if not classes:
        count = build.largest_class + 1
        classes = ("pedestrian",) if ids and count <= 1 else tuple(map(str, range(count)))
        if not ids:
            build.notes.append("no file gives names to the classes; they are called by their numbers")
    return build.finish(classes, root=root)


def _note_orphans(build: Builder, pictures: Sequence[_Picture], split: str | None, findings: Findings) -> None:
    """Report label files that no picture belongs to."""
    used = [p for p in pictures if split is None or p.split == split]
    folders = {p.label.parent for p in used} - {p.file.parent for p in used}
    known = {p.label for p in used}
    orphans = sorted(f for d in folders if d.is_dir() for f in d.glob("*.txt") if f not in known)
    orphans = [f for f in orphans if f.name != "classes.txt"]
    for file in orphans:
        findings.warn("The label file has no picture.", path=file, kind="orphan-label")
    if orphans:
        build.notes.append(f"{len(orphans)} label files have no picture and were left out, the first is {orphans[0]}")


def _read_picture(
    build: Builder, root: Path, picture: _Picture, size: tuple[int, int], classes: int, findings: Findings, *, ids: bool
) -> int:
    """Add one picture with its labels; return how many of them were polygons."""
    inside = picture.file.relative_to(root) if picture.file.is_relative_to(root) else picture.file.absolute()
    frame = _FRAME.search(inside.with_suffix("").as_posix()) if ids else None
    name, number = (frame[1], int(frame[2]) - 1) if frame else ("", -1)
    row = build.image(inside.as_posix(), size, sequence=name, frame=number, split=picture.split)
    if not picture.label.is_file():
        return 0
    polygons = 0
    try:
        lines = list(read_lines(picture.label))
    except DataError as error:
        findings.caught(error)
        return 0
    scale = np.array([*size, *size], np.float64)
    for line, text in lines:
        try:
            values = [float(word) for word in text.split()]
            label, track = values[0], values[1] if ids else -1.0
            if not all(map(np.isfinite, values)) or label != int(label) or track != int(track):
                raise ValueError
        except (ValueError, IndexError):
            wanted = "class id cx cy w h" if ids else "class cx cy w h"
            findings.bad(f"A line must hold numbers, {wanted!r}; got {text!r}.", path=picture.label, line=line)
            continue
        rest = values[2:] if ids else values[1:]
        if len(rest) != 4 and (ids or len(rest) < 6 or len(rest) % 2):
            wanted = "6 values, 'class id cx cy w h'" if ids else "5 values, 'class cx cy w h', or a polygon"
            findings.bad(f"A line must hold {wanted}; got {len(values)}: {text!r}.", path=picture.label, line=line)
            continue
        if label < 0 or (classes and label >= classes):
            limit = f"0..{classes - 1}" if classes else ">= 0"
            findings.bad(
                f"The class must be {limit}; got {label:g}.", path=picture.label, line=line, kind="class-range"
            )
            continue
        if len(rest) == 4:
            centre, half = np.array(rest[:2] * 2), np.array(rest[2:] * 2) / 2
            box = (centre + half * [-1, -1, 1, 1]) * scale
        else:
            points = np.array(rest).reshape(-1, 2)
            box, polygons = np.concatenate((points.min(axis=0), points.max(axis=0))) * scale, polygons + 1
        build.box(row, box.tolist(), int(label), track_id=max(int(track), -1))
    return polygons


# ---- writing


def write_yolo(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``images/``, ``labels/`` and ``data.yaml`` into the folder ``target``; return what is worth knowing."""
    require_sizes(dataset, "YOLO labels are relative to the size of the picture")
    placer = PicturePlacer(dataset, images)
    for row, stem in enumerate(stems(dataset)):
        part = str(dataset.images.split[row])
        placer.place(row, target / "images" / part / (stem + placer.suffix(row)))
        write_text(target / "labels" / part / f"{stem}.txt", _lines(dataset, row, ids=False))
    write_text(
        target / "data.yaml", yaml_lines(dataset.classes, dataset.splits, rest=bool((dataset.images.split == "").any()))
    )
    return placer.notes()


def write_jde(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``images/``, ``labels_with_ids/`` and ``classes.txt`` into ``target``; return what is worth knowing."""
    require_sizes(dataset, "JDE labels are relative to the size of the picture")
    placer = PicturePlacer(dataset, images)
    for row, stem in enumerate(stems(dataset)):
        sequence, frame = str(dataset.images.sequence[row]), int(dataset.images.frame[row])
        inside = f"{sequence}/img1/{frame + 1:06d}" if sequence and frame >= 0 else stem
        inside = (Path(str(dataset.images.split[row])) / inside).as_posix()
        placer.place(row, target / "images" / (inside + placer.suffix(row)))
        write_text(target / "labels_with_ids" / f"{inside}.txt", _lines(dataset, row, ids=True))
    write_text(target / "classes.txt", dataset.classes)
    return placer.notes()


def _lines(dataset: Dataset, row: int, *, ids: bool) -> Iterator[str]:
    boxes = dataset.labels(row)
    boxes = boxes[~boxes.ignore]
    size = np.array([dataset.images.width[row], dataset.images.height[row]], np.float64)
    centre = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2 / size
    share = np.concatenate((centre, boxes.size / size), axis=1)
    for label, track, values in zip(boxes.class_id.tolist(), boxes.track_id.tolist(), share.tolist(), strict=True):
        head = f"{label} {track}" if ids else f"{label}"
        yield head + "".join(f" {value:.12g}" for value in values)
