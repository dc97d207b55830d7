"""What a run is going to do and what it has come to, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put
from trackforge.runs.planning import RunPlan
from trackforge.runs.results import SequenceResult
from trackforge.runs.scoring import Scores
from trackforge.runs.summary import Summary

__all__ = ["announce", "show"]


def announce(plan: RunPlan, *, quiet: bool) -> None:
    """Say on stderr, before the work, what was settled without being asked for."""
    if quiet:
        return
    console = make_console(stderr=True)
    if plan.why:
        console.print(Text.assemble((f"detector: {plan.detector.name}", "bold"), f", {plan.why}"), soft_wrap=True)
    if not plan.outputs and not plan.options.truth:
        console.print(Text("Nothing will be kept: -o out/ writes a video and a MOT file.", style="dim"))


def show(summary: Summary, *, quiet: bool) -> None:
    """Print it; scores even if ``quiet``."""
    console = make_console()
    if not quiet:
        for result in summary.results:
            _show_result(console, result, tracked=summary.plan.command == "track")
    if summary.scores is not None:
        _show_scores(console, summary.scores)


def _show_result(console: Console, result: SequenceResult, *, tracked: bool) -> None:
    frames = f"{result.frames} frames"
    if result.skipped:
        frames += f" ({result.skipped} damaged ones skipped)"
    if result.dropped:
        frames += f" ({result.dropped} dropped, since newer ones came)"
    ids = f"{len(result.ids)} ids, " if tracked else ""
    console.print(
        Text.assemble(
            (result.name, "bold"),
            f": {frames}, {ids}{result.boxes} boxes, {result.rate:.1f} fps",
        )
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    for stage, milliseconds in result.stage_ms().items():
        table.add_row(f"  {stage}", f"{milliseconds:.2f} ms a frame", style="dim")
    console.print(table)
    for path in result.outputs:
        console.print(Text(f"  {path}"), soft_wrap=True)
    for note in result.notes:
        console.print(Text(f"  note: {note}", style="yellow"), soft_wrap=True)


def _show_scores(console: Console, scores: Scores) -> None:
    put(scores.report.table() + "\n")
    if scores.detections is not None:
        mean = scores.detections.mean
        put(f"detections: AP50 {100 * mean.ap50:.2f}, AP {100 * mean.ap:.2f}\n")
    for name, frames in scores.cut.items():
        console.print(Text(f"{name}: only {frames} frames were tracked and scored", style="yellow"))
