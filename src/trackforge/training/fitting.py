"""The door: `fit`."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trackforge.data.model import Dataset
from trackforge.data.samples import verify_dataset
from trackforge.errors import ConfigError, StateError
from trackforge.registry import registry
from trackforge.training.engine import Engine, quietly
from trackforge.training.plan import Plan, Recipe
from trackforge.training.provenance import identity, provenance
from trackforge.training.sampling import ResumableBatchSampler
from trackforge.training.settings import FitSettings

if TYPE_CHECKING:
    from trackforge.training.course import Course, Watcher
    from trackforge.training.module import TrainingModule

__all__ = ["FitResult", "fit", "trainer"]


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What `fit` returns.

    Attributes:
        model: The one-file result, where there is one: best by the monitored score, or last without validation.
        out: Folder of the run.
        epochs: Epochs done.
        steps: Steps done.
        best: Scores of the best epoch, with ``epoch``, ``step`` and ``loss``; empty without validation.
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
) -> FitResult:
    """Train a model.

    The folder gets ``model.pth`` (one file: weights, preprocessing, classes, provenance), ``checkpoints/last.ckpt`` and
    ``best.ckpt``, ``losses.csv``, ``epochs.csv``, ``training.png``, ``predictions.jpg`` and ``tensorboard/``.

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

    Raises:
        DataError: A set is empty or faulty, or a picture is missing or broken.
        ConfigError: Settings contradict each other, or the folder holds a run already.
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
    _check(settings, val is not None)
    verify_dataset(train)
    if last.exists() and not resume:
        raise ConfigError(f"The folder must be new; {out} holds a run already. Resume it, or name another folder.")
    with quietly():
        from trackforge.training.course import Course
        from trackforge.training.validating import validation_set

        checked = None if val is None else validation_set(val, train.classes, settings.tracker)
        _seed(settings.seed)
        engine = Engine(settings, out)
        plan = _plan(train, settings, engine.world_size, weights)
        module = recipe.build(plan).train()  # Lightning leaves a network that was loaded for inference as it is
        source = recipe.pipeline(plan)
        header = identity(recipe, plan)
        origin = provenance(recipe, plan, settings, checked.dataset if checked else None)
        course = Course(settings, out, checked, header=header, provenance=origin, watch=watch)
        lightning = engine.trainer(course, header)
        batches = _batches(recipe, plan, settings, source, lightning)
        module.prepare(engine.world_size, sync=settings.sync_batch_norm, native=engine.on_gpu)
        resuming = resume and last.exists()
        with _state_errors(last), contextlib.closing(batches):
            lightning.fit(module, train_dataloaders=batches, ckpt_path=str(last) if resuming else None)
        course.finish(lightning, module)
    return _result(course, lightning, module, out, time.monotonic() - began)


def _check(settings: FitSettings, validated: bool) -> None:
    if settings.plain_epochs > settings.epochs:
        raise ConfigError(
            f"train.plain_epochs must be at most train.epochs; got {settings.plain_epochs} of {settings.epochs}."
        )
    scores = ("ap", "ap50", "loss") + (("hota", "mota", "idf1") if settings.tracker else ())
    if validated and settings.monitor not in scores:
        raise ConfigError(
            f"train.monitor must be one of {', '.join(scores)}; got {settings.monitor!r}."
            + (" For tracking scores, set train.tracker." if settings.monitor in ("hota", "mota", "idf1") else "")
        )


def _plan(train: Dataset, settings: FitSettings, world: int, weights: str) -> Plan:
    pieces = world * settings.accumulate
    if settings.batch_size % pieces:
        raise ConfigError(
            f"train.batch_size must be a multiple of devices x nodes x accumulate, {pieces}; got {settings.batch_size}."
        )
    return Plan(
        dataset=train,
        epochs=settings.epochs,
        plain_epochs=settings.plain_epochs,
        batch_size=settings.batch_size,
        steps_per_epoch=-(-len(train) // settings.batch_size),
        seed=settings.seed,
        weights=weights,
    )


def _batches(recipe: Recipe, plan: Plan, settings: FitSettings, source: Any, lightning: Any) -> Any:
    from trackforge.training.loading import Batches

    collate: Any = getattr(recipe, "collate", None)
    if collate is None:
        from trackforge.training.augment import collate
    sizes, every = recipe.sizes(plan)
    sampler = ResumableBatchSampler(
        len(plan.dataset),
        batch_size=plan.batch_size // (lightning.world_size * settings.accumulate),
        sizes=sizes,
        seed=plan.seed,
        accumulate=settings.accumulate,
        rank=lightning.global_rank,
        world_size=lightning.world_size,
        size_every=every,
        plain_from=plan.plain_from,
    )
    return Batches(source, collate, sampler, workers=settings.workers, position=lambda: int(lightning.global_step))


def _result(course: Course, lightning: Any, module: TrainingModule, out: Path, seconds: float) -> FitResult:
    steps = int(lightning.global_step)
    stopped: Any = course.stopped
    if not stopped and steps < module.plan.epochs * module.plan.steps_per_epoch:
        stopped = "steps"
    return FitResult(
        model=course.model_path if course.model_path.is_file() else None,
        out=out,
        steps=steps,
        best=course.best,
        epochs=steps // module.plan.steps_per_epoch,
        stopped=stopped,
        signal=course.signal,
        rank=int(lightning.global_rank),
        seconds=seconds,
    )


def _seed(seed: int) -> None:
    """Seed everything that a model's first weights may be drawn from."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for libraries that use the global generator
    torch.manual_seed(seed)


@contextlib.contextmanager
def _state_errors(path: Path) -> Iterator[None]:
    """Say what a failure to load weights of another shape means."""
    try:
        yield
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        first = str(error).split("\n", 2)[1:2]
        raise StateError(
            f"To resume, the model must be the same; that in {path} is another: {''.join(first).strip()} Give the "
            "settings it was begun with, or start anew in another folder."
        ) from error
