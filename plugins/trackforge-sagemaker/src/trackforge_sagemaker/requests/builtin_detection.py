"""Requests of SageMaker's built-in Object Detection: a training in its three forms of data, and its model.

The algorithm counts its progress by ``num_training_samples``, so that is counted from the data; labels of more than 69
boxes need a greater ``label_width``, so that is computed too.

Source: Amazon SageMaker AI Developer Guide, "Object Detection - MXNet".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.builtin_data import Counted
from trackforge_sagemaker.requests.builtin_settings import checked
from trackforge_sagemaker.requests.channels import channel, manifest_channel
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.places import role_arn, s3_uri
from trackforge_sagemaker.requests.registries import object_detection_image
from trackforge_sagemaker.requests.sizes import current, in_use, machine
from trackforge_sagemaker.requests.tags import project_tags
from trackforge_sagemaker.requests.training import CHECKPOINTS, algorithm, machines, stopping

__all__ = ["Form", "object_detection_channels", "object_detection_training"]

Form = Literal["recordio", "images", "manifest"]
RECORDIO = "application/x-recordio"
MODEL = "application/x-sagemaker-model"
FAMILIES = ("g4dn", "g5")
"""Whose GPUs the algorithm's image knows; the retired p2 and p3 beside."""


def object_detection_training(
    name: str, *, region: str, role: str, output: str, project: str, train: str, validation: str,
    counted: Counted | None = None, hyperparameters: Mapping[str, Any] | None = None, form: Form = "recordio",
    attributes: tuple[str, ...] = (), annotations: tuple[str, str] | None = None, content_type: str = "image/jpeg",
    pretrained: str = "", pipe: bool = False, instance: str = "ml.g5.xlarge", count: int = 1, volume: int = 50,
    seconds: int = 86400, checkpoints: str | None = None, spot: bool = False, network: Network | None = None,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_training_job`` for the built-in Object Detection.

    Args:
        name: Of the job, used up for ever.
        region: Whose image is taken.
        role: ARN of the role that the job takes on.
        output: Prefix in S3 of the model.
        project: Its tags are put on the job.
        train: What is trained on: records or pictures below a prefix, or a manifest.
        validation: What is validated on, likewise.
        counted: What the training data have; says the samples, classes and width of labels that are not said.
        hyperparameters: By name, as the algorithm has them.
        form: Of the data.
        attributes: Of manifests: names in each line, the picture's first (``source-ref``).
        annotations: Of pictures: prefixes of the annotation files, for training and validation.
        content_type: Of pictures: ``image/jpeg`` or ``image/png``.
        pretrained: ``model.tar.gz`` of an earlier training to go on from.
        pipe: Whether records come through a pipe, and not as files.
        instance: Size of the machines, with GPUs: g4dn or g5.
        count: How many machines.
        volume: GB of disk a machine.
        seconds: How long it may run.
        checkpoints: Prefix in S3 of checkpoints.
        spot: Whether spare machines are taken; needs checkpoints.
        network: Where the machines stand.
        tags: Further tags.

    Raises:
        ConfigError: Something cannot be asked for; the message says what must hold.
    """
    values: dict[str, Any] = {}
    if counted is not None:
        values = {"num_training_samples": counted.samples, "label_width": counted.label_width}
        if counted.num_classes:
            values["num_classes"] = counted.num_classes
    if count > 1:
        values["kv_store"] = "dist_sync"
    values |= hyperparameters or {}
    texts = checked(values)
    _fitting(texts, counted, instance, count)
    if spot and not checkpoints:
        raise ConfigError("Spot machines may be taken back: checkpoints must have a place in S3; got none.")
    read = object_detection_channels(
        train, validation, form=form, attributes=attributes, annotations=annotations, content_type=content_type,
        pretrained=pretrained, pipe=pipe,
    )  # fmt: skip
    request: dict[str, Any] = {
        "TrainingJobName": check_name(name, "training-job"),
        # Its metrics are built in, and none may be defined.
        "AlgorithmSpecification": algorithm(object_detection_image(region), "File", ()),
        "RoleArn": role_arn(role),
        "InputDataConfig": read,
        "OutputDataConfig": {"S3OutputPath": s3_uri(output, "The output")},
        "ResourceConfig": machines(in_use(instance), count, volume),
        "StoppingCondition": stopping(seconds, spot),
        "EnableManagedSpotTraining": spot,
        "HyperParameters": texts,
        "Tags": project_tags(project, tags),
    }
    if checkpoints:
        request["CheckpointConfig"] = {"S3Uri": s3_uri(checkpoints, "The checkpoints"), "LocalPath": CHECKPOINTS}
    return request | (network.of_training() if network is not None else {})


def object_detection_channels(
    train: str, validation: str, *, form: Form = "recordio", attributes: tuple[str, ...] = (),
    annotations: tuple[str, str] | None = None, content_type: str = "image/jpeg", pretrained: str = "",
    pipe: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the channels of the algorithm; see `object_detection_training` for the arguments.

    Raises:
        ConfigError: A form lacks what it needs, or has what is another's.
    """
    if form != "images" and annotations is not None:
        raise ConfigError(
            f"Annotation files are those of pictures; the form is {form}. Take images, or leave them out."
        )
    if form == "manifest":
        if len(attributes) < 2:
            raise ConfigError("A manifest must be read by its names: source-ref and the labels'; got fewer than two.")
        made = [manifest_channel(one, uri, attributes) for one, uri in (("train", train), ("validation", validation))]
    elif form == "images":
        if annotations is None or content_type not in ("image/jpeg", "image/png"):
            raise ConfigError(
                "Pictures must be image/jpeg or image/png, with a prefix of annotations for training and validation "
                f"each; got {content_type!r} and {'no annotations' if annotations is None else 'annotations'}."
            )
        named = {"train": train, "validation": validation}
        named |= {"train_annotation": annotations[0], "validation_annotation": annotations[1]}
        made = [channel(one, uri, mode="File", content_type=content_type) for one, uri in named.items()]
    else:
        mode: Literal["Pipe", "File"] = "Pipe" if pipe else "File"
        made = [
            channel(one, uri, mode=mode, content_type=RECORDIO)
            for one, uri in (("train", train), ("validation", validation))
        ]
    if pretrained:
        made.append(channel("model", pretrained, mode="File", content_type=MODEL))
    return made


def _fitting(texts: Mapping[str, str], counted: Counted | None, instance: str, count: int) -> None:
    """Refuse what the algorithm would refuse after minutes of starting."""
    size, _ = current(instance)
    family = size.split(".")[1]
    if family not in FAMILIES:
        raise ConfigError(
            f"The built-in Object Detection must be trained on GPUs of {' or '.join(FAMILIES)}; got {instance!r}."
        )
    gpus = (known.gpus if (known := machine(size)) else 1) * count
    batch = int(texts.get("mini_batch_size", 32))
    samples = int(texts["num_training_samples"])
    if batch < gpus or batch > samples:
        raise ConfigError(
            f"mini_batch_size must be at least the number of GPUs, {gpus}, and at most num_training_samples, "
            f"{samples}; got {batch}."
        )
    if counted is not None and int(texts.get("label_width", 350)) < 2 + 5 * counted.boxes:
        raise ConfigError(
            f"label_width must hold the {counted.boxes} boxes of a picture, {2 + 5 * counted.boxes}; got "
            f"{texts['label_width']}."
        )
