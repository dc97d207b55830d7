"""``trackforge serve``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from trackforge.cli.flags import Words, command
from trackforge.cli.track import speak
from trackforge.config import same_setting, setting
from trackforge.runs.layers import Layer
from trackforge.serving.run import ServingRun

if TYPE_CHECKING:
    from trackforge.serving.planning import ServingPlan

__all__ = ["serve"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeWords(Words):
    """What the command takes beside the server."""

    set: tuple[str, ...] = setting(
        (), help="A setting, section.key=value: detector.score=0.3, tracker.high_score=0.6. May be repeated."
    )
    json: bool = setting(False, help="With --help-settings: print them as JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Say warnings only, no line a request.")
    verbose: bool = setting(False, flags=("--verbose", "-v"), help="Say every request, frames and health included.")
    help_settings: bool = setting(False, help="Show every setting of the chosen detector and tracker, and do nothing.")
    config: object = same_setting(Words, "config")


def _serve(layers: list[Layer], words: ServeWords) -> int:
    from trackforge.serving.planning import plan_serving

    plan: ServingPlan = plan_serving(*layers)
    if words.help_settings:
        from trackforge.cli.info import show_settings

        show_settings([component.spec for component in (plan.detector, plan.tracker)], as_json=words.json)
        return 0
    from trackforge.serving.server import serve as run

    return run(plan)


GROUPS = {
    "Detector": ("weights", "conf", "iou", "classes", "class_agnostic", "imgsz", "device", "half"),
    "Tracker": ("tracker", "associator", "motion"),
}
