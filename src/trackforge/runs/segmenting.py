"""Which segmenter a run takes, and whether any of its outputs can hold what that makes."""

from __future__ import annotations

from collections.abc import Sequence

from trackforge.errors import ConfigError
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, choose
from trackforge.runs.places import Output
from trackforge.runs.tracking import SEGMENTER

__all__ = ["holds_masks", "segmenter_of"]

BOXES_ONLY = frozenset({"mot", "crops", "counts", "events", "responses", "seqlabel"})
"""Outputs whose format has no place for masks."""


def segmenter_of(layers: Sequence[Layer], outputs: Sequence[Output]) -> Component | None:
    """Return what makes masks, where anything is said of it.

    Raises:
        ConfigError: No output could hold a mask.
        UnknownComponentError: There is no such segmenter.
    """
    if not any(layer.tables.get("segmenter") for layer in layers):
        return None
    made = choose("segmenter", layers, SEGMENTER)
    if outputs and not any(holds_masks(output.sink) for output in outputs):
        names = ", ".join(sorted({output.sink.name for output in outputs}))
        raise ConfigError(
            f"A segmenter needs an output that holds masks; {names} doesn't. Write .jsonl, .json, .parquet or a video, "
            "or a .csv with --set csv.masks=true; or leave the segmenter out."
        )
    return made


def holds_masks(sink: Component) -> bool:
    """Whether an output has a place for masks, with these settings; one that nothing is known of is taken to have."""
    return sink.name not in BOXES_ONLY and (not sink.has("masks") or bool(sink.value("masks")))
