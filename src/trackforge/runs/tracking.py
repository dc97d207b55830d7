"""A tracking run, declared once: a flag, a key in a file, an environment variable, a line of help and a check each.

`Basis` is what every job over footage is told, `Run` what whatever tracks is told, from a single run to a search for
settings, and `Looking` what whatever lets a detector look is told, tracking or not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.io.starting import parse_start
from trackforge.runs.component import Wanted

__all__ = ["COMPOSED", "DETECTOR", "SEGMENTER", "TRACKER", "Basis", "Looking", "Run", "TrackingRun", "Written"]

DETECTOR, TRACKER, COMPOSED, SEGMENTER = "motion", "byte", "online", "sam"
"""What is taken where nothing is said: no weights, no torch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basis:
    """What is looked at, with which detector."""

    sources: tuple[str, ...] = setting(
        (),
        help="Video, URL, camera number, image folder or glob, MOT sequence, folder of MOT sequences, or the name of a "
        "source; - for standard input.",
    )
    source: Wanted = setting("", flags=(), help="Settings of the source; its name where the path does not tell.")
    detector: Wanted = setting(
        "",
        help="Name of the detector, or file of its weights; without one, the best network whose weights are at hand, "
        "else motion: moving things before a static camera.",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written(Basis):
    """What whatever writes outputs is told."""

    sink: tuple[Mapping[str, Any], ...] = setting(
        (), flags=(), help="Outputs: tables with a path, further settings, and a name where the ending does not tell."
    )
    sinks: Mapping[str, Any] | None = setting(
        None, flags=(), help="Settings by name of sink, for outputs that are given by their path."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run(Written):
    """What whatever tracks is told, from a single run to a search for settings."""

    tracker: Wanted = setting("", help="Name of the tracker; without one, byte.")
    associator: Wanted = setting("", help="Name of the association method, for the composed tracker: --tracker online.")
    motion: Wanted = setting("", help="Name of the motion model, for the composed tracker.")
    truth: tuple[Path, ...] = setting(
        (),
        help="Ground truth to score the result against: a MOT or COCO file, or a folder of sequences. May be repeated.",
    )
    preprocessing: str = setting(
        "none", help="What the scores leave out, by benchmark: none, mot15, mot16, mot17, mot20."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Looking(Basis):
    """What whatever lets a detector look is told; `trackforge.runs.habits` says what the first six come to.

    Raises:
        ConfigError: A setting is wrong.
    """

    weights: str | None = setting(None, help="Weights of the detector: a file, or a published name such as yolox-s.")
    conf: float | None = setting(
        None, minimum=0, maximum=1, help="Least score of what counts, whatever the components call it."
    )
    iou: float | None = setting(
        None, minimum=0, maximum=1, unit="IoU", help="Overlap above which the detector drops the lesser box."
    )
    imgsz: int | tuple[int, int] | None = setting(
        None, minimum=1, unit="px", help="Input of the network: 640 for a square, or height,width: 480,640."
    )
    device: str | None = setting(None, help="What the detector runs on: auto, cpu, cuda, cuda:1, or a GPU's number.")
    half: bool = setting(False, help="Let the detector compute in 16 bits, where its network can (torch on a GPU).")
    classes: tuple[str, ...] = setting((), commas=True, help="Only objects of these classes: person,bicycle.")
    class_agnostic: bool = setting(
        False, help="Of boxes on one thing keep the best, whatever their classes: no car that is a truck as well."
    )
    start: str | int = setting(0, help="Where to begin: number of a frame, or a time: 1:30, 90s.")
    stride: int = setting(1, minimum=1, unit="frames", help="Take every n-th frame; times stay true.")
    frames: int | None = setting(None, minimum=1, help="Stop after that many frames.")
    show: bool = setting(False, help="Show the pictures in a window, where there is a display; q or Esc ends the run.")
    save_crops: str | None = setting(
        None, help="Folder for pictures of every object, cut out: one folder a track. It must be new or empty."
    )
    batch_size: int = setting(1, minimum=1, unit="frames", help="Frames that the detector gets at once.")
    ahead: int = setting(
        4, minimum=0, unit="frames", help="Frames that decoding and detection may run ahead; 0 for one thread only."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            parse_start(self.start)
        except ConfigError as error:
            raise ConfigError(f"{type(self).__name__}.{error}") from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackingRun(Looking, Run):
    """Sources, components, outputs and options of a tracking run.

    >>> run = TrackingRun(sources=("street.mp4",), tracker={"name": "byte", "min_hits": 3}, out=("out/",))
    >>> run.batch_size
    1
    """

    conf: float | None = setting(
        None,
        minimum=0,
        maximum=1,
        help="Least score of an object that is worth a track; what is doubtful still continues one.",
    )
    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="File to write, its ending tells the format; or a folder, for a MOT file and a video. May be repeated; "
        "{name} in it is the name of the sequence. - writes JSON lines to standard output.",
    )
    segmenter: Wanted = setting(
        "",
        help="Name of what finds the pixels of objects, for outputs that hold masks: sam; without one, none are made.",
    )
    box: Literal["filtered", "detected"] | None = setting(
        None, help="Write the motion model's box (filtered), or that of the detection; without it, as each output does."
    )
