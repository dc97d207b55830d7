"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

SOURCE = "Zhang et al., FairMOT, IJCV 2021; ifzhang/FairMOT, MIT"


NETWORKS = (
    ComponentSpec(
        kind="detector",
        name="fairmot",
        target="trackforge_fairmot.detector:FairmotDetector",
        config="trackforge_fairmot.detector:FairmotDetectorConfig",
        summary="FairMOT: people and their appearance from one network, on ONNX Runtime or torch.",
        requires=("cv2",),
        install="trackforge-fairmot",
        source=SOURCE,
        suffixes=(".onnx", ".pth", ".tar"),
        catalogue="trackforge_fairmot.weights:PUBLISHED",
    ),
    ComponentSpec(
        kind="exporter",
        name="fairmot",
        target="trackforge_fairmot.export:export",
        config="trackforge_fairmot.export:ExportConfig",
        summary="FairMOT weights to ONNX with free batch, height and width; objects and embeddings come out.",
        requires=("torch", "onnx"),
        install="trackforge-fairmot[torch]",
        source=SOURCE,
        suffixes=(".pth", ".tar"),
    ),
)


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the detector with embeddings and its export to ONNX."""
    yield from NETWORKS
