"""``trackforge sagemaker train``: a training job on our image, or of the built-in Object Detection."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from trackforge.cli.flags import split
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.control.jobs import MACHINES, TrainingChoices, assignments, read_channels, size
from trackforge_sagemaker.control.moving import local_or_place

__all__ = ["BUILT_IN", "TrainRun", "built_in_training", "own_training", "train"]

BUILT_IN = "object-detection"
"""In place of a trainer: AWS's own algorithm."""
GROUPS = {"Data": ("channels", "mode", "attributes", "manifest"), "Machines": MACHINES}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainRun(TrainingChoices):
    """A training job."""

    manifest: str = setting(
        "",
        help="Of the built-in: local file, or folder of annotations, that is counted: samples, classes, boxes.",
    )


def own_training(aws: Aws, job: TrainingChoices, name: str) -> dict[str, Any]:
    """Return the request of a training on our image.

    Raises:
        ConfigError: Something cannot be asked for.
        UnknownComponentError: There is no such trainer.
    """
    checkpoints = job.checkpoints or (aws.place("checkpoints", name) if job.spot else "")
    return requests.training_job(
        name, image=job.of_image(aws), role=aws.role, project=aws.project, output=aws.place("jobs"),
        channels=read_channels(aws, job), hyperparameters=job.values(), trainer=job.trainer or None,
        instance=size(aws, job.instance), count=job.count, volume=job.volume, seconds=round(job.hours * 3600),
        checkpoints=checkpoints or None, spot=job.spot, warm=round(job.warm * 60), mode=job.mode,
        environment=dict(assignments(job.environment, "--environment")), network=job.network, key=job.key,
    )  # fmt: skip


def built_in_training(aws: Aws, job: TrainingChoices, name: str, manifest: str) -> dict[str, Any]:
    """Return the request of a training of the built-in Object Detection; its data are counted.

    Raises:
        ConfigError: A channel is missing, or something cannot be asked for.
        DataError: The manifest is malformed.
    """
    places = {one: local_or_place(aws, where, "data") for one, where in assignments(job.channels, "--channel")}
    missing = [one for one in ("train", "validation") if one not in places]
    if missing:
        raise ConfigError(
            f"The built-in Object Detection must have {' and '.join(missing)}; give --channel NAME=PLACE."
        )
    attributes = tuple(split(job.attributes))
    annotated = "train_annotation" in places
    form: Any = "manifest" if attributes else "images" if annotated else "recordio"
    annotations = (places["train_annotation"], places.get("validation_annotation", "")) if annotated else None
    checkpoints = job.checkpoints or (aws.place("checkpoints", name) if job.spot else "")
    return requests.object_detection_training(
        name, region=aws.region, role=aws.role, project=aws.project, output=aws.place("jobs"), train=places["train"],
        validation=places["validation"], counted=_counted(job, manifest, attributes), hyperparameters=job.values(),
        form=form, attributes=attributes, annotations=annotations, pretrained=places.get("model", ""),
        pipe=job.mode == "Pipe", instance=size(aws, job.instance), count=job.count, volume=job.volume,
        seconds=round(job.hours * 3600), checkpoints=checkpoints or None, spot=job.spot, network=job.network,
    )  # fmt: skip


def _counted(job: TrainingChoices, manifest: str, attributes: tuple[str, ...]) -> requests.Counted | None:
    """Return what the training data have, from what was named, or from the channel where it is a local file."""
    path = Path(manifest or dict(assignments(job.channels, "--channel")).get("train", ""))
    if not manifest and not path.is_file():
        return None
    if attributes:
        labels = [one for one in attributes if not one.endswith("-ref") and not one.endswith("-metadata")]
        if len(labels) != 1:
            raise ConfigError(f"One attribute must be the labels; {', '.join(attributes)} are {len(labels)} such.")
        return requests.count_manifest(path, labels[0])
    return requests.count_annotations(path) if path.is_dir() else requests.count_records(path)


def _train(aws: Aws, job: TrainRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    name = job.unique(aws)
    built_in = job.trainer == BUILT_IN
    request = built_in_training(aws, job, name, job.manifest) if built_in else own_training(aws, job, name)
    answer = aws.call("sagemaker", "create_training_job", request, doing=f"start the training {name}")
    facts = {
        "name": name,
        "arn": answer.get("TrainingJobArn"),
        "output": f"{aws.place('jobs')}/{name}/output/model.tar.gz",
    }
    return aws.finish(facts, f"{name}\nwait for it: trackforge sagemaker wait {name}", name=name)


train = subcommand("train", TrainRun, _train, first="trainer", groups=GROUPS)
