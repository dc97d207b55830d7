"""The FairMOT network, whole, for every variant: images in, four raw maps out.

Each cell of the maps (a quarter of the image's size) says whether an object has its centre there, where in the cell,
how far its sides are, and who it is.

Source: Zhang, Wang, Wang, Zeng, Liu, "FairMOT", IJCV 2021 (ifzhang/FairMOT, MIT).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from trackforge.errors import ConfigError
from trackforge_fairmot.blocks import Body, NormedConv
from trackforge_fairmot.deform import DeformConv2d, Form, check_form, is_traced, set_form
from trackforge_fairmot.dla import DLA34
from trackforge_fairmot.hrnet import HRNet
from trackforge_fairmot.resdcn import ResDCN, ResFPN
from trackforge_fairmot.variants import Variant
from trackforge_fairmot.variants import variant as find_variant
from trackforge_fairmot.yolov5 import YOLOv5

__all__ = ["FairMOT", "Maps", "fuse"]

Convolution: TypeAlias = nn.Conv2d | nn.ConvTranspose2d | DeformConv2d
PRIOR = -2.19
"""Bias of the heat map at the start: a probability of 0.1, so that the many empty cells do not drown the loss."""


class Maps(NamedTuple):
    """The raw maps, ``(B, C, H / 4, W / 4)`` each, in the order in which they are exported.

    Attributes:
        hm: Logits that an object has its centre there, one channel a class.
        wh: Of the object, in cells: four channels are the distances from the centre to left, top, right and bottom
            side; two are width and height.
        id: Its embedding, not normalised.
        reg: x and y of the centre within the cell, 0..1.
    """

    hm: Tensor
    wh: Tensor
    id: Tensor
    reg: Tensor


class FairMOT(nn.Module):
    """Backbone, way up and heads.

    State-dict keys, their order and shapes are those of the official checkpoints. Parameters that nothing depends on
    (DLA-34 has eight) take no gradient, so that several processes can train without looking for unused ones.

    Args:
        variant: A variant, or its name.
        classes: Number of classes.
        embedding_dim: Numbers of an embedding; None takes those that the variant was published with.
        box_channels: 4 (distances to the sides), or 2 (width and height), as the first version of FairMOT had it.
        deform: Form of the deformable convolutions, see `trackforge_fairmot.deform`.

    Raises:
        ConfigError: There is no variant or form of that name, or a number is out of range.
    """

    def __init__(
        self,
        variant: Variant | str,
        *,
        classes: int = 1,
        embedding_dim: int | None = None,
        box_channels: int = 4,
        deform: str | Form = "auto",
    ) -> None:
        super().__init__()
        v = find_variant(variant) if isinstance(variant, str) else variant
        dim = v.embedding_dim if embedding_dim is None else embedding_dim
        if classes < 1 or dim < 1 or box_channels not in (2, 4):
            raise ConfigError(
                "classes and embedding_dim must be >= 1 and box_channels 2 or 4; got "
                f"{classes}, {dim} and {box_channels}."
            )
        self.variant = v
        self.classes, self.embedding_dim, self.box_channels = classes, dim, box_channels
        self.body = _body(v)
        for name, part in self.body.parts().items():
            self.add_module(name, part)
        channels = {"hm": classes, "wh": box_channels, "id": dim, "reg": 2}
        for name in v.heads:
            self.add_module(name, _head(self.body.channels, v.head_channels, channels[name], smooth=v.body == "yolov5"))
        with torch.no_grad():
            self.get_parameter("hm.2.bias").fill_(PRIOR)
        self.deform = deform

    @property
    def deform(self) -> str | Form:
        """The form of the deformable convolutions; setting it sets it for all of them."""
        return self._deform

    @deform.setter
    def deform(self, form: str | Form) -> None:
        self._deform = check_form(form)
        set_form(self, form)

    def forward(self, images: Tensor) -> Maps:
        """Map images to raw maps.

        Args:
            images: RGB ``(B, 3, H, W)``, 0..1; H and W are multiples of 32.

        Raises:
            ConfigError: They are not.
        """
        features = self.features(images)
        return Maps(*(self.get_submodule(name)(features) for name in Maps._fields))

    def features(self, images: Tensor) -> Tensor:
        """Map images to what the heads see, ``(B, C, H / 4, W / 4)``; arguments and errors as `forward` has them."""
        if not (is_traced() or torch.compiler.is_compiling()):
            _check_size(images, self.variant.multiple)
        return self.body.features(dict(self.named_children()), images)


def _body(v: Variant) -> Body:
    if v.body == "dla":
        return DLA34(deformable=v.deformable)
    bodies: Mapping[str, Callable[[int], Body]] = {
        "hrnet": HRNet,
        "resdcn": ResDCN,
        "resfpndcn": ResFPN,
        "yolov5": YOLOv5,
    }
    return bodies[v.body](v.scale)


def _head(inputs: int, width: int, outputs: int, *, smooth: bool) -> nn.Sequential:
    activation = nn.SiLU(inplace=True) if smooth else nn.ReLU(inplace=True)
    head = nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), activation, nn.Conv2d(width, outputs, 1))
    for name, parameter in head.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return head


def _check_size(images: Tensor, multiple: int) -> None:
    height, width = images.shape[-2:]
    if height < multiple or width < multiple or height % multiple or width % multiple:
        raise ConfigError(
            f"Height and width of the images must be multiples of {multiple}, and no less; got {height} x {width}. "
            "Letterbox them to such a size."
        )


def fuse(network: FairMOT) -> FairMOT:
    """Return a copy for inference whose batch normalisations are folded into the convolutions before them."""
    fused = copy.deepcopy(network).eval()
    with torch.no_grad():
        for conv, norm, owner, name in list(_normed(fused)):
            mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            transpose = isinstance(conv, nn.ConvTranspose2d)
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias, transpose
            )
            setattr(owner, name, nn.Identity())
    return fused


def _normed(network: nn.Module) -> Iterator[tuple[Convolution, nn.BatchNorm2d, nn.Module, str]]:
    """Yield each convolution with the batch normalisation after it, and whose attribute of which name that is."""
    for module in network.modules():
        before: nn.Module | None = module.conv if isinstance(module, NormedConv) else None
        owner = module.actf if isinstance(module, NormedConv) else module
        for name, child in owner.named_children():  # in order: each norm stands right after its convolution
            if isinstance(child, nn.BatchNorm2d) and isinstance(before, Convolution):
                yield before, child, owner, name
            before = child
