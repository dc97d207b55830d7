"""The published files, and the networks in files: each opened with what is known of it.

Needs no torch unless a checkpoint is read.

Source: names and addresses of Megvii-BaseDetection/YOLOX, release 0.1.1rc0 (Apache-2.0).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from trackforge.errors import WeightsError
from trackforge.models import Catalogue, Given, ModelCard, PublishedFile, name_classes
from trackforge.models.cells import Cells, cells
from trackforge.models.onnx import OnnxNetwork
from trackforge_yolox.preprocess import preprocessing
from trackforge_yolox.variants import VARIANTS, Variant, class_count, identify

if TYPE_CHECKING:
    from trackforge_yolox.model import YOLOX

__all__ = ["PUBLISHED", "examine", "load_network", "published_files"]

log = logging.getLogger(__name__)
RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
PREFERRED = ("s", "m", "l", "darknet53", "x", "tiny", "nano")
"""Sizes in the order in which they are taken where nobody asks: the usual one, larger ones, smaller ones."""
COLUMNS = 5
"""Box and objectness, before the classes."""


def published_files(release: str = RELEASE) -> Catalogue:
    """List the published files of every variant; ``release`` is the address that YOLOX's own lie under."""
    files = []
    for name in VARIANTS:
        stem = name.replace("darknet53", "darknet").replace("-", "_")
        if name.startswith("bytetrack-"):  # published on a drive that gives no lasting addresses
            zoo = "https://github.com/ifzhang/ByteTrack, in its model zoo,"
            files.append(PublishedFile(name=name, form=".pth", file=f"{stem}_mot17.pth.tar", source=zoo))
            continue
        for form in (".pth", ".onnx"):
            file = f"{stem}{form}"
            files.append(PublishedFile(name=name, form=form, file=file, url=f"{release}/{file}"))
    return Catalogue("yolox", files, preferred=[f"yolox-{size}" for size in PREFERRED], rank=1)


PUBLISHED = published_files()


def load_network(path: Path, given: Given) -> tuple[YOLOX, ModelCard]:
    """Read a checkpoint into the network it belongs to, in evaluation mode, on the CPU.

    Raises:
        WeightsError: It is not of YOLOX, not of the given variant, or does not tell its preprocessing.
    """
    from trackforge.models.checkpoints import load, read_checkpoint
    from trackforge_yolox.model import YOLOX

    state, card = read_checkpoint(path)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    name = given.variant or (card.variant if card is not None else None)
    variant: Variant = VARIANTS[name] if name else _recognise(path, shapes, given)
    network = YOLOX(variant, class_count(shapes)).eval()
    load(network, state)
    if card is not None:
        return network, card.told("yolox", given, given.size)
    return network, _assume(class_count(shapes), path.name, variant, given, given.size)


def _recognise(path: Path, shapes: dict[str, tuple[int, ...]], given: Given) -> Variant:
    """Tell the variant from the shapes; ByteTrack's from YOLOX's by the official file name, which is all there is."""
    official = path.name.startswith("bytetrack_") and class_count(shapes) == 1
    family: Literal["yolox", "bytetrack"] = "bytetrack" if official else "yolox"
    found = identify(shapes, family=family)
    if official and given.preprocessing == "auto":
        log.info("%s is taken for %s by its name, with ByteTrack's preprocessing", path, found.name)
    return found


def examine(network: OnnxNetwork, given: Given) -> tuple[ModelCard, Cells | None]:
    """Find out what an ``.onnx`` file is.

    Files that `trackforge_yolox.export` wrote describe themselves. For those of others, the number of classes and
    whether their boxes are decoded are found out by one run on a grey picture.

    Returns:
        The card, and the cells that boxes must be decoded with where they are not.

    Raises:
        WeightsError: It is not of YOLOX, or does not tell its preprocessing.
        ConfigError: The file has a fixed input size, and another was asked for.
    """
    path = network.path
    if not network.takes_pictures or len(network.outputs[0]) != 3:
        raise WeightsError(
            f"{path} must take (B, 3, H, W) and give (B, A, 5 + C); it takes {network.inputs} and gives "
            f"{network.outputs}. It belongs to another model."
        )
    size = network.fixed_size(given.size)
    if network.card is not None:
        return network.card.told("yolox", given, size), None
    variant = VARIANTS[given.variant] if given.variant is not None else None
    if size is None:
        size = variant.size if variant is not None else (640, 640)
        log.info("%s fixes no input size; taking %s", path, size)
    predictions = np.asarray(network.run(np.full((1, 3, *size), 114, np.float32))[0])
    position, stride = cells(size)
    if predictions.shape[0] != len(position) or predictions.shape[1] <= COLUMNS:
        raise WeightsError(
            f"{path} must give {len(position)} predictions of at least 6 columns for an input of {size}; it gives "
            f"{predictions.shape}. It belongs to another model."
        )
    if not np.isfinite(predictions).all():
        raise WeightsError(f"{path} must give finite numbers; it gives NaN or infinity. Its weights are damaged.")
    if predictions[:, 4:].min() < 0 or predictions[:, 4:].max() > 1:
        raise WeightsError(f"{path} must give probabilities; its values leave 0..1. Export it with its sigmoids.")
    centre = predictions[:, :2]
    # A raw offset is about one cell wherever the cell lies; a decoded centre is about where its cell is.
    decoded = np.median(np.abs(centre / stride - position)) < np.median(np.abs(centre))
    count = predictions.shape[1] - COLUMNS
    usual = VARIANTS["yolox-s"]
    if variant is None and count == len(usual.classes):  # COCO's: any of YOLOX's own, which agree in all but their size
        card = replace(_assume(count, path.name, usual, given, size), variant="")
    else:
        card = _assume(count, path.name, variant, given, size)
    return card, None if decoded else (position, stride)


def _assume(count: int, origin: str, variant: Variant | None, given: Given, size: tuple[int, int] | None) -> ModelCard:
    """Put a card together for a file that has none.

    Args:
        count: Number of classes of the network.
        origin: What to call the file in messages.
        variant: The network, where known.
        given: What the user says. Preprocessing ``"auto"`` is the variant's own where the classes are also its own.
        size: ``(height, width)`` of the input where the file fixes it.

    Raises:
        WeightsError: The class names do not fit, or the preprocessing cannot be known.
    """
    names = name_classes(count, given=given.classes, usual=variant.classes if variant else (), origin=origin)
    dialect = given.preprocessing
    if dialect == "auto":
        if variant is None or len(variant.classes) != count:
            raise WeightsError(
                f"{origin} does not say which preprocessing it was trained with, and a wrong one would silently ruin "
                f"the results. Say preprocessing='yolox' (YOLOX since 0.1.1), 'bytetrack' or 'legacy'."
            )
        dialect = variant.preprocessing
    return ModelCard(
        component="yolox",
        classes=names,
        preprocessing=preprocessing(dialect, size or (variant.size if variant is not None else (640, 640))),
        variant="" if variant is None else variant.name,
        provenance={"file": origin},
    )
