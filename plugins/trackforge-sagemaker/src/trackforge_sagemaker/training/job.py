"""A training job as ``/opt/ml`` describes it, put together: hyperparameters, channels, machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError
from trackforge.registry import registry
from trackforge.runs.layers import Layer, content, from_environment, from_mapping
from trackforge.runs.values import plain
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge_sagemaker.hyperparameters import Hyperparameter, from_arguments, received
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.builtin_names import OBJECT_DETECTION
from trackforge_sagemaker.training.bytetrack_names import BYTETRACK
from trackforge_sagemaker.training.channels import Inputs
from trackforge_sagemaker.training.fairmot_names import FAIRMOT
from trackforge_sagemaker.training.machine import Placement, gpus_here, placed
from trackforge_sagemaker.training.names import Said, Vocabulary
from trackforge_sagemaker.training.sorting import Ours, Sorted

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
        serving: Settings to serve the model with, by table.
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
        ConfigError: A hyperparameter is unknown or wrong, or nothing tells which trainer is meant.
        DataError, MissingFileError, WeightsError: A channel does not hold what it must.
        UnknownComponentError: There is no such trainer or tracker.
    """
    sent = received({**from_arguments(list(arguments)), **there.hyperparameters})
    said_before = from_environment(TrainingRun, "train", environment)
    words = _vocabulary(sent, said_before, there.channels)
    unwanted = "train.accelerator" in sent and sent["train.accelerator"].text == "cpu"
    gpus, resources = 0 if unwanted else gpus_here(environment), there.resources
    said = Said()

    def in_use(asked: int | None) -> int:
        used = started or placed(resources, gpus, asked=asked, ids=(), processes=1)
        return used.world if used.gpus else 1

    if isinstance(words, Vocabulary):
        words.combine({name: one for name, one in sent.items() if words.knows(name)}, said, in_use)
    sorted_out = Sorted(words, said)
    sorted_out.take(sent.values())
    ours = Ours(**sorted_out.ours)
    devices = sorted_out.tables["train"].pop("devices", None)
    place = started or placed(
        resources, gpus, asked=said.gpus if devices is None or not gpus else int(devices), ids=said.ids,
        processes=int(devices or ours.processes),
    )  # fmt: skip
    inputs = Inputs(there.channels, scratch, place.machines, ours.attribute_names)
    options = sorted_out.options
    chosen = {key: options.pop(key) for key in _OF_DATA if key in options}
    options |= inputs.data(chosen, said.data)
    options["weights"] = inputs.weights(str(options.get("weights") or said.weights))
    spread = {"devices": place.processes, "nodes": place.machines, "accelerator": "gpu" if place.gpus else "cpu"}
    if not place.gpus and sorted_out.tables["train"].get("precision") == "fp16":
        sorted_out.tables["train"].pop("precision")
        said.notes.append("fp16 needs a GPU; there is none, so training is in 32 bits.")
    task = TrainingTask.of(
        Layer("", tables={"train": {"checkpoint_steps": EVERY}}),
        *said_before,
        Layer("hyperparameters", tables=sorted_out.tables, options={"resume": True, **options}),
        Layer("", tables={"train": spread}, options={"out": there.checkpoints}),
    )
    task.check()
    run = dataclasses.replace(task.job(), resume=task.options.resume)
    notes = [*said.notes, *sorted_out.notes, *inputs.notes]
    return Job(run, place, ours, sorted_out.serving, notes)


_OF_DATA = ("data", "val", "format", "split", "val_split", "halves", "half_val", "val_share", "val_sequences")


def _vocabulary(
    sent: Mapping[str, Hyperparameter], before: Sequence[Layer], channels: Mapping[str, Any]
) -> Vocabulary | str:
    """Return the vocabulary of the trainer that is meant, or its name where it has none.

    Raises:
        ConfigError: Nothing tells which it is.
    """
    named = str(sent["trainer"].text) if "trainer" in sent else ""
    named = named or next((str(one.tables["trainer"]["name"]) for one in reversed(before)
                           if one.tables.get("trainer", {}).get("name")), "")  # fmt: skip
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
