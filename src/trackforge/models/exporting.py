"""Networks to ONNX: free batch, height and width, and a description of itself inside."""

from __future__ import annotations

import importlib.metadata as metadata
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trackforge.config import check, setting
from trackforge.io.atomic import atomic_path
from trackforge.io.fetch import digest
from trackforge.models.card import ModelCard
from trackforge.registry.bundles import KEY

if TYPE_CHECKING:
    from torch import nn

__all__ = ["INPUT", "OnnxConfig", "write_onnx"]

log = logging.getLogger(__name__)
INPUT = "images"
"""Name of the input of every graph."""


@dataclass(frozen=True, kw_only=True)
class OnnxConfig:
    """Settings of every export; a family adds its own, and gives ``weights`` its default."""

    weights: str | Path = setting(help="Checkpoint, or a published name.")
    output: Path | None = setting(
        None, help="The .onnx file to write; if left out, here, by the name of the checkpoint."
    )
    classes: tuple[str, ...] | None = setting(
        None, help="Names of all classes of the weights, where the file has none."
    )
    size: tuple[int, int] | None = setting(None, help="Height,width of the input; the usual one where free.", unit="px")
    batch: int | None = setting(None, help="Pictures a run; any number if left out.", minimum=1)
    dynamic: bool = setting(True, help="Leave height and width free.")
    half: bool = setting(False, help="Half-precision weights: half the file, for GPUs; input and output stay float32.")
    opset: int = setting(17, help="ONNX operator set.", minimum=13, maximum=20)

    def __post_init__(self) -> None:
        check(self)


def write_onnx(
    predictor: nn.Module,
    card: ModelCard,
    config: OnnxConfig,
    *,
    source: Path,
    outputs: Mapping[str, Mapping[int, str | int]],
    exporter: str,
) -> Path:
    """Write a network as ONNX.

    The graph takes ``images`` ``(B, 3, H, W)`` float32, preprocessed as its card says.

    Args:
        predictor: Maps images to one tensor, or a tuple of tensors. In evaluation mode: a wrapper in training mode
            would take the network along.
        card: Goes into the file.
        config: Settings.
        source: The checkpoint that the network is from.
        outputs: For each output those sizes after the batch that are not left to the exporter: a name for one that is
            free where height and width are, a number for one that is fixed in any case.
        exporter: Distribution that exports.

    Returns:
        The file written.

    Raises:
        SinkError: The file cannot be written.
    """
    import onnx
    import torch

    output = config.output or Path(source.name).with_suffix(".onnx")
    height, width = card.preprocessing.size
    batch = {0: "batch"} if config.batch is None else {}
    axes = {INPUT: {**batch, **({2: "height", 3: "width"} if config.dynamic else {})}}
    for name, sizes in outputs.items():
        free = {axis: size for axis, size in sizes.items() if isinstance(size, str)}
        axes[name] = {**batch, **(free if config.dynamic else {})}
    provenance = {
        "file": source.name,
        "sha256": digest(source),
        "exporter": f"{exporter} {metadata.version(exporter)}",
    }
    with atomic_path(output) as partial:
        with warnings.catch_warnings(), torch.no_grad():
            # The TorchScript exporter is deprecated and says so; the new one takes a hundred times as long here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                predictor,
                (torch.zeros((config.batch or 2, 3, height, width)),),
                str(partial),
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_axes=axes,
                opset_version=config.opset,
                dynamo=False,
            )
        graph = onnx.load(str(partial))
        entry = graph.metadata_props.add()
        entry.key = KEY
        entry.value = replace(card, provenance={**card.provenance, **provenance}).to_json()
        for value, sizes in zip(graph.graph.output, outputs.values(), strict=True):
            for axis, size in sizes.items():
                if isinstance(size, int):
                    value.type.tensor_type.shape.dim[axis].dim_value = size
        onnx.checker.check_model(graph)
        onnx.save(graph, str(partial))
    log.info("wrote %s", output)
    return output
