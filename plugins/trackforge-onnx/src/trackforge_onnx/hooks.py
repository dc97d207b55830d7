"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the detector and the segmenter."""
    yield ComponentSpec(
        kind="detector",
        name="onnx",
        target="trackforge_onnx.detector:OnnxDetector",
        config="trackforge_onnx.detector:OnnxDetectorConfig",
        summary="Your own .onnx: heads of YOLO, DETR, SSD, TensorFlow and torchvision, found out by looking.",
        requires=("cv2", "onnxruntime"),
        install="trackforge-onnx",
        suffixes=(".onnx",),
    )
    yield ComponentSpec(
        kind="segmenter",
        name="sam",
        target="trackforge_onnx.sam:SamSegmenter",
        config="trackforge_onnx.sam:SamConfig",
        summary="Segment Anything: masks of the objects in boxes, by an encoder and a decoder as .onnx files.",
        source="Kirillov et al., ICCV 2023; Segment Anything, Apache-2.0: the inputs and outputs of its exports",
        requires=("cv2", "onnxruntime"),
        install="trackforge-onnx[sam]",
    )
