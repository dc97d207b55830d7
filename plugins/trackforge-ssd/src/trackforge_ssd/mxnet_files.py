"""SSD in files of MXNet: SageMaker's artefacts, and what GluonCV saves, exports and publishes."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, DataError, WeightsError
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.showing import visible
from trackforge.io.model_archive import Artefact, read_artefact
from trackforge.io.mxnet_params import SparseArray, read_params
from trackforge.models import Given, ModelCard, name_classes
from trackforge_ssd.anchors import anchor_constants
from trackforge_ssd.cards import make_card
from trackforge_ssd.conversion import (
    Arrays,
    check_variant,
    class_count,
    divisor_suffix,
    foreign,
    from_dialect,
    usual_names,
)
from trackforge_ssd.layout import Variant
from trackforge_ssd.names import gluoncv_exported, plain
from trackforge_ssd.preprocess import choose, preprocessing
from trackforge_ssd.recognise import recognise
from trackforge_ssd.symbol import parameter_order
from trackforge_ssd.variants import variant

if TYPE_CHECKING:
    from trackforge_ssd.model import SSD

__all__ = ["CLASS_NAMES", "WAY", "gluoncv_network", "is_zipped", "mxnet_network", "numbered", "zipped_params"]

log = logging.getLogger(__name__)
CLASS_NAMES = "classes.txt"
"""Where an artefact of ours keeps the names of its classes, one a line; the built-in algorithm keeps none."""
WAY = "preprocessing.json"
"""Where an artefact of ours says ``"raw"`` or ``"mean"``, if its numbers alone would be taken for the other."""
SMALL = 64 * 2**20
"""Bytes that a file may unpack to, however small it is."""
LONGEST_NAME = 200


def mxnet_network(path: Path, given: Given) -> tuple[SSD, ModelCard]:
    """Read an artefact: SageMaker's, or what GluonCV exported."""
    try:
        artefact = read_artefact(path)
    except DataError as error:
        if path.suffix != ".params":
            raise
        arrays = read_params(path)  # without a graph beside it: GluonCV's structured names say enough
        if any(plain(name).startswith(("features.", "ssd")) for name in arrays):
            return gluoncv_network(arrays, path, given)
        raise WeightsError(f"{path} must lie beside its graph, or be GluonCV's. {error}") from error
    bare = {plain(name) for name in artefact.params}
    if any("convpredictor" in name or name.startswith("class_predictors.") for name in bare):
        return gluoncv_network(artefact.params, path, given)
    return _sagemaker(artefact, path, given)


def _sagemaker(artefact: Artefact, path: Path, given: Given) -> tuple[SSD, ModelCard]:
    size = None if given.size is None else given.size[0]
    if given.variant is not None:
        size = variant(given.variant).size
    v, classes, overlap = recognise(artefact.symbol, artefact.hyperparameters, origin=path.name, size=size)
    check_variant(given, v)
    if given.size not in (None, (v.size, v.size)):
        raise ConfigError(
            f"size must be {v.size},{v.size} for {path.name}, whose anchors belong to it; got "
            f"{given.size[0]},{given.size[1]}. Leave it out."
        )
    arrays = {plain(name): _array(value, name, path) for name, value in artefact.params.items()}
    network = from_dialect(v, classes, arrays, path)
    names = name_classes(classes, given=given.classes, usual=_stored_names(artefact, classes), origin=path.name)
    wanted = given.preprocessing
    if wanted == "auto":
        wanted = _stored_way(artefact)
    way = choose(v, wanted, arrays.get("bn_data_moving_mean"))
    if v.base == "vgg16" and wanted == "auto":
        log.info(
            "%s: pictures go in as RGB 0..255, which nobody has published; preprocessing=mean is the other way", path
        )
    kept: dict[str, Any] = {
        "hyperparameters": artefact.hyperparameters,
        "symbol_name": artefact.symbol_name,
        "epoch": artefact.epoch,
        "overlap": overlap,
    }
    order = list(artefact.params)
    if order != parameter_order(v, classes):
        kept["order"] = order
    card = make_card(v, names, preprocessing(way, (v.size, v.size)), provenance={"file": path.name}, artefact=kept)
    return network, card


def _stored_names(artefact: Artefact, classes: int) -> tuple[str, ...]:
    """Return the names of classes from a list that lies with the weights, or numbers."""
    for name, text in artefact.texts.items():
        lines = [visible(line.strip()[:LONGEST_NAME], keep="") for line in text.splitlines() if line.strip()]
        if name.lower().endswith((".txt", ".names")) and len(lines) == classes:
            return tuple(lines)
    return numbered(classes)


def _stored_way(artefact: Artefact) -> str:
    """Return how pictures become input, if the artefact says it, else ``"auto"``."""
    said = artefact.texts.get(WAY, "").strip().strip('"')
    return said if said in ("raw", "mean") else "auto"


def numbered(classes: int) -> tuple[str, ...]:
    """Return what classes are called that nobody named."""
    return tuple(f"class {i}" for i in range(classes))


def gluoncv_network(params: Mapping[str, Any], path: Path, given: Given) -> tuple[SSD, ModelCard]:
    """Make a network of GluonCV's parameters, by structured or exported names."""
    names = gluoncv_exported(params)
    arrays = {names[name]: _array(value, name, path) for name, value in params.items()}
    v = _gluoncv_variant(arrays, path, given)
    constants = {name for name in arrays if name.startswith("anchor_generators.")}
    classes = class_count(arrays, "class_predictors.0.predictor.bias", v, path)
    network = from_dialect(v, classes, {name: arrays[name] for name in arrays if name not in constants}, path)
    labels = name_classes(classes, given=given.classes, usual=usual_names(v, classes), origin=path.name)
    way = choose(v, given.preprocessing)
    card = make_card(v, labels, preprocessing(way, given.size or (v.size, v.size)), provenance={"file": path.name})
    return network, card


def _gluoncv_variant(arrays: Arrays, path: Path, given: Given) -> Variant:
    """Tell the network by its layers, and its anchors by the constants that the file holds."""
    vgg = "features.stages.0.0.weight" in arrays
    first = "features.stages.0.0.weight" if vgg else "features.resnetv10_conv0_weight"
    if first not in arrays or "class_predictors.0.predictor.bias" not in arrays:
        raise WeightsError(foreign(path, arrays))
    maps = sum(name.startswith("class_predictors.") and name.endswith(".bias") for name in arrays)
    base = f"gluoncv-vgg16-{300 if maps == 6 else 512}" if vgg else "gluoncv-resnet50-512"
    names = [f"{base}-{data}{divisor_suffix(arrays[first])}" for data in ("coco", "voc")]
    stored = [arrays.get(f"anchor_generators.{i}.anchors") for i in range(maps)]
    fitting = []
    for v in map(variant, names):
        own = anchor_constants(v, cells=[1] * len(v.levels))
        fits = len(own) == maps and all(
            there is None or (there.ndim == 5 and _equal(there[0, 0, 0, 0], mine[0, 0, 0, 0]))
            for there, mine in zip(stored, own, strict=True)
        )
        if fits:
            fitting.append(v)
    if not fitting:
        raise WeightsError(
            f"{path} must have the anchors of {' or '.join(names)}; it has others. Run it as it is, exported with its "
            "graph, with the detector 'mxnet' (trackforge-mxnet)."
        )
    if given.variant is not None:
        chosen = variant(given.variant)
        if chosen.name not in [v.name for v in fitting]:
            check_variant(given, fitting[0])
        return chosen
    classes = class_count(arrays, "class_predictors.0.predictor.bias", fitting[0], path)
    return next((v for v in fitting if len(v.classes) == classes), fitting[0])


def _equal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6))


def _array(value: npt.NDArray[Any] | SparseArray, name: str, path: Path) -> npt.NDArray[Any]:
    if isinstance(value, SparseArray) or value.dtype.kind not in "fiu":
        raise WeightsError(f"{path} must hold dense arrays of numbers; {name} is none. Save it anew.")
    return value


def is_zipped(path: Path) -> bool:
    """Tell whether a file is a zip of ``.params``, as GluonCV publishes them."""
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(".params") for name in archive.namelist())


def zipped_params(path: Path) -> Mapping[str, Any]:
    """Read the one ``.params`` file of a zip, as GluonCV publishes them."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".params")]
            if len(members) != 1:
                raise WeightsError(f"{path} must hold one .params file; it holds {len(members)}. Unpack it, name one.")
            check_limit("bytes", members[0].file_size, "The .params file in the zip", path=path)
            most = max(SMALL, path.stat().st_size * limits().inflation)
            if members[0].file_size > most:
                raise WeightsError(
                    f"{path} must unpack to at most {most:,} bytes, {limits().inflation} times its size; it says "
                    f"{members[0].file_size:,}. Get it anew."
                )
            content = archive.read(members[0])
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise WeightsError(f"{path} must be a readable zip; {error}. Get it anew.") from error
    return read_params(content)
