"""``trackforge tune``."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from trackforge import tuning
from trackforge.cli.flags import Words, command
from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put
from trackforge.cli.telling import Paced
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.runs.layers import Layer
from trackforge.runs.stopping import Stopping
from trackforge.training.progress import time_words
from trackforge.tuning.run import TuningPlan, TuningRun, carry_out

__all__ = ["tune"]

log = logging.getLogger(__name__)


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
        space = {one.name: str(one) for one in plan.space()}
        lines = [f"{name}={values}" for name, values in space.items()]
        put((json.dumps(space, indent=2) if words.json else "\n".join(lines)) + "\n")
        return 0
    problem, trials = plan.problem(), plan.options.trials
    if not words.quiet and not words.json:
        _announce(problem)
    with Stopping() as stopping:
        stopping.patient = True
        with _progress(trials, quiet=words.quiet) as advance:
            outcome = carry_out(problem, plan.options, on_trial=advance, stop=lambda: bool(stopping.signal))
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


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[tuning.Trial], None]]:
    """Show trials done, the best so far and the time left on stderr: a bar on a terminal, else lines now and then."""
    console = make_console(stderr=True)
    if quiet:
        yield _ignore
        return
    if not console.is_terminal:
        yield _lines(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        task = bar.add_task("trials", total=total)
        best = [float("-inf")]

        def advance(trial: tuning.Trial) -> None:
            if trial.value is not None:
                best[0] = max(best[0], trial.value)
            shown = f"best {best[0]:.4f}" if best[0] > float("-inf") else "trials"
            bar.update(task, completed=trial.number + 1, description=shown)

        yield advance


def _lines(total: int) -> Callable[[tuning.Trial], None]:
    paced, best, seen, began = Paced(), [float("-inf")], [0], time.monotonic()

    def advance(trial: tuning.Trial) -> None:
        seen[0] += 1
        best[0] = max(best[0], float("-inf") if trial.value is None else trial.value)
        left = (time.monotonic() - began) / seen[0] * (total - trial.number - 1)
        shown = f"best {best[0]:.4f}" if best[0] > float("-inf") else "none complete yet"
        paced(f"trial {trial.number + 1}/{total}  {shown}  {time_words(left)} left")

    return advance


def _ignore(trial: tuning.Trial) -> None:
    del trial


tune = command("tune", TuningRun, _TuneWords, _tune, first="sources")
