"""The JSON annotations of SageMaker's built-in Object Detection, one file a picture; read and written.

``train/`` and ``train_annotation/``, ``validation/`` and ``validation_annotation/``, as the algorithm's four channels
want them; ``images/`` and ``annotation/`` for pictures that are in no part; or files beside their pictures. A file has
``file``, ``image_size``, ``annotations`` in pixels and ``categories``, which name the classes that it uses, numbered
from 0; a ``classes.txt`` beside the folders, which is written too, names them all. Files are read in natural order of
their names.

Source: AWS, "Object Detection" input interface (developer guide).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from trackforge.data.building import Builder
from trackforge.data.class_names import ClassNames
from trackforge.data.files import (
    PicturePlacer,
    Place,
    file_names,
    list_pictures,
    require_order,
    require_sizes,
    stems,
    write_names,
    write_text,
)
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.recordio import chosen_part
from trackforge.data.recordio_writing import empty_notes
from trackforge.errors import DataError, SourceError
from trackforge.intake.documents import load_json, whole_number
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.names import name_problem
from trackforge.intake.reading import reading
from trackforge.io.pictures import picture_size
from trackforge.io.sagemaker_boxes import Box, annotation, read_box, read_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["read_sagemaker_json", "sniff_sagemaker_json", "write_sagemaker_json"]

MARK = "_annotation"
WHOLE = "annotation"
"""The folder of annotations of pictures that are in no part."""
PICTURES = "images"
_HEAD = 1 << 16
_TRIED = 5
"""Files that are looked into to see what they are."""


def sniff_sagemaker_json(path: Path) -> bool:
    """Tell whether a path looks like these annotations."""
    if path.is_file():
        return path.suffix.lower() == ".json" and _looks(path)
    for folder, _, _ in _channels(path):
        found = (file for file in folder.glob("*.json") if not is_companion(file.name))
        if any(_looks(file) for file, _ in zip(found, range(_TRIED), strict=False)):
            return True
    return False


def _looks(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    named = all(mark in head for mark in (b'"file"', b'"image_size"', b'"annotations"'))
    return named and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _channels(path: Path) -> list[tuple[Path, Path, str]]:
    """Return the folders of annotations, that of the pictures of each, and the name of the part."""
    if not path.is_dir():
        return [(path.parent, path.parent, "")]
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not is_companion(p.name))
    found = [(p, path / p.name.removesuffix(MARK), p.name.removesuffix(MARK)) for p in folders if p.name.endswith(MARK)]
    found = [one for one in found if one[2]]
    if (path / WHOLE).is_dir():
        found.append((path / WHOLE, path / PICTURES, ""))
    return found or [(path, path, "")]


def read_sagemaker_json(
    path: Path,
    *,
    findings: Findings,
    split: str | None = None,
    classes: Sequence[str] = (),
    images: Path | None = None,
) -> Dataset:
    """Read annotations with their pictures.

    Args:
        path: The folder of the channels, a folder of files, or one file.
        findings: Where malformed files and boxes are reported.
        split: Read this part only.
        classes: Class names in order; without, those of ``classes.txt``, else of the files' categories.
        images: Where the pictures lie, in the folders of their channels or not; below ``path`` unless given.

    Raises:
        DataError: There are no such files, or no such part.
    """
    channels = _channels(path)
    if split is not None:
        _, folders = chosen_part(split, [part for _, _, part in channels], [f for f, _, _ in channels], path)
        channels = [channel for channel in channels if channel[0] in folders]
    root = path if path.is_dir() else path.parent
    build, names = Builder(), ClassNames(classes, folder=root)
    reader = _Reader(names, findings, _Pictures(images or root))
    items: list[_Item] = []
    for folder, pictures, part in channels:
        files = [path] if path.is_file() else list(list_files(folder, (".json",)).files)
        places = (images / part, images) if images else (pictures, folder, root / PICTURES, root)
        items += [item for file in files if (item := reader.read(file, part, places)) is not None]
    if not items and not findings.problems:
        raise DataError("There must be a JSON file a picture, in train_annotation/ say; there is none.", path=path)
    present = [item for item in items if item.picture.is_file()]
    for item in items:
        if present and not item.picture.is_file():
            findings.bad(
                f"The picture {item.picture.name!r} must be there; it is not in {item.picture.parent}. Restore it, or "
                "say where it is: pictures=... (--pictures).",
                path=item.file,
                kind="missing-picture",
            )
    items = present or items
    if items and not present:
        build.notes.append("none of the pictures is there: labels only. If they lie elsewhere, say where: pictures=...")
    for item in items:
        base = root if item.picture.is_relative_to(root) else None
        place = item.picture.relative_to(base).as_posix() if base else item.picture.absolute().as_posix()
        row = build.image(place, item.size, split=item.part)
        for box in item.boxes:
            build.box(row, box.xyxy, box.class_id)
    stated, notes = names.finish()
    build.notes += notes
    return build.finish(stated, root=root, name=path.stem if path.is_file() else path.name)


@dataclass(frozen=True)
class _Item:
    file: Path
    part: str
    picture: Path
    size: tuple[int, int]
    boxes: list[Box]


class _Reader:
    """Reads file by file."""

    def __init__(self, names: ClassNames, findings: Findings, pictures: _Pictures) -> None:
        self._names, self._findings, self._pictures = names, findings, pictures

    def read(self, file: Path, part: str, places: Sequence[Path]) -> _Item | None:
        """Return what a file says; None where it is malformed, which is reported."""
        try:
            with reading(file, "An annotation"):
                document = load_json(file, "An annotation")
            if not isinstance(document, dict) or not isinstance(document.get("annotations"), list):
                raise DataError("An annotation must be an object with a list 'annotations'.", path=file)
            picture = self._pictures.find(file, document.get("file"), places)
            size = self._size(document, file, picture)
            for category in _listed(document.get("categories"), "categories", file):
                self._category(category, file)
        except (DataError, SourceError) as error:
            self._findings.caught(error if isinstance(error, DataError) else DataError(str(error), path=file))
            return None
        boxes = []
        for at, value in enumerate(document["annotations"]):
            try:
                box = read_box(value)
                self._names.number(box.class_id, f"annotations[{at}]", path=file)
            except DataError as error:
                self._findings.caught(error, kind="class-range")
            except ValueError as error:
                self._findings.bad(f"annotations[{at}] {error}.", path=file)
            else:
                boxes.append(box)
        return _Item(file, part, picture, size, boxes)

    def _category(self, category: Any, file: Path) -> None:
        try:
            number = whole_number(category["class_id"], 0)
            name = str(category["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"A category must have a class_id and a name; {error}.", path=file) from error
        self._names.state(number, name, path=file)

    @staticmethod
    def _size(document: Mapping[str, Any], file: Path, picture: Path) -> tuple[int, int]:
        try:
            size = read_size(document.get("image_size"))
        except ValueError as error:
            raise DataError(f"image_size {error}.", path=file) from error
        return size if min(size) > 0 or not picture.is_file() else picture_size(picture)


def _listed(value: Any, what: str, file: Path) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise DataError(f"{what!r} must be a list; got {type(value).__name__}.", path=file)
    return value or []


class _Pictures:
    """The pictures of a set; all are listed only where one is not where it should be."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, Path | None] | None = None

    def find(self, file: Path, stated: Any, places: Sequence[Path]) -> Path:
        """Return the picture of a file: by the name that it states, else by its own, where pictures may be."""
        name = str(stated or "").replace("\\", "/")
        guesses = [name, PurePosixPath(name).name, *(file.stem + suffix for suffix in IMAGE_SUFFIXES)]
        guesses = [guess for guess in dict.fromkeys(guesses) if guess and name_problem(guess) is None]
        tries = (place / guess for place in dict.fromkeys(places) for guess in guesses)
        found = next((one for one in tries if one.is_file()), None)
        if found is None:
            named = (self._listed().get(PurePosixPath(guess).name) for guess in guesses)
            found = next(filter(None, named), None)
        return found or places[0] / PurePosixPath(guesses[0]).name

    def _listed(self) -> dict[str, Path | None]:
        """Return the pictures of the whole folder by name, None for a name that several have."""
        if self._by_name is None:
            found = list_pictures(self._root)
            self._by_name = {path.name: path for path in found}
            times = Counter(path.name for path in found)
            self._by_name |= dict.fromkeys((name for name, count in times.items() if count > 1), None)
        return self._by_name


def write_sagemaker_json(dataset: Dataset, target: Path, *, images: Place = "copy") -> list[str]:
    """Write ``<split>/``, ``<split>_annotation/`` and ``classes.txt`` into a folder; return what is worth knowing.

    Raises:
        DataError: A box is inverted, or the size of a picture is unknown.
        SinkError: The place cannot be written to.
    """
    require_order(dataset, "SageMaker's boxes")
    require_sizes(dataset, "SageMaker's annotations state the size of the picture")
    parts = file_names(dataset.images.split.tolist(), "A split", dataset)
    placer = PicturePlacer(dataset, images)
    for row, stem in enumerate(stems(dataset)):
        part = parts[str(dataset.images.split[row])]
        picture = f"{stem}{placer.suffix(row)}"
        placer.place(row, target / (part or PICTURES) / picture)
        boxes = dataset.labels(row)
        boxes = boxes[~boxes.ignore]
        size = {"width": int(dataset.images.width[row]), "height": int(dataset.images.height[row]), "depth": 3}
        numbered = zip(boxes.class_id.tolist(), boxes.xyxy.tolist(), strict=True)
        document = {
            "file": picture,
            "image_size": [size],
            "annotations": [annotation(Box(label, tuple(corners))) for label, corners in numbered],
            "categories": [{"class_id": k, "name": dataset.classes[k]} for k in sorted(set(boxes.class_id.tolist()))],
        }
        folder = f"{part}{MARK}" if part else WHOLE
        write_text(target / folder / f"{stem}.json", [json.dumps(document, ensure_ascii=False)])
    write_names(target / "classes.txt", dataset.classes)
    return placer.notes() + empty_notes(dataset)
