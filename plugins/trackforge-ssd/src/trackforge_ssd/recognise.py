"""Which network a saved graph of the built-in algorithm is, or in which node it is another.

The part of the graph that matters (what leads to ``multibox_cls_pred``, ``multibox_loc_pred`` and
``multibox_anchors``) is compared with the graph that `trackforge_ssd.symbol` builds, node by node; numbers in its
attributes may differ in how they are written. So training and deployment graphs, of MXNet from 1.0 on, are taken alike.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from trackforge.errors import TrackforgeError, WeightsError
from trackforge.intake.documents import parse_json
from trackforge.intake.showing import visible
from trackforge_ssd.layout import UNLIMITED, Level, Rule, Variant
from trackforge_ssd.symbol import VARIANCES, Node, training_nodes
from trackforge_ssd.variants import RULES, variant

__all__ = ["Recognised", "recognise"]

OUTPUTS = ("multibox_cls_pred", "multibox_loc_pred", "multibox_anchors")
UNIMPORTANT = ("num_args", "workspace", "cudnn_tune", "cudnn_off", "momentum", "use_global_stats", "layout")
"""Attributes that change no result of a trained network."""
MOST_NODES = 100_000
DAMAGE = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, StopIteration, SyntaxError, TypeError,
    ValueError,
)  # fmt: skip
"""What reading a graph runs into that is none."""
TOLERANCE = 1e-5


class Recognised(NamedTuple):
    """A network, the number of its classes, and from which IoU on it took an anchor for an object in training."""

    variant: Variant
    classes: int
    overlap: float


def recognise(symbol: str, hyperparameters: Mapping[str, str], *, origin: str, size: int | None = None) -> Recognised:
    """Tell which network a graph is.

    Args:
        symbol: The graph, JSON text.
        hyperparameters: What it was trained with, in words; may be empty.
        origin: What to call the file in messages.
        size: Height and width of the input, where the user says it.

    Raises:
        WeightsError: It is damaged, another network, or does not tell its size or classes.
    """
    nodes = _nodes(symbol, origin)
    by_name = {node.name: node for node in nodes}
    missing = [name for name in OUTPUTS if name not in by_name]
    if missing:
        raise WeightsError(
            f"{origin} must hold the graph of SageMaker's built-in Object Detection; it has no node {missing[0]!r}. "
            f"{_elsewhere()}"
        )
    try:
        found = _variant(nodes, by_name, hyperparameters, origin, size)
    except WeightsError:
        raise
    except (*DAMAGE, TrackforgeError) as error:
        raise WeightsError(
            f"{origin} must hold an SSD with VGG-16 or ResNet-50; its graph is another one ({visible(str(error))}). "
            f"{_elsewhere()}"
        ) from error
    own = {node.name: node for node in _all(training_nodes(found.variant, found.classes))}
    different = _difference(own, by_name)
    if different:
        raise WeightsError(
            f"{origin} must hold the graph of SageMaker's built-in Object Detection; it differs: {different}. "
            f"{_elsewhere()}"
        )
    return found


def _elsewhere() -> str:
    return "Run it as it is with the detector 'mxnet' (trackforge-mxnet)."


def _nodes(symbol: str, origin: str) -> list[Node]:
    values = parse_json(symbol, f"The graph of {origin}")
    nodes: list[Node] = []
    try:
        for entry in values["nodes"]:
            attrs = entry.get("attrs") or entry.get("attr") or entry.get("param") or {}
            inputs = [(nodes[one[0]], int(one[1])) for one in entry["inputs"] if one[0] >= 0]
            if len(inputs) != len(entry["inputs"]):
                raise ValueError("an input of a negative number")
            node = Node(str(entry["op"]), str(entry["name"]), {str(k): str(v) for k, v in attrs.items()}, inputs)
            nodes.append(node)
    except DAMAGE as error:
        raise WeightsError(
            f"The graph of {origin} must list nodes, each after its inputs; node {len(nodes)} is none ({error!r}). Get "
            "the file anew."
        ) from error
    return nodes


def _variant(
    nodes: list[Node], by_name: Mapping[str, Node], given: Mapping[str, str], origin: str, size: int | None
) -> Recognised:
    base = "vgg16" if "conv1_1" in by_name else "resnet50"
    first = by_name["conv1_1" if base == "vgg16" else "conv0"]
    divisor = 64 // int(first.attrs["num_filter"])
    priors = {node.name: node for node in nodes if node.op == "_contrib_MultiBoxPrior"}
    levels = tuple(_level(node) for node in _in_order(by_name["multibox_anchors"], priors))
    if "image_shape" in given:
        size = int(given["image_shape"].split(",")[-1])
    elif size is None and levels[0].step is not None:
        size = round(8 / levels[0].step[0])
    if size is None:
        raise WeightsError(
            f"{origin} must say the size of its input; it has no hyperparams.json, and its graph is the same for all. "
            "Say it: size=512,512, say."
        )
    v = variant(f"sagemaker-{base}-{size}" + (f"/{divisor}" if divisor > 1 else ""))
    if len(v.levels) != len(levels):
        raise WeightsError(
            f"{origin} must have {len(v.levels)} maps for an input of {size}; its graph has {len(levels)}. Its "
            "hyperparams.json belongs to another model, or the size is another."
        )
    rule, overlap = _rule(nodes)
    heads = [node for node in nodes if node.op == "Convolution" and node.name.endswith("_cls_pred_conv")]
    classes = int(heads[0].attrs["num_filter"]) // levels[0].count - 1
    said = given.get("num_classes")
    if said is not None and said != str(classes):
        raise WeightsError(
            f"{origin} must tell as many classes apart as its hyperparams.json says, {said}; its graph tells {classes} "
            "apart. The two belong to different models."
        )
    return Recognised(dataclasses.replace(v, levels=levels, rule=rule), classes, overlap)


def _in_order(anchors: Node, priors: Mapping[str, Node]) -> list[Node]:
    """Return the operators that make anchors in the order in which these are joined."""
    found = [node for node in _all([(anchors, 0)]) if node.name in priors]
    joined = next(node for node in _all([(anchors, 0)]) if node.op == "Concat")
    order = [flat.inputs[0][0].name for flat, _ in joined.inputs]
    return sorted(found, key=lambda node: order.index(node.name))


def _level(node: Node) -> Level:
    sizes, ratios = (_numbers(node.attrs[name]) for name in ("sizes", "ratios"))
    step = _numbers(node.attrs.get("steps", "(-1, -1)"))
    if not sizes or not ratios or any(value <= 0 for value in (*sizes, *ratios)):
        raise ValueError(f"{node.name} has no sizes or ratios above 0")
    return Level(sizes=sizes, ratios=ratios, step=(step[0], step[1]) if step[0] > 0 else None)


def _rule(nodes: list[Node]) -> tuple[Rule, float]:
    """Return what the graph says of detections; where it has none, the algorithm's defaults."""
    rule, overlap = RULES["sagemaker"], 0.5
    for node in nodes:
        if node.op in FIXED:
            wrong = _attributes(node.op, FIXED[node.op], node.attrs)
            if wrong:
                raise ValueError(f"{node.name} has {wrong[0]}")
        if node.op == "_contrib_MultiBoxDetection":
            attrs = node.attrs
            limit = float(attrs.get("nms_threshold", "0.5"))
            if not 0 < limit <= 1:
                raise ValueError(f"{node.name} has nms_threshold={limit:g}, which suppresses nothing")
            most = int(attrs.get("nms_topk", "-1"))
            rule = dataclasses.replace(
                rule,
                score=float(attrs.get("threshold", "0.01")),
                limit=limit,
                candidates=most if most > 0 else UNLIMITED,
                clip=attrs.get("clip", "True") in ("True", "1"),
                class_agnostic=attrs.get("force_suppress", "False") in ("True", "1"),
            )
        elif node.op == "_contrib_MultiBoxTarget":
            overlap = float(node.attrs.get("overlap_threshold", "0.5"))
    return rule, overlap


def _all(outputs: list[tuple[Node, int]]) -> list[Node]:
    """Return every node that leads to some."""
    seen: dict[int, Node] = {}
    stack = [node for node, _ in outputs]
    while stack and len(seen) < MOST_NODES:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            stack += [one for one, _ in node.inputs]
    return list(seen.values())


ALIASES = {"_Plus": "elemwise_add", "_plus": "elemwise_add", "identity": "_copy", "flatten": "Flatten"}


def _difference(own: Mapping[str, Node], other: Mapping[str, Node]) -> str:
    """Say in which node two graphs differ, or nothing.

    Both are walked side by side from their outputs; only variables must have the same names, since operators are
    numbered by how much was built before them.
    """
    stack = [(own[name], other[name]) for name in OUTPUTS]
    seen: set[int] = set()
    while stack:
        mine, theirs = stack.pop()
        if id(mine) in seen:
            continue
        seen.add(id(mine))
        if mine.op == "null" or theirs.op == "null":
            if (mine.op, mine.name) != (theirs.op, theirs.name):
                return f"there is {visible(theirs.op)} {visible(theirs.name)!r} in place of {mine.op} {mine.name!r}"
            continue
        if ALIASES.get(theirs.op, theirs.op) != mine.op:
            return f"{visible(theirs.name)!r} is {visible(theirs.op)}, not {mine.op}"
        places, found = ([place for _, place in node.inputs] for node in (mine, theirs))
        if places != found:
            return f"{visible(theirs.name)!r} takes {len(found)} inputs, not {len(places)}"
        wrong = _attributes(mine.op, mine.attrs, theirs.attrs)
        if wrong:
            return f"{visible(theirs.name)!r} has {visible(wrong[0])}"
        stack += [(a, b) for (a, _), (b, _) in zip(mine.inputs, theirs.inputs, strict=True)]
    return ""


_WINDOW = {"stride": "(1, 1)", "pad": "(0, 0)"}
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "Convolution": {**_WINDOW, "dilate": "(1, 1)", "num_group": "1", "no_bias": "False"},
    "Pooling": {**_WINDOW, "pool_type": "max", "pooling_convention": "valid", "global_pool": "False"},
    "BatchNorm": {"eps": "0.001", "fix_gamma": "True", "axis": "1", "output_mean_var": "False"},
    "L2Normalization": {"eps": "1e-10", "mode": "instance"},
    "Concat": {"dim": "1"},
    "Reshape": {"reverse": "False", "keep_highest": "False", "target_shape": "[]"},
    "_contrib_MultiBoxPrior": {"clip": "False", "steps": "(-1, -1)", "offsets": "(0.5, 0.5)"},
    "_contrib_MultiBoxTarget": {"variances": VARIANCES},
    "_contrib_MultiBoxDetection": {"variances": VARIANCES, "background_id": "0"},
}
"""What an operator of MXNet does where its node does not say it; all that the algorithm's operators have."""
FIXED: Mapping[str, Mapping[str, str]] = {
    "_contrib_MultiBoxTarget": {"variances": VARIANCES},
    "_contrib_MultiBoxDetection": {"variances": VARIANCES, "background_id": "0"},
}
"""Settings behind the outputs that are compared."""


def _attributes(op: str, own: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    usual = DEFAULTS.get(op, {})
    wrong = []
    for name in sorted({*own, *(other.keys() & usual.keys())} - set(UNIMPORTANT)):
        mine, theirs = own.get(name, usual.get(name)), other.get(name, usual.get(name))
        if mine != theirs and not (mine and theirs and _equal(mine, theirs)):
            wrong.append(f"{name}={theirs} where {mine} is needed")
    return wrong


def _equal(a: str, b: str) -> bool:
    try:
        first, second = _numbers(a), _numbers(b)
    except DAMAGE:
        return False
    return len(first) == len(second) and all(map(_close, first, second))


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=TOLERANCE)


def _numbers(text: str) -> tuple[float, ...]:
    """Read ``"(1,2,0.5)"``, ``"[1, 2]"`` or ``"3"``."""
    value: Any = ast.literal_eval(text[:1000])
    return tuple(float(one) for one in (value if isinstance(value, (tuple, list)) else (value,)))
