"""Backbones trained on ImageNet, to start training from: the published files, and what a file holds.

=================== ============================================================ =====================================
name                file                                                         fits
=================== ============================================================ =====================================
vgg16-features      torchvision's ``VGG16_Weights.IMAGENET1K_FEATURES``          VGG-16; input of caffe's scale
vgg16               torchvision's ``VGG16_Weights.IMAGENET1K_V1``                VGG-16; the first layer is rescaled
vgg16-reducedfc     amdegroot/ssd.pytorch's ``vgg16_reducedfc.pth``              VGG-16 with fc6 and fc7
vgg16-reduced       zhreshold/mxnet-ssd's ``vgg16_reduced``                      VGG-16 with fc6 and fc7
resnet50-v2         MXNet's ``resnet-50-0000.params``                            ResNet-50 v2 (sagemaker)
resnet50            torchvision's ``ResNet50_Weights.IMAGENET1K_V1``             ResNet-50 v1 (gluoncv), but for strides
=================== ============================================================ =====================================

Files of these kinds are known by their names of layers, wherever they come from; so is a ``resnet50_v1`` of Gluon.

Source: the projects named, MIT (mxnet-ssd, ssd.pytorch), BSD-3-Clause (torchvision) and Apache-2.0 (MXNet): addresses
and names. None could be reached where this was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, WeightsError
from trackforge.io.mxnet_params import is_params, read_params
from trackforge.models import IMAGENET_STD, Catalogue, PublishedFile
from trackforge_ssd.conversion import Arrays
from trackforge_ssd.layout import Variant
from trackforge_ssd.mxnet_files import is_zipped, zipped_params
from trackforge_ssd.names import RESNET_PREFIX, dialect_names, plain, vgg_layers

if TYPE_CHECKING:
    from trackforge_ssd.model import SSD

__all__ = ["BACKBONES", "backbone_arrays", "load_backbone", "read_arrays", "usual_backbone"]

TORCHVISION = "https://download.pytorch.org/models"
VGG_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where torchvision's VGG-16 has its convolutions."""


def _published() -> Catalogue:
    addresses = {
        "vgg16-features": f"{TORCHVISION}/vgg16_features-amdegroot-88682ab5.pth",
        "vgg16": f"{TORCHVISION}/vgg16-397923af.pth",
        "vgg16-reducedfc": "https://s3.amazonaws.com/amdegroot-models/vgg16_reducedfc.pth",
        "vgg16-reduced": "https://github.com/zhreshold/mxnet-ssd/releases/download/v0.2-beta/vgg16_reduced.zip",
        "resnet50-v2": "http://data.mxnet.io/models/imagenet/resnet/50-layers/resnet-50-0000.params",
        "resnet50": f"{TORCHVISION}/resnet50-0676ba61.pth",
    }
    return Catalogue(
        "ssd",
        [PublishedFile(name=n, form=".pth", file=url.rpartition("/")[2], url=url) for n, url in addresses.items()],
    )


BACKBONES = _published()


def usual_backbone(v: Variant) -> str:
    """Return the published name that training of a variant starts from where nobody says another."""
    if v.base == "vgg16":
        return "vgg16-features" if v.dialect == "torchvision" else "vgg16-reduced"
    return "resnet50-v2" if v.dialect == "sagemaker" else "resnet50"


def read_arrays(path: Path) -> Arrays:
    """Read the arrays of a checkpoint of torch, of MXNet's ``.params``, or of a zip of them, by name.

    Raises:
        WeightsError: It is none, or damaged.
    """
    try:
        with path.open("rb") as file:
            mxnet = is_params(file.read(8))
        found: Mapping[str, Any] = {}
        if is_zipped(path):
            found = zipped_params(path)
        elif mxnet:
            found = read_params(path)
        if found:
            return {plain(name): np.asarray(value) for name, value in found.items()}
    except DataError as error:
        raise WeightsError(str(error)) from error
    from trackforge.models.checkpoints import read_checkpoint

    return {name: value.float().numpy() for name, value in read_checkpoint(path).state.items()}


def backbone_arrays(arrays: Arrays, v: Variant) -> tuple[dict[str, npt.NDArray[Any]], list[str]] | None:
    """Return a backbone's arrays by our keys, and what has to be said of them; None where these are no backbone's.

    Args:
        arrays: As `read_arrays` gives them.
        v: The network that they are for.
    """
    if v.base == "vgg16":
        return _vgg_torchvision(arrays) or _vgg_plain(arrays) or _vgg_mxnet(arrays)
    return _resnet_mxnet(arrays, v) or _resnet_torchvision(arrays, v) or _resnet_gluon(arrays, v)


Made = tuple[dict[str, npt.NDArray[Any]], list[str]] | None


def _vgg_torchvision(arrays: Arrays) -> Made:
    if f"features.{VGG_PLACES[-1]}.weight" not in arrays or "features.0.weight" not in arrays:
        return None
    out, notes = {}, []
    for layer, place in zip(vgg_layers(), VGG_PLACES, strict=True):
        for part in ("weight", "bias"):
            out[f"backbone.{layer}.{part}"] = arrays[f"features.{place}.{part}"]
    first = arrays.get("classifier.0.weight")
    if first is None or not np.isfinite(first).all():
        notes.append("The weights have no fully connected layers: fc6 and fc7 start anew.")
        return out, notes
    # Trained on pictures over their deviation; the networks here see grey values minus a mean.
    scale = 255 * np.array(IMAGENET_STD, np.float32)
    out["backbone.conv1_1.weight"] = out["backbone.conv1_1.weight"] / scale[None, :, None, None]
    notes.append("The first layer is rescaled from pictures over ImageNet's deviation to grey values minus a mean.")
    if first.shape[1] == 49 * 512 and "classifier.3.weight" in arrays:
        out |= _thinned(arrays)
        notes.append("fc6 and fc7 are every fourth of the fully connected layers' numbers.")
    return out, notes


def _thinned(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Make convolutions of the fully connected layers, as the paper does: every fourth channel, every third place."""
    sixth = arrays["classifier.0.weight"].reshape(-1, 512, 7, 7)
    seventh = arrays["classifier.3.weight"].reshape(*arrays["classifier.3.weight"].shape, 1, 1)
    return {
        "backbone.fc6.weight": sixth[::4, :, ::3, ::3],
        "backbone.fc6.bias": arrays["classifier.0.bias"][::4],
        "backbone.fc7.weight": seventh[::4, ::4],
        "backbone.fc7.bias": arrays["classifier.3.bias"][::4],
    }


def _vgg_plain(arrays: Arrays) -> Made:
    """Layers by their place in one list, as amdegroot has them."""
    places = (*VGG_PLACES, 31, 33)
    if any(f"{place}.weight" not in arrays for place in places):
        return None
    layers = (*vgg_layers(), "fc6", "fc7")
    return {
        f"backbone.{layer}.{part}": arrays[f"{place}.{part}"]
        for layer, place in zip(layers, places, strict=True)
        for part in ("weight", "bias")
    }, []


def _vgg_mxnet(arrays: Arrays) -> Made:
    if "conv1_1_weight" not in arrays or any("_pred_conv" in name for name in arrays):
        return None
    return {
        f"backbone.{layer}.{part}": arrays[f"{layer}_{part}"]
        for layer in (*vgg_layers(), "fc6", "fc7")
        for part in ("weight", "bias")
        if f"{layer}_{part}" in arrays
    }, []


def _resnet_mxnet(arrays: Arrays, v: Variant) -> Made:
    if "stage1_unit1_conv1_weight" not in arrays or any("_pred_conv" in name for name in arrays):
        return None
    if v.dialect != "sagemaker":
        raise WeightsError(f"These weights are of ResNet-50 v2, which {v.name} is not. Take those of resnet50.")
    names = dialect_names(v)
    return {ours: arrays[name] for ours, name in names.items() if name in arrays}, []


def _resnet_torchvision(arrays: Arrays, v: Variant) -> Made:
    if "layer1.0.conv1.weight" not in arrays:
        return None
    if v.dialect == "sagemaker":
        raise WeightsError(
            f"These weights are of ResNet-50 v1, whose norms stand elsewhere than those of {v.name}. Take resnet50-v2."
        )
    out = {}
    for name, value in arrays.items():
        key = re.sub(r"^layer(\d)\.", lambda m: f"stages.{int(m[1]) - 1}.", name)
        key = key.replace("downsample.0", "shortcut").replace("downsample.1", "bn_shortcut")
        key = re.sub(r"^(conv|bn)1\.", r"\g<1>0.", key)
        if not key.startswith("fc.") and not key.endswith("num_batches_tracked"):
            out[f"backbone.{key}"] = value
    return out, [
        "The weights stride in the 3x3 convolution of a block, this network in the 1x1 before it, whose bias starts at "
        "0: training will mend it."
    ]


def _resnet_gluon(arrays: Arrays, v: Variant) -> Made:
    """Gluon's ``resnet50_v1``: by layers counted through a stage, or by their place in the blocks."""
    if v.dialect == "sagemaker" or any("predictor" in name for name in arrays):
        return None
    flat = {re.sub(r"^(?:.*_)?resnetv1\d+_", RESNET_PREFIX, name): value for name, value in arrays.items()}
    if f"{RESNET_PREFIX}stage1_conv0_weight" in flat:
        return {ours: flat[name] for ours, name in dialect_names(v).items() if name in flat}, []
    if "features.4.0.body.0.weight" not in arrays:
        return None
    out = {}
    parts = {"gamma": "weight", "beta": "bias"}
    layers = {
        "body.0": "conv1",
        "body.1": "bn1",
        "body.3": "conv2",
        "body.4": "bn2",
        "body.6": "conv3",
        "body.7": "bn3",
    }
    layers |= {"downsample.0": "shortcut", "downsample.1": "bn_shortcut"}
    stems = {"features.0": "conv0", "features.1": "bn0"}
    for name, value in arrays.items():
        place, _, part = name.rpartition(".")
        block = re.fullmatch(r"features\.([4-7])\.(\d)\.(.*)", place)
        if place in stems:
            out[f"backbone.{stems[place]}.{parts.get(part, part)}"] = value
        elif block and block[3] in layers:
            out[f"backbone.stages.{int(block[1]) - 4}.{block[2]}.{layers[block[3]]}.{parts.get(part, part)}"] = value
    return out, []


def load_backbone(network: SSD, arrays: Arrays, origin: str) -> list[str]:
    """Put a backbone's arrays into a network, whose other layers stay as they are.

    Args:
        network: Gets them.
        arrays: As `read_arrays` gives them.
        origin: What to call the file in messages.

    Returns:
        What was not, or not simply, loaded, one sentence each.

    Raises:
        WeightsError: They are of another network.
    """
    import torch

    from trackforge.models.checkpoints import load

    made = backbone_arrays(arrays, network.variant)
    if made is None:
        first = ", ".join(list(arrays)[:3])
        raise WeightsError(
            f"{origin} must hold VGG-16 or ResNet-50, as {network.variant.name} needs; it holds {first}, ... Take one "
            f"of {', '.join(BACKBONES.names)}."
        )
    state = {key: torch.from_numpy(np.array(value, np.float32)) for key, value in made[0].items()}
    own = network.state_dict()
    wrong = [key for key in state if key not in own or own[key].shape != state[key].shape]
    if wrong:
        there = own[wrong[0]].shape if wrong[0] in own else "nothing"
        raise WeightsError(
            f"{origin} must fit {network.variant.name}; {wrong[0]} has shape {tuple(state[wrong[0]].shape)} where "
            f"{tuple(there) if wrong[0] in own else there} is needed. Take other weights."
        )
    load(network, state, partial=True)
    kept = ("norm.scale", "num_batches_tracked", "input_scale")
    fresh = [key for key in own if key.startswith("backbone.") and key not in state and not key.endswith(kept)]
    notes = list(made[1])
    if fresh and not any("start anew" in note or "bias" in note for note in notes):
        notes.append(f"Not in the weights, so they start anew: {', '.join(fresh[:5])}.")
    return notes
