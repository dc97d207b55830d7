"""YOLOX checkpoints to ONNX: free batch, height and width, decoded boxes, and a description of itself inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.config import setting
from trackforge.errors import MissingDependencyError
from trackforge.models import Given
from trackforge.models.exporting import OnnxConfig, write_onnx
from trackforge_yolox.variants import variant
from trackforge_yolox.weights import PUBLISHED, load_network

__all__ = ["ExportConfig", "export"]


@dataclass(frozen=True, kw_only=True)
class ExportConfig(OnnxConfig):
    """Settings of `export`."""

    weights: str | Path = setting("yolox-s", help="Checkpoint, or a published name such as yolox-nano.")
    variant: str | None = setting(
        None, help="Which network a checkpoint holds; found out from its tensors if left out."
    )
    preprocessing: Literal["auto", "yolox", "bytetrack", "legacy"] = setting(
        "auto", help="How pictures become input, where the file does not know."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
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
        import onnx  # noqa: F401 - said to be missing before the checkpoint is read
        import torch

        from trackforge_yolox.model import Predictor, fuse
    except ImportError as error:
        raise MissingDependencyError(
            f"Export needs {error.name}, which is not installed; run: pip install 'trackforge-yolox[torch]'"
        ) from error
    path = PUBLISHED.resolve(str(config.weights), ".pth")
    given = Given(variant=config.variant, classes=config.classes, preprocessing=config.preprocessing, size=config.size)
    network, card = load_network(path, given)
    predictor = Predictor(fuse(network), torch.float16 if config.half else None).eval()
    outputs: dict[str, dict[int, str | int]] = {"predictions": {1: "anchors", 2: 5 + len(card.classes)}}
    return write_onnx(predictor, card, config, source=path, outputs=outputs, exporter="trackforge-yolox")
