"""What a run is going to do and what it has come to, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put
from trackforge.intake.showing import visible
from trackforge.runs.planning import RunPlan
from trackforge.runs.results import SequenceResult
from trackforge.runs.scoring import Scores
from trackforge.runs.summary import Summary

__all__ = ["announce", "show"]

KEPT = {
    "track": "a video and a MOT file",
    "detect": "boxes as a file, and drawn",
    "count": "counts as CSV and JSON, and numbered boxes",
    "analyze": "events, counts and tracks as tables, and a video",
}
"""What a folder as output gets, by command."""


def announce(plan: RunPlan, *, quiet: bool) -> None:
    """Say on stderr, before the work, what was settled without being asked for."""
    if quiet:
        return
    console = make_console(stderr=True)
    if plan.why:
        console.print(Text.assemble((f"detector: {plan.detector.name}", "bold"), f", {plan.why}"), soft_wrap=True)
    if not plan.outputs and not plan.options.truth:
        console.print(Text(f"Nothing will be kept: -o out/ writes {KEPT[plan.command]}.", style="dim"))


def show(summary: Summary, *, quiet: bool) -> None:
    """Print it; scores even if ``quiet``."""
    console = make_console()
    if not quiet:
        for result in summary.results:
            _show_result(console, result, command=summary.plan.command)
    if summary.scores is not None:
        _show_scores(console, summary.scores)


def _show_result(console: Console, result: SequenceResult, *, command: str) -> None:
    frames = f"{result.frames} frames"
    if result.skipped:
        frames += f" ({result.skipped} damaged ones skipped)"
    if result.dropped:
        frames += f" ({result.dropped} dropped, since newer ones came)"
    ids = f"{len(result.ids)} ids, " if command in ("track", "analyze") else ""
    console.print(
        Text.assemble(
            (result.name, "bold"),
            f": {frames}, {ids}{result.boxes} boxes, {result.rate:.1f} fps",
        )
    )
    if command == "count":
        _show_counts(console, result)
    for name, values in result.analytics.items():
        for what, told in _told(values):
            console.print(Text.assemble("  ", (f"{name} ", "bold"), visible(what), ": " if what else "", visible(told)))
    table = Table(box=None, pad_edge=False, show_header=False)
    for stage, milliseconds in result.stage_ms().items():
        table.add_row(f"  {stage}", f"{milliseconds:.2f} ms a frame", style="dim")
    console.print(table)
    for path in result.outputs:
        console.print(Text(f"  {path}"), soft_wrap=True)
    for note in result.notes:
        console.print(Text(f"  note: {note}", style="yellow"), soft_wrap=True)


def _told(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what an analytic has found, as far as it fits a line: by name of line, zone and so on, and in all."""
    own = _words(values)
    if own:
        yield "", own
    yield from _measured(values.get("tracks"))
    for value in values.values():
        if isinstance(value, Mapping) and all(isinstance(one, Mapping) for one in value.values()):
            yield from ((str(name), _words(one)) for name, one in value.items() if _words(one))


def _measured(tracks: Any) -> Iterator[tuple[str, str]]:
    """Yield how far and how fast tracks were, where an analytic says so of each."""
    rows = [one for one in tracks if isinstance(one, Mapping)] if isinstance(tracks, (list, tuple)) else []
    far = [one["distance"] for one in rows if isinstance(one.get("distance"), (int, float))]
    fast = [one["top_kmh"] for one in rows if isinstance(one.get("top_kmh"), (int, float))]
    if far:
        yield "", f"{len(far)} tracks, {sum(far):.0f} m in all" + (f", at most {max(fast):.1f} km/h" if fast else "")


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items() if isinstance(value, (int, float)))


def _show_counts(console: Console, result: SequenceResult) -> None:
    if not result.tally.found:
        console.print("  nothing")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for class_id, count in sorted(result.tally.found.items(), key=lambda one: (-one[1], one[0])):
        known = 0 <= class_id < len(result.classes)
        table.add_row(f"  {count}", Text(visible(result.classes[class_id]) if known else f"class {class_id}"))
    console.print(table)


def _show_scores(console: Console, scores: Scores) -> None:
    put(scores.report.table() + "\n")
    if scores.detections is not None:
        mean = scores.detections.mean
        put(f"detections: AP50 {100 * mean.ap50:.2f}, AP {100 * mean.ap:.2f}\n")
    for name, frames in scores.cut.items():
        console.print(Text(f"{name}: only {frames} frames were tracked and scored", style="yellow"))
