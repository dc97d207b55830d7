"""Training on what people have checked, and whether the model is any better for it.

Of each sequence the last of the frames that were checked in a round are held out, for good: no model has ever been
trained on them, so the old one and the new one are judged alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trackforge import data
from trackforge.data import Dataset
from trackforge.errors import ConfigError
from trackforge.labelling.holding import held_out, hold_out
from trackforge.labelling.looking import Watch
from trackforge.labelling.outlines import with_masks
from trackforge.labelling.places import inside, outside
from trackforge.labelling.project import Project, Round, write_json
from trackforge.labelling.settling import Choice, settled
from trackforge.registry import registry
from trackforge.registry.bundles import component_for
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, from_job
from trackforge.training.progress import Teller
from trackforge.training.run import TrainingRun, TrainingTask

if TYPE_CHECKING:
    from trackforge.training import FitResult

__all__ = ["Lesson", "labelled", "teach", "trainer_of"]

NONE = "none"
"""What says that nothing is ever trained."""
OF_A_FILE = ("backend", "variant", "classes", "keep_classes", "precision", "weights")
"""Settings of a detector that belong to its old weights."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a training has come to.

    Attributes:
        detector: The model that labels from now on, as a table; as before, where the new one was not kept.
        words: In a sentence.
        kept: Whether it is the new one.
        choice: The tracker's least score for the new one, where that was chosen to judge it.
        signal: Number of the signal that stopped the training, or 0.
    """

    detector: Mapping[str, Any]
    words: str
    kept: bool = False
    choice: Choice | None = None
    signal: int = 0


def trainer_of(project: Project) -> Component | None:
    """Return the trainer of a project: the declared one, else that of its detector; None where nothing is trained."""
    table = _declared(project)
    name = str(table.get("name", ""))
    if name == NONE:
        return None
    settings = {key: value for key, value in table.items() if key != "name"}
    if not name:
        detector = _detector(project)
        if detector.name not in {spec.name for spec, _ in registry().specs("trainer")}:
            return None
        name = detector.name
    spec, found = component_for("trainer", name)
    return Component("trainer", spec.name, {**found, **settings})


def _declared(project: Project) -> Mapping[str, Any]:
    declared = project.run.trainer
    table = declared.table() if isinstance(declared, Component) else declared
    if isinstance(table, str):
        return {"name": table} if table else {}
    return table


def labelled(
    project: Project, *, checked_only: bool = True, among: Mapping[str, Sequence[int]] | None = None
) -> Dataset:
    """Return the labels of a project as one data set.

    Args:
        project: The project.
        checked_only: Only the frames that people have checked.
        among: Only these of them, by sequence; all where None.

    Raises:
        ConfigError: There is none.
    """
    parts = []
    for name, document in project.documents().items():
        part = with_masks(project, name, document.to_dataset(project.sequences))
        if checked_only:
            wanted = document.checked if among is None else document.checked & set(among.get(name, ()))
            part = part[np.isin(part.images.frame, np.array(sorted(wanted), np.int64))]
        if len(part):
            parts.append(part)
    if not parts:
        raise ConfigError(
            "No frame has been checked yet. Check some in the page (trackforge serve --labels "
            f"{project.sequences}), or bring in labels: trackforge label import {project.folder} LABELS."
        )
    whole = parts[0] if len(parts) == 1 else data.concatenate(parts, classes=parts[0].classes)
    return whole.replace(name=project.folder.name)


def teach(
    project: Project,
    round_: Round,
    *,
    watch: Callable[[Mapping[str, Any]], None] | None = None,
    tell: Teller | None = None,
    look: Watch | None = None,
) -> Lesson:
    """Train on the checked frames, and decide which model labels from now on.

    A training that was killed goes on where its last checkpoint stands.

    Args:
        project: The project.
        round_: The round that ends with this.
        watch: Gets a row of facts after every epoch.
        tell: Is told how far the training is.
        look: Is told of every frame that the new model looks at, to be judged.

    Raises:
        ConfigError: Nothing is checked, or the trainer's settings are wrong.
        TrackforgeError: What training raises.
    """
    trainer = trainer_of(project)
    before = outside(round_.detector, project.folder)
    if trainer is None:
        why = "there is no trainer for this detector; name one with --trainer"
        words = "as was asked for" if _declared(project).get("name") == NONE else why
        return Lesson(round_.detector, f"nothing was trained: {words}")
    folder = project.place(round_.number) / "train"
    train, val = _sets(project, round_, folder / "data")
    job = TrainingRun(
        trainer=trainer,
        train=dict(project.run.train) if isinstance(project.run.train, Mapping) else {},
        data=(train, *project.run.more_data),
        val=val,
        classes=project.classes if project.run.more_data else (),
        weights=_start(project, before),
        out=folder / "run",
        resume=True,
    )
    quiet = Layer("", {"train": {"tensorboard": False}})
    result = TrainingTask.of(quiet, from_job(job)).fit(watch=watch, tell=tell)
    if result.stopped == "signal":
        return Lesson(round_.detector, "the training was stopped; the same command goes on", signal=result.signal)
    return _judged(project, round_, before, result, look)


def _judged(
    project: Project, round_: Round, before: Mapping[str, Any], result: FitResult, look: Watch | None
) -> Lesson:
    if result.model is None:
        return Lesson(round_.detector, "the training gave no model, so the one before goes on")
    new = inside(_with_weights(project, before, result.model), project.folder)
    keep, frames, choice = project.run.keep, held_out(project), None
    words = result.verdict.rstrip(".")
    better = words.startswith("training made it better") or not words
    if not frames:
        better, words = True, "there was nothing to judge the training by: no frame is held out"
    elif project.run.settles and keep != "never" and not words.startswith("training made it worse"):
        better, told, choice = _compared(project, round_, new, frames, look)
        words = f"{words}; {told}" if words else told
    if keep == "always" or (keep == "better" and better):
        return Lesson(new, f"{words}; the new model goes on", kept=True, choice=choice)
    return Lesson(round_.detector, f"{words}; the model before goes on")


def _compared(
    project: Project,
    round_: Round,
    new: Mapping[str, Any],
    frames: Mapping[str, frozenset[int]],
    look: Watch | None,
) -> tuple[bool, str, Choice]:
    """Compare labels of the old and the new model, each tracked with the least score that suits it best.

    Scores of a model that was trained are others; that says nothing about how good it is.
    """
    ours = settled(project, round_.detector, frames, round_.conf, watch=look)
    theirs = settled(project, new, frames, round_.conf, watch=look)
    write_json(project.place(round_.number) / "judged.json", {"before": ours.as_dict(), "trained": theirs.as_dict()})
    words = f"on the {ours.frames} frames held out {ours.value_words} before, {theirs.value_words} trained"
    return theirs.worth > ours.worth, words, theirs


def _with_weights(project: Project, before: Mapping[str, Any], model: Path) -> dict[str, Any]:
    """Return the detector of a new model, with those settings of the old one that still mean something."""
    spec, found = component_for("detector", model)
    known = {one.name for one in spec.settings()}
    old = _detector(project).table() | dict(before)
    kept = {key: value for key, value in old.items() if key in known and key not in OF_A_FILE and key != "name"}
    return {"name": spec.name, **(kept if old.get("name") == spec.name else {}), **found}


def _detector(project: Project) -> Component:
    from trackforge.labelling.models import Models

    return Models(project.run).plan.detector


def _start(project: Project, before: Mapping[str, Any]) -> str:
    """Return what training starts from: the latest model, what was asked for, or the detector's weights."""
    if before.get("weights"):
        return str(before["weights"])
    if project.run.start_weights:
        return project.run.start_weights
    weights = str(_detector(project).settings.get("weights", ""))
    if weights.lower().endswith(".onnx"):
        raise ConfigError(
            f"Training must start from weights that can be trained; {weights} is for inference alone. Name the "
            "checkpoint that it was made of: --start-weights FILE.pth."
        )
    return weights


def _sets(project: Project, round_: Round, folder: Path) -> tuple[Path, Path | None]:
    """Write what is trained on, and what judges it, once: a training that goes on needs the same."""
    done = folder / "done.json"
    if not done.is_file():
        whole = labelled(project, among=round_.measured)
        plain = whole.replace(images=whole.images.replace(extra={}), boxes=whole.boxes.replace(extra={}))
        out = hold_out(project, round_, plain)
        judge, rest = plain[out], plain[~out]
        if not len(rest):
            raise ConfigError("Training needs two frames that people have checked; there is one. Check more.")
        if not len(rest.boxes):
            raise ConfigError("Training needs boxes; the frames that people have checked hold none. Check others.")
        data.write(rest, folder / "train.json", overwrite=True, images="reference")
        if len(judge):
            data.write(judge, folder / "val.json", overwrite=True, images="reference")
        write_json(done, {"train": len(rest), "val": len(judge)})
    return folder / "train.json", folder / "val.json" if (folder / "val.json").is_file() else None
