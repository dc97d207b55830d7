"""A training job as ``/opt/ml`` describes it, put together: hyperparameters, channels, machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError
from trackforge.registry import registry
from trackforge.runs.layers import Layer, content, from_mapping
from trackforge.runs.values import plain
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge_sagemaker.hyperparameters import UNSAID, Hyperparameter, from_arguments, from_variables, received
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.builtin_names import OBJECT_DETECTION
from trackforge_sagemaker.training.bytetrack_names import BYTETRACK
from trackforge_sagemaker.training.channels import Inputs
from trackforge_sagemaker.training.fairmot_names import FAIRMOT
from trackforge_sagemaker.training.machine import Placement, gpus_here, placed
from trackforge_sagemaker.training.names import Said, Vocabulary
from trackforge_sagemaker.training.served import served
from trackforge_sagemaker.training.sorting import Names, Ours, Sorted

__all__ = ["Job", "read_job"]

VOCABULARIES = (FAIRMOT, BYTETRACK, OBJECT_DETECTION)
EVERY = 500
"""Steps from one checkpoint to the next, where nobody says: a machine may be taken away at any time."""


@dataclass(frozen=True)
class Job:
    """A job whose settings are checked.

    Attributes:
        run: What to train.
        placement: By which processes.
        ours: This plugin's own settings.
        serving: What to serve the model with, tables of ``trackforge.toml``.
        notes: What a user may not expect, one sentence each.
    """

    run: TrainingRun
    placement: Placement = field(default_factory=Placement)
    ours: Ours = field(default_factory=Ours)
    serving: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def trainer(self) -> str:
        """Name of the trainer."""
        return TrainingTask.of(self.run).trainer.name

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, for another process."""
        return {
            "run": plain(content(self.run)),
            "placement": plain(dataclasses.asdict(self.placement)),
            "ours": plain(dataclasses.asdict(self.ours)),
            "serving": plain(self.serving),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Job:
        """Return what `to_json` gave."""
        run = TrainingTask.of(from_mapping(given["run"], TrainingRun, "")).job()
        placement = Placement(**{**given["placement"], "ids": tuple(given["placement"]["ids"])})
        return cls(dataclasses.replace(run, resume=given["run"].get("resume", False)), placement,
                   Ours(**given["ours"]), given["serving"])  # fmt: skip


def read_job(
    there: OptMl,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str],
    scratch: Path,
    started: Placement | None = None,
) -> Job:
    """Read the job of this machine.

    Args:
        there: Where it is described.
        arguments: Hyperparameters of a command line; those of the job go before.
        environment: Variables of this process.
        scratch: An empty folder of this job.
        started: Its processes, where somebody else starts them.

    Raises:
        ConfigError: A hyperparameter is unknown or wrong, for the training or for serving what comes of it, the
            machines of the job are not as it says, or nothing tells which trainer is meant.
        DataError, MissingFileError, WeightsError: A channel does not hold what it must.
        UnknownComponentError: There is no such trainer or tracker.
    """
    given = received({**from_arguments(list(arguments)), **there.hyperparameters})
    below = from_variables(environment)
    words = _vocabulary({**below, **given}, there.channels)
    names, said, resources = Names(words), Said(), there.resources
    sent = {one.name: one for one in names.merged(given, below)}
    on, devices = _machine(names, sent.values())
    gpus = () if on == "cpu" else gpus_here(environment)
    if started is not None and on == "cpu":
        started = dataclasses.replace(started, gpus=False)

    def in_use(asked: int | None) -> int:
        used = started or placed(resources, gpus, asked=devices if gpus and devices else asked, ids=(), processes=1)
        return used.world if used.gpus else 1

    if isinstance(words, Vocabulary):
        words.combine({name: one for name, one in sent.items() if words.knows(name)}, said, in_use)
    sorted_out = Sorted(names, said)
    sorted_out.take(sent.values())
    ours = Ours(**sorted_out.ours)
    serving = served(names.trainer, ours.tracker, sorted_out.serving)
    place = started or placed(
        resources, gpus, asked=devices if gpus and devices else said.gpus, ids=said.ids,
        processes=devices or ours.processes,
    )  # fmt: skip
    train = sorted_out.tables["train"]
    _check_placed(place, on, devices, train.get("nodes"))
    if said.gpus and not place.gpus:
        said.notes.append("gpus asks for GPUs; there is none to train on, so training is on the CPU.")
    if not place.gpus and train.get("precision") == "fp16":
        train.pop("precision")
        said.notes.append("fp16 needs a GPU; there is none, so training is in 32 bits.")
    inputs = Inputs(there.channels, scratch, place.machines, ours.attribute_names)
    options = sorted_out.options
    chosen = {key: options.pop(key) for key in _OF_DATA if key in options}
    options |= inputs.data(chosen, said.data)
    options["weights"] = inputs.weights(str(options.get("weights") or said.weights))
    spread = {"devices": place.processes, "nodes": place.machines, "accelerator": "gpu" if place.gpus else "cpu"}
    task = TrainingTask.of(
        Layer("", tables={"train": {"checkpoint_steps": EVERY}}),
        Layer("hyperparameters", tables=sorted_out.tables, options={"resume": True, **options}),
        Layer("", tables={"train": spread}, options={"out": there.checkpoints}),
    )
    task.check()
    run = dataclasses.replace(task.job(), resume=task.options.resume)
    notes = [*said.notes, *sorted_out.notes, *inputs.notes]
    return Job(run, place, ours, serving, notes)


def _machine(names: Names, sent: Iterable[Hyperparameter]) -> tuple[str, int | None]:
    """Return what to train on, and how many devices of each machine, as far as hyperparameters say it."""
    said = {place: names.value(place, one) for one in sorted(sent, key=lambda one: "." in one.name)
            if (place := names.place(one.name)) in ("train.accelerator", "train.devices")}  # fmt: skip
    on, devices = said.get("train.accelerator", UNSAID), said.get("train.devices", UNSAID)
    return "auto" if on is UNSAID else str(on), None if devices in (UNSAID, None) else int(devices)


def _check_placed(place: Placement, on: str, devices: int | None, nodes: int | None) -> None:
    """Refuse what the machines of the job are not.

    Raises:
        ConfigError: There is no GPU and one must be, or the job has other machines or processes.
    """
    if on == "gpu" and not place.gpus:
        raise ConfigError(
            "accelerator=gpu must have a GPU to train on; the job has none. Take an instance type with GPUs, or leave "
            "it out."
        )
    if devices is not None and devices != place.processes:
        raise ConfigError(
            f"devices must be as many as the launcher has started processes on each machine, {place.processes}; got "
            f"{devices}. Leave it out."
        )
    if nodes not in (None, place.machines):
        raise ConfigError(
            f"nodes must be the machines of the job, {place.machines}; got {nodes}. Leave it out, and set the job's "
            "InstanceCount."
        )


_OF_DATA = ("data", "val", "format", "split", "val_split", "halves", "half_val", "val_share", "val_sequences")


def _vocabulary(sent: Mapping[str, Hyperparameter], channels: Mapping[str, Any]) -> Vocabulary | str:
    """Return the vocabulary of the trainer that is meant, or its name where it has none.

    Raises:
        ConfigError: Nothing tells which it is.
    """
    named = str(sent["trainer"].text) if "trainer" in sent else ""
    if named:
        return next((one for one in VOCABULARIES if one.trainer == named), named)
    marks = {one.trainer: len(one.marks & sent.keys()) for one in VOCABULARIES}
    if "mot" in channels:  # the channel of ByteTrack's jobs
        marks[BYTETRACK.trainer] += 1
    most = max(marks.values())
    best = [one for one in VOCABULARIES if marks[one.trainer] == most]
    if not most or len(best) > 1:
        known = ", ".join(sorted(spec.name for spec, _ in registry().specs("trainer")))
        raise ConfigError(
            f"Hyperparameter trainer must say what to train, one of {known}; it is missing, and "
            f"{'the others do not tell' if most else 'no other tells'} either. Send trainer=yolox, say."
        )
    return best[0]
