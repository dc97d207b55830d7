"""The component: FairMOT as a `trackforge.protocols.Detector` whose detections have embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.models import (
    Backend,
    Given,
    ModelCard,
    NetworkConfig,
    Objects,
    StagedNetwork,
    TorchOptions,
    choose_backend,
    class_ids,
)
from trackforge.models.device import torch_device
from trackforge.models.onnx import OnnxBackend, OnnxNetwork
from trackforge_fairmot.decode import MOST, Selection, choose, decode
from trackforge_fairmot.graphs import Graph, examine, maps_of
from trackforge_fairmot.variants import variant
from trackforge_fairmot.weights import PUBLISHED, load_network

__all__ = ["FairmotDetector", "FairmotDetectorConfig"]

MAPPINGS: dict[str, Literal["drawn", "nominal"]] = {"exact": "drawn", "published": "nominal"}


@dataclass(frozen=True, kw_only=True)
class FairmotDetectorConfig(NetworkConfig):
    """Settings of `FairmotDetector`."""

    weights: str | Path = setting(
        "fairmot-dla34", help="File (.onnx or a torch checkpoint), or a published name.", role="weights"
    )
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    score: float = setting(
        0.2,
        help="Least probability of a peak; the least that a published tracker looks at (FairMOT with BYTE).",
        minimum=0,
        maximum=1,
        role="conf",
    )
    topk: int | None = setting(
        None,
        help="Most peaks of a picture, best first; left out: 500, or as many as the file was exported with.",
        minimum=1,
    )
    nms: float | None = setting(
        None,
        help="Overlap above which the lesser box of a class goes; left out, as published: none goes.",
        unit="IoU",
        minimum=0,
        maximum=1,
        role="iou",
    )
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the network's input, multiples of 32.", unit="px", role="size"
    )
    mapping: Literal["exact", "published"] = setting(
        "exact",
        help="How boxes come back to the picture; the published way ignores that its scaled size is whole pixels.",
    )
    deform: Literal["auto", "gather", "grid", "native"] = setting(
        "auto", help="How deformable convolutions are computed (torch)."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant is not None:
            variant(self.variant)


class FairmotDetector(StagedNetwork):
    """Finds objects and tells them apart, with one network of the FairMOT family.

    Every detection has an embedding of length 1, whose cosine says how alike two objects look. Boxes are in pixels of
    the original picture and not clipped to it; they cover what is hidden of an object, too, as the network was taught.

    Attributes:
        card: What is known of the weights: variant, classes, preprocessing, provenance.
        backend: What runs the network.
        selection: Which peaks become detections.
        embedding_dim: Width of the embeddings: a fact of the weights.

    Raises:
        WeightsError: Weights cannot be found, read, or are of another model.
        DeviceError: The device is not there.
        MissingDependencyError: The backend is not installed.
        ConfigError: Settings contradict each other or the weights.

    Source: Zhang et al., "FairMOT: On the Fairness of Detection and Re-Identification in Multiple Object Tracking",
    IJCV 2021.

    Example:
        >>> config = FairmotDetectorConfig(weights="runs/people/model.pth", topk=200)
        >>> FairmotDetector(config).embedding_dim  # doctest: +SKIP
        128
    """

    embedding_dim: int

    def __init__(self, config: FairmotDetectorConfig | None = None) -> None:
        self.config = config = config or FairmotDetectorConfig()
        backend, self._graph, keep = _open(config)
        super().__init__(backend)
        self.embedding_dim = self._graph.embedding_dim
        self.selection = Selection(
            score=config.score,
            keep=keep,
            most=config.topk or self._graph.most or MOST,
            limit=config.nms,
        )

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture, from what the network says of it: objects, or maps."""
        graph, selection = self._graph, self.selection
        if graph.most is None:
            maps = maps_of(predictions, graph.order, probabilities=graph.probabilities)
            found = decode(maps, most=selection.most, least=selection.score, keep=selection.keep)
        else:
            table, embedding = predictions
            if not isinstance(table, np.ndarray):  # on a device: only what is needed leaves it
                count = int((table[:, 4] >= selection.score).sum())
                table, embedding = table[:count].cpu().numpy(), embedding[:count].cpu().numpy()
            known = (table[:, 5] >= 0) & (table[:, 5] < len(self.classes))  # a file may give what it does not name
            table, embedding = table[known], embedding[known]
            found = Objects(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), embedding)
        return choose(found, selection)


def _open(config: FairmotDetectorConfig) -> tuple[Backend, Graph, tuple[int, ...] | None]:
    """Return what runs the network, what it gives, and the classes to look for."""
    named = None if config.variant is None else variant(config.variant).name
    given = Given(variant=named, classes=config.classes, size=config.size)
    if choose_backend(config, PUBLISHED, family="fairmot", install="trackforge-fairmot[torch]") == "onnx":
        path = PUBLISHED.resolve(str(config.weights), ".onnx")
        opened = OnnxNetwork(path, device=config.device, threads=config.threads, install="trackforge-fairmot")
        graph = examine(opened, given)
        if config.deform != "auto":  # not to be ignored in silence
            raise ConfigError(
                f"deform must be left out for an .onnx file, which has its own; got {config.deform!r}. Export the "
                "checkpoint with deform=native or deform=grid."
            )
        if graph.most is not None and config.topk is not None and config.topk > graph.most:
            raise ConfigError(
                f"topk must be {graph.most} or less, with which {path.name} was exported; got {config.topk}. Export "
                f"the checkpoint with topk={config.topk}."
            )
        keep = class_ids(config.keep_classes, graph.card.classes)
        return OnnxBackend(opened, _mapped(graph.card, config)), graph, keep
    from trackforge.models.torch_backend import TorchBackend
    from trackforge_fairmot.deform import check_native
    from trackforge_fairmot.model import fuse
    from trackforge_fairmot.predictor import Predictor

    network, card = load_network(PUBLISHED.resolve(str(config.weights), ".pth"), given)
    if config.deform == "native":
        check_native(torch_device(config.device).type)
    network.deform = config.deform
    most = config.topk or MOST
    keep = class_ids(config.keep_classes, card.classes)
    predictor = Predictor(
        fuse(network) if config.fuse else network, most=most, keep=keep or None
    )  # () keeps none after
    graph = Graph(card=card, embedding_dim=network.embedding_dim, most=most)
    backend = TorchBackend(predictor, _mapped(card, config), device=config.device, options=TorchOptions.of(config))
    return backend, graph, keep


def _mapped(card: ModelCard, config: FairmotDetectorConfig) -> ModelCard:
    return replace(card, preprocessing=replace(card.preprocessing, mapping=MAPPINGS[config.mapping]))
