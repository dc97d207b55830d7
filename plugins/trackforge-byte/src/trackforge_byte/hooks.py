"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

BYTE = "Zhang et al., ByteTrack, ECCV 2022; ifzhang/ByteTrack, MIT"
SORT = "Bewley et al., Simple Online and Realtime Tracking, ICIP 2016"
OCSORT = "Cao et al., Observation-Centric SORT, CVPR 2023; noahcao/OC_SORT, MIT"

COMPONENTS = (
    ComponentSpec(
        kind="associator",
        name="byte",
        target="trackforge_byte.byte:ByteAssociator",
        summary="Confident boxes first, doubtful ones second.",
        source=BYTE,
    ),
    ComponentSpec(
        kind="associator",
        name="iou",
        target="trackforge_byte.sort:IouAssociator",
        summary="Greatest overlap with the predicted box.",
        source=SORT,
    ),
    ComponentSpec(
        kind="tracker",
        name="byte",
        target="trackforge_byte.byte:byte_tracker",
        config="trackforge_byte.byte:ByteTrackerConfig",
        summary="BYTE, clean.",
        source=BYTE,
    ),
    ComponentSpec(
        kind="tracker",
        name="bytetrack",
        target="trackforge_byte.presets:bytetrack",
        config="trackforge_byte.presets:BytetrackConfig",
        summary="BYTE exactly as published, quirks and all.",
        source=BYTE,
    ),
    ComponentSpec(
        kind="tracker",
        name="iou",
        target="trackforge_byte.sort:iou_tracker",
        config="trackforge_byte.sort:IouTrackerConfig",
        summary="SORT, clean.",
        source=SORT,
    ),
    ComponentSpec(
        kind="tracker",
        name="sort",
        target="trackforge_byte.presets:sort",
        config="trackforge_byte.presets:SortConfig",
        summary="SORT exactly as published, quirks and all.",
        source=SORT,
    ),
    ComponentSpec(
        kind="tracker",
        name="observation-centric",
        target="trackforge_byte.ocsort:observation_centric_tracker",
        config="trackforge_byte.ocsort:ObservationCentricTrackerConfig",
        summary="OC-SORT, clean.",
        source=OCSORT,
    ),
    ComponentSpec(
        kind="tracker",
        name="ocsort",
        target="trackforge_byte.ocsort_preset:ocsort",
        config="trackforge_byte.ocsort_preset:OcsortConfig",
        summary="OC-SORT exactly as published, quirks and all.",
        source=OCSORT,
    ),
)


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the associators, their clean trackers and the official presets."""
    yield from COMPONENTS
