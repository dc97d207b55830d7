"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

FAIRMOT = "Zhang et al., FairMOT, IJCV 2021; ifzhang/FairMOT, MIT"
BYTE = "Zhang et al., ByteTrack, ECCV 2022; ifzhang/ByteTrack, MIT"

NETWORKS = (
    ComponentSpec(
        kind="detector",
        name="fairmot",
        target="trackforge_fairmot.detector:FairmotDetector",
        config="trackforge_fairmot.detector:FairmotDetectorConfig",
        summary="FairMOT: people and their appearance from one network, on ONNX Runtime or torch.",
        requires=("cv2",),
        install="trackforge-fairmot",
        source=FAIRMOT,
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
        source=FAIRMOT,
        suffixes=(".pth", ".tar"),
    ),
)
TRACKERS = (
    ComponentSpec(
        kind="associator",
        name="fairmot",
        target="trackforge_fairmot.cascade:FairmotAssociator",
        summary="Looks first, then overlap, then doubtful boxes.",
        source=FAIRMOT,
    ),
    ComponentSpec(
        kind="tracker",
        name="appearance",
        target="trackforge_fairmot.tracker:appearance_tracker",
        config="trackforge_fairmot.tracker:AppearanceTrackerConfig",
        summary="FairMOT's association with BYTE's, clean.",
        source=FAIRMOT,
    ),
    ComponentSpec(
        kind="tracker",
        name="fairmot",
        target="trackforge_fairmot.presets:fairmot",
        config="trackforge_fairmot.presets:FairmotConfig",
        summary="FairMOT's tracker exactly as published, quirks and all.",
        source=FAIRMOT,
    ),
    ComponentSpec(
        kind="tracker",
        name="fairmot-byte",
        target="trackforge_fairmot.presets:fairmot_byte",
        config="trackforge_fairmot.presets:FairmotByteConfig",
        summary="BYTE on FairMOT exactly as published, by motion alone.",
        source=BYTE,
    ),
    ComponentSpec(
        kind="tracker",
        name="fairmot-byte-reid",
        target="trackforge_fairmot.presets:fairmot_byte_reid",
        config="trackforge_fairmot.presets:FairmotByteReidConfig",
        summary="BYTE on FairMOT exactly as published, with re-identification.",
        source=BYTE,
    ),
)

TRAINER = ComponentSpec(
    kind="trainer",
    name="fairmot",
    target="trackforge_fairmot.training.recipe:FairMotTrainer",
    config="trackforge_fairmot.training.config:FairMotTrainConfig",
    summary="FairMOT on pictures with identities: detection and appearance, as published.",
    requires=("cv2", "torch", "lightning"),
    install="trackforge-fairmot[train]",
    source=FAIRMOT,
)


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the networks and their training, and what associates what they find: clean, and as published."""
    yield from (*NETWORKS, TRAINER, *TRACKERS)
