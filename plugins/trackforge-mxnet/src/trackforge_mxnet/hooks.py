"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the detector."""
    yield ComponentSpec(
        kind="detector",
        name="mxnet",
        target="trackforge_mxnet.detector:MxnetDetector",
        config="trackforge_mxnet.detector:MxnetDetectorConfig",
        summary="Old MXNet detectors (model.tar.gz of SageMaker, exports of GluonCV), run on torch without MXNet.",
        requires=("torch", "cv2"),
        install="trackforge-mxnet[torch]",
        source="Apache MXNet and GluonCV, Apache-2.0: formats and recorded behaviour",
        suffixes=(".tar.gz", ".tgz", "-symbol.json", ".params"),
    )
