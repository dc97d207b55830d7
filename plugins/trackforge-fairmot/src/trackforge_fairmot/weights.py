"""The published files, and the networks in files: each opened with what is known of it.

Needs no torch unless a checkpoint is read. Training starts from more kinds of files: `trackforge_fairmot.starting`.

Source: names of the files of ifzhang/FairMOT, microsoft/FairMOT, xingyizhou/CenterNet (all MIT) and of pytorch/vision
(BSD-3-Clause).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from trackforge.errors import ConfigError, WeightsError
from trackforge.models import Catalogue, Given, ModelCard, PublishedFile, name_classes
from trackforge_fairmot.preprocess import preprocessing
from trackforge_fairmot.variants import VARIANTS, Variant, heads_of, identify, variant

if TYPE_CHECKING:
    from torch import Tensor

    from trackforge_fairmot.model import FairMOT

__all__ = ["PUBLISHED", "STARTS", "assumed_card", "complete", "load_network"]

ZOO = "https://github.com/ifzhang/FairMOT, under its pretrained and baseline models,"
CENTERNET = "https://github.com/xingyizhou/CenterNet, in its model zoo,"
TORCH = "https://download.pytorch.org/models"
UNUSED = ("base.fc.", "base.level3.project.", "base.level4.project.")
"""Beginnings of keys that nothing depends on; files from which somebody has taken them are whole all the same."""

DETECTORS = [
    PublishedFile(name=name, form=".pth", file=file, source=source)
    for name, file, source in (  # on drives that give no lasting addresses
        ("fairmot-dla34", "fairmot_dla34.pth", ZOO),
        ("fairmot-yolov5s", "fairmot_lite.pth", ZOO),
        ("fairmot-dla34-crowdhuman", "crowdhuman_dla34.pth", ZOO),
        ("fairmot-dla34-first", "all_dla34.pth", "https://github.com/microsoft/FairMOT"),
    )
]
BACKBONES = [
    PublishedFile(name=name, form=".pth", file=file, url=f"{TORCH}/{file}" if not source else "", source=source)
    for name, file, source in (
        ("centernet-dla34", "ctdet_coco_dla_2x.pth", CENTERNET),
        ("centernet-resdcn18", "ctdet_coco_resdcn18.pth", CENTERNET),
        ("imagenet-dla34", "dla34-ba72cf86.pth", "https://github.com/ucbdrive/dla"),
        ("imagenet-hrnet18", "hrnetv2_w18_imagenet_pretrained.pth", ZOO),
        ("imagenet-hrnet32", "hrnetv2_w32_imagenet_pretrained.pth", ZOO),
        ("imagenet-resnet18", "resnet18-5c106cde.pth", ""),
        ("imagenet-resnet34", "resnet34-333f7ec4.pth", ""),
        ("imagenet-resnet50", "resnet50-19c8e357.pth", ""),
    )
]
PUBLISHED = Catalogue("fairmot", DETECTORS)
"""Files that find and tell apart people as they are."""
STARTS = Catalogue("fairmot", [*DETECTORS, *BACKBONES])
"""The same, and those that training may start from: CenterNet on COCO, backbones on ImageNet."""


def load_network(path: Path, given: Given) -> tuple[FairMOT, ModelCard]:
    """Read a checkpoint into the network it belongs to, in evaluation mode, on the CPU.

    The network, its embeddings (128, 512, ...) and whether it says boxes by four sides or by width and height, as
    microsoft's first version, are told from the tensors.

    Raises:
        WeightsError: It is damaged, not of FairMOT, or not of the given variant.
        ConfigError: There is no such variant.
    """
    from trackforge.models.checkpoints import load, read_checkpoint
    from trackforge_fairmot.model import FairMOT

    if given.variant is not None:
        given = dataclasses.replace(given, variant=variant(given.variant).name)
    state, card = read_checkpoint(path)
    if card is not None:
        card = card.told("fairmot", given, given.size)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    heads = heads_of(shapes)
    if not heads.embedding_dim:
        raise WeightsError(
            f"{path} must have a head for embeddings, with keys like id.2.weight; it has none, as CenterNet's weights. "
            "They are a start for training: trackforge train fairmot --weights FILE."
        )
    name = given.variant or (card.variant if card is not None else None)
    try:
        v = variant(name) if name else identify(shapes)
        network = FairMOT(
            v, classes=heads.classes, embedding_dim=heads.embedding_dim, box_channels=heads.box_channels
        ).eval()
    except ConfigError as error:
        raise WeightsError(f"{path} must hold a FairMOT network; {error}") from error
    load(network, complete(network, state))
    if card is not None and len(card.classes) != heads.classes:
        raise WeightsError(
            f"{path} must have a heat map for each class that it names; it names {len(card.classes)} and has "
            f"{heads.classes}. Train or export it anew."
        )
    if card is None:
        card = assumed_card(v, heads.classes, path, given)
    return network, card


def complete(network: FairMOT, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add what some files lack and nothing depends on: counters of old norms, and parameters without effect."""
    own = network.state_dict()
    added = {k: v for k, v in own.items() if k.endswith("num_batches_tracked") or k.startswith(UNUSED)}
    return {**{key: value for key, value in added.items() if key not in state}, **state}


def assumed_card(v: Variant, classes: int, path: Path, given: Given) -> ModelCard:
    """Put a card together for a file that has none: one class is people; pictures become input in FairMOT's way."""
    return ModelCard(
        component="fairmot",
        classes=name_classes(classes, given=given.classes, usual=("person",), origin=path.name),
        preprocessing=preprocessing(given.size or v.size),
        variant=v.name if v.name in VARIANTS else "",
        provenance={"file": path.name},
    )
