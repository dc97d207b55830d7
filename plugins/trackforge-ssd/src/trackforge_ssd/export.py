"""SSD of any dialect to ONNX, to SageMaker's artefact, and to our own bundle."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError, MissingDependencyError, WeightsError
from trackforge.io.fetch import digest
from trackforge.io.model_archive import write_artefact
from trackforge.models import Given, ModelCard
from trackforge.models.exporting import OnnxConfig, write_onnx
from trackforge_ssd.cards import variant_of
from trackforge_ssd.conversion import to_dialect
from trackforge_ssd.mxnet_files import CLASS_NAMES, WAY, numbered
from trackforge_ssd.preprocess import choose
from trackforge_ssd.symbol import parameter_order, training_symbol
from trackforge_ssd.variants import variant
from trackforge_ssd.weights import PUBLISHED, load_network, save_bundle

if TYPE_CHECKING:
    from trackforge_ssd.model import SSD

__all__ = ["ExportConfig", "export", "write_sagemaker"]

ENDINGS = {"onnx": (".onnx",), "sagemaker": (".tar.gz", ".tgz"), "trackforge": (".pth", ".pt")}
"""By form; the first is that of a file that nobody named."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig(OnnxConfig):
    """Settings of `export`."""

    weights: str | Path = setting(
        "torchvision-vgg16-300", help="File (model.tar.gz, .params, .pth), or a published name."
    )
    output: Path | None = setting(
        None, help="The file to write; if left out, here, by the name of the weights and the form."
    )
    to: Literal["auto", "onnx", "sagemaker", "trackforge"] = setting(
        "auto", help="What to write: ONNX, SageMaker's model.tar.gz, our own bundle; auto goes by the output's ending."
    )
    dynamic: bool = setting(False, help="Must stay off: anchors belong to one size of input.")
    variant: str | None = setting(None, help="Which network weights hold, where they do not say it themselves.")
    preprocessing: Literal["auto", "raw", "mean", "gluoncv", "torchvision"] = setting(
        "auto", help="How pictures become input: raw or mean for SageMaker's, where the file does not know."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant is not None:
            variant(self.variant)
        if self.dynamic:
            raise ConfigError("dynamic must be false for SSD, whose anchors belong to one size of input. Say size.")
        endings = ENDINGS[self.form]
        if self.output is not None and not self.output.name.lower().endswith(endings):
            raise ConfigError(
                f"output must end in {' or '.join(endings)} for {self.form}; got {self.output.name!r}. Rename it."
            )

    @property
    def form(self) -> Literal["onnx", "sagemaker", "trackforge"]:
        """What is written."""
        if self.to != "auto":
            return self.to
        name = "" if self.output is None else self.output.name.lower()
        if name.endswith((".tar.gz", ".tgz")):
            return "sagemaker"
        return "trackforge" if name.endswith((".pth", ".pt")) else "onnx"


def export(config: ExportConfig) -> Path:
    """Write weights in another form.

    An ONNX graph takes ``images`` ``(B, 3, H, W)`` float32, preprocessed as its description says, and gives
    ``probabilities`` ``(B, N, 1 + C)``, the background first, and ``boxes`` ``(B, N, 4)``: corners in pixels of the
    input, or, for the dialect of SageMaker, parts of it.

    Returns:
        The file written.

    Raises:
        WeightsError: The weights cannot be found or read, or are of another dialect than can be written.
        MissingDependencyError: torch or onnx is not installed.
        SinkError: The file cannot be written.
    """
    try:
        import torch

        if config.form == "onnx":
            import onnx  # noqa: F401 - said to be missing before the weights are read

        from trackforge_ssd.model import Predictor, fuse
    except ImportError as error:
        raise MissingDependencyError(
            f"Export needs {error.name}, which is not installed; run: pip install 'trackforge-ssd[torch]'"
        ) from error
    path = PUBLISHED.resolve(str(config.weights), ".pth")
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    network, card = load_network(path, given)
    form = config.form
    output = config.output or Path(_stem(path) + ENDINGS[form][0])
    if output.resolve() == path.resolve():
        raise ConfigError(f"output must not be the weights themselves; both are {path}. Say another output.")
    card = dataclasses.replace(card, provenance={**card.provenance, "file": path.name, "sha256": digest(path)})
    if form == "trackforge":
        save_bundle(output, network, card)
    elif form == "sagemaker":
        write_sagemaker(output, network, card)
    else:
        size = card.preprocessing.size
        predictor = Predictor(fuse(network), size, torch.float16 if config.half else None).eval()
        count = len(predictor.anchors)
        outputs: dict[str, dict[int, str | int]] = {
            "probabilities": {1: count, 2: 1 + len(card.classes)},
            "boxes": {1: count, 2: 4},
        }
        made = dataclasses.replace(config, output=output)
        return write_onnx(predictor, card, made, source=path, outputs=outputs, exporter="trackforge-ssd")
    return output


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".tar.gz", ".tgz", "-symbol.json"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def write_sagemaker(output: Path, network: SSD, card: ModelCard) -> None:
    """Write ``model.tar.gz`` as SageMaker's built-in Object Detection does: settings, training graph, numbers.

    What an artefact brought along (hyperparameters, names of files, order of numbers) is written as it came. Class
    names, which the algorithm does not keep, go into ``classes.txt``, and how pictures become input, where nobody would
    guess it, into ``preprocessing.json``; it minds neither.

    Raises:
        WeightsError: The network is of another dialect, whose layers and anchors that graph does not have.
        SinkError: The place cannot be written to.
    """
    v = variant_of(card)
    if v.dialect != "sagemaker":
        raise WeightsError(
            f"Only weights of the dialect sagemaker can become its artefact; these are of {v.name}, which has other "
            "layers, norms and anchors. Export them to ONNX, or train a sagemaker variant from them."
        )
    classes = len(card.classes)
    kept: dict[str, Any] = dict(card.extra.get("artefact", {}))
    named = to_dialect(network)
    order = kept.get("order") or parameter_order(v, classes)
    hyperparameters = {
        "base_network": "vgg-16" if v.base == "vgg16" else "resnet-50",
        "image_shape": str(v.size),
        "num_classes": str(classes),
        "nms_threshold": f"{v.rule.limit:g}",
        "nms_topk": str(v.rule.candidates),
    }
    texts = {} if card.classes == numbered(classes) else {CLASS_NAMES: "".join(f"{name}\n" for name in card.classes)}
    way = "mean" if any(card.preprocessing.mean) else "raw"
    if way != choose(v, "auto", named.get("bn_data_moving_mean")):
        texts[WAY] = json.dumps(way)
    write_artefact(
        output,
        training_symbol(v, classes, overlap=float(kept.get("overlap", 0.5))),
        {name: named[name.partition(":")[2]] for name in order},
        kept.get("hyperparameters") or hyperparameters,
        **({"prefix": kept["symbol_name"].removesuffix("-symbol.json")} if "symbol_name" in kept else {}),
        epoch=int(kept.get("epoch") or 0),
        texts=texts,
    )
