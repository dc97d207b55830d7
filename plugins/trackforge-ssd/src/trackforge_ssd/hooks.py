"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

SOURCE = (
    "Liu et al., SSD, ECCV 2016; zhreshold/mxnet-ssd, MIT; GluonCV, Apache-2.0; torchvision, BSD-3-Clause: names, "
    "numbers and recorded behaviour"
)


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the detector, its export to ONNX, to SageMaker's artefact and to bundles, and its training."""
    yield ComponentSpec(
        kind="detector",
        name="ssd",
        target="trackforge_ssd.detector:SsdDetector",
        config="trackforge_ssd.detector:SsdDetectorConfig",
        summary="SSD-300 and 512 with VGG-16 or ResNet-50: weights of SageMaker, GluonCV and torchvision.",
        requires=("cv2",),
        install="trackforge-ssd",
        source=SOURCE,
        suffixes=(".onnx", ".pth", ".params", ".tar.gz"),
        catalogue="trackforge_ssd.weights:PUBLISHED",
    )
    yield ComponentSpec(
        kind="exporter",
        name="ssd",
        target="trackforge_ssd.export:export",
        config="trackforge_ssd.export:ExportConfig",
        summary="SSD weights to ONNX, to SageMaker's model.tar.gz, or to a bundle of trackforge.",
        requires=("torch",),
        install="trackforge-ssd[torch]",
        source=SOURCE,
        suffixes=(".pth", ".params", ".tar.gz"),
    )
    yield ComponentSpec(
        kind="trainer",
        name="ssd",
        target="trackforge_ssd.training.recipe:SsdTrainer",
        config="trackforge_ssd.training.config:SsdTrainConfig",
        summary="SSD with the hyperparameters of SageMaker's built-in Object Detection, by their names.",
        requires=("cv2", "torch", "lightning"),
        install="trackforge-ssd[train]",
        source=SOURCE,
    )
