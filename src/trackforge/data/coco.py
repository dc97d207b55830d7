"""COCO json as a labelled data set, with the video fields that CenterTrack, ByteTrack and TAO add.

What the fields mean is told in `trackforge.io.coco_json`. Whatever else an image or annotation says in a number, a
truth value or a string is kept as a further column.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.data.building import Builder
from trackforge.data.coco_pictures import PicturePlaces
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, list_files, natural_key
from trackforge.intake.names import plain_name
from trackforge.intake.reading import reading
from trackforge.io.coco_entries import CocoImage
from trackforge.io.coco_json import load_coco, parse_coco
from trackforge.io.pictures import picture_size
from trackforge.io.polygons import check_segmentation

__all__ = ["ALL", "read_coco_set", "sniff_coco"]

ALL = "all"
"""Name of the file for pictures that belong to no split."""
INSTANCES = "instances_"
ROBOFLOW = "_annotations.coco.json"
_IN_PARTS = (ROBOFLOW, "annotations.json", "labels.json", "coco.json")
"""Names of the json of a part that has a folder of its own."""
_IMAGE_KNOWN = {
    "id", "file_name", "width", "height", "video_id", "frame_id", "frame_index", "prev_image_id", "next_image_id",
    "split",
}  # fmt: skip
_BOX_KNOWN = {
    "id", "image_id", "bbox", "category_id", "iscrowd", "ignore", "track_id", "instance_id", "segmentation",
    "visibility", "area",
}  # fmt: skip


def sniff_coco(path: Path) -> bool:
    """Tell whether a path looks like COCO json, or a folder with such."""
    if path.is_file():
        return path.suffix.lower() == ".json"
    # other programs leave JSON beside their labels, as Label Studio does notes.json
    return any(file.parent.name == "annotations" or _lists_images(file) for file in _parts(path).values())


def _lists_images(file: Path) -> bool:
    """Tell whether a JSON file mentions a list of images, without reading all of it into memory."""
    if not file.stat().st_size:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return re.search(rb'"images"\s*:\s*\[', content) is not None


def _parts(folder: Path) -> dict[str, Path]:
    """Return the json of each part of a set, by its name."""
    for place in (folder / "annotations", folder):
        files = list(list_files(place, (".json",)).files) if place.is_dir() else []
        files = [
            f for f in files if f.stem.startswith(INSTANCES)
        ] or files  # COCO's captions and key points lie there too
        if files:
            return {place.name if f.name == ROBOFLOW else f.stem.removeprefix(INSTANCES): f for f in files}
    below = [part for part in folder.iterdir() if part.is_dir() and not is_companion(part, folder)]
    found = {part.name: [part / name for name in _IN_PARTS if (part / name).is_file()] for part in below}
    return {name: found[name][0] for name in sorted(found, key=natural_key) if found[name]}


def read_coco_set(
    path: Path,
    *,
    findings: Findings,
    split: str | None = None,
    images: Path | None = None,
    frame_base: Literal["auto", 0, 1] = "auto",
) -> Dataset:
    """Read COCO json.

    Args:
        path: The file; or a folder whose ``annotations/`` holds one file a part; or one with a folder a part, each with
            its json beside the pictures, as Roboflow has it.
        findings: Where malformed entries are reported.
        split: Of a folder, read this part only (``train`` also finds ``instances_train2017.json``).
        images: Folder that the file names are relative to; searched for around the json file unless given. Pictures
            must lie in it, or in the folder of the set.
        frame_base: The first number that ``frame_id`` counts from; ``"auto"``: 0 if any frame is 0, else 1.

    Raises:
        DataError: It is malformed; the message names the entry.
    """
    with reading(path, "A COCO data set"):
        if path.is_file():
            made = _read_document(load_coco(path), path, findings, images, frame_base, part="")
            return made.in_split(split) if split else made
        return _read_folder(path, findings, images, frame_base, split)


def _read_folder(path: Path, findings: Findings, images: Path | None, frame_base: Any, split: str | None) -> Dataset:
    parts = _parts(path)
    if split is not None:
        chosen = [s for s in parts if s == split] or [s for s in parts if s.startswith(split)]
        if len(chosen) != 1:
            raise DataError(f"There is no split {split!r}; the folder has: {', '.join(parts)}.", path=path)
        parts = {chosen[0]: parts[chosen[0]]}
    if not parts:
        raise DataError("A folder with COCO json must hold annotations/*.json, or *.json; it does not.", path=path)
    sets, other = {}, []
    for name, file in parts.items():
        document = load_coco(file)
        if len(parts) > 1 and not (isinstance(document, dict) and isinstance(document.get("images"), list)):
            other.append(f"{file.name} is no COCO file, and was left out")
            continue
        part = "" if name == ALL else name
        sets[name] = _rooted(_read_document(document, file, findings, images, frame_base, part=part), path)
    if not sets:
        raise DataError(
            f"A folder with COCO json must hold some; {', '.join(f.name for f in parts.values())} is none.", path=path
        )
    if len(sets) == 1:
        (made,) = sets.values()
        return made.replace(name=path.name, notes=(*made.notes, *other))
    seen: dict[str, str] = {}
    for part, one in sets.items():
        places = [f"{one.root}/{name}" for name in one.images.path.tolist() if name]
        twice = next((place for place in places if place in seen), None)
        if twice is not None:
            raise DataError(
                f"The parts {seen[twice]!r} and {part!r} share pictures ({twice}); read one of them: "
                f"split={part!r}. There are: {', '.join(sets)}.",
                path=path,
            )
        seen |= dict.fromkeys(places, part)
    made = concatenate(sets.values(), identities="shared")
    empty = [f"the part {part!r} holds no picture" for part, one in sets.items() if not len(one)]
    return made.replace(name=path.name, notes=tuple(dict.fromkeys((*made.notes, *other, *empty))))


def _rooted(dataset: Dataset, folder: Path) -> Dataset:
    """Return a set with pictures relative to a folder, where its root lies below that."""
    if dataset.root == folder or folder not in dataset.root.parents:
        return dataset
    front = dataset.root.relative_to(folder).as_posix()
    names = [f"{front}/{name}" if name else "" for name in dataset.images.path.tolist()]
    return dataset.replace(images=dataset.images.replace(path=names), root=folder)


def _read_document(
    document: Any, path: Path, findings: Findings, images: Path | None, frame_base: Any, *, part: str
) -> Dataset:
    def report(message: str, kind: str) -> None:
        findings.bad(message, path=path, kind=kind)

    file = parse_coco(document, path, report=report, frame_base=frame_base, complete=True)
    names = file.categories.names
    classes = list(names.values())
    if len(set(classes)) < len(classes):
        raise DataError("Category names must differ; some came twice. Rename or merge them.", path=path)
    build, places = Builder(), PicturePlaces(path, file.images.values(), images)
    rows = {number: _add_image(build, image, places, part, findings) for number, image in file.images.items()}
    table = {number: k for k, number in enumerate(names)}
    bad = 0
    for box in file.boxes(document.get("annotations") or []):
        _, image, category, xyxy, track_id, _, visibility, area, ignore, entry = box
        # most entries hold nothing beyond what is known, which is told sooner than every value is looked at
        extra = {} if entry.keys() <= _BOX_KNOWN else _plain(entry, _BOX_KNOWN)
        if area is not None:
            extra["area"] = area
        if isinstance(entry.get("id"), (int, str)):
            extra["coco_id"] = entry["id"]
        mask = entry.get("segmentation")
        if mask is not None and mask != []:
            try:
                mask = check_segmentation(mask, f"annotations[{box.at}]", path=path)
            except DataError:  # of a point or a line, say; the box is good nevertheless
                mask, bad = None, bad + 1
        build.box(rows[image], xyxy, table[category], track_id, visibility, ignore, extra, mask or None)
    if bad:
        build.notes.append(f"{bad} segmentations are neither polygons nor run lengths, and were left out")
    if file.categories.root:
        build.notes.append(f"the category {file.categories.root!r} above all others is no class, and was left out")
    numbers = [number for number in table if isinstance(number, int)]
    if len(numbers) < len(table):
        build.notes.append("the ids of some categories are words; the classes are numbered 1, 2, 3 instead")
        numbers = []
    made = build.finish(classes, root=places.root, name=path.stem, class_numbers=numbers)
    return made.replace(folders=places.bounds)


def _add_image(build: Builder, image: CocoImage, places: PicturePlaces, part: str, findings: Findings) -> int:
    """Add an image and return its row; one of no video has no frame number."""
    name, split = "", image.entry.get("split") or ""
    try:
        name = places.place(image)
        split = plain_name(str(split), f"The split of images[{image.at}]", path=places.path) if split else part
    except DataError as error:
        findings.caught(error, kind="outside-set")
        split = part
    return build.image(
        name,
        _size(image, places.root / name),
        sequence=image.sequence or "",
        frame=-1 if image.sequence is None or image.frame is None else image.frame,
        split=split,
        extra=_plain(image.entry, _IMAGE_KNOWN) | {"coco_id": image.id},
    )


def _size(image: CocoImage, path: Path) -> tuple[int, int]:
    """The stated size; where none is, that of the picture; (0, 0) where that is not there either."""
    return picture_size(path) if min(image.size) <= 0 and path.is_file() else image.size


def _plain(entry: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k not in known and isinstance(v, (bool, int, float, str))}
