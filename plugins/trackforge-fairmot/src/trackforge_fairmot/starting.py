"""The network that training starts from: new, or with what fits of weights of FairMOT, CenterNet or ImageNet.

What training starts from is half of what comes of it, so nothing is dropped silently: every part that was not, or not
simply, taken over has a sentence.

Source: Zhang et al., "FairMOT", IJCV 2021 (it starts from CenterNet on COCO); Zhou et al., "Objects as Points", 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from trackforge.errors import WeightsError
from trackforge.models import Given, ModelCard
from trackforge.models.checkpoints import load, read_checkpoint
from trackforge.models.coco_names import COCO_CLASSES
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.variants import Heads, Variant, heads_of, identify
from trackforge_fairmot.variants import variant as find_variant
from trackforge_fairmot.weights import assumed_card, complete

__all__ = ["Start", "start_network"]

DEFAULT = "fairmot-dla34"
LEAST = 0.4
"""Share of the tensors below the heads that weights must have, to be of that network: its backbone is about a half."""
SIDES_OF_SIZE = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.0), (0.0, 0.5))
"""Distances to left, top, right and bottom side from width and height: the centre is in the middle."""
SIZE_OF_SIDES = ((1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0))


class Start(NamedTuple):
    """What training starts from.

    Attributes:
        network: As asked for, with what the weights have for it.
        card: What is known of the weights; None for a random start.
        notes: What was not, or not simply, loaded, one sentence each.
    """

    network: FairMOT
    card: ModelCard | None = None
    notes: tuple[str, ...] = ()


def start_network(
    weights: Path | None,
    *,
    classes: Sequence[str] = ("person",),
    variant: Variant | str | None = None,
    embedding_dim: int | None = None,
    box_channels: int = 4,
    transfer_classes: bool = True,
) -> Start:
    """Make the network, and load into it what fits.

    Random numbers are torch's own: set a seed before.

    Args:
        weights: A checkpoint of trackforge, FairMOT, CenterNet, or of a backbone trained on ImageNet (DLA-34, HRNet,
            ResNet); None for a random start.
        classes: Names of the classes of the data.
        variant: Which network; None takes that of the weights, or DLA-34.
        embedding_dim: Numbers of an embedding; None takes that of the weights, or the variant's.
        box_channels: 4 (distances to the sides) or 2 (width and height). Weights of the other kind are converted,
            which is exact.
        transfer_classes: Whether heat maps of classes of the same name are taken over; CenterNet's 80 are COCO's.

    Raises:
        WeightsError: The weights cannot be read, are damaged, or of another model.
        ConfigError: There is no such variant, or a number is out of range.
    """
    asked = find_variant(variant) if isinstance(variant, str) else variant
    if weights is None:
        made = asked or find_variant(DEFAULT)
        return Start(_make(made, classes, embedding_dim, box_channels))
    state, card = read_checkpoint(weights)
    if card is not None and card.component != "fairmot":
        card.told("fairmot", Given(), None)  # says whose they are
    if "base_layer.0.weight" in state:  # DLA-34 on its own, as trained on ImageNet
        state = {f"base.{key}": value for key, value in state.items()}
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    heads, found = _look(shapes)
    made = asked or found or find_variant(DEFAULT)
    network = _make(made, classes, embedding_dim or heads.embedding_dim or None, box_channels)
    names = card.classes if card is not None else _names(heads.classes)
    notes = _take_classes(network, state, names, classes, transfer=transfer_classes)
    notes += _take_boxes(network, state, heads.box_channels)
    own = network.state_dict()
    below = [key for key in own if key.split(".")[0] not in made.heads]
    fitting = sum(key in state and state[key].shape == own[key].shape for key in below)
    if fitting < LEAST * len(below):
        raise WeightsError(
            f"{weights} must belong to {made.name} or to its backbone; of {len(below)} tensors below the heads, it has "
            f"{fitting}. Take other weights, or another variant."
        )
    notes += _sentences(load(network, complete(network, state), partial=True))
    if card is None:
        card = assumed_card(made, len(names), weights, Given(classes=tuple(names)))
        if not heads.embedding_dim:
            notes.append("The weights were trained with normalised colours (mean and deviation), FairMOT has none.")
    return Start(network, card, tuple(notes))


def _make(v: Variant, classes: Sequence[str], dim: int | None, box_channels: int) -> FairMOT:
    return FairMOT(v, classes=len(classes), embedding_dim=dim, box_channels=box_channels)


def _look(shapes: dict[str, tuple[int, ...]]) -> tuple[Heads, Variant | None]:
    """Return the heads and the network of a state dict; nothing and None for a backbone alone."""
    try:
        return heads_of(shapes), identify(shapes)
    except WeightsError:
        return Heads(0, 0, 0), None


def _names(count: int) -> tuple[str, ...]:
    """Return the names of the classes of weights that do not name them."""
    usual = {1: ("person",), len(COCO_CLASSES): COCO_CLASSES}
    return usual.get(count, tuple(f"class {i}" for i in range(count)))


def _take_classes(
    network: FairMOT, state: dict[str, Tensor], old: Sequence[str], new: Sequence[str], *, transfer: bool
) -> list[str]:
    """Make the heat map's last convolution, in a state, that of the new classes; say what it keeps."""
    own = network.state_dict()
    heat_map = ("hm.2.weight", "hm.2.bias")
    keys = [key for key in heat_map if key in state and state[key].shape == (len(old), *own[key].shape[1:])]
    if not keys or tuple(old) == tuple(new):
        return []
    rows = {_usual(name): row for row, name in enumerate(old)} if transfer else {}
    taken = {i: rows[_usual(name)] for i, name in enumerate(new) if _usual(name) in rows}
    for key in keys:
        start = own[key].clone()
        for i, row in taken.items():
            start[i] = state[key][row]
        state[key] = start
    kept = ", ".join(new[i] for i in taken) or "nothing"
    return [f"The weights know {len(old)} classes, the data {len(new)}: the heat map keeps {kept}."]


def _usual(name: str) -> str:
    """Return what a class is called in COCO: MOTChallenge's and JDE's pedestrians are its persons."""
    return {"pedestrian": "person"}.get(name.casefold(), name.casefold())


def _take_boxes(network: FairMOT, state: dict[str, Tensor], found: int) -> list[str]:
    """Make the last convolution of boxes, in a state, that of the network's kind of box; say so."""
    if {found, network.box_channels} != {2, 4}:
        return []
    matrix = torch.tensor(SIDES_OF_SIZE if found == 2 else SIZE_OF_SIDES)
    for key in ("wh.2.weight", "wh.2.bias"):
        if key in state and len(state[key].shape) and state[key].shape[0] == found:
            state[key] = torch.tensordot(matrix, state[key].float(), 1)
    ways = {2: "width and height", 4: "distances to four sides"}
    return [f"Boxes are converted from {ways[found]} to {ways[network.box_channels]}."]


def _sentences(lines: Iterable[str]) -> list[str]:
    """Say what was not loaded: one sentence for each part of the network and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        key, _, said = line.partition(" ")
        reason = "shape" if said.startswith("has shape") else said
        groups.setdefault((key.split(".")[0], reason), []).append(line)
    sentences = []
    for (part, reason), members in groups.items():
        key = members[0].partition(" ")[0]
        count = f"{len(members)} tensors, {key} the first" if len(members) > 1 else key
        if reason == "shape":
            sentences.append(f"{part} is not loaded in full ({count}): {members[0]}.")
        elif reason == "is missing":
            sentences.append(f"{part} starts anew ({count}): the weights have none.")
        else:
            sentences.append(f"{part} of the weights is left out ({count}): the network has no place for it.")
    return sentences
