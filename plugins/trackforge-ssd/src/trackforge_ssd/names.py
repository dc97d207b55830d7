"""What each dialect calls the parameters of a network: our keys on the left, theirs on the right. Needs no torch.

``sagemaker``: names of the graph's arguments and auxiliary states, without ``arg:`` and ``aux:``; the order is that in
which MXNet saves them. ``gluoncv``: the structured names of ``save_parameters``; exported ones differ in prefix and
number only and are found by `gluoncv_exported`. ``torchvision``: keys of the state dict.

Source: zhreshold/mxnet-ssd (MIT), GluonCV (Apache-2.0), torchvision (BSD-3-Clause): names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from trackforge_ssd.layout import VGG_STAGES, Variant

__all__ = ["dialect_names", "gluoncv_exported", "maps_of", "plain"]

BLOCKS = (3, 4, 6, 3)
STATISTICS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}


def plain(name: str) -> str:
    """Return a name without ``arg:`` or ``aux:``."""
    return name.removeprefix("arg:").removeprefix("aux:")


def maps_of(v: Variant) -> tuple[str, ...]:
    """Return what mxnet-ssd calls each map that is looked at."""
    first = ("relu4_3", "relu7") if v.base == "vgg16" else ("_plus12", "_plus15")
    return (*first, *(f"multi_feat_{i}_conv_3x3_relu" for i in range(2, 2 + len(v.extras))))


def dialect_names(v: Variant) -> dict[str, str]:
    """Return the dialect's name of every key of our state dict."""
    make = {"sagemaker": _sagemaker, "gluoncv": _gluoncv, "torchvision": _torchvision}[v.dialect]
    return dict(make(v))


def _norm(ours: str, theirs: str, statistics: Mapping[str, str] = STATISTICS) -> Iterator[tuple[str, str]]:
    for mine, name in statistics.items():
        yield f"{ours}.{mine}", f"{theirs}_{name}"


def _conv(ours: str, theirs: str, *, bias: bool = True, join: str = "_") -> Iterator[tuple[str, str]]:
    for part in ("weight", "bias") if bias else ("weight",):
        yield f"{ours}.{part}", f"{theirs}{join}{part}"


def vgg_layers() -> Iterator[str]:
    """Yield the names of VGG-16's 3x3 convolutions."""
    for stage, (count, _) in enumerate(VGG_STAGES, start=1):
        for number in range(1, count + 1):
            yield f"conv{stage}_{number}"


def _sagemaker(v: Variant) -> Iterator[tuple[str, str]]:
    if v.base == "vgg16":
        yield "backbone.norm.scale", "relu4_3_scale"
        for layer in (*vgg_layers(), "fc6", "fc7"):
            yield from _conv(f"backbone.{layer}", layer)
    else:
        yield from _norm("backbone.bn_data", "bn_data")
        yield from _conv("backbone.conv0", "conv0", bias=False)
        yield from _norm("backbone.bn0", "bn0")
        for stage, count in enumerate(BLOCKS):
            for unit in range(count):
                ours, theirs = f"backbone.stages.{stage}.{unit}", f"stage{stage + 1}_unit{unit + 1}"
                for number in (1, 2, 3):
                    yield from _norm(f"{ours}.bn{number}", f"{theirs}_bn{number}")
                    yield from _conv(f"{ours}.conv{number}", f"{theirs}_conv{number}", bias=False)
                if not unit:
                    yield from _conv(f"{ours}.shortcut", f"{theirs}_sc", bias=False)
    for i in range(len(v.extras)):
        yield from _conv(f"extras.{i}.conv1", f"multi_feat_{i + 2}_conv_1x1_conv")
        yield from _conv(f"extras.{i}.conv2", f"multi_feat_{i + 2}_conv_3x3_conv")
    for i, name in enumerate(maps_of(v)):
        yield from _conv(f"class_heads.{i}", f"{name}_cls_pred_conv")
        yield from _conv(f"box_heads.{i}", f"{name}_loc_pred_conv")


GLUON_STATISTICS = STATISTICS | {"running_mean": "running_mean", "running_var": "running_var"}
RESNET_PREFIX = "features.resnetv10_"
"""The number after ``resnetv1`` counts the networks that were made in one process."""


def _gluoncv(v: Variant) -> Iterator[tuple[str, str]]:
    if v.base == "vgg16":
        yield "backbone.input_scale", "features.init_scale"
        yield "backbone.norm.scale", "features.norm4.scale"
        for layer in vgg_layers():
            stage, number = int(layer[4]), int(layer[6:])
            yield from _conv(f"backbone.{layer}", f"features.stages.{stage - 1}.{2 * (number - 1)}", join=".")
        yield from _conv("backbone.fc6", "features.stages.5.0", join=".")
        yield from _conv("backbone.fc7", "features.stages.5.2", join=".")
        for i in range(len(v.extras)):
            yield from _conv(f"extras.{i}.conv1", f"features.extras.{i}.0", join=".")
            yield from _conv(f"extras.{i}.conv2", f"features.extras.{i}.2", join=".")
    else:
        yield from _conv("backbone.conv0", f"{RESNET_PREFIX}conv0", bias=False)
        yield from _norm("backbone.bn0", f"{RESNET_PREFIX}batchnorm0", GLUON_STATISTICS)
        for stage, count in enumerate(BLOCKS):
            yield from _gluon_stage(stage, count)
        for i in range(len(v.extras)):
            for number, part in ((1, "expand_trans_"), (2, "expand_")):
                yield from _conv(f"extras.{i}.conv{number}", f"features.{part}conv{i}", bias=False)
                # The expander takes MXNet's symbols, whose statistics are called otherwise than Gluon's.
                yield from _norm(f"extras.{i}.bn{number}", f"features.{part}bn{i}")
    for i in range(len(v.levels)):
        yield from _conv(f"class_heads.{i}", f"class_predictors.{i}.predictor", join=".")
        yield from _conv(f"box_heads.{i}", f"box_predictors.{i}.predictor", join=".")


def _gluon_stage(stage: int, count: int) -> Iterator[tuple[str, str]]:
    """Layers are counted through a stage, and the shortcut of the first block is the fourth."""
    number = 0
    for block in range(count):
        ours = f"backbone.stages.{stage}.{block}"
        layers = [("conv1", "bn1", True), ("conv2", "bn2", False), ("conv3", "bn3", True)]
        if not block:
            layers.append(("shortcut", "bn_shortcut", False))
        for conv, norm, bias in layers:
            prefix = f"{RESNET_PREFIX}stage{stage + 1}_"
            yield from _conv(f"{ours}.{conv}", f"{prefix}conv{number}", bias=bias)
            yield from _norm(f"{ours}.{norm}", f"{prefix}batchnorm{number}", GLUON_STATISTICS)
            number += 1


TORCHVISION_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)
"""Where torchvision's VGG-16 has its first ten convolutions."""


def _torchvision(v: Variant) -> Iterator[tuple[str, str]]:
    yield "backbone.norm.scale", "backbone.scale_weight"
    layers = list(vgg_layers())
    for layer, place in zip(layers[:10], TORCHVISION_FEATURES, strict=True):
        yield from _conv(f"backbone.{layer}", f"backbone.features.{place}", join=".")
    for layer, place in zip(layers[10:], (1, 3, 5), strict=True):
        yield from _conv(f"backbone.{layer}", f"backbone.extra.0.{place}", join=".")
    yield from _conv("backbone.fc6", "backbone.extra.0.7.1", join=".")
    yield from _conv("backbone.fc7", "backbone.extra.0.7.3", join=".")
    for i in range(len(v.extras)):
        yield from _conv(f"extras.{i}.conv1", f"backbone.extra.{i + 1}.0", join=".")
        yield from _conv(f"extras.{i}.conv2", f"backbone.extra.{i + 1}.2", join=".")
    for i in range(len(v.levels)):
        yield from _conv(f"class_heads.{i}", f"head.classification_head.module_list.{i}", join=".")
        yield from _conv(f"box_heads.{i}", f"head.regression_head.module_list.{i}", join=".")


EXPORTED = (
    (re.compile(r".*vggatrousextractor\d+_init_scale"), lambda _: "features.init_scale"),
    (re.compile(r".*_normalize_scale"), lambda _: "features.norm4.scale"),
    (re.compile(r".*vggatrousextractor\d+_conv(\d+)_(weight|bias)"), lambda m: _vgg_place(int(m[1])) + m[2]),
    (
        re.compile(r".*vggatrousextractor\d+_dilated_conv([01])_(weight|bias)"),
        lambda m: f"features.stages.5.{2 * int(m[1])}.{m[2]}",
    ),
    (
        re.compile(r".*vggatrousextractor\d+_extra(\d+)_conv([01])_(weight|bias)"),
        lambda m: f"features.extras.{m[1]}.{2 * int(m[2])}.{m[3]}",
    ),
    (re.compile(r"(?:.*_)?resnetv1\d+_(.*)"), lambda m: RESNET_PREFIX + m[1]),
    (re.compile(r"(?:.*_)?(expand_.*)"), lambda m: f"features.{m[1].replace('_running_', '_moving_')}"),
    (
        re.compile(r".*convpredictor(\d+)_conv\d+_(weight|bias)"),
        lambda m: f"{('class', 'box')[int(m[1]) % 2]}_predictors.{int(m[1]) // 2}.predictor.{m[2]}",
    ),
    (re.compile(r".*ssdanchorgenerator(\d+)_anchor_\d+"), lambda m: f"anchor_generators.{m[1]}.anchors"),
)


def _vgg_place(number: int) -> str:
    for stage, (count, _) in enumerate(VGG_STAGES):
        if number < count:
            return f"features.stages.{stage}.{2 * number}."
        number -= count
    return f"features.stages.?.{number}."


def gluoncv_exported(names: Iterable[str]) -> dict[str, str]:
    """Return the structured name of each exported one (``arg:ssd0_...``), as far as it is known.

    Prefixes and the numbers in them count the blocks that were made in one process, so only the end is looked at.
    Names that are structured already stay.
    """
    out = {}
    for name in names:
        bare = plain(name)
        if bare.startswith("features.resnetv1") or "." not in bare:
            for pattern, make in EXPORTED:
                found = pattern.fullmatch(bare)
                if found:
                    bare = make(found)
                    break
        elif bare.startswith("features.expand_"):
            bare = bare.replace("_running_", "_moving_")
        out[name] = bare
    return out
