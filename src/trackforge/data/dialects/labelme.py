"""labelme's JSON, one file a picture, as labelme, X-AnyLabeling and several converters write it; read only.

A shape has a label, points in pixels and a ``shape_type``; every shape that spans an area is read as the box around it,
and a polygon is its mask as well.
``group_id`` binds the shapes of one object and serves several tools as the identity of a track, which it becomes here;
``difficult`` marks what is not to be judged.

Source: the file format described in labelme's documentation (GPL software, whose code was not read).
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from trackforge.data.building import Builder
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError, TrackforgeError
from trackforge.intake.documents import finite_number, load_json, whole_number
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.names import name_problem
from trackforge.intake.reading import reading
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["read_labelme", "sniff_labelme"]

_HEAD = 1 << 16


def sniff_labelme(path: Path) -> bool:
    """Tell whether a path looks like labelme's, from the first of its files."""
    if path.is_file():
        return path.suffix.lower() == ".json" and _looks(path)
    found = (file for pattern in ("*.json", "*/*.json") for file in path.glob(pattern) if not is_companion(file, path))
    first = next(found, None)
    return first is not None and _looks(first)


def _files(folder: Path) -> list[Path]:
    return list(list_files(folder, (".json",), recursive=True).files)


def _looks(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    return b'"shapes"' in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read_labelme(path: Path, *, findings: Findings) -> Dataset:
    """Read labelme's files.

    Args:
        path: A folder that holds them, in folders of its own or not; or one file.
        findings: Where malformed files and shapes are reported.

    Raises:
        DataError: There is no such file.
    """
    with reading(path, "A labelme folder"):
        files = [path] if path.is_file() else [file for file in _files(path) if _looks(file)]
        root = path.parent if path.is_file() else path
        build, names = Builder(), dict[str, int]()
        for file in files:
            try:
                _read(build, names, file, root, findings)
            except TrackforgeError as error:
                findings.caught(error if isinstance(error, DataError) else DataError(str(error), path=file))
        return build.finish(tuple(names), root=root, name=path.stem)


def _read(build: Builder, names: dict[str, int], file: Path, root: Path, findings: Findings) -> None:
    with reading(file, "A labelme file"):
        document = load_json(file, "A labelme file")
        if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
            raise DataError("A labelme file must be an object with a list 'shapes'.", path=file)
        picture = _picture(file, document.get("imagePath"))
        try:
            size = tuple(whole_number(document.get(f"image{side}") or 0, 0) for side in ("Width", "Height"))
        except ValueError as error:
            raise DataError(f"imageWidth and imageHeight: each {error}.", path=file) from error
        if min(size) <= 0 and picture.is_file():
            size = picture_size(picture)
        row = build.image(picture.relative_to(root).as_posix(), (size[0], size[1]))
    for at, shape in enumerate(document["shapes"]):
        try:
            box = _box(shape)
            group = shape.get("group_id")
            track = -1 if group is None else whole_number(group)
            label = str(shape["label"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            findings.bad(f"shapes[{at}] must have a label and points in pixels; {error}.", path=file)
            continue
        if box is not None:
            outline = np.array(shape["points"], np.float64).ravel()
            polygon = (shape.get("shape_type") or "polygon") == "polygon" and len(outline) >= 6
            ignore = bool(shape.get("difficult"))
            build.box(
                row,
                box,
                names.setdefault(label, len(names)),
                track_id=max(track, -1),
                ignore=ignore,
                mask=(outline,) if polygon else None,
            )


def _picture(file: Path, stated: Any) -> Path:
    """Return the picture of a file: by the name that it states, else by its own, in its folder or one beside it."""
    last = PurePosixPath(str(stated or "").replace("\\", "/")).name
    guesses = [last] if last and name_problem(last) is None else []
    guesses += [file.stem + suffix for suffix in IMAGE_SUFFIXES]
    places = [file.parent / guess for guess in guesses]
    return next((place for place in places if place.is_file()), places[0])


def _box(shape: Any) -> tuple[float, float, float, float] | None:
    """Return the box around a shape, None for points and lines, which have no area."""
    points = [(finite_number(x), finite_number(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind in ("point", "points", "line", "linestrip"):
        return None
    if kind == "circle":
        (x, y), (ex, ey) = points
        radius = math.hypot(ex - x, ey - y)
        return x - radius, y - radius, x + radius, y + radius
    if len(points) < 2:
        raise ValueError(f"there are {len(points)}")
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)
