"""What this plugin offers. Imports nothing but the registry, so that listing plugins stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer both detectors: without MXNet, and with it."""
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
    yield ComponentSpec(
        kind="detector",
        name="gluoncv",
        target="trackforge_mxnet.zoo:GluoncvDetector",
        config="trackforge_mxnet.zoo:GluoncvDetectorConfig",
        summary="Any detector of GluonCV's zoo, run by real MXNet 1.9.1, which is retired and gets no fixes.",
        requires=("mxnet", "gluoncv", "cv2"),
        install="trackforge-mxnet[mxnet]",
        source="GluonCV, Apache-2.0",
    )
