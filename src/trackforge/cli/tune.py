"""``trackforge tune``: sequences by itself, and what hangs below it."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cyclopts import App, Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from trackforge import tuning
from trackforge.cli.flags import Words, command
from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put, put_settings
from trackforge.cli.telling import Paced
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.registry import registry
from trackforge.runs.layers import Layer
from trackforge.runs.stopping import Stopping
from trackforge.training.progress import time_words
from trackforge.tuning.run import TuningPlan, TuningRun, carry_out

__all__ = ["app", "sequences_or_training", "tune"]

log = logging.getLogger(__name__)
TRAINING = "train"
"""The word for a search over trainings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _TuneWords(Words):
    """What the command takes beside the search."""

    set: tuple[str, ...] = setting((), help="A setting that stays, section.key=value. May be repeated.")
    config: Path | None = setting(
        None, flags=("--config", "-c"), help="TOML file with [detector], [tracker] and so on, and [search]."
    )
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show no progress.")
    show_space: bool = setting(False, help="Show what would be searched, and do nothing.")


def _tune(layers: list[Layer], words: _TuneWords) -> int:
    plan = TuningPlan.of(*layers)
    if words.show_space:
        put_settings({one.name: str(one) for one in plan.space()}, as_json=words.json)
        return 0
    problem, trials = plan.problem(), plan.options.trials
    if not words.quiet and not words.json:
        _announce(problem)
    with Stopping() as stopping:
        stopping.patient = True
        with _progress(trials, quiet=words.quiet) as shown:
            problem.library.watch = shown.detecting
            outcome = carry_out(
                problem, plan.options, on_trial=shown.trial, begun=plan.write, stop=lambda: bool(stopping.signal)
            )
    files = tuning.write(outcome, plan.options.out)
    if words.json:
        put(json.dumps({**tuning.facts(outcome), "files": [str(f) for f in files]}, indent=2) + "\n")
    else:
        put(tuning.text(outcome) + "\n")
        if not words.quiet:
            put("".join(f"  {file}\n" for file in files))
    if outcome.interrupted:
        done = sum(trial.state != "failed" for trial in outcome.trials)
        log.warning("stopped after %d of %d trials; the same command goes on from there", done, trials)
    elif outcome.best is None:
        raise ConfigError("No trial was complete; narrow the search so that the settings go together.")
    return stopping.exit_code


def _announce(problem: tuning.Problem) -> None:
    console = make_console(stderr=True)
    for title, names in (
        ("tuned on", [one.name for one in problem.train]),
        ("held out", [one.name for one in problem.val]),
        ("searched", [f"{one.name}={one}" for one in problem.space]),
    ):
        console.print(Text(f"{title}: {', '.join(names) or 'nothing'}", style="dim"), soft_wrap=True)


class _Shown:
    """Shows what is being done on stderr: detecting, and then trials, the best so far and the time left.

    Args:
        total: Trials.
        bar: On a terminal; None for plain lines now and then.
        quiet: Show nothing.
    """

    def __init__(self, total: int, bar: Progress | None, *, quiet: bool) -> None:
        self._total, self._bar, self._quiet = total, bar, quiet
        self._task = bar.add_task("trials", total=total) if bar is not None else None
        self._detected, self._tried = Paced(), Paced()
        self._best, self._seen, self._began = float("-inf"), 0, time.monotonic()

    def detecting(self, name: str, done: int, total: int | None) -> None:
        """Show how far a sequence is that the detector looks at."""
        if self._quiet:
            return
        words = f"detecting in {name}: {done}{f'/{total}' if total else ''} frames"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words)
        else:
            self._detected = self._detected if done else Paced()
            self._detected(words)
        self._began = self._began if self._seen else time.monotonic()  # trials are timed without it

    def trial(self, trial: tuning.Trial) -> None:
        """Show a trial that ended."""
        if self._quiet:
            return
        self._seen += 1
        self._best = max(self._best, float("-inf") if trial.value is None else trial.value)
        best = f"best {self._best:.4f}" if self._best > float("-inf") else ""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=trial.number + 1, description=best or "trials")
            return
        left = (time.monotonic() - self._began) / self._seen * (self._total - trial.number - 1)
        self._tried(f"trial {trial.number + 1}/{self._total}  {best or 'none complete yet'}  {time_words(left)} left")


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[_Shown]:
    """Give what shows a search while the block runs: a bar on a terminal, else lines."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Shown(total, None, quiet=quiet)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        yield _Shown(total, bar, quiet=False)


tune = command("tune", TuningRun, _TuneWords, _tune, first="sources")

app = App(name="tune", help_format="plaintext", default_parameter=Parameter(negative=""))
app.default(tune)
app.command(
    "trackforge.cli.tune_train:tune_train",
    name=TRAINING,
    help="Search the settings of a training, tune train NAME, and say how to train with the best ones on everything; a "
    "folder called train is ./train.",
)


def sequences_or_training(tokens: Sequence[str]) -> list[str]:
    """Return the words of a search with ``./train`` for ``train`` where that is a folder of sequences.

    The word means a training where the name of a trainer follows, where help is asked for, where ``--data`` is given,
    and where nothing here is called so.
    """
    words = list(tokens)
    if words[1:2] != [TRAINING] or not Path(TRAINING).exists():
        return words
    trainers = {spec.name.casefold() for spec, _ in registry().specs("trainer")}
    after = [word.partition("=")[0].casefold() for word in words[2:]]
    if (after[:1] and after[0] in (*trainers, "--help", "-h")) or "--data" in after:
        return words
    return [words[0], f"./{TRAINING}", *words[2:]]
