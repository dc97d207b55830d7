"""``trackforge track``."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.runs.layers import Layer
from trackforge.runs.tracking import TrackingRun

if TYPE_CHECKING:
    from trackforge.runs.planning import RunPlan

__all__ = ["GROUPS", "TrackWords", "carry", "speak", "track"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackWords(Words):
    """What the command takes beside the run."""

    set: tuple[str, ...] = setting(
        (),
        help="A setting, section.key=value: detector.score=0.3, tracker.high_score=0.6, overlay.trail=30, "
        "sink.box=detected. May be repeated.",
    )
    config: Path | None = setting(
        None,
        flags=("--config", "-c"),
        help="TOML file with [source], [detector], [tracker], [[sink]]; the run.toml of a run repeats it.",
    )
    quiet: bool = setting(
        False,
        flags=("--quiet", "-q"),
        help="Show neither progress nor summary; scores are printed all the same.",
    )
    verbose: bool = setting(
        False,
        flags=("--verbose", "-v"),
        help="Say on stderr what is opened, which weights run on what, and when the first frame is done.",
    )
    help_settings: bool = setting(
        False, help="Show every setting of the chosen source, detector, tracker and outputs, and do nothing."
    )


def _track(layers: list[Layer], words: TrackWords) -> int:
    from trackforge.runs.planning import plan

    if words.verbose:
        speak(quiet=words.quiet)
    return carry(plan(*layers), words)


def carry(made: RunPlan, words: TrackWords) -> int:
    """Carry out a plan, or show its settings, as the words of the command ask for; return the exit code."""
    if words.help_settings:
        from trackforge.cli.info import show_settings

        show_settings([component.spec for component in made.components()], as_json=words.json)
        return 0
    from trackforge.cli.progress import progress
    from trackforge.cli.summary import announce, show
    from trackforge.runs.stopping import Stopping
    from trackforge.runs.summary import Summary, carry_out

    # who reads the results from standard output gets nothing else there
    beside = contextlib.redirect_stdout(sys.stderr) if any(one.is_stdout for one in made.outputs) else None

    def done(summary: Summary) -> None:
        with beside or contextlib.nullcontext():
            tell(summary)

    def tell(summary: Summary) -> None:
        if stopping.signal:
            whole = "the others" if any(result.failure for result in summary.results) else "the outputs"
            log.warning("interrupted; %s are whole and hold what came before", whole)
        if words.json:
            put(json.dumps(summary.as_dict(), indent=2) + "\n")
        else:
            show(summary, quiet=words.quiet)

    announce(made, quiet=words.quiet)
    with Stopping() as stopping:
        try:
            carry_out(made, progress=functools.partial(progress, quiet=words.quiet), stopping=stopping, done=done)
        except SystemExit:
            log.warning("stopped at once; what is not said to have failed is whole and holds what came before")
            raise
    return stopping.exit_code


def speak(*, quiet: bool) -> None:
    """Let the library say what it does, as ``--verbose`` asks for.

    Raises:
        ConfigError: It shall be quiet, too.
    """
    if quiet:
        raise ConfigError("Give --verbose or --quiet, not both.")
    logging.getLogger("trackforge").setLevel(min(logging.INFO, logging.getLogger("trackforge").level))


GROUPS = {
    "Input": ("start", "stride", "frames"),
    "Detector": (
        "detector", "weights", "conf", "iou", "classes", "class_agnostic", "imgsz", "device", "half", "batch_size"
    ),
    "Tracker": ("tracker", "associator", "motion"),
    "Output": ("out", "show", "save_crops", "box", "truth", "preprocessing", "json", "quiet", "verbose"),
}  # fmt: skip
"""Headings of the help page; the rest stands under "Run"."""

track = command("track", TrackingRun, TrackWords, _track, first="sources", groups=GROUPS)
