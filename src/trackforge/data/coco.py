"""COCO json as a labelled data set, with the video fields that CenterTrack, ByteTrack and TAO add.

What the fields mean is told in `trackforge.io.coco_json`. Whatever else an image or annotation says in a number, a
truth value or a string is kept as a further column.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.data.building import Builder
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.io.coco_entries import CocoImage
from trackforge.io.coco_json import CocoFile, load_coco, parse_coco
from trackforge.io.pictures import picture_size

__all__ = ["ALL", "base_folder", "read_coco_set", "sniff_coco"]

ALL = "all"
"""Name of the file for pictures that belong to no split."""
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
    return path.suffix.lower() == ".json" if path.is_file() else bool(_files(path))


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("*.json"))


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
        path: The file; or a folder whose ``annotations/`` holds one file a part.
        findings: Where malformed entries are reported.
        split: Of a folder, read this part only (``train`` also finds ``instances_train2017.json``).
        images: Folder that the file names are relative to; searched for around the json file unless given.
        frame_base: The first number that ``frame_id`` counts from; ``"auto"``: 0 if any frame is 0, else 1.
    """
    if path.is_file():
        made = _read_file(path, findings, images, frame_base, part="")
        return made.in_split(split) if split else made
    files = _files(path)
    parts = {f.stem.removeprefix("instances_"): f for f in files}
    if split is not None:
        chosen = [s for s in parts if s == split] or [s for s in parts if s.startswith(split)]
        if len(chosen) != 1:
            raise DataError(f"There is no split {split!r}; the folder has: {', '.join(parts)}.", path=path)
        parts = {chosen[0]: parts[chosen[0]]}
    sets = [_read_file(f, findings, images, frame_base, part="" if name == ALL else name) for name, f in parts.items()]
    made = sets[0]
    if len(sets) > 1:
        seen: dict[str, str] = {}
        for part, one in zip(parts, sets, strict=True):
            twice = next((p for p in one.images.path.tolist() if p in seen), None)
            if twice is not None:
                raise DataError(
                    f"The parts {seen[twice]!r} and {part!r} share pictures ({twice}); read one of them: "
                    f"split={part!r}. There are: {', '.join(parts)}.",
                    path=path,
                )
            seen |= dict.fromkeys(one.images.path.tolist(), part)
        made = concatenate(sets, identities="shared")
    return made.replace(name=path.name)


def _read_file(path: Path, findings: Findings, images: Path | None, frame_base: Any, *, part: str) -> Dataset:
    def report(message: str, kind: str) -> None:
        findings.bad(message, path=path, kind=kind)

    try:
        document: Any = load_coco(path)
    except OSError as error:
        raise DataError(f"The file cannot be read: {error}.", path=path) from error
    file = parse_coco(document, path, report=report, frame_base=frame_base, complete=True)
    classes = list(file.categories.values())
    if len(set(classes)) < len(classes):
        raise DataError("Category names must differ; some came twice. Rename or merge them.", path=path)
    build, root = Builder(), _picture_root(path, file, images)
    rows = {number: _add_image(build, image, root, part) for number, image in file.images.items()}
    table = {number: k for k, number in enumerate(file.categories)}
    masks = 0
    for box in file.boxes(document.get("annotations", [])):
        _, image, category, xyxy, track_id, _, visibility, area, ignore, entry = box
        # most entries hold nothing beyond what is known, which is told sooner than every value is looked at
        extra = {} if entry.keys() <= _BOX_KNOWN else _plain(entry, _BOX_KNOWN)
        if area is not None:
            extra["area"] = area
        if isinstance(entry.get("id"), (int, str)):
            extra["coco_id"] = entry["id"]
        build.box(rows[image], xyxy, table[category], track_id, visibility, ignore, extra)
        masks += bool(entry.get("segmentation"))
    if masks:
        build.notes.append(f"{masks} segmentation masks were left out; the set holds boxes")
    numbers = [number for number in table if isinstance(number, int)]
    if len(numbers) < len(table):
        build.notes.append("the ids of some categories are words; the classes are numbered 1, 2, 3 instead")
        numbers = []
    return build.finish(classes, root=root, name=path.stem, class_numbers=numbers)


def _add_image(build: Builder, image: CocoImage, root: Path, part: str) -> int:
    """Add an image and return its row; one of no video has no frame number."""
    return build.image(
        image.file_name,
        _size(image, root),
        sequence=image.sequence or "",
        frame=-1 if image.sequence is None or image.frame is None else image.frame,
        split=str(image.entry.get("split", "")) or part,
        extra=_plain(image.entry, _IMAGE_KNOWN) | {"coco_id": image.id},
    )


def _size(image: CocoImage, root: Path) -> tuple[int, int]:
    """The stated size; where none is, that of the picture; (0, 0) where that is not there either."""
    path = root / image.file_name
    return picture_size(path) if min(image.size) <= 0 and path.is_file() else image.size


def _plain(entry: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k not in known and isinstance(v, (bool, int, float, str))}


def base_folder(file: Path) -> Path:
    """The folder of the set that a json file belongs to: file names are relative to it."""
    return file.parent.parent if file.parent.name == "annotations" else file.parent


def _picture_root(path: Path, file: CocoFile, images: Path | None) -> Path:
    if images is not None:
        return images
    base = base_folder(path)
    part = path.stem.removeprefix("instances_")
    first = next((image.file_name.partition("#")[0] for image in file.images.values()), "")
    for folder in (
        base,
        path.parent,
        base / "images",
        base / part,
        base / "images" / part,
        base / "train",
        base / "val",
    ):
        if first and (folder / first).is_file():
            return folder
    return base
