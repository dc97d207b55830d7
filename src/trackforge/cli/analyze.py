"""``trackforge analyze``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from trackforge.cli.flags import command
from trackforge.cli.printing import put
from trackforge.cli.track import GROUPS, TrackWords, carry, speak
from trackforge.config import setting
from trackforge.runs.analyzing import AnalysisRun
from trackforge.runs.layers import Layer

__all__ = ["analyze"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnalyzeWords(TrackWords):
    """What the command takes beside the run."""

    set: tuple[str, ...] = setting(
        (),
        help="A setting, section.key=value: analytics.lines.margin=3, detector.score=0.3, overlay.trail=30. May be "
        "repeated.",
    )
    config: Path | None = setting(
        None,
        flags=("--config", "-c"),
        help="TOML file with [analytics.lines], [detector], [tracker] and so on; the run.toml of a run repeats it.",
    )


def _analyze(layers: list[Layer], words: AnalyzeWords) -> int:
    from trackforge.runs.analyzing import plan_analysis

    if words.verbose:
        speak(quiet=words.quiet)
    made = plan_analysis(*layers)
    if made.given.still is None and made.given.pick is None:
        return carry(made, words)
    from trackforge.runs.picking import write_picking

    for path in write_picking(made, still=made.given.still, page=made.given.pick, known=made.shapes):
        put(f"{path}\n")
    return 0


MEASURED = ("line", "zone", "ground", "heat", "trails", "analytic")
MORE = {"Input": ("video", "rate", "size"), "Output": ("plots",)}
analyze = command(
    "analyze",
    AnalysisRun,
    AnalyzeWords,
    _analyze,
    first="sources",
    groups={
        "Analytics": (*MEASURED, "still", "pick"),
        **{title: (*names, *MORE.get(title, ())) for title, names in GROUPS.items()},
    },
)
