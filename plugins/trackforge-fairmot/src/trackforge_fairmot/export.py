"""FairMOT checkpoints to ONNX: free batch, height and width, objects with embeddings, and a description inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError, MissingDependencyError
from trackforge.models import Given
from trackforge.models.exporting import OnnxConfig, write_onnx
from trackforge_fairmot.decode import MOST
from trackforge_fairmot.variants import variant
from trackforge_fairmot.weights import PUBLISHED, load_network

__all__ = ["ExportConfig", "export"]

USUAL = 17
"""A widespread operator set that has all but DeformConv; GridSample is of 16."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig(OnnxConfig):
    """Settings of `export`."""

    weights: str | Path = setting("fairmot-dla34", help="Checkpoint, or a published name.")
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    outputs: Literal["objects", "maps"] = setting(
        "objects", help="Objects with embeddings, or the raw maps of the four heads, for a decoder of your own."
    )
    topk: int = setting(MOST, help="Most objects of a picture, best first, over all classes.", minimum=1)
    deform: Literal["native", "grid"] = setting(
        "native",
        help="Deformable convolutions as ONNX's operator (DeformConv, quickest), or put together from GridSample, for "
        "engines that lack it: OpenVINO crashes on it.",
    )
    opset: int = setting(
        0, help="ONNX operator set; 0 takes 19 where there are DeformConvs, else 17.", minimum=0, maximum=20
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant is not None:
            variant(self.variant)
        if 0 < self.opset < 16:
            raise ConfigError(f"opset must be 16 to 20, or 0; got {self.opset}. Older sets have no GridSample.")


def export(config: ExportConfig) -> Path:
    """Write a checkpoint as ONNX.

    The graph takes ``images`` ``(B, 3, H, W)`` float32, preprocessed as its description says. It gives ``detections``
    ``(B, K, 6)``: x1, y1, x2, y2 in pixels of the input, probability (0: nothing there), class id; and ``embeddings``
    ``(B, K, D)`` of length 1; best first. With ``outputs="maps"`` it gives ``hm`` (logits), ``wh``, ``id`` and ``reg``
    instead, ``(B, C, H / 4, W / 4)``. Its description says which deformable convolution it has (``extra["deform"]``).

    Returns:
        The file written.

    Raises:
        WeightsError: The checkpoint cannot be found or read, or is not of FairMOT.
        ConfigError: The operator set has no such operators.
        MissingDependencyError: torch or onnx is not installed.
        SinkError: The file cannot be written.
    """
    try:
        import onnx  # noqa: F401 - said to be missing before the checkpoint is read
        import torch

        from trackforge_fairmot.deform import DeformConv2d, set_form
        from trackforge_fairmot.deform_onnx import OPSET, deform_conv
        from trackforge_fairmot.model import fuse
        from trackforge_fairmot.predictor import MapsPredictor, Predictor
    except ImportError as error:
        raise MissingDependencyError(
            f"Export needs {error.name}, which is not installed; run: pip install 'trackforge-fairmot[torch]'"
        ) from error
    path = PUBLISHED.resolve(str(config.weights), ".pth")
    network, card = load_network(path, Given(variant=config.variant, classes=config.classes, size=config.size))
    network = fuse(network)
    deformable = any(isinstance(module, DeformConv2d) for module in network.modules())
    form = config.deform if deformable else "none"
    needed = OPSET if form == "native" else USUAL
    if form == "native" and 0 < config.opset < OPSET:
        raise ConfigError(
            f"opset must be {OPSET} or 20, or deform='grid'; got {config.opset}, which has no DeformConv."
        )
    set_form(network, deform_conv if form == "native" else "grid")
    dtype = torch.float16 if config.half else None
    outputs: dict[str, dict[int, str | int]]
    module: Any
    if config.outputs == "objects":
        module = Predictor(network, most=config.topk, dtype=dtype)
        outputs = {
            "detections": {1: config.topk, 2: 6},
            "embeddings": {1: config.topk, 2: network.embedding_dim},
        }
    else:
        module = MapsPredictor(network, dtype=dtype)
        outputs = {name: {2: "rows", 3: "columns"} for name in ("hm", "wh", "id", "reg")}
    card = replace(card, extra={**card.extra, "deform": form})
    settings = replace(config, opset=config.opset or needed)
    return write_onnx(module.eval(), card, settings, source=path, outputs=outputs, exporter="trackforge-fairmot")
