"""Writing COCO json; see `trackforge.data.coco` for the fields."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.data.coco import ALL
from trackforge.data.coco_pictures import base_folder
from trackforge.data.files import PicturePlacer, file_names, stems
from trackforge.data.model import Dataset
from trackforge.errors import SinkError
from trackforge.io.atomic import atomic_path
from trackforge.io.polygons import area_of, plain_segmentation

__all__ = ["write_coco_set"]


def write_coco_set(
    dataset: Dataset, target: Path, *, images: Literal["reference", "copy", "link", "none"] = "reference"
) -> list[str]:
    """Write COCO json; return what is worth knowing.

    Args:
        dataset: What to write.
        target: A ``.json`` file; or a folder, which gets ``annotations/<split>.json`` for every part.
        images: ``"reference"``: name the pictures where they are; where that is not below the target, through one link
            to their folder, for a reader takes nothing from outside. ``"copy"``, ``"link"``: bring them into
            ``images/`` beside the annotations.

    Raises:
        DataError: A split has a name that is none for a file.
        SinkError: The place cannot be written to.
    """
    base = base_folder(target) if target.suffix.lower() == ".json" else target
    names, placer = dataset.images.path.tolist(), None
    if images in ("copy", "link"):
        placer = PicturePlacer(dataset, "copy" if images == "copy" else "link")
        inside = [f"images/{stem}{placer.suffix(row)}" for row, stem in enumerate(stems(dataset))]
        for row, name in enumerate(inside):
            placer.place(row, base / name)
        names = [name if path else "" for name, path in zip(inside, names, strict=True)]
    elif images == "reference":
        link = "pictures" if base == target else f"{target.stem}-pictures"
        names = _references([str(dataset.root / name) if name else "" for name in names], base, link)
    elif any(map(os.path.isabs, names)):  # sets from several places: what they have in common is left out
        places = [os.path.abspath(dataset.root / name) if name else "" for name in names]  # noqa: PTH100
        common = os.path.commonpath([os.path.dirname(place) for place in places if place])  # noqa: PTH120
        names = [Path(os.path.relpath(place, common)).as_posix() if place else "" for place in places]
    parts: dict[str, Dataset] = {"": dataset}
    if target.suffix.lower() != ".json":
        parts = {s or ALL: dataset[dataset.images.split == s] for s in dict.fromkeys(dataset.images.split.tolist())}
    files = file_names(parts, "A split", dataset)
    for split, part in parts.items():
        rows = slice(None) if not split else dataset.images.split == ("" if split == ALL else split)
        file = target / "annotations" / f"{files[split]}.json" if split else target
        chosen = np.array(names, np.str_)[rows].tolist()
        with atomic_path(file) as partial, partial.open("w", encoding="utf-8") as out:
            out.write(json.dumps(_document(part, chosen, with_split=not split), separators=(",", ":")))
    inside_containers = sum("#" in name for name in names)
    notes = placer.notes() if placer else []
    if inside_containers:
        what = "inside a file of records" if any(".rec#" in name for name in names) else "frames inside a video"
        notes.append(
            f"{inside_containers} pictures are {what}; only trackforge can open them. images='copy' writes them out"
        )
    return notes


def _references(paths: Sequence[str], base: Path, link: str) -> list[str]:
    """Name pictures from a folder; those that lie elsewhere through a link in it."""
    below = os.path.abspath(base).rstrip(os.sep) + os.sep  # noqa: PTH100 - lexical: links stay as they are
    places = [os.path.abspath(path) if path else "" for path in paths]  # noqa: PTH100
    outside = {os.path.dirname(place) for place in places if place and not place.startswith(below)}  # noqa: PTH120
    if not outside:
        return [place.removeprefix(below).replace(os.sep, "/") for place in places]
    try:
        common = os.path.commonpath(outside)
        link = _linked(base, common, link)
    except (OSError, ValueError) as error:
        raise SinkError(
            f"The pictures must be named from {base}, and no link to them can be made there ({error}). Bring them "
            "along: images='copy'."
        ) from error
    names = []
    for place in places:
        name = place.removeprefix(below)
        if place and name == place:
            name = f"{link}/{os.path.relpath(place, common)}"
        names.append(name.replace(os.sep, "/"))
    return names


def _linked(base: Path, folder: str, name: str) -> str:
    """Make a link to a folder, unless there is such a one; return its name."""
    base.mkdir(parents=True, exist_ok=True)
    aim = os.path.relpath(folder, os.path.realpath(base))
    for number in itertools.count(1):
        link = base / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            link.symlink_to(aim, target_is_directory=True)
            return link.name
        if link.is_symlink() and os.readlink(link) == aim:  # noqa: PTH115
            return link.name
    raise AssertionError  # there is always a next number


def _document(dataset: Dataset, names: Sequence[str], *, with_split: bool) -> dict[str, Any]:
    images = dataset.images
    ids = _ids(images.extra.get("coco_id"), len(images))
    names_of_videos = _videos(dataset)
    videos = {name: k for k, name in enumerate(dict.fromkeys(filter(None, names_of_videos)), 1)}
    extra = dict(_extra_rows(images.extra))
    pictures = []
    for row, name in enumerate(names):
        entry: dict[str, Any] = {"id": ids[row], "file_name": name}
        entry |= {"width": int(images.width[row]), "height": int(images.height[row])}
        if images.sequence[row]:
            entry |= {"video_id": videos[names_of_videos[row]]}
            if images.frame[row] >= 0:
                entry["frame_id"] = int(images.frame[row]) + 1
        if with_split and images.split[row]:
            entry["split"] = str(images.split[row])
        pictures.append(entry | extra.get(row, {}))
    document: dict[str, Any] = {"images": pictures, "annotations": list(_annotations(dataset, ids))}
    document["categories"] = [{"id": n, "name": c} for n, c in zip(dataset.class_numbers, dataset.classes, strict=True)]
    if videos:
        document["videos"] = [{"id": k, "file_name": name} for name, k in videos.items()]
    return document


def _videos(dataset: Dataset) -> list[str]:
    """Return the name of the video of each picture; of two in different parts, named alike, with the part before it."""
    images = dataset.images
    names, parts = images.sequence.tolist(), images.split.tolist()
    count = Counter(zip(names, images.frame.tolist(), strict=True))
    alike = {name for (name, frame), n in count.items() if name and frame >= 0 and n > 1}
    return [f"{part}/{name}" if part and name in alike else name for name, part in zip(names, parts, strict=True)]


def _annotations(dataset: Dataset, image_ids: Sequence[Any]) -> Iterator[dict[str, Any]]:
    boxes = dataset.boxes
    ids = _ids(boxes.extra.get("coco_id"), len(boxes))
    extra = dict(_extra_rows(boxes.extra))
    sizes, corners = boxes.size.tolist(), boxes.xyxy.tolist()
    for k in range(len(boxes)):
        left, top = corners[k][:2]
        width, height = sizes[k]
        entry: dict[str, Any] = {
            "id": ids[k],
            "image_id": image_ids[int(boxes.image[k])],
            "category_id": dataset.class_numbers[int(boxes.class_id[k])],
            "bbox": [left, top, width, height],
            "area": width * height,
            "iscrowd": int(boxes.ignore[k]),
        }
        if boxes.track_id[k] >= 0:
            entry["track_id"] = int(boxes.track_id[k])
        if boxes.visibility[k] != 1:
            entry["visibility"] = float(boxes.visibility[k])
        mask = None if boxes.mask is None else boxes.mask[k]
        if mask is not None:
            entry |= {"area": area_of(mask), "segmentation": plain_segmentation(mask)}
        yield entry | extra.get(k, {})


def _ids(known: Any, length: int) -> list[Any]:
    """The ids that the set came with, if they are still whole and different, else 1, 2, 3, ..."""
    if known is not None and len(set(known.tolist())) == length and (known.dtype.kind == "U" or (known >= 0).all()):
        return known.tolist()  # type: ignore[no-any-return]
    return list(range(1, length + 1))


def _extra_rows(extra: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the further fields of each row, without those that say 'not stated'."""
    columns = {name: values.tolist() for name, values in extra.items() if name != "coco_id"}
    kinds = {name: extra[name].dtype.kind for name in columns}
    missing: dict[str, Callable[[Any], bool]] = {"f": math.isnan, "i": (-1).__eq__, "U": "".__eq__}
    for row in range(max(map(len, columns.values()), default=0)):
        yield (
            row,
            {
                name: values[row]
                for name, values in columns.items()
                if isinstance(values[row], list) or not missing.get(kinds[name], lambda _: False)(values[row])
            },
        )
