"""``trackforge tune train``."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put, put_settings
from trackforge.cli.telling import Paced, say
from trackforge.config import setting
from trackforge.errors import TrainingError
from trackforge.runs.layers import Layer
from trackforge.runs.stopping import Stopping
from trackforge.runs.values import written
from trackforge.training.progress import time_words
from trackforge.training.scores import Score
from trackforge.tuning import training
from trackforge.tuning.training.run import SearchPlan, TrainingSearch, carry_out

__all__ = ["tune_train"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Words(Words):
    """What the command takes beside the search."""

    set: tuple[str, ...] = setting(
        (), help="A setting that stays, train.epochs=20 or trainer.variant=yolox-nano. May be repeated."
    )
    config: Path | None = setting(
        None,
        flags=("--config", "-c"),
        help="TOML file as `trackforge train` takes it, and with a table [search.trainer] or [search.train].",
    )
    json: bool = setting(False, help="Print JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show no progress.")
    show_space: bool = setting(False, help="Show what would be searched, and do nothing.")


def _tune_train(layers: list[Layer], words: _Words) -> int:
    plan = SearchPlan.of(*layers)
    if words.show_space:
        put_settings({one.name: str(one) for one in plan.space()}, as_json=words.json)
        return 0
    if not words.quiet:
        say(f"reading {', '.join(map(str, plan.options.data))}")
    problem, trials, out = plan.problem(), plan.options.trials, plan.out
    if not words.quiet and not words.json:
        _announce(problem)
    with Stopping() as stopping:
        stopping.patient = True
        with _progress(problem, plan.options, quiet=words.quiet) as shown:
            outcome = carry_out(
                problem,
                plan.options,
                out,
                on_trial=shown.trial,
                watch=shown.epoch,
                begun=plan.write,
                stop=lambda: bool(stopping.signal),
            )
    files = training.write(outcome)
    if words.json:
        put(json.dumps({**training.facts(outcome), "files": [str(f) for f in files]}, indent=2) + "\n")
    else:
        put(training.text(outcome) + "\n")
        if not words.quiet:
            put("".join(f"  {file}\n" for file in files))
    if outcome.interrupted:
        done = sum(trial.state != "unfinished" for trial in outcome.trials)
        log.warning("stopped after %d of %d trials; the same command goes on from there", done, trials)
    elif outcome.best is None:
        reason = next((trial.reason for trial in outcome.trials if trial.reason), "all were pruned.")
        raise TrainingError(f"No trial was complete; the first that failed: {reason}")
    return stopping.exit_code


def _announce(problem: training.Problem) -> None:
    console = make_console(stderr=True)
    train, val, _ = problem.pictures
    for title, told in (
        ("trained on", f"{train} pictures, validated on {val}"),
        ("searched", ", ".join(f"{one.name}={one}" for one in problem.space)),
        ("objective", problem.objective),
    ):
        console.print(Text(f"{title}: {told}", style="dim"), soft_wrap=True)


class _Shown:
    """Shows trials as they end, and epochs now and then, on stderr.

    Args:
        problem: The question.
        run: What is asked for.
        bar: On a terminal; None for plain lines.
        quiet: Show nothing.
    """

    def __init__(self, problem: training.Problem, run: TrainingSearch, bar: Progress | None, *, quiet: bool) -> None:
        self._problem, self._run, self._total, self._bar, self._quiet = problem, run, run.trials, bar, quiet
        self._task = bar.add_task("trials", total=run.trials) if bar is not None else None
        self._paced, self._seen, self._began = Paced(), 0, time.monotonic()
        self._score: Score | None = None
        self._best: training.TrainingTrial | None = None

    def epoch(self, name: str, fact: Mapping[str, Any]) -> None:
        """Show a validated epoch of a trial."""
        found = fact["scores"].get(self._problem.objective)
        if found is None or self._quiet:
            return
        value = float("nan") if found["value"] is None else found["value"]
        self._score = Score(self._problem.objective, value, better=found["better"], unit=found["unit"])
        number, _, seed = name.partition("-seed")
        again = f" with seed +{seed}" if seed else ""
        words = f"trial {int(number)}{again}  epoch {fact['epoch']}/{fact['epochs']}  {self._score.words(2)}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words)
        else:
            self._paced(words)

    def trial(self, trial: training.TrainingTrial) -> None:
        """Show a trial that ended."""
        if self._quiet:
            return
        self._seen += 1
        if trial.value is not None and (self._best is None or self._worth(trial) > self._worth(self._best)):
            self._best = trial
        done = max(self._seen, trial.number + 2 - self._run.workers)  # a search that goes on has some already
        left = (time.monotonic() - self._began) / self._seen * (self._total - done)
        values = "the default settings" if trial.default else _values(trial)
        best = "" if self._best is None else f"  best {self._words(self._best)} (trial {self._best.number})"
        ended = self._words(trial) if trial.value is not None else trial.reason or f"after epoch {trial.epoch}"
        after = f"  {time_words(left)} left" if done < self._total else ""
        line = f"{done}/{self._total} trial {trial.number} {trial.state}: {ended}  {values}{best}{after}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            say(line)

    def _words(self, trial: training.TrainingTrial) -> str:
        score = self._score or Score(self._problem.objective)
        return dataclasses.replace(score, value=trial.value if trial.value is not None else float("nan")).words(2)

    def _worth(self, trial: training.TrainingTrial) -> float:
        score = self._score or Score(self._problem.objective)
        return dataclasses.replace(score, value=float(trial.value or 0.0)).worth


def _values(trial: training.TrainingTrial) -> str:
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={written(value)}"
        for name, value in trial.values.items()
    )


@contextmanager
def _progress(problem: training.Problem, run: TrainingSearch, *, quiet: bool) -> Iterator[_Shown]:
    """Give what shows a search while the block runs: a bar on a terminal, else lines."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Shown(problem, run, None, quiet=quiet)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        yield _Shown(problem, run, bar, quiet=False)


tune_train = command("tune_train", TrainingSearch, _Words, _tune_train, first="trainer")
