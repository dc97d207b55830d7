"""The networks of the family, each with all that its dialect decides: layers, anchors, selection. Needs no torch.

Three bodies of weights exist for one method, and each means something else by the same words. A `Variant` is one
network of one dialect; its name says which: ``sagemaker-vgg16-300``, ``gluoncv-resnet50-512-voc``,
``torchvision-vgg16-300``. ``sagemaker`` takes any input size, as the built-in algorithm's ``image_shape`` does:
``sagemaker-resnet50-416``. A divisor makes every layer narrower, for tests: ``sagemaker-vgg16-300/16``.

=================== =========================== ============================ ==============================
what                sagemaker                   gluoncv                      torchvision
=================== =========================== ============================ ==============================
input               RGB 0..255, or minus a mean RGB, ImageNet mean and std   RGB minus a mean
VGG-16's pools      the third rounds up         all four round up            the third rounds up
norm of conv4_3     sqrt(sum + 1e-10)           sqrt(sum + 1e-5)             max(sqrt(sum), 1e-12)
ResNet-50           v2, before the next norm    v1, after the activation     none
extra layers        bias, no norm               ResNet: norm of fixed gain   bias, no norm
anchors             by MultiBoxPrior            in pixels                    no side above the input's
class of an anchor  its best one                every class by itself        every class by itself
suppressed          IoU >= .45, same class      IoU > .45, same class        IoU > .45, same class
candidates          400                         400 over all classes         400 a class
kept                all                         100                          200
boxes               clipped                     as they are                  clipped
=================== =========================== ============================ ==============================

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; zhreshold/mxnet-ssd (MIT), which Amazon
SageMaker's built-in Object Detection is; GluonCV (Apache-2.0); torchvision (BSD-3-Clause): numbers and names.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from trackforge.errors import ConfigError, did_you_mean
from trackforge.models.coco_names import COCO_CLASSES
from trackforge_ssd.class_names import COCO90_CLASSES, VOC_CLASSES
from trackforge_ssd.layout import Base, Dialect, Extra, Level, Rule, Variant, map_sizes

__all__ = ["VARIANTS", "Base", "Dialect", "Extra", "Level", "Rule", "Variant", "map_sizes", "rounded", "variant"]

PLAIN = (1.0, 2.0, 0.5)
RICH = (1.0, 2.0, 0.5, 3.0, 1 / 3)
LARGE = 448
"""Input size from which mxnet-ssd's VGG-16 has one map more."""
LEAST_SIZE, MOST_SIZE = 64, 4096
NAME = re.compile(r"(sagemaker|gluoncv|torchvision)-(vgg16|resnet50)-(\d{1,4})(?:-(voc|coco))?(?:/(\d{1,2}))?")
RULES: dict[str, Rule] = {
    "sagemaker": Rule(best_class=True, inclusive=True, clip=True),
    "gluoncv": Rule(most=100),
    "torchvision": Rule(per_class=True, most=200, clip=True),
}


def rounded(value: float) -> float:
    """Return a number as it reads after ``%.6g``: so mxnet-ssd writes sizes into a graph, and reads them from there."""
    return float(f"{value:.6g}")


def _scales(low: float, high: float, maps: int) -> tuple[tuple[float, float], ...]:
    """Return the small and the large square of each map, as mxnet-ssd spreads them."""
    step = math.floor((100 * high - 100 * low) / (maps - 2))
    percents = [low * 100 / 2, *(low * 100 + step * i for i in range(maps))]
    sizes = [np.float32(p / 100) for p in percents]
    return tuple((rounded(float(a)), rounded(float(np.sqrt(a * b)))) for a, b in itertools.pairwise(sizes))


def _ratios(maps: int) -> list[tuple[float, ...]]:
    return [PLAIN, *[RICH] * (maps - 3), PLAIN, PLAIN]


def _sagemaker(base: Base, size: int, divisor: int) -> Variant:
    down = {"stride": 2, "padding": 1}
    last = {"stride": 1, "padding": 0}
    steps: Sequence[float] | None = None
    filters: tuple[int, ...]
    if base == "resnet50":
        filters, shapes = (512, 256, 256, 128), [down] * 4
        scales = _scales(0.2, 0.9, 6)
    elif size < LARGE:
        filters, shapes = (512, 256, 256, 256), [down, down, last, last]
        scales = _scales(0.2, 0.9, 6)
        steps = [s / 300 for s in (8, 16, 32, 64, 100, 300)] if size == 300 else None
    else:
        filters, shapes = (512, 256, 256, 256, 256), [*[down] * 4, {"stride": 1, "padding": 1}]
        scales = _scales(0.15, 0.9, 7)
        steps = [s / 512 for s in (8, 16, 32, 64, 128, 256, 512)] if size == 512 else None
    # In decimal digits, since that is how the graph carries them.
    ratios = [tuple(float(f"{r:.12g}") for r in row) for row in _ratios(len(scales))]
    levels = tuple(
        Level(sizes=pair, ratios=row, step=None if steps is None else (steps[i], steps[i]))
        for i, (pair, row) in enumerate(zip(scales, ratios, strict=True))
    )
    return Variant(
        name=_name("sagemaker", base, size, "", divisor),
        dialect="sagemaker",
        base=base,
        size=size,
        divisor=divisor,
        extras=tuple(
            Extra(squeeze=max(128, f // 2) // divisor, channels=f // divisor, **shape)
            for f, shape in zip(filters, shapes, strict=True)
        ),
        levels=levels,
        rule=RULES["sagemaker"],
        ceil_pools=frozenset({3}),
        norm_epsilon=1e-10,
    )


GLUON_SIZES: dict[tuple[str, int, str], tuple[float, ...]] = {
    ("vgg16", 300, "voc"): (30, 60, 111, 162, 213, 264, 315),
    ("vgg16", 300, "coco"): (21, 45, 99, 153, 207, 261, 315),
    ("vgg16", 512, "voc"): (51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6),
    ("vgg16", 512, "coco"): (51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6),
    ("resnet50", 512, "voc"): (51.2, 102.4, 189.4, 276.4, 363.52, 450.6, 492),
    ("resnet50", 512, "coco"): (51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72),
}
"""GluonCV's anchors: of the weights for VOC, and of those for COCO, which its networks for other classes share."""
GLUON_STEPS: dict[tuple[str, int], tuple[int, ...]] = {
    ("vgg16", 300): (8, 16, 32, 64, 100, 300),
    ("vgg16", 512): (8, 16, 32, 64, 128, 256, 512),
    ("resnet50", 512): (16, 32, 64, 128, 256, 512),
}


def _caffe_extras(size: int, divisor: int) -> tuple[Extra, ...]:
    """Return the layers after VGG-16 as the paper has them."""
    down = {"stride": 2, "padding": 1}
    if size == 300:
        shapes = [(256, 512, down), (128, 256, down), *[(128, 256, {"stride": 1, "padding": 0})] * 2]
    else:
        shapes = [(256, 512, down), *[(128, 256, down)] * 3, (128, 256, {"stride": 1, "padding": 1, "kernel": 4})]
    return tuple(Extra(squeeze=a // divisor, channels=b // divisor, **shape) for a, b, shape in shapes)


def _gluoncv(base: Base, size: int, anchors: str, divisor: int) -> Variant:
    sides, steps = GLUON_SIZES[base, size, anchors], GLUON_STEPS[base, size]
    levels = tuple(
        Level(sizes=(a, math.sqrt(a * b)), ratios=row, step=(step, step))
        for a, b, row, step in zip(sides[:-1], sides[1:], _ratios(len(steps)), steps, strict=True)
    )
    extras = _caffe_extras(size, divisor)
    if base == "resnet50":
        filters = [f // divisor for f in (512, 512, 256, 256)]
        extras = tuple(Extra(squeeze=max(128 // divisor, f), channels=f, stride=2, padding=1) for f in filters)
    return Variant(
        name=_name("gluoncv", base, size, anchors, divisor),
        dialect="gluoncv",
        base=base,
        size=size,
        divisor=divisor,
        extras=extras,
        levels=levels,
        rule=RULES["gluoncv"],
        ceil_pools=frozenset({1, 2, 3, 4}),
        norm_epsilon=1e-5,
        classes=names_of(anchors),
    )


def _torchvision(divisor: int) -> Variant:
    scales = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)
    levels = tuple(
        Level(sizes=(a, math.sqrt(a * b)), ratios=row, step=(step, step))
        for a, b, row, step in zip(scales[:-1], scales[1:], _ratios(6), GLUON_STEPS["vgg16", 300], strict=True)
    )
    return Variant(
        name=_name("torchvision", "vgg16", 300, "", divisor),
        dialect="torchvision",
        base="vgg16",
        size=300,
        divisor=divisor,
        extras=_caffe_extras(300, divisor),
        levels=levels,
        rule=RULES["torchvision"],
        ceil_pools=frozenset({3}),
        norm_epsilon=1e-12,
        classes=names_of("coco90"),
    )


def names_of(data: str) -> tuple[str, ...]:
    """Return the class names of a published set of weights."""
    return {"voc": VOC_CLASSES, "coco": COCO_CLASSES, "coco90": COCO90_CLASSES}[data]


def _name(dialect: str, base: str, size: int, anchors: str, divisor: int) -> str:
    return "-".join(filter(None, (dialect, base, str(size), anchors))) + (f"/{divisor}" if divisor > 1 else "")


VARIANTS: tuple[str, ...] = (
    "sagemaker-vgg16-300",
    "sagemaker-vgg16-512",
    "sagemaker-resnet50-300",
    "sagemaker-resnet50-512",
    "gluoncv-vgg16-300-voc",
    "gluoncv-vgg16-300-coco",
    "gluoncv-vgg16-512-voc",
    "gluoncv-vgg16-512-coco",
    "gluoncv-resnet50-512-voc",
    "gluoncv-resnet50-512-coco",
    "torchvision-vgg16-300",
)
"""The usual names; ``sagemaker`` takes other sizes too."""


@functools.lru_cache(maxsize=64)
def variant(name: str) -> Variant:
    """Return the variant of that name.

    Raises:
        ConfigError: There is none.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise ConfigError(f"There is no variant {name!r}.{did_you_mean(name, VARIANTS)} Known: {', '.join(VARIANTS)}.")
    base: Any = found[2]
    dialect, anchors, size, divisor = found[1], found[4], int(found[3]), int(found[5] or 1)
    if divisor not in (1, 2, 4, 8, 16, 32):
        raise ConfigError(f"The divisor of a variant must be 2, 4, 8, 16 or 32; got {name!r}.")
    if dialect == "sagemaker" and not anchors:
        if not LEAST_SIZE <= size <= MOST_SIZE:
            raise ConfigError(f"The size of a variant must be {LEAST_SIZE} to {MOST_SIZE} pixels; got {name!r}.")
        made = _sagemaker(base, size, divisor)
    elif dialect == "gluoncv" and (base, size, anchors or "coco") in GLUON_SIZES:
        made = _gluoncv(base, size, anchors or "coco", divisor)
    elif (dialect, base, size, anchors) == ("torchvision", "vgg16", 300, None):
        made = _torchvision(divisor)
    else:
        raise ConfigError(f"There is no variant {name!r}.{did_you_mean(name, VARIANTS)} Known: {', '.join(VARIANTS)}.")
    if len(map_sizes(made, (size, size))) != len(made.levels):
        raise ConfigError(f"The input of {name} is too small for its {len(made.levels)} maps. Take a larger one.")
    return made
