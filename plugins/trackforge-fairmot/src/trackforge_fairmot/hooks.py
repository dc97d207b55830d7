"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

SOURCE = "Zhang, Wang, Wang, Zeng, Liu, FairMOT, IJCV 2021; ifzhang/FairMOT, MIT"


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the training."""
    yield ComponentSpec(
        kind="trainer",
        name="fairmot",
        target="trackforge_fairmot.training.recipe:FairMotTrainer",
        config="trackforge_fairmot.training.config:FairMotTrainConfig",
        summary="FairMOT on pictures with identities: detection and appearance, as published.",
        requires=("cv2", "torch", "lightning"),
        install="trackforge-fairmot[train]",
        source=SOURCE,
    )
