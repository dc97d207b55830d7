"""The door: `fit`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trackforge.data.model import Dataset
from trackforge.data.samples import Samples, verify_dataset
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.registry import registry
from trackforge.training.engine import Engine, alone, quietly, seed_all
from trackforge.training.monitoring import usual_name
from trackforge.training.plan import Plan
from trackforge.training.progress import Progress, Teller
from trackforge.training.provenance import identity, provenance
from trackforge.training.recipe import Recipe, Training
from trackforge.training.sampling import ResumableBatchSampler
from trackforge.training.scores import Score, Scorer, losses
from trackforge.training.settings import FitSettings

if TYPE_CHECKING:
    from trackforge.training.callbacks.recording import Watcher
    from trackforge.training.callbacks.rounds import Rounds

__all__ = ["FitResult", "fit", "trainer"]

RESERVED = ("epoch", "epochs", "step", "lr", "seconds", "scores")
"""Columns and keys that no loss or score may be called."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What `fit` returns.

    Attributes:
        model: The one-file result, where there is one: best by the monitored score, or last without validation.
        out: Folder of the run.
        epochs: Epochs done.
        steps: Steps done.
        best: Scores of the best epoch (0: the start), with ``epoch``, ``step``, ``loss`` and its terms; empty without
            validation.
        start: Scores of the starting weights; empty without.
        last: The last epoch's row, as ``best``; without validation losses alone.
        verdict: The best epoch beside the start, in words; empty where there is nothing to compare.
        scores: The same scores with their directions, losses left out.
        stopped: ``"signal"``, ``"early"`` (no better score for long), ``"steps"`` (train.max_steps), or empty.
        signal: Number of the signal, or 0.
        rank: Number of this process; only 0 writes files.
        seconds: Time that this call took.
    """

    model: Path | None
    out: Path
    epochs: int
    steps: int
    best: Mapping[str, float] = field(default_factory=dict)
    scores: Sequence[Score] = ()
    start: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    stopped: Literal["", "signal", "early", "steps"] = ""
    signal: int = 0
    rank: int = 0
    seconds: float = 0.0


def trainer(name: str, /, **settings: Any) -> Recipe:
    """Make a recipe by name, e.g. ``trainer("yolox", variant="nano")``.

    Raises:
        UnknownComponentError: No plugin offers it.
        ConfigError: A setting is unknown, of the wrong type or out of range.
        MissingDependencyError: A package that it needs is not installed.
    """
    return registry().create("trainer", name, settings)  # type: ignore[no-any-return]


def fit(
    recipe: Recipe,
    train: Dataset,
    val: Dataset | None,
    settings: FitSettings,
    out: str | Path,
    *,
    weights: str = "",
    resume: bool = False,
    watch: Watcher | None = None,
    tell: Teller | None = None,
    begun: Callable[[], object] | None = None,
) -> FitResult:
    """Train a model.

    The starting weights are scored first, as epoch 0, and stay the result until an epoch is as good. The folder gets
    ``model.pth`` (one file: weights, preprocessing, classes, provenance), ``checkpoints/last.ckpt``, ``best.ckpt``,
    ``losses.csv``, ``epochs.csv``, ``training.png``, ``predictions.jpg`` and ``tensorboard/``.

    SIGTERM and Ctrl-C let the step at hand end, save a checkpoint and stop.

    Args:
        recipe: What to train, from `trainer`.
        train: Pictures and labels.
        val: To validate on, or None.
        settings: How.
        out: Folder of the run.
        weights: File or name to start from, as the recipe knows them; empty for what the recipe itself says.
        resume: Go on from ``out/checkpoints/last.ckpt`` if it is there.
        watch: Is told of every epoch, on the first process.
        tell: Is told how far the run is, on the first process; see `trackforge.training.progress`.
        begun: Called on the first process once the folder is this run's.

    Raises:
        DataError: A set is empty or faulty, or a picture is missing or broken.
        ConfigError: Settings contradict each other, there is no score of the name to monitor, the folder holds a run
            already, or another process trains there.
        WeightsError: Weights or checkpoint are missing, damaged or of another model.
        StateError: The checkpoint is of another run.
        TrainingError: The loss or a weight is not finite; the last checkpoint is intact.
        SinkError: The disk is full, or the folder cannot be written to; the last checkpoint is intact.
        DeviceError: The accelerator is not there.
        MissingDependencyError: Lightning or torch is not installed.
    """
    began = time.monotonic()
    out = Path(out)
    last = out / "checkpoints" / "last.ckpt"
    if settings.plain_epochs > settings.epochs:
        raise ConfigError(
            f"train.plain_epochs must be at most train.epochs; got {settings.plain_epochs} of {settings.epochs}."
        )
    verify_dataset(train)
    if last.exists() and not resume:
        raise ConfigError(f"The folder must be new; {out} holds a run already. Resume it, or name another folder.")
    with quietly(), contextlib.ExitStack() as stack:
        from trackforge.training.checkpoints import state_errors
        from trackforge.training.validating import validation_set

        checked = None if val is None else validation_set(val, train.classes)
        seed_all(settings.seed)
        engine = Engine(settings, out)
        stack.enter_context(alone(out, first=engine.first))
        plan = _plan(train, checked.dataset if checked else None, settings, engine.world_size, weights)
        if begun is not None and engine.first:
            begun()
        if tell is not None and engine.first:
            tell(Progress(stage="loading", words=plan.words))
        training = recipe.begin(plan)
        module = training.module.train()  # Lightning leaves a network that was loaded for inference as it is
        settings = replace(settings, monitor=usual_name(settings.monitor, module.other_names))
        header = identity(recipe, training, settings)
        origin = provenance(recipe, plan, settings, plan.validation)
        callbacks, rounds = _callbacks(
            training, settings, out, checked, header=header, provenance=origin, watch=watch, tell=tell
        )
        lightning = engine.trainer(callbacks, header)
        batches = _batches(training, settings, lightning)
        module.prepare(engine.world_size, sync=settings.sync_batch_norm, native=engine.on_gpu)
        resuming = resume and last.exists()
        with state_errors(last), contextlib.closing(batches):
            lightning.fit(module, train_dataloaders=batches, ckpt_path=str(last) if resuming else None)
        rounds.finish(lightning, module)
    return _result(rounds, lightning, plan, out, time.monotonic() - began)


def _plan(train: Dataset, val: Dataset | None, settings: FitSettings, world: int, weights: str) -> Plan:
    pieces = world * settings.accumulate
    if settings.batch_size % pieces:
        raise ConfigError(
            f"train.batch_size must be a multiple of devices x nodes x accumulate, {pieces}; got {settings.batch_size}."
        )
    return Plan(
        dataset=train,
        validation=val,
        epochs=settings.epochs,
        plain_epochs=settings.plain_epochs,
        batch_size=settings.batch_size,
        steps_per_epoch=-(-len(train) // settings.batch_size),
        seed=settings.seed,
        weights=weights,
    )


def _callbacks(
    training: Training,
    settings: FitSettings,
    out: Path,
    val: Samples | None,
    *,
    header: Mapping[str, Any],
    provenance: Mapping[str, Any],
    watch: Watcher | None,
    tell: Teller | None,
) -> tuple[list[Any], Rounds]:
    """Return all callbacks, in the order in which they must be called, and the one that knows how the run went."""
    from trackforge.training.callbacks.averaging import Averaging
    from trackforge.training.callbacks.recording import Recording
    from trackforge.training.callbacks.rounds import Rounds
    from trackforge.training.callbacks.saving import Saving
    from trackforge.training.callbacks.signals import Signals
    from trackforge.training.callbacks.telling import Telling

    scorers: list[Scorer] = []
    scores = losses(training.module.terms)
    if val is not None:
        scorers = _scorers(training, settings)
        scores += tuple(score for scorer in scorers for score in scorer.announce(val.dataset))
    names = [*RESERVED, *(score.name for score in scores)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInputError(
            f"Every score and loss must have a name of its own; {twice[0]!r} is taken. Rename the loss or the score."
        )
    averaging, signals = Averaging(settings), Signals()
    recording = Recording(settings, out, scores, watch=watch)
    saving = Saving(settings, out, averaging, signals, header=header, provenance=provenance)
    telling = Telling(settings, training.module.plan, tell)
    rounds = Rounds(
        settings,
        val,
        scorers,
        scores,
        averaging=averaging,
        recording=recording,
        signals=signals,
        saving=saving,
        telling=telling,
    )
    return [averaging, recording, telling, signals, rounds, saving], rounds


def _scorers(training: Training, settings: FitSettings) -> list[Scorer]:
    from trackforge.training.loss_scores import ValidationLosses
    from trackforge.training.scorers import CocoAP, Tracking

    scorers: list[Scorer] = [CocoAP()] if training.scorers is None else list(training.scorers)
    if settings.tracker:
        scorers.append(Tracking(settings.tracker))
    if settings.validate_losses:
        if training.val is None:
            raise ConfigError(
                "train.validate_losses needs a recipe with pictures to validate on; this has none. Leave it out."
            )
        terms = training.module.terms
        scorers.insert(0, ValidationLosses(training.val, training.batching, size=training.middle_size, terms=terms))
    return scorers


def _batches(training: Training, settings: FitSettings, lightning: Any) -> Any:
    from trackforge.training.loading import Batches

    plan = training.module.plan
    sampler = ResumableBatchSampler(
        len(plan.dataset),
        batch_size=plan.batch_size // (lightning.world_size * settings.accumulate),
        sizes=training.sizes,
        seed=plan.seed,
        accumulate=settings.accumulate,
        rank=lightning.global_rank,
        world_size=lightning.world_size,
        size_every=training.size_every,
        plain_from=plan.plain_from,
    )
    return Batches(
        training.train,
        training.batching,
        sampler,
        workers=settings.workers,
        position=lambda: int(lightning.global_step),
    )


def _result(rounds: Rounds, lightning: Any, plan: Plan, out: Path, seconds: float) -> FitResult:
    steps = int(lightning.global_step)
    stopped: Literal["", "signal", "early", "steps"] = ""
    if rounds.signals.stopping:
        stopped = "signal"
    elif rounds.early:
        stopped = "early"
    elif steps < plan.epochs * plan.steps_per_epoch:
        stopped = "steps"
    model = rounds.saving.model_path
    return FitResult(
        model=model if model.is_file() else None,
        out=out,
        steps=steps,
        best=rounds.best,
        scores=rounds.best_scores,
        start=rounds.start,
        last=rounds.last,
        verdict=rounds.verdict,
        epochs=steps // plan.steps_per_epoch,
        stopped=stopped,
        signal=rounds.signals.number,
        rank=int(lightning.global_rank),
        seconds=seconds,
    )
