"""The published networks of the family: one table, and how to tell from a state dict which one it is.

Needs no torch, so that the ONNX Runtime backend can use it.

Source: Megvii-BaseDetection/YOLOX (Apache-2.0) and ifzhang/ByteTrack (MIT), experiment files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trackforge.errors import ConfigError, WeightsError, did_you_mean
from trackforge.models.coco_names import COCO_CLASSES

__all__ = ["VARIANTS", "Variant", "class_count", "identify", "variant"]

STEM = "backbone.backbone.stem.conv.conv.weight"
DARKNET_STEM = "backbone.backbone.stem.0.conv.weight"
CLASS_WEIGHT = "head.cls_preds.0.weight"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One network.

    Attributes:
        name: What users write, e.g. ``"yolox-s"``.
        depth: Multiplies the number of bottlenecks.
        width: Multiplies the channels.
        size: ``(height, width)`` in pixels of the input it was published with.
        depthwise: Whether its convolutions are separable (nano).
        backbone: ``"csp"`` or ``"darknet53"``.
        classes: Names of the classes of its published weights.
        preprocessing: Name of the preprocessing its published weights need, see `trackforge_yolox.preprocess`.
    """

    name: str
    depth: float
    width: float
    size: tuple[int, int]
    depthwise: bool = False
    backbone: Literal["csp", "darknet53"] = "csp"
    classes: tuple[str, ...] = COCO_CLASSES
    preprocessing: Literal["yolox", "bytetrack"] = "yolox"

    @property
    def repeats(self) -> int:
        """Bottlenecks of the first stage; the other stages and the neck follow from it."""
        return max(round(self.depth * 3), 1)


def _table() -> dict[str, Variant]:
    scales = {
        "nano": (0.33, 0.25),
        "tiny": (0.33, 0.375),
        "s": (0.33, 0.5),
        "m": (0.67, 0.75),
        "l": (1.0, 1.0),
        "x": (1.33, 1.25),
    }
    made = []
    for name, (depth, width) in scales.items():
        small = name in ("nano", "tiny")
        size = (416, 416) if small else (640, 640)
        made.append(Variant(name=f"yolox-{name}", depth=depth, width=width, size=size, depthwise=name == "nano"))
    made.append(Variant(name="yolox-darknet53", depth=1.0, width=1.0, size=(640, 640), backbone="darknet53"))
    for name, (depth, width) in scales.items():
        size = (608, 1088) if name in ("nano", "tiny", "s") else (800, 1440)
        made.append(
            Variant(
                name=f"bytetrack-{name}",
                depth=depth,
                width=width,
                size=size,
                depthwise=name == "nano",
                classes=("person",),
                preprocessing="bytetrack",
            )
        )
    return {v.name: v for v in made}


VARIANTS: Mapping[str, Variant] = _table()
"""Every published network by name."""


def variant(name: str) -> Variant:
    """Return the variant of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in VARIANTS:
        raise ConfigError(f"There is no variant {name!r}.{did_you_mean(name, VARIANTS)} Known: {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def class_count(shapes: Mapping[str, Sequence[int]]) -> int:
    """Return how many classes a state dict of these shapes tells apart.

    Raises:
        WeightsError: It is not a state dict of YOLOX.
    """
    if CLASS_WEIGHT not in shapes:
        raise WeightsError(_foreign(shapes))
    return int(shapes[CLASS_WEIGHT][0])


def identify(shapes: Mapping[str, Sequence[int]], *, family: Literal["yolox", "bytetrack"] = "yolox") -> Variant:
    """Tell from the keys and shapes of a state dict which variant it belongs to.

    YOLOX and ByteTrack share their networks, so ``family`` says which of the two rows of the table is meant.

    Raises:
        WeightsError: It is of none.
    """
    class_count(shapes)
    if DARKNET_STEM in shapes:
        return VARIANTS["yolox-darknet53"]
    if STEM not in shapes:
        raise WeightsError(_foreign(shapes))
    channels = int(shapes[STEM][0])
    blocks = {key.split(".")[5] for key in shapes if key.startswith("backbone.backbone.dark2.1.m.")}
    depthwise = any(".dconv." in key for key in shapes)
    for v in VARIANTS.values():
        if (int(v.width * 64), v.repeats, v.depthwise) == (channels, len(blocks), depthwise):
            return v if family == v.preprocessing else VARIANTS[v.name.replace("yolox", family)]
    raise WeightsError(
        f"The weights must belong to a published size of YOLOX; these have a stem of {channels} channels, "
        f"{len(blocks)} blocks in the first stage and {'separable' if depthwise else 'plain'} convolutions. Check "
        "that it is the right file."
    )


def _foreign(shapes: Mapping[str, Sequence[int]]) -> str:
    first = ", ".join(list(shapes)[:3]) or "nothing"
    return (
        f"The weights must be of YOLOX, with keys like {CLASS_WEIGHT}; these hold {len(shapes)} tensors: {first}, ... "
        "They belong to another model."
    )
