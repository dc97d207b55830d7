"""The channels of a job: which of them are data, what they are validated on, and where weights lie.

============================================== ==================================================
channel                                        is
============================================== ==================================================
``train``, ``training``, ``mot``, ``data``     what is trained on, in any format that core reads
``validation``, ``val``, ``valid``             what is validated on
``train_annotation``, ``validation_annotation`` the built-in Object Detection's annotations of both
``model``, ``pretrain``, ``pretrained``, ...   weights to start from
``code``, ``sm_drivers``, ``log``, ...         of AWS's tools; nothing to train on
============================================== ==================================================

A channel in the mode Pipe becomes a file of records in a folder of this job, which every epoch reads again: pictures
are drawn in any order, which a pipe cannot give.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge import data
from trackforge.errors import ConfigError, DataError, MissingFileError
from trackforge.intake.folders import is_companion
from trackforge_sagemaker import model_dir
from trackforge_sagemaker.opt_ml import Channel
from trackforge_sagemaker.training.jde_lists import lists_of

__all__ = ["Inputs"]

TRAINING = ("train", "training", "mot", "data")
VALIDATION = ("validation", "val", "valid")
WEIGHTS = ("model", "pretrain", "pretrained", "pretrained_model", "weights")
TOOLS = ("code", "sm_drivers", "sourcecode", "log", "sagemaker_code")
ANNOTATION = "_annotation"
PARTS = (("train_half", "val_half"), ("train", "val_half"), ("train", "val"), ("train", "valid"), ("train", "test"))
"""Parts of a COCO folder that are trained and validated on where nobody says which, the first pair that is there."""
OTHER_WAYS = ("val_split", "halves", "half_val", "val_share", "val_sequences")
"""Options that say what to validate on, beside ``val``."""
LISTS = "data.json"
MODELS = "pretrained-models"
"""The folder of weights in a channel of FairMOT's jobs."""
SUFFIXES = (".pth", ".pt", ".tar", ".onnx", ".params", ".gz", ".tgz")


@dataclass
class Inputs:
    """The channels of a job, looked into.

    Args:
        channels: As the job has them.
        scratch: A folder of this job, for what is made of them.
        hosts: How many machines train.
        attributes: ``AttributeNames`` of augmented manifests that come through pipes, in their order.

    Attributes:
        notes: What a user may not expect, one sentence each.

    Raises:
        ConfigError: Several machines each have a part of the training data only.
    """

    channels: Mapping[str, Channel]
    scratch: Path
    hosts: int = 1
    attributes: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)
    _read: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for channel in self.channels.values():
            if channel.sharded and self.hosts > 1 and channel.name not in TOOLS:
                raise ConfigError(
                    f"Every machine must have all of the data; channel {channel.name} is ShardedByS3Key, which gives "
                    f"each of {self.hosts} a part. Say S3DataDistributionType=FullyReplicated: batches are shared out."
                )
        known = (*TRAINING, *VALIDATION, *WEIGHTS, *TOOLS)
        for name in self.channels:
            if name.removesuffix(ANNOTATION) not in known:
                self.notes.append(f"Channel {name} is used only where a hyperparameter names it.")

    def data(self, said: Mapping[str, Any], name: str = "") -> dict[str, Any]:
        """Return what to train and to validate on, as options of `trackforge.training.run.TrainingRun`.

        Args:
            said: What the job says of it: ``data``, ``val``, ``format``, ``split`` and the like.
            name: Of the data, FairMOT's ``data_name``.

        Raises:
            ConfigError: There is no channel with data.
            DataError, MissingFileError: What is named is not in the channels, or is no data set.
        """
        found: dict[str, Any] = {}
        if said.get("data"):
            found["data"] = tuple(self._placed(path) for path in said["data"])
        elif name:
            found |= self._named(name)
        else:
            found |= self._usual(said)
        if said.get("val"):
            found["val"] = self._placed(said["val"])
        if any(said.get(key) for key in OTHER_WAYS):
            found.pop("val", None)  # the job says what to validate on
            found.pop("val_split", None)
        return {**found, **{key: value for key, value in said.items() if key not in ("data", "val")}}

    def weights(self, name: str) -> str:
        """Return the weights to start from: a file of the channels, or a published name; empty for none.

        Args:
            name: As the job has it; without one, what a channel of weights holds.

        Raises:
            MissingFileError: No channel has a file of that name.
            WeightsError: A channel of weights holds several models, or none.
        """
        if not name:
            only = next((self.channels[one] for one in WEIGHTS if one in self.channels), None)
            if only is None:
                return ""
            table = model_dir.find(only.path)["detector"]
            return str(table.get("weights") or table["name"])
        path = Path(name)
        places = [path] if path.is_absolute() else []
        for channel in self._ordered(WEIGHTS):
            places += [channel.path / name, channel.path / MODELS / name]
        found = next((place for place in places if place.is_file()), None)
        if found is None and (path.suffix.lower() in SUFFIXES or len(path.parts) > 1):
            looked = dict.fromkeys(str(place.parent) for place in places)
            raise MissingFileError(
                f"The weights {name!r:.120} must be in a channel; they are not in "
                f"{', '.join(looked) or 'any'}. Add a channel 'pretrain' with them."
            )
        return str(found or name)

    # ---- the parts

    def _ordered(self, first: tuple[str, ...]) -> list[Channel]:
        there = [self.channels[name] for name in first if name in self.channels]
        return [*there, *(one for name, one in self.channels.items() if name not in (*first, *TOOLS))]

    def _first(self, names: tuple[str, ...]) -> Channel | None:
        return next((self.channels[name] for name in names if name in self.channels), None)

    def _placed(self, path: Path) -> Path:
        """Return where a path of a hyperparameter lies: below a channel, which its first part may name."""
        if path.is_absolute():
            return path
        first, rest = path.parts[0], Path(*path.parts[1:])
        places = [self.folder(self.channels[first]) / rest] if first in self.channels else []
        places += [self.folder(channel) / path for channel in self._ordered(TRAINING)]
        found = next((place for place in places if place.exists()), None)
        if found is None:
            raise MissingFileError(
                f"The data {str(path)!r:.120} must be in a channel, as CHANNEL/PATH; there is no such file. Channels: "
                f"{', '.join(self.channels) or 'none'}."
            )
        return found

    def folder(self, channel: Channel) -> Path:
        """Return the folder or file of a channel; of a pipe, which is read once, the records that came out of it."""
        if channel.mode != "Pipe":
            return channel.path
        if channel.name not in self._read:
            read = importlib.import_module("trackforge_sagemaker.pipe").materialise
            self._read[channel.name] = read(channel, self.attributes, self.scratch / channel.name)
        return self._read[channel.name]

    def _named(self, name: str) -> dict[str, Any]:
        """Return FairMOT's data of a name: ``NAME/data.json`` with its lists, or a data set of that name."""
        for channel in self._ordered(TRAINING):
            for place in (channel.path / name, channel.path):
                if (place / LISTS).is_file():
                    train, val = lists_of(place / LISTS, channel.path, self.scratch / "lists")
                    return {"data": tuple(train), "format": "jde", **({"val": val} if val else {})}
        return {"data": (self._placed(Path(name)),)}

    def _usual(self, said: Mapping[str, Any]) -> dict[str, Any]:
        train, val = self._first(TRAINING), self._first(VALIDATION)
        if train is None:
            raise ConfigError(
                f"There must be a channel with data to train on, 'train'; there is "
                f"{', '.join(self.channels) or 'none'}. Name one so, or say data=CHANNEL/PATH."
            )
        if f"{train.name}{ANNOTATION}" in self.channels:
            return self._annotated(train, val, said)
        found: dict[str, Any] = {"data": (self._set(train),)}
        if val is not None:
            return {**found, "val": self._set(val)}
        return found if said.get("split") or said.get("val_split") else {**found, **self._parts(found["data"][0])}

    def _annotated(self, train: Channel, val: Channel | None, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return the built-in algorithm's four channels, which are one data set of two parts."""
        found: dict[str, Any] = {"data": (train.path.parent,), "format": "sagemaker-json", "split": train.name}
        if val is not None and not any(said.get(key) for key in ("val", *OTHER_WAYS)):
            if f"{val.name}{ANNOTATION}" not in self.channels:
                raise ConfigError(
                    f"Channel {val.name} must have its labels in a channel {val.name}{ANNOTATION}, as {train.name} "
                    f"has; there is none. Add it, or leave out {val.name}."
                )
            found["val_split"] = val.name
        return found

    def _set(self, channel: Channel) -> Path:
        """Return the data set of a channel: its folder, or the one thing in it that is one."""
        folder = self.folder(channel)
        try:
            data.sniff(folder)
        except DataError:
            if not folder.is_dir():
                raise
            inner = [one for one in sorted(folder.iterdir()) if not is_companion(one, folder) and _is_set(one)]
            if len(inner) != 1:
                raise
            return inner[0]
        return folder

    def _parts(self, path: Path) -> dict[str, str]:
        """Return the parts of a COCO folder to train and to validate on, where it has such."""
        files = (path / "annotations").glob("*.json") if path.is_dir() else ()
        names = {file.stem.removeprefix("instances_") for file in files}
        pair = next((pair for pair in PARTS if set(pair) <= names), None)
        if pair is None:
            return {}
        self.notes.append(f"Trained on the part {pair[0]} of {path.name}, validated on {pair[1]}.")
        return {"split": pair[0], "val_split": pair[1]}


def _is_set(path: Path) -> bool:
    try:
        data.sniff(path)
    except (DataError, OSError):
        return False
    return True
