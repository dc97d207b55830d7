"""``trackforge count``."""

from __future__ import annotations

from trackforge.cli.flags import command
from trackforge.cli.track import GROUPS, TrackWords, carry, speak
from trackforge.runs.counting import CountRun
from trackforge.runs.layers import Layer

__all__ = ["count"]


def _count(layers: list[Layer], words: TrackWords) -> int:
    from trackforge.runs.counting import plan_counting

    if words.verbose:
        speak(quiet=words.quiet)
    return carry(plan_counting(*layers), words)


count = command("count", CountRun, TrackWords, _count, first="sources", groups=GROUPS)
