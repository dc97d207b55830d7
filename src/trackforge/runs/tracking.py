"""A tracking run, declared once: a flag, a key in a file, an environment variable, a line of help and a check each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.runs.component import Wanted

__all__ = ["COMPOSED", "DETECTOR", "TRACKER", "Run", "TrackingRun"]

DETECTOR, TRACKER, COMPOSED = "motion", "byte", "online"
"""What is taken where nothing is said: no weights, no torch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What whatever tracks is told, from a single run to a search for settings."""

    sources: tuple[str, ...] = setting(
        (),
        help="Video, URL, image folder or glob, MOT sequence, folder of MOT sequences, or the name of a source.",
    )
    source: Wanted = setting("", flags=(), help="Settings of the source; its name where the path does not tell.")
    detector: Wanted = setting(
        "",
        help="Name of the detector, or file of its weights; without one, the best network whose weights are at hand, "
        "else motion: moving things before a static camera.",
    )
    tracker: Wanted = setting("", help="Name of the tracker; without one, byte.")
    associator: Wanted = setting("", help="Name of the association method, for the composed tracker: --tracker online.")
    motion: Wanted = setting("", help="Name of the motion model, for the composed tracker.")
    sink: tuple[Mapping[str, Any], ...] = setting(
        (), flags=(), help="Outputs: tables with a path, further settings, and a name where the ending does not tell."
    )
    sinks: Mapping[str, Any] | None = setting(
        None, flags=(), help="Settings by name of sink, for outputs that are given by their path."
    )
    truth: tuple[Path, ...] = setting(
        (),
        help="Ground truth to score the result against: a MOT or COCO file, or a folder of sequences. May be repeated.",
    )
    preprocessing: str = setting(
        "none", help="What the scores leave out, by benchmark: none, mot15, mot16, mot17, mot20."
    )

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackingRun(Run):
    """Sources, components, outputs and options of a tracking run.

    >>> run = TrackingRun(sources=("street.mp4",), tracker={"name": "byte", "min_hits": 3}, out=("out/",))
    >>> run.batch_size
    1
    """

    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="File to write, its ending tells the format; or a folder, for a MOT file and a video. May be repeated; "
        "{name} in it is the name of the sequence.",
    )
    classes: tuple[str, ...] = setting((), commas=True, help="Only objects of these classes: person,bicycle.")
    box: Literal["filtered", "detected"] | None = setting(
        None, help="Write the motion model's box (filtered), or that of the detection; without it, as each output does."
    )
    frames: int | None = setting(None, minimum=1, help="Stop after that many frames.")
    batch_size: int = setting(1, minimum=1, unit="frames", help="Frames that the detector gets at once.")
    ahead: int = setting(
        4, minimum=0, unit="frames", help="Frames that decoding and detection may run ahead; 0 for one thread only."
    )
