"""Looking at labelled pictures: many in one image."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.data.columns import Boxes
from trackforge.data.formats import read
from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader, split_key
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.io.atomic import atomic_path
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.io.pictures import opencv
from trackforge.io.polygons import as_mask

__all__ = ["draw", "show"]

Image = npt.NDArray[np.uint8]
BACKGROUND, GAP = 24, 6


def _colour(number: int) -> tuple[int, int, int]:
    """A colour that differs from those of neighbouring numbers: steps of the golden ratio around the hues."""
    red, green, blue = colorsys.hsv_to_rgb((0.07 + number * 0.618034) % 1, 0.72, 1.0)
    return int(255 * red), int(255 * green), int(255 * blue)


def draw(
    image: Image, boxes: Boxes, classes: Sequence[str], *, colour: Literal["class", "identity"] = "class"
) -> Image:
    """Draw labelled boxes on a copy of a picture, RGB uint8 ``(H, W, 3)``.

    Masks are filled, so that the picture shows through; ignore regions are grey and hatched.

    Raises:
        InvalidInputError: A mask is of a picture of another size.
    """
    cv2 = opencv()
    canvas: Image = np.ascontiguousarray(image).copy()
    thick = max(1, round(min(canvas.shape[:2]) / 300))
    shades = [
        _colour(int(track if colour == "identity" and track >= 0 else kind))
        for track, kind in zip(boxes.track_id.tolist(), boxes.class_id.tolist(), strict=True)
    ]
    _fill(canvas, boxes, shades)
    corners = np.nan_to_num(np.clip(boxes.xyxy, -1e6, 1e6)).round().astype(int)
    for k in np.argsort(~boxes.ignore, kind="stable"):
        x1, y1, x2, y2 = corners[k].tolist()
        if boxes.ignore[k]:
            _hatch(cv2, canvas, (x1, y1, x2, y2))
            continue
        shade = shades[k]
        cv2.rectangle(canvas, (x1, y1), (x2, y2), shade, thick, cv2.LINE_AA)
        label = int(boxes.class_id[k])
        text = classes[label] if 0 <= label < len(classes) else str(label)
        if boxes.track_id[k] >= 0:
            text = f"{text} {boxes.track_id[k]}" if len(classes) > 1 else str(boxes.track_id[k])
        _tag(cv2, canvas, text, (x1, y1), shade, thick)
    return canvas


def _fill(canvas: Image, boxes: Boxes, shades: Sequence[tuple[int, int, int]]) -> None:
    if boxes.mask is None:
        return
    from trackforge.io.drawing import Canvas  # OpenCV is imported with it

    height, width = canvas.shape[:2]
    brush = Canvas((width, height))
    for mask, shade, ignored in zip(boxes.mask, shades, boxes.ignore.tolist(), strict=True):
        if mask is not None and not ignored:
            brush.mask(canvas, as_mask(mask, (height, width)), shade)


def _scaled(masks: npt.NDArray[np.object_] | None, scale: float, size: tuple[int, int]) -> list[Any] | None:
    """Return masks for a picture that was scaled to ``(width, height)``."""
    if masks is None:
        return None
    cv2, made = opencv(), list[Any]()
    for mask in masks:
        if isinstance(mask, Mapping):
            made.append(
                encode_mask(cv2.resize(decode_mask(mask).view(np.uint8), size, interpolation=cv2.INTER_NEAREST))
            )
        else:
            made.append(None if mask is None else [np.asarray(polygon, np.float64) * scale for polygon in mask])
    return made


def _hatch(cv2: Any, canvas: Image, box: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = (max(box[0], 0), max(box[1], 0), min(box[2], canvas.shape[1]), min(box[3], canvas.shape[0]))
    if x1 >= x2 or y1 >= y2:
        return
    region = canvas[y1:y2, x1:x2]
    rows, columns = np.ogrid[: y2 - y1, : x2 - x1]
    step = max(6, min(canvas.shape[:2]) // 48)
    stripes = (rows + columns) % step < max(1, step // 5)
    region[stripes] = (region[stripes] * 0.35 + 160 * 0.65).astype(np.uint8)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), (170, 170, 170), 1)


def _tag(cv2: Any, canvas: Image, text: str, corner: tuple[int, int], shade: tuple[int, int, int], thick: int) -> None:
    scale = 0.32 + 0.06 * thick
    text = text.encode("ascii", "replace").decode()  # OpenCV's font knows nothing else
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = int(np.clip(corner[0], 0, max(canvas.shape[1] - width - 4, 0)))
    y = corner[1] - 2 if corner[1] >= height + base + 3 else max(corner[1], 0) + height + base + 1
    cv2.rectangle(canvas, (x, y - height - base), (x + width + 4, y + 1), shade, -1)
    cv2.putText(canvas, text, (x + 2, y - base + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 1, cv2.LINE_AA)


def show(
    dataset: Dataset | str | Path,
    path: str | Path | None = None,
    *,
    count: int = 12,
    columns: int = 4,
    cell: tuple[int, int] = (480, 360),
    pick: Literal["random", "first", "spread"] = "spread",
    seed: int = 0,
    colour: Literal["class", "identity"] = "class",
) -> Image:
    """Draw a grid of labelled pictures.

    Args:
        dataset: Whose; a path is read with `trackforge.data.read`.
        path: Picture file to write; nothing is written where None.
        count: Number of pictures at most.
        columns: Pictures in a row.
        cell: ``(width, height)`` of a cell, pixels; pictures keep their shape.
        pick: Which pictures: at random, the first, or evenly spread. Those without a label come only if there is none
            with.
        seed: For the random choice.
        colour: Boxes of one class, or of one identity, have one colour.

    Returns:
        The grid, RGB uint8 ``(H, W, 3)``.

    Raises:
        DataError: The set holds no picture, or one is missing or broken.
        InvalidInputError: A number is not positive.
        SinkError: The file cannot be written.
    """
    if isinstance(dataset, (str, Path)):
        dataset = read(dataset)
    if not isinstance(dataset, Dataset):
        raise InvalidInputError(
            f"The pictures to show must be of a Dataset, or a path to one; got {type(dataset).__name__}. "
            "Make one with trackforge.data.read."
        )
    if path is not None and os.path.lexists(path):
        aim = os.path.realpath(path)
        sources = filter(None, map(dataset.image_path, range(len(dataset))))
        if any(os.path.realpath(split_key(source)[0]) == aim for source in sources):
            raise SinkError(f"The grid must not replace a picture of the set; got {path}. Name another file.")
    if min(count, columns, *cell) < 1:
        raise InvalidInputError(f"count, columns and cell must be >= 1; got {count}, {columns}, {cell}.")
    rows = np.flatnonzero((dataset.images.path != "") & (dataset.counts > 0))
    rows = rows if len(rows) else np.flatnonzero(dataset.images.path != "")
    if not len(rows):
        raise DataError("There must be a picture to show; the set holds labels only.", path=dataset.root)
    if pick == "random":
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    elif pick == "spread":
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))]
    rows, reader = rows[:count], PictureReader()
    columns = min(columns, len(rows))
    width, height = cell
    lines = -(-len(rows) // columns)
    grid = np.full((lines * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), BACKGROUND, np.uint8)
    for place, row in enumerate(rows.tolist()):
        picture = _cell(dataset, row, cell, reader, colour)
        top = GAP + place // columns * (height + GAP) + (height - picture.shape[0]) // 2
        left = GAP + place % columns * (width + GAP) + (width - picture.shape[1]) // 2
        grid[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    reader.close()
    if path is not None:
        _write(grid, Path(path))
    return grid


def _cell(dataset: Dataset, row: int, cell: tuple[int, int], reader: PictureReader, colour: Any) -> Image:
    cv2 = opencv()
    source = dataset.image_path(row)
    image = reader.read(source if source is not None else "")
    scale = min(cell[0] / image.shape[1], cell[1] / image.shape[0])
    size = (max(1, min(round(image.shape[1] * scale), cell[0])), max(1, min(round(image.shape[0] * scale), cell[1])))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes = dataset.labels(row)
    boxes = boxes.replace(xyxy=boxes.xyxy * scale, mask=_scaled(boxes.mask, scale, size))
    drawn = draw(small, boxes, dataset.classes, colour=colour)
    sequence, frame = str(dataset.images.sequence[row]), int(dataset.images.frame[row])
    title = f"{sequence} {frame}" if sequence else Path(str(source)).name
    _tag(cv2, drawn, title, (0, drawn.shape[0] - 2), (235, 235, 235), 1)
    return drawn


def _write(grid: Image, path: Path) -> None:
    cv2 = opencv()
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg", ".webp"):
        raise SinkError(f"The grid must be written as .png, .jpg or .webp; got {path.name!r}.")
    done, data = cv2.imencode(suffix, grid[:, :, ::-1])
    if not done:
        raise SinkError(f"{path} cannot be written: OpenCV could not encode it.")
    with atomic_path(path) as partial:
        partial.write_bytes(data.tobytes())
