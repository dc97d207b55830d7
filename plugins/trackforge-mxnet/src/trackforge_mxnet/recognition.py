"""What the outputs of somebody's MXNet graph mean, found out by looking at it and at one try run.

=========== ============================================== ===================================== ====================
dialect     outputs                                        boxes                                 pictures go in as
=========== ============================================== ===================================== ====================
sagemaker   one of rows class, score, box (det_out)        corners in shares of the input        RGB 0..255, stretched
gluoncv     ids, scores, boxes and, of some, masks         corners in pixels of the input        RGB 0..1, ImageNet's
rows        one of rows class, score, box (box_nms)        corners in pixels of the input        RGB 0..1, ImageNet's
=========== ============================================== ===================================== ====================

A class below 0 marks what was suppressed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import WeightsError
from trackforge.intake.showing import visible
from trackforge.models.coco_names import COCO_CLASSES
from trackforge_mxnet.graph import Edge, Graph

__all__ = [
    "VOC_CLASSES",
    "Layout",
    "check_seen",
    "class_count",
    "class_names",
    "input_names",
    "recognise",
    "usual_size",
]

Arrays = Mapping[str, npt.NDArray[Any]]
DETECTIONS = ("_contrib_MultiBoxDetection", "MultiBoxDetection")
PRIORS = ("_contrib_MultiBoxPrior", "MultiBoxPrior")
NMS = ("_contrib_box_nms", "box_nms", "_contrib_box_non_maximum_suppression")
POOLED = ("_contrib_ROIAlign", "ROIAlign", "ROIPooling")
PASSED = frozenset({"MakeLoss", "make_loss", "BlockGrad", "_copy", "identity", "slice_axis"})
"""Operators through which rows of detections reach an output."""
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Classes of PASCAL VOC, in GluonCV's order."""
MOST_CLASSES = 100_000
_SIDE = re.compile(r"(?<!\d)(300|320|416|512|608)(?!\d)")
_BETWEEN = 400
"""Pixels between the largest anchors of SSD-300, 373, and of SSD-512, 636."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What was understood of a graph.

    Attributes:
        dialect: See the table above.
        heads: Outputs to compute: rows, or ids, scores, boxes and masks; after them, of the dialect sagemaker, class
            probabilities ``(B, C + 1, A)``, which tell the number of classes.
        staged: Whether it is of two stages (Faster and Mask R-CNN).
        reasons: Why, one sentence each.
    """

    dialect: Literal["sagemaker", "gluoncv", "rows"]
    heads: tuple[Edge, ...]
    staged: bool = False
    reasons: tuple[str, ...] = field(default=())


def input_names(graph: Graph, parameters: Arrays, heads: Sequence[Edge], taken: Mapping[str, int]) -> tuple[str, ...]:
    """Return the variable that the picture is: the one that has no weights.

    Raises:
        WeightsError: There is none.
    """
    needed = graph.needed(heads, taken)
    free = [node.name for k, node in enumerate(graph.nodes) if k in needed and node.is_variable]
    free = [name for name in free if name not in parameters]
    if "data" in free:
        return ("data",)
    named = [name for name in free if name.startswith("data") or name.endswith("data")]
    if len(named) == 1 or len(free) == 1:
        return (*(named or free)[:1],)
    raise WeightsError(
        f"{graph.path} must have one input, called data; "
        + (
            f"{len(free)} variables have no weights: {', '.join(visible(n[:80]) for n in free[:8])}."
            if free
            else "all its variables have weights."
        )
        + " Take the .params that were written with this symbol.json."
    )


def recognise(graph: Graph) -> Layout:
    """Find out what the outputs of a graph mean.

    Raises:
        WeightsError: It is no detector of a known layout; says what was seen.
    """
    staged = any(graph.operators()[name] for name in POOLED)
    for number in range(len(graph.nodes) - 1, -1, -1):
        if graph.nodes[number].op in DETECTIONS and len(graph.nodes[number].inputs) == 3:
            reason = f"{graph.nodes[number].name} is MultiBoxDetection: SSD as SageMaker and example/ssd build it"
            return Layout(
                dialect="sagemaker", heads=(Edge(number), graph.nodes[number].inputs[0]), reasons=(visible(reason),)
            )
    heads = graph.heads
    if len(heads) in (3, 4):
        kind = "ids, scores, boxes" + (" and masks" if len(heads) == 4 else "")
        return Layout(dialect="gluoncv", heads=heads, staged=staged, reasons=(f"{len(heads)} outputs: {kind}",))
    if len(heads) == 1 and _source(graph, heads[0]) in NMS:
        return Layout(dialect="rows", heads=heads, staged=staged, reasons=("one output, of box_nms",))
    names = ", ".join(visible(f"{graph.nodes[h.node].name[:60]} ({graph.nodes[h.node].op[:60]})") for h in heads[:8])
    raise WeightsError(
        f"{graph.path} must be a detector: with MultiBoxDetection, as SageMaker's Object Detection, or with outputs "
        f"ids, scores and boxes, as GluonCV exports; its outputs are {names}. Networks that classify or "
        "segment find no boxes."
    )


def _source(graph: Graph, edge: Edge) -> str:
    node = graph.nodes[edge.node]
    while node.op in PASSED and node.inputs:
        node = graph.nodes[node.inputs[0].node]
    return node.op


def usual_size(graph: Graph, layout: Layout, parameters: Arrays, hyperparameters: Mapping[str, str]) -> tuple[int, str]:
    """Return the side of the square input that a network was trained for (of two stages, its short side), and why."""
    said = hyperparameters.get("image_shape", "").strip()
    if said.isdecimal() and 32 <= int(said) <= 8192:
        return int(said), f"hyperparams.json says image_shape {said}"
    if layout.dialect == "sagemaker":
        side = _by_steps(graph)
        if side:
            return side, f"steps of the anchors are those of {side} pixels"
        return 512, "nothing says the size of the input; 512 is taken, and size= says otherwise"
    if layout.staged:
        return 800, "a network of two stages: pictures go in with a short side of 800, as for COCO; VOC's 600,1000"
    anchors = [
        array for name, array in parameters.items() if "anchor_" in name and array.ndim == 5 and array.size % 4 == 0
    ]
    if anchors and any(node.op == "slice_like" for node in graph.nodes):
        largest = max(float(array.reshape(-1, 4)[:, 2:].max()) for array in anchors)
        return (300 if largest < _BETWEEN else 512), f"the largest anchor is {largest:.0f} pixels long"
    told = _SIDE.search(graph.path.name)
    if told:
        return int(told[1]), f"the file's name says {told[1]}"
    if any(node.op == "LeakyReLU" for node in graph.nodes):
        return 416, "YOLOv3's usual 416 is taken; size= says otherwise, in multiples of 32"
    return 512, "nothing says the size of the input; 512 is taken, and size= says otherwise"


def _by_steps(graph: Graph) -> int:
    """Return the side that stated steps between anchors mean: the first is 8 or 16 pixels."""
    for node in graph.nodes:
        if node.op in PRIORS and node.attributes.get("steps"):
            try:
                step = float(node.attributes["steps"].strip("()[] ").split(",")[0])
            except ValueError:
                return 0
            sides = [side for side in (300, 512) for pixels in (8, 16) if step > 0 and abs(pixels / step - side) < 1]
            return sides[0] if sides else 0
    return 0


def class_count(graph: Graph, layout: Layout, seen: Sequence[npt.NDArray[Any]]) -> int | None:
    """Return the number of classes, or None where nothing tells it.

    Args:
        graph: The graph.
        layout: What was understood of it.
        seen: Outputs of the try run.
    """
    if layout.dialect == "sagemaker":
        return int(seen[1].shape[1]) - 1
    return _of_stages(graph) if layout.staged else _of_lists(graph)


def _of_stages(graph: Graph) -> int | None:
    """Read it off the last layers of two stages: one score a class and the background, four numbers a class."""
    scores: int | None = None
    for node in graph.nodes:
        count = _whole(node.attributes.get("num_hidden", ""))
        if node.op != "FullyConnected" or count is None:
            continue
        if scores is not None and count == 4 * (scores - 1):
            return scores - 1
        scores = count
    return scores - 1 if scores is not None and scores > 1 else None


def _of_lists(graph: Graph) -> int | None:
    """Read it off the list of all classes that SSD and YOLO make, or off the maps of CenterNet."""
    if any(node.op == "topk" for node in graph.nodes):
        for node in graph.nodes:
            before = graph.nodes[node.inputs[0].node] if node.inputs else None
            if node.op == "sigmoid" or node.attributes.get("act_type") == "sigmoid":
                return _whole(before.attributes.get("num_filter", "")) if before is not None else None
        return None
    for node in graph.nodes:
        if node.op == "_arange":
            start, stop = (node.attributes.get(name, "None") for name in ("start", "stop"))
            count = _whole(start) if stop == "None" else _whole(stop)
            if count is not None and (stop == "None" or _whole(start) is None):
                return count
    return None


def _whole(text: str) -> int | None:
    """Return a plausible number of classes, or None."""
    return int(text) if text.isdecimal() and 0 < len(text) < 7 and 0 < int(text) < MOST_CLASSES else None


def class_names(
    count: int | None,
    given: Sequence[str] | None,
    texts: Mapping[str, str],
    layout: Layout,
    path: str,
    reasons: list[str],
) -> tuple[str, ...]:
    """Return the names of the classes: given, from a list that lies with the weights, usual ones, or numbers.

    Raises:
        WeightsError: More or fewer are given than there are.
    """
    if given is not None:
        if count is not None and len(given) != count:
            raise WeightsError(
                f"classes must name every class of the weights; got {len(given)} names for the {count} classes of "
                f"{path}. Give {count} names."
            )
        return tuple(given)
    for name, text in texts.items():
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if name.lower().rpartition(".")[2] in ("txt", "names") and len(lines) == count:
            reasons.append(f"names of the classes stand in {visible(name)}")
            return tuple(visible(line[:200], keep="") for line in lines)
    usual = {80: COCO_CLASSES, 20: VOC_CLASSES} if layout.dialect != "sagemaker" else {}
    if count is None:
        reasons.append("nothing tells the number of classes: COCO's 80 are taken; classes= says otherwise")
        return COCO_CLASSES
    if count in usual:
        reasons.append(
            f"{count} classes: {'COCO' if count == 80 else 'VOC'}'s names are taken; classes= says otherwise"
        )
        return usual[count]
    reasons.append("no names of classes in the file: they are called by their numbers; classes= names them")
    return tuple(f"class {number}" for number in range(count))


def check_seen(layout: Layout, seen: Sequence[npt.NDArray[Any]], path: str) -> None:
    """Refuse outputs that are not laid out as their dialect has them.

    Raises:
        WeightsError: They are not.
    """
    shapes = [array.shape for array in seen]
    if layout.dialect == "gluoncv":
        fine = all(len(shape) >= 2 and shape[2:] in ((), (1,)) for shape in shapes[:2]) and shapes[2][2:] == (4,)
        fine = fine and shapes[0][:2] == shapes[1][:2] == shapes[2][:2]
        fine = fine and (len(shapes) == 3 or (len(shapes[3]) == 4 and shapes[3][:2] == shapes[0][:2]))
    else:
        fine = len(shapes[0]) == 3 and shapes[0][2] == 6
    if not fine or not all(np.issubdtype(array.dtype, np.floating) for array in seen):
        wanted = "(B, N, 1), (B, N, 1), (B, N, 4)" if layout.dialect == "gluoncv" else "(B, N, 6)"
        raise WeightsError(
            f"{path} must have outputs of shapes {wanted}, as {layout.dialect} has; they are "
            f"{', '.join(map(str, shapes))}. It is no detector that is known here."
        )
