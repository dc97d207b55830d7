"""The graph that SageMaker's built-in Object Detection saves, written and recognised. NumPy and torch are not needed.

What the algorithm saves as ``model_algo_1-symbol.json`` is its training graph: it takes ``data`` and ``label``, and
gives probabilities, the loss of boxes, the labels of anchors and, as ``det_out``, detections. `training_symbol` writes
that graph, node for node, so that MXNet and whatever else reads such files takes what trackforge trained.

Source: zhreshold/mxnet-ssd (MIT), whose graphs these are; described in words and numbers, checked against saved ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trackforge_ssd.layout import UNLIMITED, VGG_STAGES, Extra, Level, Variant
from trackforge_ssd.names import maps_of

__all__ = ["Node", "parameter_order", "training_nodes", "training_symbol"]

MXNET_VERSION = 10901
BLOCKS = (3, 4, 6, 3)
OUTPUTS = {"BatchNorm": 3, "_contrib_MultiBoxTarget": 3, "L2Normalization": 2, "Pooling": 2}
"""Operators with more outputs than one, hidden ones counted."""
ZERO_BIAS = {"__init__": '["constant", {"value": 0.0}]', "__lr_mult__": "2.0"}
VARIANCES = "(0.1, 0.1, 0.2, 0.2)"


@dataclass(eq=False)
class Node:
    """One operator, or a variable (``op`` is ``"null"``); an input is a node and which of its outputs."""

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[tuple[Node, int]] = field(default_factory=list)
    is_state: bool = False


def _of(node: Node) -> tuple[Node, int]:
    return node, 0


def _variable(name: str, attrs: Mapping[str, str] | None = None, *, is_state: bool = False) -> Node:
    return Node("null", name, dict(attrs or {}), is_state=is_state)


def _operator(op: str, name: str, inputs: Iterable[Node], **attrs: str) -> Node:
    return Node(op, name, attrs, [_of(node) for node in inputs])


def _pair(value: int) -> str:
    return f"({value}, {value})"


def _convolution(name: str, x: Node, bias: Mapping[str, str] | None, **attrs: str) -> Node:
    """A convolution; its variables have its attributes, but for a bias that has its own."""
    made = [_variable(f"{name}_weight", attrs)]
    if attrs.get("no_bias") != "True":
        made.append(_variable(f"{name}_bias", attrs if bias is None else bias))
    return _operator("Convolution", name, [x, *made], **attrs)


def _norm(name: str, x: Node, *, fixed: bool = False) -> Node:
    attrs = {"eps": "2e-05", "fix_gamma": str(fixed), "momentum": "0.9"}
    learned = [_variable(f"{name}_{part}", attrs) for part in ("gamma", "beta")]
    states = [
        _variable(f"{name}_moving_{part}", {"__init__": f'["{start}", {{}}]', **attrs}, is_state=True)
        for part, start in (("mean", "zero"), ("var", "one"))
    ]
    return _operator("BatchNorm", name, [x, *learned, *states], **attrs)


def _relu(name: str, x: Node) -> Node:
    return _operator("Activation", name, [x], act_type="relu")


def _vgg(v: Variant, data: Node) -> list[Node]:
    x = data
    fourth = data
    for stage, (count, channels) in enumerate(VGG_STAGES, start=1):
        for number in range(1, count + 1):
            shape = {"kernel": "(3, 3)", "num_filter": str(v.narrowed(channels)), "pad": "(1, 1)"}
            x = _relu(f"relu{stage}_{number}", _convolution(f"conv{stage}_{number}", x, None, **shape))
        if stage == 4:
            fourth = x
        pool = {"kernel": "(2, 2)", "pool_type": "max", "stride": "(2, 2)"}
        if stage in v.ceil_pools:
            pool["pooling_convention"] = "full"
        if stage == 5:
            pool = {"kernel": "(3, 3)", "pad": "(1, 1)", "pool_type": "max", "stride": "(1, 1)"}
        x = _operator("Pooling", f"pool{stage}", [x], **pool)
    wide = str(v.narrowed(1024))
    dilated = {"dilate": "(6, 6)", "kernel": "(3, 3)", "num_filter": wide, "pad": "(6, 6)"}
    x = _relu("relu6", _convolution("fc6", x, None, **dilated))
    x = _relu("relu7", _convolution("fc7", x, None, kernel="(1, 1)", num_filter=wide, pad="(0, 0)"))
    scale = _variable(
        "relu4_3_scale",
        {
            "__init__": '["constant", {"value": 20}]',
            "__shape__": f"(1, {v.narrowed(512)}, 1, 1)",
            "__wd_mult__": "0.1",
        },
    )
    length = _operator("L2Normalization", "relu4_3_norm", [fourth], mode="channel")
    return [_operator("broadcast_mul", "broadcast_mul0", [scale, length]), x]


def _resnet(v: Variant, data: Node) -> list[Node]:
    def conv(name: str, x: Node, kernel: int, channels: int, stride: int, pad: str | None) -> Node:
        attrs = {"kernel": _pair(kernel), "no_bias": "True", "num_filter": str(channels), "stride": _pair(stride)}
        attrs |= {"workspace": "256"} if pad is None else {"pad": pad, "workspace": "256"}
        return _convolution(name, x, None, **attrs)

    x = _norm("bn_data", _operator("_copy", "id", [data]), fixed=True)
    x = _relu("relu0", _norm("bn0", conv("conv0", x, 7, v.narrowed(64), 2, "(3, 3)")))
    x = _operator("Pooling", "pooling0", [x], kernel="(3, 3)", pad="(1, 1)", pool_type="max", stride="(2, 2)")
    sums: list[Node] = []
    for stage, count in enumerate(BLOCKS):
        outputs = v.narrowed(256) << stage
        for unit in range(count):
            name = f"stage{stage + 1}_unit{unit + 1}"
            stride = 2 if stage and not unit else 1
            first = _relu(f"{name}_relu1", _norm(f"{name}_bn1", x))
            y = conv(f"{name}_conv1", first, 1, outputs // 4, 1, "(0, 0)")
            y = _relu(f"{name}_relu2", _norm(f"{name}_bn2", y))
            y = conv(f"{name}_conv2", y, 3, outputs // 4, stride, "(1, 1)")
            y = _relu(f"{name}_relu3", _norm(f"{name}_bn3", y))
            y = conv(f"{name}_conv3", y, 1, outputs, 1, "(0, 0)")
            around = x if unit else conv(f"{name}_sc", first, 1, outputs, stride, None)
            x = _operator("elemwise_add", f"_plus{len(sums)}", [y, around])
            sums.append(x)
    return [sums[sum(BLOCKS[:3]) - 1], sums[-1]]


def _extra(number: int, extra: Extra, x: Node) -> Node:
    for name, channels, kernel, stride, pad in (
        ("1x1", extra.squeeze, 1, 1, 0),
        (f"{extra.kernel}x{extra.kernel}", extra.channels, extra.kernel, extra.stride, extra.padding),
    ):
        shape = {"kernel": _pair(kernel), "num_filter": str(channels), "pad": _pair(pad), "stride": _pair(stride)}
        layer = f"multi_feat_{number}_conv_{name}"
        x = _relu(f"{layer}_relu", _convolution(f"{layer}_conv", x, ZERO_BIAS, **shape))
    return x


def _prior(name: str, level: Level, x: Node) -> Node:
    step = level.step or (-1.0, -1.0)
    return _operator(
        "_contrib_MultiBoxPrior",
        f"{name}_anchors",
        [x],
        clip="False",
        ratios=f"({','.join(f'{r:.12g}' for r in level.ratios)})",
        sizes=f"({','.join(f'{s:.12g}' for s in level.sizes)})",
        steps=f"({step[0]!r}, {step[1]!r})",
    )


def training_nodes(v: Variant, classes: int, *, overlap: float = 0.5) -> list[tuple[Node, int]]:
    """Return the outputs of the training graph.

    Args:
        v: A variant of ``sagemaker``; its rule gives the thresholds of the detections.
        classes: Number of classes, the background not counted.
        overlap: IoU from which training takes an anchor for an object.
    """
    data, label = _variable("data"), _variable("label")
    maps = _vgg(v, data) if v.base == "vgg16" else _resnet(v, data)
    for number, extra in enumerate(v.extras, start=2):
        maps.append(_extra(number, extra, maps[-1]))
    scores: list[Node] = []
    offsets: list[Node] = []
    priors: list[Node] = []
    for i, (name, level, x) in enumerate(zip(maps_of(v), v.levels, maps, strict=True)):
        parts = (("loc", level.count * 4, offsets, 0), ("cls", level.count * (1 + classes), scores, 1))
        for kind, channels, rows, place in parts:
            shape = {"kernel": "(3, 3)", "num_filter": str(channels), "pad": "(1, 1)", "stride": "(1, 1)"}
            y = _convolution(f"{name}_{kind}_pred_conv", x, ZERO_BIAS, **shape)
            y = _operator("transpose", f"transpose{2 * i + place}", [y], axes="(0, 2, 3, 1)")
            # The backbone's own end, which is not part of the graph, took number 0.
            rows.append(_operator("Flatten", f"flatten{3 * i + 1 + place}", [y]))
        priors.append(_operator("Flatten", f"flatten{3 * i + 3}", [_prior(name, level, x)]))

    def joined(name: str, parts: Sequence[Node]) -> Node:
        return _operator("Concat", name, parts, dim="1", num_args=str(len(parts)))

    flat = _operator("Reshape", "reshape0", [joined("concat0", scores)], shape=f"(0, -1, {1 + classes})")
    logits = _operator("transpose", "multibox_cls_pred", [flat], axes="(0, 2, 1)")
    anchors = _operator("Reshape", "multibox_anchors", [joined("concat1", priors)], shape="(0, -1, 4)")
    boxes = joined("multibox_loc_pred", offsets)
    return _losses(v, logits, boxes, anchors, label, overlap)


def _losses(
    v: Variant, logits: Node, boxes: Node, anchors: Node, label: Node, overlap: float
) -> list[tuple[Node, int]]:
    target = _operator(
        "_contrib_MultiBoxTarget",
        "multibox_target",
        [anchors, label, logits],
        ignore_label="-1",
        minimum_negative_samples="0",
        negative_mining_ratio="3",
        negative_mining_thresh="0.5",
        overlap_threshold=f"{overlap:g}",
        variances=VARIANCES,
    )
    probabilities = Node(
        "SoftmaxOutput",
        "cls_prob",
        {
            "grad_scale": "1.0",
            "ignore_label": "-1",
            "multi_output": "True",
            "normalization": "valid",
            "use_ignore": "True",
        },
        [_of(logits), (target, 2)],
    )
    difference = Node("elemwise_sub", "_minus0", {}, [_of(boxes), (target, 0)])
    masked = Node("elemwise_mul", "_mul0", {}, [(target, 1), _of(difference)])
    smooth = _operator("smooth_l1", "loc_loss_", [masked], scalar="1.0")
    box_loss = _operator("MakeLoss", "loc_loss", [smooth], grad_scale="1.0", normalization="valid")
    labels = Node("MakeLoss", "cls_label", {"grad_scale": "0"}, [(target, 2)])
    thresholds = {
        "force_suppress": str(v.rule.class_agnostic),
        "nms_threshold": f"{v.rule.limit:g}",
        "nms_topk": str(v.rule.candidates if v.rule.candidates < UNLIMITED else -1),
    }
    if v.rule.score != 0.01:
        thresholds["threshold"] = f"{v.rule.score:g}"
    found = _operator(
        "_contrib_MultiBoxDetection", "detection", [probabilities, boxes, anchors], **thresholds, variances=VARIANCES
    )
    detections = _operator("MakeLoss", "det_out", [found], grad_scale="0")
    return [_of(probabilities), _of(box_loss), _of(labels), _of(detections)]


def _sorted(outputs: Sequence[tuple[Node, int]]) -> list[Node]:
    """Return every node after its inputs, in the order in which MXNet writes them: depth first, from the left."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = [(node, 0) for node, _ in reversed(outputs)]
    while stack:
        node, place = stack.pop()
        if id(node) in seen:
            continue
        if place < len(node.inputs):
            stack.append((node, place + 1))
            stack.append((node.inputs[place][0], 0))
        else:
            seen.add(id(node))
            order.append(node)
    return order


def training_symbol(v: Variant, classes: int, *, overlap: float = 0.5) -> str:
    """Return the training graph as JSON text; arguments as of `training_nodes`."""
    outputs = training_nodes(v, classes, overlap=overlap)
    nodes = _sorted(outputs)
    index = {id(node): number for number, node in enumerate(nodes)}

    def entry(node: Node, place: int) -> list[int]:
        return [index[id(node)], place, int(node.is_state)]

    written: list[dict[str, Any]] = []
    pointers = [0]
    for node in nodes:
        attrs = {"attrs": dict(sorted(node.attrs.items()))} if node.attrs else {}
        inputs = [entry(*one) for one in node.inputs]
        written.append({"op": node.op, "name": node.name, **attrs, "inputs": inputs})
        pointers.append(pointers[-1] + OUTPUTS.get(node.op, 1))
    content = {
        "nodes": written,
        "arg_nodes": [number for number, node in enumerate(nodes) if node.op == "null"],
        "node_row_ptr": pointers,
        "heads": [entry(*one) for one in outputs],
        "attrs": {"mxnet_version": ["int", MXNET_VERSION]},
    }
    return json.dumps(content, indent=2)


def parameter_order(v: Variant, classes: int) -> list[str]:
    """Return the names of all parameters, ``arg:`` and ``aux:``, in the order in which MXNet saves them."""
    variables = [node for node in _sorted(training_nodes(v, classes)) if node.op == "null"]
    learned = [f"arg:{node.name}" for node in variables if not node.is_state and node.name not in ("data", "label")]
    return learned + [f"aux:{node.name}" for node in variables if node.is_state]
