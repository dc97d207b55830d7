"""Which head a file has: found out from names and shapes of its outputs, what it says of itself, and one try run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trackforge.errors import ConfigError, WeightsError, did_you_mean
from trackforge.intake.limits import check_limit
from trackforge.models.cells import cells
from trackforge.models.onnx import OnnxNetwork
from trackforge_onnx.heads import HEADS, Array
from trackforge_onnx.sayings import class_names, said_names, said_points, said_size

__all__ = ["Understanding", "recognise", "try_run"]

USUAL_SIZE = (640, 640)
MANY = 1000
"""More rows than this are cells of a grid, fewer are a list of objects."""
ROUND = 1.5
"""Boxes whose sides stay below this many pixels are in shares of the picture."""
NEAR_CELL = 30.0
"""Centres that stay below this many pixels in an input of hundreds are relative to their cells."""


@dataclass(frozen=True, kw_only=True)
class Understanding:
    """What was understood of a file.

    Attributes:
        head: Name of its head, a key of `HEADS`.
        order: Place of each output that the head reads.
        classes: Names; ``class_id`` indexes them.
        columns: Number of classes that the outputs have a column for; 0 where boxes have a class each.
        first: Number that the outputs give the first class.
        unit: Whether boxes are in shares of the input.
        size: ``(height, width)`` of the input.
        free: Whether the file takes other sizes.
        last: Whether colours are the last axis of the input (NHWC).
        batch: Whether the input has an axis for several pictures.
        dtype: NumPy's name for the type of the input.
        reasons: Why, one sentence each.
    """

    head: str
    order: tuple[int, ...]
    classes: tuple[str, ...]
    columns: int
    first: int
    unit: bool
    size: tuple[int, int]
    free: bool
    last: bool
    batch: bool
    dtype: str
    reasons: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        layout = "NHWC" if self.last else "NCHW"
        lines = [
            f"head      {self.head}: {HEADS[self.head].summary}",
            f"input     {layout if self.batch else layout[1:]} {self.dtype}, {self.size[0]} high, {self.size[1]} wide"
            + (", other sizes too" if self.free else ""),
            f"classes   {len(self.classes)}: {', '.join(self.classes[:8])}{', ...' if len(self.classes) > 8 else ''}",
        ]
        return "\n".join([*lines, *(f"because   {reason}" for reason in self.reasons)])


def recognise(
    network: OnnxNetwork,
    *,
    head: str | None = None,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
) -> Understanding:
    """Find out what a file's outputs mean; what is given is taken for granted.

    Raises:
        WeightsError: It is no detector of a known layout; says what was seen and what can be said.
        ConfigError: There is no such head, or the size is not the one that the file has.
    """
    head = None if head is None else head.casefold()
    if head is not None and head not in HEADS:
        raise ConfigError(f"There is no head {head!r}.{did_you_mean(head, HEADS)} There are: {', '.join(HEADS)}.")
    layout = _input(network, size)
    seen = try_run(network, layout)
    reasons = [f"{name} {tuple(a.shape)}" for name, a in zip(network.output_names, seen, strict=True)]
    said = said_names(network.metadata)
    names = tuple(classes) if classes is not None else said
    found = _head(network, seen, layout, head, len(names) if names else None, reasons)
    if found is None:
        raise WeightsError(_unknown(network, seen))
    chosen, order, columns = found
    first = _first(chosen, columns, names)
    unit = _in_shares(chosen, order, seen)
    named = class_names(names, columns, first, chosen, reasons)
    return Understanding(
        head=chosen,
        order=order,
        classes=named,
        columns=columns,
        first=first,
        unit=unit,
        reasons=tuple(reasons),
        **layout,
    )


def try_run(network: OnnxNetwork, layout: dict[str, Any]) -> list[Array]:
    """Run the network once on noise; outputs as they come, so that shapes are known where the file leaves them free.

    Raises:
        WeightsError: It cannot be run.
    """
    height, width = layout["size"]
    shape = (height, width, 3) if layout["last"] else (3, height, width)
    wanted = network.inputs[0][0]
    count = wanted if layout["batch"] and isinstance(wanted, int) else 1
    noise = np.random.default_rng(0).random((count, *shape))
    data = (noise * 255).astype(np.uint8) if layout["dtype"] == "uint8" else noise.astype(layout["dtype"])
    try:
        outputs = network.call(feeds(network, data if layout["batch"] else data[0], (height, width)))
        return [a[:1] if count > 1 and a.ndim and len(a) == count else a for a in outputs]
    except WeightsError as error:
        raise WeightsError(f"{error} If it wants pictures of another size, say size=(height, width).") from error


def feeds(network: OnnxNetwork, data: Array, size: tuple[int, int]) -> dict[str, Array]:
    """Return the inputs by name: the pictures and, where the file asks for it, their size."""
    given: dict[str, Array] = {network.input_names[0]: data}
    for name, kind in zip(network.input_names[1:], network.input_types[1:], strict=True):
        dtype = np.int64 if "int64" in kind else np.int32 if "int32" in kind else np.float32
        given[name] = np.tile(np.array([size[1], size[0]], dtype), (len(data) if data.ndim == 4 else 1, 1))
    return given


def _input(network: OnnxNetwork, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return how pictures go in: size, order of axes, type."""
    shape, kind = network.inputs[0], network.input_types[0]
    dtype = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}.get(kind)
    batch = len(shape) == 4
    axes = shape[1:] if batch else shape
    if dtype is None or len(axes) != 3 or 3 not in (axes[0], axes[2]):
        raise WeightsError(
            f"{network.path} must take pictures as its first input: (batch, 3, height, width) or (batch, height, "
            f"width, 3), float or bytes; it takes {shape} {kind}. Export a detector of pictures."
        )
    last = axes[0] != 3
    sides = axes[:2] if last else axes[1:]
    numbers = [n for n in sides if isinstance(n, int)]
    fixed = len(numbers) == 2
    if fixed:
        check_limit("pixels", numbers[0] * numbers[1], "The input of the network, in pixels,", path=network.path)
    if fixed and size is not None and tuple(size) != tuple(sides):
        raise ConfigError(
            f"size must be {sides[0]},{sides[1]}, which {network.path.name} was exported for; got {size}."
        )
    stated = said_size(network.metadata)
    chosen = tuple(sides) if fixed else tuple(size) if size else stated or USUAL_SIZE
    return {"size": chosen, "free": not fixed, "last": last, "batch": batch, "dtype": dtype}


def _head(
    network: OnnxNetwork,
    seen: list[Array],
    layout: dict[str, Any],
    wanted: str | None,
    named: int | None,
    reasons: list[str],
) -> tuple[str, tuple[int, ...], int] | None:
    """Return head, order of outputs and number of class columns; None where nothing fits."""
    names = [name.lower() for name in network.output_names]

    def picks(*groups: tuple[str, ...]) -> tuple[int, ...] | None:
        found: list[int] = []
        for words in groups:
            fits = [k for word in words for k, name in enumerate(names) if word in name and k not in found]
            if not fits:
                return None
            found.append(fits[0])
        return tuple(found)

    if wanted in (None, "tensorflow") and (
        o := picks(("detection_classes",), ("detection_boxes",), ("detection_scores",))
    ):
        return "tensorflow", o, 0
    if wanted in (None, "detr", "rt-detr") and (o := picks(("logits",), ("boxes",))):
        columns = seen[o[0]].shape[-1]
        softmax = wanted == "detr" or (wanted is None and (columns == 92 or seen[o[0]].shape[-2] == 100))
        if wanted is None:
            reasons.append("100 queries or 92 classes are DETR's softmax, others sigmoid; head= says otherwise")
        return ("detr", o, columns - 1) if softmax else ("rt-detr", o, columns)
    if (
        len(seen) >= 4
        and (o := picks(("num",), ("boxes",), ("scores",), ("classes", "labels")))
        and wanted in (None, "nms")
    ):
        return "nms", o, 0
    if len(seen) >= 3 and (o := picks(("labels", "classes"), ("bboxes", "boxes"), ("scores",))):
        if wanted in ("sized", "torchvision", "ssd"):
            return wanted, o, 0
        if wanted is None:
            boxes = seen[o[1]]
            kind = "sized" if len(network.inputs) > 1 else "torchvision" if boxes.ndim == 2 else "ssd"
            return kind, o, 0
    rank3 = [k for k, a in enumerate(seen) if a.ndim == 3 and a.shape[0] == 1]
    if len(seen) == 1 and seen[0].ndim == 2 and seen[0].shape[1] == 7 and wanted in (None, "yolov7-end2end"):
        return "yolov7-end2end", (0,), 0
    if not rank3:
        return None
    k = rank3[0]
    return _grid(network, seen, k, layout, wanted, named, reasons)


def _grid(
    network: OnnxNetwork,
    seen: list[Array],
    k: int,
    layout: dict[str, Any],
    wanted: str | None,
    named: int | None,
    reasons: list[str],
) -> tuple[str, tuple[int, ...], int] | None:
    """Tell apart the heads with one array of boxes."""
    first, second = seen[k].shape[1:]
    task = network.metadata.get("task", "detect")
    if wanted == "yolov10" or (wanted is None and second == 6 and first <= MANY):
        return "yolov10", (k,), 0
    if wanted == "queries" or (wanted is None and second < first <= MANY):
        return "queries", (k,), second - 4
    if wanted in ("yolov8", "yolov8-obb") or (wanted is None and first < second):
        turned = wanted == "yolov8-obb" or task == "obb"
        masks = next((a.shape[1] for a in seen if a.ndim == 4), 0)
        points = said_points(network.metadata)
        columns = (
            named if named is not None and wanted is None and task != "detect" else first - 4 - turned - masks - points
        )
        if columns < 1:
            return None
        return ("yolov8-obb" if turned else "yolov8"), (k,), columns
    if wanted in ("yolov5", "yolox", "yolox-raw"):
        return wanted, (k,), second - 5
    if second < 6:
        return None
    columns = second - 5
    grid = len(cells(layout["size"])[0])
    if first != grid:
        reasons.append(f"{first} rows are {first / grid:g} anchors a cell" if first % grid == 0 else f"{first} rows")
        return "yolov5", (k,), columns
    rows = seen[k][0]
    if np.ptp(rows[:, 4]) == 0:
        reasons.append("one row a cell, all with the same objectness: YOLOv6")
        return "yolov5", (k,), columns
    if np.abs(rows[:, :2]).max() < NEAR_CELL:
        reasons.append("one row a cell, centres near 0: relative to their cells, as YOLOX exports them")
        return "yolox-raw", (k,), columns
    reasons.append("one row a cell with an objectness: YOLOX; head='yolov5' if pictures go in as RGB 0..1")
    return "yolox", (k,), columns


def _first(head: str, columns: int, names: tuple[str, ...] | None) -> int:
    """Return the number that the first class has: networks with a background class, or COCO's numbers, begin at 1."""
    if head in ("torchvision", "tensorflow", "ssd"):
        return 1
    if head in ("detr", "rt-detr") and columns == 91 and (names is None or len(names) in (80, 90)):
        return 1
    return 0


def _in_shares(head: str, order: tuple[int, ...], seen: list[Array]) -> bool:
    """Tell from the try run whether boxes are in shares of the input."""
    if head == "ssd":
        return True
    if head in ("torchvision", "sized", "yolox-raw", "tensorflow", "detr", "rt-detr", "queries"):
        return False
    boxes = seen[order[1] if head == "nms" else order[0]]
    boxes = boxes[..., :4, :] if head.startswith("yolov8") else boxes[..., 1:5] if boxes.ndim == 2 else boxes[..., :4]
    return bool(boxes.size) and bool(np.abs(boxes).max() > 0) and float(np.abs(boxes).max()) <= ROUND


def _unknown(network: OnnxNetwork, seen: list[Array]) -> str:
    outputs = ", ".join(f"{n} {tuple(a.shape)}" for n, a in zip(network.output_names, seen, strict=True))
    known = "\n".join(f"  {name:15} {head.summary}" for name, head in HEADS.items())
    return (
        f"{network.path} must have outputs of a known layout; it has {outputs}. If it is one of these, say head=...:\n"
        f"{known}"
    )
