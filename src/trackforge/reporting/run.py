"""A report, declared once: flags, keys in a file, environment variables, help and checks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting

__all__ = ["ReportRun"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportRun:
    """Which results to show, beside which others, and how much of the film.

    >>> ReportRun(results="out/").longest_side
    640
    """

    results: str = setting("", help="Folder that trackforge track -o has written, or any folder of MOT files.")
    against: str = setting("", help="Folder of another run on the same films, to stand beside.")
    out: Path | None = setting(
        None, flags=("--out", "-o"), help="File to write; report.html in the folder of the results where not given."
    )
    truth: tuple[Path, ...] = setting(
        (),
        help="Ground truth: what trackforge eval reads. Without it, that of the run; none for no scores. May be "
        "repeated.",
    )
    preprocessing: str = setting(
        "", help="What the scores leave out: none, mot15, mot16, mot17, mot20. Without it, as the run says."
    )
    iou_threshold: float = setting(0.5, above=0, maximum=1, unit="IoU", help="Least overlap of a match.")
    sequences: tuple[str, ...] = setting((), commas=True, help="Only these sequences: MOT17-02,MOT17-04.")
    film: Literal["embed", "beside", "none"] = setting(
        "embed",
        help="Put the film into the page, small (embed), or in a folder beside it, to which the page points (beside), "
        "or show boxes without pictures (none).",
    )
    source: str = setting("", help="Film to show, where it is no longer where the run found it.")
    frames: int | None = setting(None, minimum=1, help="Only the first frames of each film; the page says so.")
    seconds: float | None = setting(None, above=0, unit="s", help="Only the first seconds of each film.")
    longest_side: int = setting(640, minimum=64, maximum=4096, unit="px", help="Longest side of the film in the page.")
    megabytes: float = setting(
        24.0,
        above=0,
        unit="MB",
        help="What the films in the page may take in all; quality goes down first, then films end early, and the page "
        "says so.",
    )
    moments: int = setting(12, minimum=0, help="Clips of each kind of error: switches, fragmentations, misses, ...")

    def __post_init__(self) -> None:
        check(self)
