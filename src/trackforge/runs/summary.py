"""What a run has come to, and the run itself: ``summary.json`` and ``run.toml`` beside the outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from trackforge import __version__
from trackforge.intake.addresses import shown_setting
from trackforge.io.atomic import atomic_path
from trackforge.runs.component import Component
from trackforge.runs.facts import distribution, stamp
from trackforge.runs.layers import content
from trackforge.runs.machine import surroundings
from trackforge.runs.planning import RunPlan
from trackforge.runs.repeating import repeating
from trackforge.runs.results import SequenceResult
from trackforge.runs.running import Progress, open_sources, run
from trackforge.runs.scoring import Scores, Truth
from trackforge.runs.stopping import Stopping
from trackforge.runs.values import plain

__all__ = ["Summary", "carry_out"]


@dataclass(frozen=True)
class Summary:
    """Sequences, times, outputs and scores of one run; ``signal`` is the one that ended it early, or 0."""

    plan: RunPlan
    results: Sequence[SequenceResult]
    signal: int = 0
    scores: Scores | None = None
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON: the job, when, with what and where it was done, and what came of each sequence.

        Settings are those that differ from the defaults; times are UTC, in ISO 8601; secrets are left out.
        """
        facts: dict[str, Any] = {
            "trackforge": __version__,
            "command": self.plan.command,
            "job": plain({key: shown_setting(value) for key, value in content(self.plan.job()).items()}),
            "started": stamp(self.started),
            "ended": stamp(datetime.now(timezone.utc)),
            "interrupted": bool(self.signal),
            "detector": self._detector(),
            "tracker": _chosen(self.plan.tracker),
            **surroundings(),
            "sequences": [result.as_dict() for result in self.results],
        }
        if self.scores is not None:
            facts["scores"] = self.scores.as_dict()
        return facts

    def write(self) -> None:
        """Put ``summary.json`` and ``run.toml`` into every folder that was given as output.

        ``trackforge track --config run.toml`` repeats the run, from the same working directory; secrets are
        left out of it.

        Raises:
            SinkError: The place cannot be written to.
        """
        more = "--save-crops ANOTHER-FOLDER" if self.plan.options.save_crops else ""  # crops are never mixed
        texts = {
            "summary.json": json.dumps(self.as_dict(), indent=2) + "\n",
            "run.toml": repeating(self.plan.job(), self.plan.command, more),
        }
        for folder in self.plan.folders:
            for name, text in texts.items():
                with atomic_path(Path(folder) / name) as path:
                    path.write_text(text, encoding="utf-8")

    def _detector(self) -> dict[str, Any]:
        """Return what detected, and why it; its classes and weights are known where a sequence was run."""
        facts: dict[str, Any] = dict(_chosen(self.plan.detector))
        if self.plan.why:
            facts["why"] = self.plan.why
        for result in self.results[:1]:
            facts["classes"] = list(result.classes)
            if result.model:
                facts["model"] = dict(result.model)
        return facts


def carry_out(
    plan: RunPlan,
    *,
    progress: Progress | None = None,
    stopping: Stopping | None = None,
    done: Callable[[Summary], object] | None = None,
) -> Summary:
    """Track every sequence of a plan, score the tracks where there is truth, and write everything down.

    An output that fails takes no other along: the rest of the run is done and written down before it is raised.

    Args:
        plan: What to do.
        progress: Watches each sequence.
        stopping: Tells when to stop; signals reach it where somebody entered it.
        done: Is given the summary, even where an output has failed.

    Raises:
        TrackforgeError: What opening sources, reading truth, tracking and writing raise.
    """
    started = datetime.now(timezone.utc)
    stopping = Stopping() if stopping is None else stopping
    inputs = open_sources(plan)
    truth = None
    if plan.options.truth:
        truth = Truth.find(plan.options.truth, [one.name for one in inputs], plan.options.preprocessing)
    results = list(run(plan, inputs, keep=truth is not None, progress=progress, stopping=stopping))
    scores = None if truth is None else truth.score(results, part=bool(plan.options.start), stride=plan.options.stride)
    summary = Summary(plan, results, stopping.signal, scores, started)
    summary.write()
    if done is not None:
        done(summary)
    for result in results:
        if result.failure is not None:
            raise result.failure
    return summary


def _chosen(component: Component) -> Mapping[str, Any]:
    of = distribution(component)
    settings = plain(shown_setting(dict(component.settings)))
    return {"name": component.name, **({"of": of} if of else {}), "settings": settings}
