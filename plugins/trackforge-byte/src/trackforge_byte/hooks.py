"""What this plugin offers."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl

BYTE = "Zhang et al., ByteTrack, ECCV 2022; ifzhang/ByteTrack, MIT"
SORT = "Bewley et al., Simple Online and Realtime Tracking, ICIP 2016"
OCSORT = "Cao et al., Observation-Centric SORT, CVPR 2023; noahcao/OC_SORT, MIT"


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the associators, their clean trackers and the official presets."""
    for kind, name, target, summary, source in (
        ("associator", "byte", "byte:ByteAssociator", "Confident boxes first, doubtful ones second.", BYTE),
        ("associator", "iou", "sort:IouAssociator", "Greatest overlap with the predicted box.", SORT),
        ("tracker", "byte", "byte:byte_tracker", "BYTE, clean.", BYTE),
        ("tracker", "bytetrack", "presets:bytetrack", "BYTE exactly as published, quirks and all.", BYTE),
        ("tracker", "iou", "sort:iou_tracker", "SORT, clean.", SORT),
        ("tracker", "sort", "presets:sort", "SORT exactly as published, quirks and all.", SORT),
        ("tracker", "observation-centric", "ocsort:observation_centric_tracker", "OC-SORT, clean.", OCSORT),
        ("tracker", "ocsort", "ocsort_preset:ocsort", "OC-SORT exactly as published, quirks and all.", OCSORT),
    ):
        module, _, attribute = target.partition(":")
        config = "" if kind == "associator" else f"trackforge_byte.{module}:{_config_name(attribute)}"
        yield ComponentSpec(
            kind=kind, name=name, target=f"trackforge_byte.{target}", config=config, summary=summary, source=source
        )


def _config_name(function: str) -> str:
    """``byte_tracker`` to ``ByteTrackerConfig``."""
    return "".join(part.capitalize() for part in function.split("_")) + "Config"
