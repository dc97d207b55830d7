"""COCO json as a labelled data set, with the video fields that CenterTrack, ByteTrack and TAO add.

Besides the standard fields: ``videos``; an image's ``video_id`` and ``frame_id`` (1-based as in ByteTrack's files, or
0-based as in others); an annotation's ``track_id`` (or ``instance_id``). ``iscrowd`` (or ``ignore``) marks an ignore
region. Whatever else an image or annotation says in a number, a truth value or a string is kept as a further column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from trackforge.data.building import Builder
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
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
    "visibility",
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
    document = _load(path)
    build = Builder()
    categories = _entries(document, "categories", ("id", "name"), path, findings)
    table = {c["id"]: k for k, c in enumerate(categories)}
    classes = [str(c["name"]) for c in categories]
    if len(set(classes)) < len(classes) or len(table) < len(classes):
        raise DataError("Category ids and names must differ; some came twice. Rename or merge them.", path=path)
    videos = {v["id"]: str(v.get("file_name") or v.get("name") or v["id"]) for v in document.get("videos", ())}
    pictures = _entries(document, "images", ("id", "file_name"), path, findings)
    root = _picture_root(path, pictures, images)
    try:
        rows = _images(build, pictures, videos, root, frame_base, part)
    except (TypeError, ValueError) as error:
        raise DataError(f"Images must have numbers for width, height and frame_id; {error}.", path=path) from error
    if len(rows) != len(pictures):
        findings.bad(f"Image ids must differ; {len(pictures) - len(rows)} came twice.", path=path, kind="duplicate-id")
    masks = 0
    for at, box in enumerate(_entries(document, "annotations", ("image_id", "category_id", "bbox"), path, findings)):
        try:
            _add(build, rows, table, box)
            masks += bool(box.get("segmentation"))
        except _Malformed as error:
            findings.bad(f"annotations[{at}] (id {box.get('id', 'none')}) {error.rule}.", path=path, kind=error.kind)
    if masks:
        build.notes.append(f"{masks} segmentation masks were left out; the set holds boxes")
    return build.finish(classes, root=root, name=path.stem, class_numbers=list(table))


def _images(
    build: Builder,
    pictures: Sequence[Mapping[str, Any]],
    videos: Mapping[Any, str],
    root: Path,
    frame_base: Any,
    part: str,
) -> dict[Any, int]:
    """Add the images; return the row of each id."""
    frames = [_frame(p) for p in pictures]
    base = frame_base if frame_base != "auto" else 0 if any(f == 0 for f in frames) else 1
    rows: dict[Any, int] = {}
    for picture, frame in zip(pictures, frames, strict=True):
        if picture["id"] in rows:
            continue
        name, video = str(picture["file_name"]).removeprefix("./"), picture.get("video_id")
        rows[picture["id"]] = build.image(
            name,
            _size(picture, root / name),
            sequence=videos.get(video, "" if video is None else str(video)),
            frame=-1 if frame is None else frame - base,
            split=str(picture.get("split", "")) or part,
            extra=_plain(picture, _IMAGE_KNOWN) | {"coco_id": picture["id"]},
        )
    return rows


def _size(picture: Mapping[str, Any], path: Path) -> tuple[int, int]:
    """The stated size; where none is, that of the picture; (0, 0) where that is not there either."""
    size = int(picture.get("width") or 0), int(picture.get("height") or 0)
    return picture_size(path) if min(size) <= 0 and path.is_file() else size


def _frame(picture: Mapping[str, Any]) -> int | None:
    frame = picture.get("frame_id", picture.get("frame_index"))
    return None if frame is None or picture.get("video_id") is None else int(frame)


class _Malformed(Exception):  # noqa: N818 - a signal inside this module, never raised to callers
    def __init__(self, rule: str, kind: str = "format") -> None:
        super().__init__(rule)
        self.rule, self.kind = rule, kind


def _add(build: Builder, rows: Mapping[Any, int], table: Mapping[Any, int], box: Mapping[str, Any]) -> None:
    image, category, corners = box["image_id"], box["category_id"], box["bbox"]
    try:
        row, class_id = rows.get(image, -1), table.get(category, -1)
        left, top, width, height = map(float, corners)
        right, bottom = left + width, top + height
        track = box.get("track_id", box.get("instance_id"))
        number = -1 if track is None else max(int(track), -1)
        visibility = float(box.get("visibility", 1.0))
        ignore = bool(box.get("iscrowd") or box.get("ignore"))
        extra = _plain(box, _BOX_KNOWN)
        if "area" in extra:
            extra["area"] = float(extra["area"])
    except (TypeError, ValueError) as error:
        rule = "must have bbox [left, top, width, height] and numbers for ids, area and visibility"
        raise _Malformed(f"{rule}; {error}, in {json.dumps(box)[:120]}") from None
    if row < 0:
        raise _Malformed(f"must belong to an image; there is none with id {image}")
    if class_id < 0:
        raise _Malformed(f"must have a category of the file; there is none with id {category}", "class-range")
    if not (math.isfinite(right) and math.isfinite(bottom)):  # so are left, top, width and height
        raise _Malformed(f"must have a finite bbox [left, top, width, height]; got {corners}")
    if "id" in box:
        extra["coco_id"] = box["id"]
    build.box(row, (left, top, right, bottom), class_id, number, visibility, ignore, extra)


def _plain(entry: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k not in known and isinstance(v, (bool, int, float, str))}


def _load(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"The file must be json; {error.msg} in column {error.colno}.", path=path, line=error.lineno
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The file cannot be read: {error}.", path=path) from error
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DataError("A COCO file must be an object with lists 'images', 'annotations' and 'categories'.", path=path)
    return document


def _entries(
    document: Mapping[str, Any], key: str, needs: Sequence[str], path: Path, findings: Findings
) -> list[dict[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise DataError(f"{key!r} must be a list; got {type(found).__name__}.", path=path)
    good = []
    for at, entry in enumerate(found):
        missing = [n for n in needs if n not in entry] if isinstance(entry, dict) else list(needs)
        if missing:
            findings.bad(f"{key}[{at}] must have {', '.join(missing)}; got {json.dumps(entry)[:80]}.", path=path)
        else:
            good.append(entry)
    return good


def base_folder(file: Path) -> Path:
    """The folder of the set that a json file belongs to: file names are relative to it."""
    return file.parent.parent if file.parent.name == "annotations" else file.parent


def _picture_root(path: Path, pictures: Sequence[Mapping[str, Any]], images: Path | None) -> Path:
    if images is not None:
        return images
    base = base_folder(path)
    part = path.stem.removeprefix("instances_")
    first = str(pictures[0]["file_name"]).partition("#")[0] if pictures else ""
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
