"""A search over trainings, declared once, and made ready from what several places say about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trackforge.config import describe, setting
from trackforge.errors import ConfigError
from trackforge.io.targets import check_writable
from trackforge.runs.layers import Layer, from_job, options
from trackforge.runs.repeating import write_run
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge.tuning.space import Dimension
from trackforge.tuning.study import Search, load_optuna
from trackforge.tuning.training.outcome import Outcome
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.searching import Watch
from trackforge.tuning.training.space import search_space
from trackforge.tuning.training.trials import TrainingTrial
from trackforge.tuning.training.tuning import tune

__all__ = ["SearchPlan", "TrainingSearch", "carry_out"]


@dataclass(frozen=True, kw_only=True)
class TrainingSearch(TrainingRun):
    """What to train, on what, and what to search; a file that describes a training is one of a search, too."""

    tune: tuple[str, ...] = setting(
        (),
        flags=("--tune", "-t"),
        help="What to search: trainer.learning_rate=1e-5:1e-3:log, train.batch_size=4,8, or a setting by name alone, "
        "id_loss=ce,focal; without values its usual range. May be repeated.",
    )
    search: Mapping[str, Any] | None = setting(
        None, flags=(), help="What to search, as tables by section; 'tune' adds to it."
    )
    objective: str = setting(
        "", help="Score or loss that decides, e.g. ap50, val_loss, hota; what the trainer monitors without one."
    )
    seed: int = setting(0, minimum=0, help="Of the search; that of the trainings is train.seed.")
    trials: int = setting(20, minimum=1, help="Trials in all. A study that has as many only reports.")
    workers: int = setting(
        1, minimum=1, help="Trials at a time, which share threads and GPUs. With several they are not always the same."
    )
    pruning: bool = setting(True, flags=("--no-pruning",), help="Let poor trials go on to their end.")
    repeats: int = setting(
        0, minimum=0, help="In the end, train the best three and the default settings again with so many other seeds."
    )
    pick: Literal["best", "steady"] = setting(
        "steady",
        help="With repeats, the values that count: those with the greatest gain over the default settings less its "
        "standard error over seeds (steady), which may be the default ones; or those of the best trial (best).",
    )
    keep: int = setting(1, minimum=0, help="Best trials that keep model and checkpoints; all trials keep their tables.")
    out: Path | None = setting(
        None,
        flags=("--out", "-o"),
        help="Folder for best.toml, retrain.toml, trials.csv, tuning.json, figures and the trials; tuning/TRAINER "
        "without one.",
    )
    whole: bool = setting(False, flags=(), help="Not for a search; retrain.toml has it.")
    resume: bool = setting(False, flags=(), help="Not for a search: it always goes on with what was begun.")


@dataclass(frozen=True)
class SearchPlan:
    """What several places ask for, from weak to strong, and the options that they come to."""

    layers: Sequence[Layer]
    options: TrainingSearch

    @classmethod
    def of(cls, *given: TrainingSearch | Layer) -> SearchPlan:
        """Put together what a search, or several places about it, say.

        Raises:
            ConfigError: An option is wrong.
        """
        layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
        said = options(TrainingSearch, layers)
        if said.whole:
            raise ConfigError("A search needs pictures to validate on; whole=true leaves none. Take it out.")
        return cls(layers, said)

    @property
    def trainings(self) -> list[Layer]:
        """What the places say of the training alone."""
        known = {s.name for s in describe(TrainingRun)} - {"out", "resume", "whole"}
        return [
            dataclasses.replace(layer, options={k: v for k, v in layer.options.items() if k in known})
            for layer in self.layers
        ]

    @property
    def task(self) -> TrainingTask:
        """The training as it is without tuning.

        Raises:
            ConfigError: A setting is unknown or wrong; the message says where it stands.
            UnknownComponentError: There is no such trainer.
        """
        if not any(layer.tables.get("trainer", {}).get("name") for layer in self.layers):
            raise ConfigError(
                "tune train needs the name of a trainer; none is given. See: trackforge info trainer. (Sequences in a "
                "folder called train: trackforge tune ./train.)"
            )
        return TrainingTask.of(*self.trainings)

    @property
    def asked(self) -> dict[str, Any]:
        """What is searched, as far as somebody said: values by ``section.setting`` or setting."""
        found: dict[str, Any] = {}
        for key, values in (self.options.search or {}).items():
            if isinstance(values, Mapping):
                found |= {f"{key}.{name}": one for name, one in values.items()}
            else:
                found[key] = values
        for assignment in self.options.tune:
            name, equals, values = assignment.partition("=")
            found[name.strip()] = values.strip() if equals else None
        return found

    @property
    def out(self) -> Path:
        """The folder of the search."""
        return self.options.out or Path("tuning") / self.task.trainer.name

    def space(self) -> tuple[Dimension, ...]:
        """Return what is searched."""
        return search_space(self.task, self.asked)

    def problem(self) -> Problem:
        """Return the question that the search answers; reads the labels.

        Raises:
            ConfigError: Settings or options do not go together, or the folder is a training's.
            DataError: A set is malformed, or does not have what is asked for.
            SinkError: The outputs cannot be written.
            MissingDependencyError: Optuna, or a package that the trainer needs, is not installed.
        """
        load_optuna()  # what is not installed is told before anything is read
        out = self.out
        check_writable([out], kind="folder")
        if (out / "checkpoints").exists():
            raise ConfigError(
                f"The folder of a search must not be that of a training; {out} is one. Name another: -o FOLDER."
            )
        return Problem.of(*self.trainings, asked=self.asked, objective=self.options.objective)

    def job(self) -> TrainingSearch:
        """Return the search with everything that was settled, so that it can be written down and repeated."""
        task = self.task
        return dataclasses.replace(
            self.options, trainer=task.trainer, train=dict(task.loop), out=self.out, resume=False
        )

    def write(self) -> Path:
        """Put ``run.toml`` into the folder of outputs, which repeats the search.

        Raises:
            SinkError: The place cannot be written to.
        """
        return write_run(self.out, self.job(), f"tune train {self.task.trainer.name}", "-o ANOTHER-FOLDER")


def carry_out(
    problem: Problem,
    run: TrainingSearch,
    folder: Path,
    *,
    on_trial: Callable[[TrainingTrial], object] | None = None,
    watch: Watch | None = None,
    begun: Callable[[], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Search as a run says; see `trackforge.tuning.training.tune`, whose errors it raises."""
    return tune(
        problem,
        folder,
        trials=run.trials,
        workers=run.workers,
        search=Search(seed=run.seed, pruning=run.pruning, pick=run.pick),
        repeats=run.repeats,
        keep=run.keep,
        on_trial=on_trial,
        watch=watch,
        begun=begun,
        stop=stop,
    )
