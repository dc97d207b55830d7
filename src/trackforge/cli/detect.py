"""``trackforge detect``."""

from __future__ import annotations

from trackforge.cli.flags import command
from trackforge.cli.track import GROUPS, TrackWords, carry, speak
from trackforge.runs.detecting import DetectionRun
from trackforge.runs.layers import Layer

__all__ = ["detect"]


def _detect(layers: list[Layer], words: TrackWords) -> int:
    from trackforge.runs.detecting import plan_detection

    if words.verbose:
        speak(quiet=words.quiet)
    return carry(plan_detection(*layers), words)


detect = command("detect", DetectionRun, TrackWords, _detect, first="sources", groups=GROUPS)
