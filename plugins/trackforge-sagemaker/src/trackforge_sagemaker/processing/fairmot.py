"""``results.txt`` as FairMOT's batch job in AWS's sample writes it: ``frame,id,x,y,w,h,1,-1,-1,-1``.

Frames count from 1. The score is 1 whatever it was, and boxes wider than 1.6 times their height or of at most 100
square pixels are left out, as that program does: it knows people only. All other outputs have them.

Source: aws-samples/amazon-sagemaker-fairmot (MIT-0), its rows only; ifzhang/FairMOT (MIT), ``track.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trackforge.config import check, setting
from trackforge.io.text_sink import TextSink
from trackforge.types import Step

__all__ = ["FairMotSink", "FairMotSinkConfig"]


@dataclass(frozen=True, kw_only=True)
class FairMotSinkConfig:
    """Settings of `FairMotSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    min_area: float = setting(100.0, help="Leave out boxes of this area or less.", unit="px²", minimum=0)
    max_aspect_ratio: float | None = setting(
        1.6, help="Leave out boxes wider than this times their height; none keeps them.", minimum=0
    )

    def __post_init__(self) -> None:
        check(self)


class FairMotSink(TextSink):
    """Writes the visible tracks of every frame.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: FairMotSinkConfig) -> None:
        super().__init__(config.path)
        self.config = config

    def body(self, step: Step) -> str:
        """Return the rows of a frame."""
        tracks, ratio = step.tracks.visible, self.config.max_aspect_ratio
        rows = []
        for track, (x1, y1, x2, y2) in zip(tracks.track_id.tolist(), tracks.xyxy.tolist(), strict=True):
            width, height = x2 - x1, y2 - y1
            if width * height > self.config.min_area and (ratio is None or width <= ratio * height):
                box = f"{x1:.2f},{y1:.2f},{width:.2f},{height:.2f}"
                rows.append(f"{step.frame.index + 1},{track},{box},1,-1,-1,-1\n")
        return "".join(rows)
