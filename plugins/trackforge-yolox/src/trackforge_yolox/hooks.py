"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

SOURCE = "Ge et al., YOLOX, arXiv 2107.08430, 2021; Megvii-BaseDetection/YOLOX, Apache-2.0"


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the detector, its export to ONNX and its training."""
    yield ComponentSpec(
        kind="detector",
        name="yolox",
        target="trackforge_yolox.detector:YoloxDetector",
        config="trackforge_yolox.detector:YoloxDetectorConfig",
        summary="YOLOX nano to x, Darknet-53 and ByteTrack's one-class set, on ONNX Runtime or torch.",
        requires=("cv2",),
        install="trackforge-yolox",
        source=SOURCE,
        suffixes=(".onnx", ".pth", ".tar"),
        catalogue="trackforge_yolox.weights:PUBLISHED",
    )
    yield ComponentSpec(
        kind="exporter",
        name="yolox",
        target="trackforge_yolox.export:export",
        config="trackforge_yolox.export:ExportConfig",
        summary="YOLOX weights to ONNX with free batch, height and width.",
        requires=("torch", "onnx"),
        install="trackforge-yolox[torch]",
        source=SOURCE,
        suffixes=(".pth", ".tar"),
    )
    yield ComponentSpec(
        kind="trainer",
        name="yolox",
        target="trackforge_yolox.training.recipe:YoloxTrainer",
        config="trackforge_yolox.training.config:YoloxTrainConfig",
        summary="YOLOX on your own pictures: fine-tuning, and the published recipes of YOLOX and ByteTrack.",
        requires=("cv2", "torch", "lightning"),
        install="trackforge-yolox[train]",
        source=SOURCE,
    )
