"""YOLOX checkpoints to ONNX: free batch, height and width, decoded boxes, and a description of itself inside."""

from __future__ import annotations

import importlib.metadata as metadata
import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.errors import MissingDependencyError
from trackforge.io.atomic import atomic_path
from trackforge.io.fetch import digest
from trackforge_yolox.variants import variant

__all__ = ["ExportConfig", "export"]

log = logging.getLogger(__name__)
INPUT, OUTPUT = "images", "predictions"


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `export`."""

    weights: str | Path = setting("yolox-s", help="Checkpoint, or a published name such as yolox-nano.")
    output: Path | None = setting(None, help="The .onnx file to write; beside the checkpoint if left out.")
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    classes: tuple[str, ...] | None = setting(
        None, help="Names of all classes of the weights, where the file has none."
    )
    preprocessing: Literal["auto", "yolox", "bytetrack", "legacy"] = setting(
        "auto", help="How pictures become input, where the file does not know."
    )
    size: tuple[int, int] | None = setting(None, help="Height,width of the input; the usual one where free.", unit="px")
    batch: int | None = setting(None, help="Pictures a run; any number if left out.", minimum=1)
    dynamic: bool = setting(True, help="Leave height and width free.")
    half: bool = setting(False, help="Half-precision weights: half the file, for GPUs; input and output stay float32.")
    opset: int = setting(17, help="ONNX operator set.", minimum=13, maximum=20)

    def __post_init__(self) -> None:
        check(self)
        if self.variant is not None:
            variant(self.variant)


def export(config: ExportConfig) -> Path:
    """Write a checkpoint as ONNX.

    The graph takes ``images`` ``(B, 3, H, W)`` float32, preprocessed as its description says, and gives ``predictions``
    ``(B, A, 5 + C)``: centre x, y, width, height in input pixels, objectness, class confidences.

    Returns:
        The file written.

    Raises:
        WeightsError: The checkpoint cannot be found or read, or is not of YOLOX.
        MissingDependencyError: torch or onnx is not installed.
        SinkError: The file cannot be written.
    """
    try:
        import onnx
        import torch

        from trackforge_yolox.backend_torch import load_network
        from trackforge_yolox.model import Predictor, fuse
    except ImportError as error:
        raise MissingDependencyError(
            f"Export needs {error.name}, which is not installed; run: pip install 'trackforge-yolox[torch]'"
        ) from error
    from trackforge_yolox.backends import Given
    from trackforge_yolox.card import KEY
    from trackforge_yolox.weights import resolve

    path = resolve(str(config.weights), suffix=".pth")
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    network, card = load_network(path, given)
    output = config.output or Path(path.name).with_suffix(".onnx")
    fused = fuse(network)
    # In evaluation mode before export: a wrapper left in training mode would take the network along.
    predictor = Predictor(fused, torch.float16 if config.half else None).eval()
    height, width = card.preprocessing.size
    axes = {0: "batch"} if config.batch is None else {}
    space = {2: "height", 3: "width"} if config.dynamic else {}
    anchors = {1: "anchors"} if config.dynamic else {}
    example = torch.zeros((config.batch or 2, 3, height, width))
    with atomic_path(output) as partial:
        with warnings.catch_warnings(), torch.no_grad():
            # The TorchScript exporter is deprecated and says so; the new one takes a hundred times as long here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                predictor,
                (example,),
                str(partial),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {**axes, **space}, OUTPUT: {**axes, **anchors}},
                opset_version=config.opset,
                dynamo=False,
            )
        graph = onnx.load(str(partial))
        entry = graph.metadata_props.add()
        entry.key = KEY
        entry.value = replace(card, provenance={**card.provenance, **_provenance(path)}).to_json()
        graph.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 5 + len(card.classes)
        onnx.checker.check_model(graph)
        onnx.save(graph, str(partial))
    log.info("wrote %s", output)
    return output


def _provenance(path: Path) -> dict[str, str]:
    return {
        "file": path.name,
        "sha256": digest(path),
        "exporter": f"trackforge-yolox {metadata.version('trackforge-yolox')}",
    }
