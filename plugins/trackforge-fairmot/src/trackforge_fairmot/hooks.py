"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

FAIRMOT = "Zhang et al., FairMOT, IJCV 2021; ifzhang/FairMOT, MIT"
BYTE = "Zhang et al., ByteTrack, ECCV 2022; ifzhang/ByteTrack, MIT"

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


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the associator, its clean tracker and the official presets."""
    yield from TRACKERS
