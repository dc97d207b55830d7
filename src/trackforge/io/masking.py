"""Masks for what is seen: a segmenter between a run and its outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np

from trackforge.errors import PluginError
from trackforge.io.outputs import Outputs
from trackforge.protocols import Drawing, Segmenter, Sink
from trackforge.registry import doors
from trackforge.types import Step, Stream

__all__ = ["Masking", "with_masks"]


def with_masks(step: Step, segmenter: Segmenter) -> Step:
    """Return a step whose visible tracks have masks: those of their detections, else the segmenter's.

    What no visible track has as its detection is not looked at.

    Args:
        step: A frame with its results.
        segmenter: What makes masks of boxes.

    Raises:
        PluginError: The segmenter does not give one mask a box.
        TrackforgeError: Whatever it raises.
    """
    found = step.detections
    masks = np.full(len(found), None) if found.mask is None else np.array(found.mask)
    rows = [row for row in step.tracks.visible.detection.tolist() if masks[row] is None]
    if not rows:
        return step
    made = segmenter.segment(step.frame, found.xyxy[rows])
    if not isinstance(made, list) or len(made) != len(rows):
        raise PluginError(
            f"segment() must return a list of {len(rows)} masks, one a box; {type(segmenter).__name__} gave "
            f"{str(made)[:60]}. trackforge.testing.check_segmenter shows what else it must do."
        )
    for row, mask in zip(rows, made, strict=True):
        masks[row] = mask
    return dataclasses.replace(step, detections=dataclasses.replace(found, mask=masks))


class Masking:
    """A sink that gives visible tracks masks, and the steps with them to other sinks.

    >>> segmenter = trackforge.segmenter("sam", encoder="encoder.onnx", decoder="decoder.onnx")  # doctest: +SKIP
    >>> steps = trackforge.track("street.mp4", detector, tracker,
    ...                          sinks=[Masking(["out.mp4", "out.jsonl"], segmenter)])  # doctest: +SKIP

    Args:
        sinks: Sinks, or file names whose ending tells which sink is meant.
        segmenter: What makes masks of boxes.

    Raises:
        ConfigError: Two write to one file.
    """

    def __init__(self, sinks: Iterable[Sink | str | Path], segmenter: Segmenter) -> None:
        self._outputs = Outputs(doors.sink(s) if isinstance(s, (str, Path)) else s for s in sinks)
        self._segmenter = segmenter

    def __enter__(self) -> Masking:
        self._outputs.__enter__()
        return self

    def draw_with(self, painter: Drawing, /) -> None:
        """Tell those that make pictures who else draws into them."""
        self._outputs.draw_with(painter)

    def open(self, stream: Stream, /) -> None:
        """Tell those that want to know about the stream."""
        self._outputs.open(stream)

    @property
    def ended(self) -> bool:
        """Whether the reader of one has seen enough."""
        return self._outputs.ended

    def write(self, step: Step, /) -> None:
        """Make the masks of a step, and write it."""
        self._outputs.write(with_masks(step, self._segmenter))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the outputs final, or leave them under their partial names after an error."""
        self._outputs.__exit__(kind, error, trace)
