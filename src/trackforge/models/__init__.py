"""What every family of networks needs and none should write again: from a picture to the network, and back.

A family brings its network, its selection (what it makes of the network's outputs) and its losses; the shelf has the
rest. Importing it, and every module but `packed`, `suppression` and `torch_backend`, loads
numpy only; torch, ONNX Runtime and OpenCV come when something runs on them.
"""

from __future__ import annotations

from trackforge.models.card import Given, ModelCard, name_classes
from trackforge.models.planes import Batch, InputValues
from trackforge.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Placement, Preprocessing
from trackforge.models.published import Catalogue, PublishedFile
from trackforge.models.settings import NetworkConfig, TorchOptions, choose_backend
from trackforge.models.staged import Backend, Objects, StagedNetwork, class_ids
from trackforge.registry.bundles import KEY, component_of

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "KEY",
    "Backend",
    "Batch",
    "Catalogue",
    "Given",
    "InputValues",
    "ModelCard",
    "NetworkConfig",
    "Objects",
    "Placement",
    "Preprocessing",
    "PublishedFile",
    "StagedNetwork",
    "TorchOptions",
    "choose_backend",
    "class_ids",
    "component_of",
    "name_classes",
]
