"""What a run has come to, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trackforge import __version__
from trackforge.cli.layers import Choice
from trackforge.cli.plain import plain
from trackforge.cli.plan import Plan
from trackforge.cli.running import Outcome
from trackforge.cli.scoring import Scores
from trackforge.io.atomic import atomic_path

__all__ = ["Summary"]


@dataclass
class Summary:
    """Sequences, times, outputs and scores of one run."""

    plan: Plan
    outcomes: Sequence[Outcome]
    signal: int = 0
    scores: Scores | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, with the settings that differ from the defaults."""
        facts: dict[str, Any] = {
            "trackforge": __version__,
            "detector": _chosen(self.plan.detector),
            "tracker": _chosen(self.plan.tracker),
            "interrupted": bool(self.signal),
            "sequences": [outcome.as_dict() for outcome in self.outcomes],
        }
        if self.scores is not None:
            facts["scores"] = self.scores.as_dict()
        return facts

    def write(self) -> None:
        """Put ``summary.json`` into every folder that was given as output."""
        folders = {str(Path(output.path).parent) for output in self.plan.outputs if output.optional}
        for folder in folders:
            with atomic_path(Path(folder) / "summary.json") as path:
                path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")

    def show(self, *, quiet: bool) -> None:
        """Print it."""
        console = Console()
        if not quiet:
            for outcome in self.outcomes:
                _show(console, outcome)
            if not self.plan.outputs and self.scores is None:
                console.print(Text("Nothing was kept: -o out/ writes a video and a MOT file.", style="dim"))
        if self.scores is not None:
            self.scores.show(console)


def _show(console: Console, outcome: Outcome) -> None:
    frames = f"{outcome.frames} frames"
    if outcome.skipped:
        frames += f" ({outcome.skipped} damaged ones skipped)"
    console.print(
        Text.assemble(
            (outcome.name, "bold"),
            f": {frames}, {len(outcome.ids)} ids, {outcome.boxes} boxes, {outcome.rate:.1f} fps",
        )
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    for stage, milliseconds in outcome.stage_ms().items():
        table.add_row(f"  {stage}", f"{milliseconds:.2f} ms a frame", style="dim")
    console.print(table)
    for path in outcome.outputs:
        console.print(Text(f"  {path}"), soft_wrap=True)


def _chosen(choice: Choice) -> Mapping[str, Any]:
    return {"name": choice.spec.name, "settings": plain(choice.settings)}
