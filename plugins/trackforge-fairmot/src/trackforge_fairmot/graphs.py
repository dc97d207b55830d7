"""What an ``.onnx`` file of a FairMOT network gives, and its objects.

Files of `trackforge_fairmot.export` give objects: ``detections`` ``(B, K, 6)`` and ``embeddings`` ``(B, K, D)``. Or
they give the four maps, as files of others do: outputs named as the official heads, ``hm``, ``wh``, ``id`` and
``reg``, in any order.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from trackforge.errors import WeightsError
from trackforge.models import Given, ModelCard, name_classes
from trackforge.models.onnx import OnnxNetwork
from trackforge_fairmot.decode import STRIDE, PictureMaps
from trackforge_fairmot.preprocess import MULTIPLE, SIZE, preprocessing

__all__ = ["HEADS", "OBJECTS", "Graph", "examine", "maps_of"]

log = logging.getLogger(__name__)
OBJECTS = ("detections", "embeddings")
"""Names of the outputs of a graph that decodes."""
HEADS = PictureMaps._fields
"""Names of the outputs of a graph that gives maps."""
EDGE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What is known of a file.

    Attributes:
        card: Classes, preprocessing, provenance.
        embedding_dim: Width of the embeddings.
        most: Most objects that it gives for a picture; None where it gives maps.
        order: Where it gives maps: the place of each head among its outputs.
        probabilities: Where it gives maps: whether the heat map has gone through its sigmoid.
    """

    card: ModelCard
    embedding_dim: int
    most: int | None = None
    order: tuple[int, ...] = ()
    probabilities: bool = False


def examine(network: OnnxNetwork, given: Given) -> Graph:
    """Find out what a file is; one without a card, or with maps, is run once on a grey picture.

    Raises:
        WeightsError: It is not of FairMOT.
        ConfigError: It has a fixed input size, and another was asked for.
    """
    path, names = network.path, network.output_names
    decoded = tuple(names) == OBJECTS
    if not network.takes_pictures or not (decoded or set(HEADS) <= set(names)):
        raise WeightsError(
            f"{path} must take (B, 3, H, W) and give {', '.join(HEADS)} (or {' and '.join(OBJECTS)}); it takes "
            f"{network.inputs} and gives {', '.join(names)}. It belongs to another model, or its outputs need these "
            "names."
        )
    size = network.fixed_size(given.size)
    if network.card is not None:
        card = network.card.told("fairmot", given, size)
    else:
        card = None
        if size is None:
            log.info("%s fixes no input size; taking %s", path, SIZE)
    if decoded and card is not None:
        shapes = dict(zip(names, network.outputs, strict=True))
        sizes = [*shapes["detections"][1:], *shapes["embeddings"][1:]]
        most, columns, rows, width = sizes if len(sizes) == 4 else (None, None, None, None)
        if not (isinstance(most, int) and isinstance(width, int) and (columns, rows) == (6, most)):
            raise WeightsError(
                f"{path} must give detections (B, K, 6) and embeddings (B, K, D), K and D fixed; it gives {shapes}. "
                "Export it anew."
            )
        return Graph(card=card, embedding_dim=width, most=most)
    if decoded:
        raise WeightsError(f"{path} must describe itself, as it gives objects; it does not. Export it anew.")
    return _of_maps(network, card, given, size)


def _of_maps(network: OnnxNetwork, card: ModelCard | None, given: Given, size: tuple[int, int] | None) -> Graph:
    order = tuple(network.output_names.index(name) for name in HEADS)
    tried = (MULTIPLE, MULTIPLE) if network.fixed_size(None) is None else size or SIZE
    batch = network.inputs[0][0]
    count = batch if isinstance(batch, int) else 1
    outputs = network.call({network.input_names[0]: np.full((count, 3, *tried), 0.5, np.float32)})
    if any(np.ndim(one) < 1 or len(one) != count for one in outputs) or any(np.ndim(outputs[n]) != 4 for n in order):
        shapes = ", ".join(f"{name} {np.shape(one)}" for name, one in zip(network.output_names, outputs, strict=True))
        raise WeightsError(
            f"{network.path} must give (B, C, H / 4, W / 4) for each of {', '.join(HEADS)}; it gives {shapes}. It "
            "belongs to another model."
        )
    maps = maps_of([one[0] for one in outputs], order)
    cells = (tried[0] // STRIDE, tried[1] // STRIDE)
    wrong = [f"{name} {part.shape}" for name, part in zip(HEADS, maps, strict=True) if part.shape[1:] != cells]
    if wrong or len(maps.wh) not in (2, 4) or len(maps.reg) != 2:
        shapes = ", ".join(f"{name} {part.shape}" for name, part in zip(HEADS, maps, strict=True))
        raise WeightsError(
            f"{network.path} must give maps of {cells} cells for an input of {tried}: hm, wh (4 channels or 2), id, "
            f"reg (2); it gives {shapes}. It belongs to another model."
        )
    if not all(np.isfinite(part).all() for part in maps):
        raise WeightsError(
            f"{network.path} must give finite numbers; it gives NaN or infinity. Its weights are damaged."
        )
    if card is None:
        names = name_classes(len(maps.hm), given=given.classes, usual=("person",), origin=network.path.name)
        made = preprocessing(size or SIZE)
        provenance = {"file": network.path.name}
        card = ModelCard(component="fairmot", classes=names, preprocessing=made, provenance=provenance)
    elif len(card.classes) != len(maps.hm):
        raise WeightsError(
            f"{network.path} must have a heat map for each of its {len(card.classes)} classes; it has {len(maps.hm)}."
            " Export it anew."
        )
    sure = bool(maps.hm.min() >= 0 and maps.hm.max() <= 1)  # an untrained head says -2.2, a trained one less
    return Graph(card=card, embedding_dim=len(maps.id), order=order, probabilities=sure)


def maps_of(outputs: Any, order: tuple[int, ...], *, probabilities: bool = False) -> PictureMaps:
    """Return the maps among the outputs for a picture, the heat map as logits."""
    maps = PictureMaps(*(np.asarray(outputs[place], np.float32) for place in order))
    if probabilities:
        hm = np.clip(maps.hm, EDGE, 1 - EDGE)
        maps = maps._replace(hm=np.log(hm / (1 - hm)))
    return maps
