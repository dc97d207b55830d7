"""``trackforge train``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import put
from trackforge.cli.telling import Telling, telling
from trackforge.config import setting
from trackforge.runs.layers import Layer
from trackforge.training.run import LOOP, TrainingRun, TrainingTask
from trackforge.training.summary import facts

if TYPE_CHECKING:
    from trackforge.training import FitResult

__all__ = ["train"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _TrainWords(Words):
    """What the command takes beside the job."""

    set: tuple[str, ...] = setting(
        (), help="A setting, train.epochs=20 or trainer.variant=yolox-nano. May be repeated."
    )
    config: Path | None = setting(
        None,
        flags=("--config", "-c"),
        help="TOML file with tables [train] and [trainer], and data, val, weights, out and the like before them.",
    )
    json: bool = setting(False, help="Print JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="No line for every epoch.")
    help_settings: bool = setting(False, help="Show every setting of the trainer and of the loop, and do nothing.")


def _train(layers: list[Layer], words: _TrainWords) -> int:
    task = TrainingTask.of(*layers)
    if words.help_settings:
        from trackforge.cli.info import show_settings

        show_settings([task.trainer.spec, LOOP], as_json=words.json)
        return 0
    with telling(quiet=words.quiet or bool(task.loop.get("progress"))) as tell:
        result = task.fit(watch=None if words.quiet else _watch(tell), tell=tell.now)
    if result.rank == 0:
        put((json.dumps(facts(result), indent=2) if words.json else _summary(result)) + "\n")
    return 128 + result.signal if result.stopped == "signal" else 0


def _watch(tell: Telling) -> Callable[[Mapping[str, Any]], None]:
    def watch(row: Mapping[str, Any]) -> None:
        from trackforge.training.scores import epoch_words

        tell.line(epoch_words(row))

    return watch


def _summary(result: FitResult) -> str:
    from trackforge.training.scores import best_words

    words = {
        "signal": f"stopped after {result.steps} steps, checkpoint saved; go on with --resume"
        if result.steps
        else "stopped before the first step; start again with the same command",
        "early": f"stopped after {result.epochs} epochs: the score gets no better",
        "steps": f"stopped after {result.steps} steps",
        "": f"{result.epochs} epochs, {result.steps} steps",
    }
    lines = [f"{words[result.stopped]} ({result.seconds:.0f} s)"]
    if result.best:
        lines.append(best_words(result.best["epoch"], result.scores))
    if result.verdict:
        lines.append(result.verdict)
    if result.model is not None:
        lines.append(str(result.model))
    return "\n".join(lines)


train = command("train", TrainingRun, _TrainWords, _train, first="trainer")
