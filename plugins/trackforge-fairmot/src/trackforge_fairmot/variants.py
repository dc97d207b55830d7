"""The networks of the family: one table, and how to tell from a state dict which one it is.

Needs no torch, so that the ONNX Runtime backend can use it.

Source: ifzhang/FairMOT (MIT), its architectures; Zhang et al., "FairMOT", IJCV 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from trackforge.errors import ConfigError, WeightsError, did_you_mean

__all__ = ["VARIANTS", "Heads", "Variant", "heads_of", "identify", "variant"]

HEADS = ("hm", "wh", "id", "reg")
Shapes = Mapping[str, Sequence[int]]


class Heads(NamedTuple):
    """How many channels the heads give; 0 where a state dict has no such head."""

    classes: int
    box_channels: int
    embedding_dim: int


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One network.

    Attributes:
        name: What users write, e.g. ``"fairmot-dla34"``.
        architecture: What the official code calls it (``--arch``), e.g. ``"dla_34"``; a name of ours where it has none.
        body: Which backbone and way up.
        scale: Which of the body's sizes: layers of a residual network, channels of HRNet's finest branch or of the stem
            of YOLOv5.
        deformable: Whether it has deformable convolutions.
        embedding_dim: Numbers of an embedding, as published.
        head_channels: Channels between the two convolutions of a head.
        heads: Names of the heads in the order of the state dict.
        multiple: What height and width of the input must be multiples of.
        size: ``(height, width)`` in pixels of the input it was published with.
        published: Whether it is one of the official code's.
    """

    name: str
    architecture: str
    body: Literal["dla", "hrnet", "resdcn", "resfpndcn", "yolov5"]
    scale: int
    deformable: bool = True
    embedding_dim: int = 128
    head_channels: int = 256
    heads: tuple[str, ...] = HEADS
    multiple: int = 32
    size: tuple[int, int] = (608, 1088)
    published: bool = True


def _table() -> dict[str, Variant]:
    made = [
        Variant(name="fairmot-dla34", architecture="dla_34", body="dla", scale=34),
        Variant(name="fairmot-dlaconv34", architecture="dlaconv_34", body="dla", scale=34, deformable=False),
    ]
    for width in (18, 32):
        name, official = f"fairmot-hrnet{width}", f"hrnet_{width}"
        made.append(Variant(name=name, architecture=official, body="hrnet", scale=width, deformable=False))
    for body in ("resdcn", "resfpndcn"):
        for layers in (18, 34, 50):
            name, official = f"fairmot-{body}{layers}", f"{body}_{layers}"
            made.append(Variant(name=name, architecture=official, body=body, scale=layers))
    for letter, official, stem in (("s", "yolo", 32), ("n", "yolov5n", 16)):
        made.append(
            Variant(
                name=f"fairmot-yolov5{letter}",
                architecture=official,
                body="yolov5",
                scale=stem,
                deformable=False,
                embedding_dim=64,
                head_channels=2 * stem,
                heads=("hm", "id", "reg", "wh"),
                published=letter == "s",
            )
        )
    return {v.name: v for v in made}


VARIANTS: Mapping[str, Variant] = _table()
"""Every network by name. ``fairmot-yolov5n``, of half the channels, is ours: for trials and small machines."""
ALIASES: Mapping[str, str] = {v.architecture: v.name for v in VARIANTS.values()}
"""Our names by those of the official code."""


def variant(name: str) -> Variant:
    """Return the variant of that name, ours or the official code's.

    Raises:
        ConfigError: There is none.
    """
    found = VARIANTS.get(ALIASES.get(name, name))
    if found is None:
        known = (*VARIANTS, *ALIASES)
        raise ConfigError(f"There is no variant {name!r}.{did_you_mean(name, known)} Known: {', '.join(VARIANTS)}.")
    return found


def heads_of(shapes: Shapes) -> Heads:
    """Return how many channels the heads of a state dict of these shapes give.

    Raises:
        WeightsError: It is not a state dict of FairMOT or CenterNet.
    """
    channels = [_rows(shapes, f"{head}.2.weight") for head in ("hm", "wh", "id")]
    if not channels[0]:
        raise WeightsError(_foreign(shapes))
    return Heads(*channels)


def identify(shapes: Shapes) -> Variant:
    """Tell from the keys and shapes of a state dict which network it belongs to.

    Raises:
        WeightsError: It is of none.
    """
    heads_of(shapes)
    body, scale, deformable = _body(shapes)
    for v in VARIANTS.values():
        if (v.body, v.scale, v.deformable) == (body, scale, deformable):
            return v
    if not body:
        raise WeightsError(_foreign(shapes))
    known = ", ".join(str(v.scale) for v in VARIANTS.values() if v.body == body)
    raise WeightsError(
        f"The weights must belong to a known size of {body} ({known}); these are of size {scale}. Check that it is the "
        "right file."
    )


def _body(shapes: Shapes) -> tuple[str, int, bool]:
    if "base.base_layer.0.weight" in shapes and "ida_up.proj_1.conv.weight" in shapes:
        return "dla", 34, "ida_up.proj_1.conv.conv_offset_mask.weight" in shapes
    if "stage4.0.branches.0.0.conv1.weight" in shapes:
        return "hrnet", _rows(shapes, "stage4.0.branches.0.0.conv1.weight"), False
    if "backbone.model.0.conv.conv.weight" in shapes:
        return "yolov5", _rows(shapes, "backbone.model.0.conv.conv.weight"), False
    for body, up in (("resdcn", "deconv_layers"), ("resfpndcn", "deconv_layer1")):
        if f"{up}.0.conv_offset_mask.weight" in shapes and "layer4.0.conv1.weight" in shapes:
            blocks = sum(k.startswith("layer") and k.endswith(".conv1.weight") for k in shapes)
            each = 3 if "layer1.0.conv3.weight" in shapes else 2
            return body, blocks * each + 2, True
    return "", 0, False


def _rows(shapes: Shapes, key: str) -> int:
    shape = shapes.get(key, ())
    return int(shape[0]) if len(shape) else 0


def _foreign(shapes: Shapes) -> str:
    first = ", ".join(list(shapes)[:3]) or "nothing"
    return (
        f"The weights must be of FairMOT, with keys like hm.2.weight; these hold {len(shapes)} tensors: {first}, ... "
        "They belong to another model."
    )
