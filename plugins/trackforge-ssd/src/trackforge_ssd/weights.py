"""The published files, and the networks in files of every dialect: each opened with what is known of it.

Needs no torch unless weights are read.

Source: addresses as torchvision (BSD-3-Clause) and GluonCV (Apache-2.0) publish them. None of them could be reached
where this was written; whether those of GluonCV still answer is not known.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trackforge.errors import DataError, WeightsError
from trackforge.io.atomic import atomic_path
from trackforge.io.model_archive import is_artefact
from trackforge.io.mxnet_params import is_params, read_params
from trackforge.models import KEY, Catalogue, Given, ModelCard, PublishedFile, name_classes
from trackforge_ssd.cards import make_card, variant_of
from trackforge_ssd.conversion import (
    check_variant,
    class_count,
    divisor_suffix,
    foreign,
    from_dialect,
    load_state,
    usual_names,
)
from trackforge_ssd.mxnet_files import gluoncv_network, is_zipped, mxnet_network, zipped_params
from trackforge_ssd.preprocess import choose, preprocessing
from trackforge_ssd.variants import variant

if TYPE_CHECKING:
    from trackforge_ssd.model import SSD

__all__ = ["PUBLISHED", "load_network", "save_bundle"]

GLUON = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/models"
GLUON_FILES = {
    "gluoncv-vgg16-300-voc": "ssd_300_vgg16_atrous_voc-0e169fbb",
    "gluoncv-vgg16-300-coco": "ssd_300_vgg16_atrous_coco-b302ad8a",
    "gluoncv-vgg16-512-voc": "ssd_512_vgg16_atrous_voc-daf8181b",
    "gluoncv-vgg16-512-coco": "ssd_512_vgg16_atrous_coco-5c860642",
    "gluoncv-resnet50-512-voc": "ssd_512_resnet50_v1_voc-9c8b225a",
    "gluoncv-resnet50-512-coco": "ssd_512_resnet50_v1_coco-c4835162",
}
TORCHVISION = "ssd300_vgg16_coco-b556d3b4.pth"


def _published() -> Catalogue:
    files = [
        PublishedFile(
            name="torchvision-vgg16-300",
            form=".pth",
            file=TORCHVISION,
            url=f"https://download.pytorch.org/models/{TORCHVISION}",
        )
    ]
    for name, file in GLUON_FILES.items():
        files.append(PublishedFile(name=name, form=".pth", file=f"{file}.zip", url=f"{GLUON}/{file}.zip"))
    return Catalogue("ssd", files)


PUBLISHED = _published()


def load_network(path: Path, given: Given) -> tuple[SSD, ModelCard]:
    """Read weights of any dialect into the network they belong to, in evaluation mode, on the CPU.

    Takes files that trackforge wrote, torchvision's checkpoints, artefacts of SageMaker's built-in algorithm
    (``model.tar.gz``, or its graph beside its numbers), GluonCV's ``.params``, saved or exported, and zips of them.

    Raises:
        WeightsError: It is damaged, of another network, or does not say what has to be known.
        ConfigError: What the user says contradicts the weights.
        SourceError: It cannot be opened.
    """
    try:
        if is_zipped(path):
            return gluoncv_network(zipped_params(path), path, given)
        if is_artefact(path):
            return mxnet_network(path, given)
        with path.open("rb") as file:
            mxnet = is_params(file.read(8))
        return gluoncv_network(read_params(path), path, given) if mxnet else _checkpoint(path, given)
    except DataError as error:
        raise WeightsError(str(error)) from error


def _checkpoint(path: Path, given: Given) -> tuple[SSD, ModelCard]:
    from trackforge.models.checkpoints import read_checkpoint

    state, card = read_checkpoint(path)
    if card is not None:
        v = variant_of(card)
        known = card.told("ssd", given, given.size)
        return load_state(v, len(card.classes), state), known
    if "backbone.extra.0.7.1.weight" not in state:
        raise WeightsError(foreign(path, state))
    arrays = {name: value.float().numpy() for name, value in state.items()}
    v = variant("torchvision-vgg16-300" + divisor_suffix(arrays.get("backbone.features.0.weight", np.empty(64))))
    check_variant(given, v)
    classes = class_count(arrays, "head.classification_head.module_list.0.bias", v, path)
    network = from_dialect(v, classes, arrays, path)
    names = name_classes(classes, given=given.classes, usual=usual_names(v, classes), origin=path.name)
    way = preprocessing(choose(v, given.preprocessing), given.size or (v.size, v.size))
    return network, make_card(v, names, way, provenance={"file": path.name})


def save_bundle(path: Path, network: SSD, card: ModelCard) -> None:
    """Write a network and its card as one file of ours.

    Raises:
        SinkError: The place cannot be written to.
    """
    import torch

    buffer = io.BytesIO()
    torch.save({"model": network.state_dict(), KEY: card.to_json()}, buffer)
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getbuffer())
