"""The request of a training job on our image, for ``create_training_job``.

The image finds out from its files how many machines and GPUs there are and starts its processes itself, so several
machines are ``count``, and nothing else. Its command is ``train``, which SageMaker gives by itself.

Source: Amazon SageMaker API Reference, ``CreateTrainingJob``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.channels import Mode, channels
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.places import role_arn, s3_uri
from trackforge_sagemaker.requests.sending import environment_texts, hyperparameter_texts
from trackforge_sagemaker.requests.sizes import in_use
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["CHECKPOINTS", "LONGEST_RUN", "algorithm", "machines", "stopping", "training_job"]

CHECKPOINTS = "/opt/ml/checkpoints"
"""Where a container has its checkpoints: SageMaker restores them before the start, and keeps S3 in step."""
LONGEST_RUN = 28 * 86400
"""Seconds that a job may take."""
TRAINING = ("train", "mot", "data")
MOST_METRICS = 40
LONGEST_REGEX = 500


def training_job(
    name: str, *, image: str, role: str, output: str, project: str,
    channels: Mapping[str, str | Mapping[str, Any]] | Iterable[Mapping[str, Any]],
    hyperparameters: Mapping[str, Any] | None = None, trainer: str | None = None,
    instance: str = "ml.g5.xlarge", count: int = 1, volume: int = 50, seconds: int = 86400,
    checkpoints: str | None = None, spot: bool = False, wait: int | None = None, warm: int = 0, retries: int = 0,
    metrics: Sequence[Mapping[str, str]] | None = None, mode: Mode = "File",
    environment: Mapping[str, Any] | None = None, network: Network | None = None, key: str = "",
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_training_job``.

    Args:
        name: Of the job, used up for ever: see `trackforge_sagemaker.requests.unique_name`.
        image: Address of our image in the account's registry, or of another with the command ``train``.
        role: ARN of the role that the job takes on.
        output: Prefix in S3 below which ``NAME/output/model.tar.gz`` is put.
        project: Its tags are put on the job.
        channels: Data by name: addresses in S3, or what `channel` gives.
        hyperparameters: Settings of the training by name, as flags, TOML and containers have them.
        trainer: Who trains; also decides which metrics SageMaker reads from the log.
        instance: Size of the machines; a retired one is replaced, with a warning.
        count: How many machines; each uses all of its GPUs.
        volume: GB of disk a machine. What has disks of its own ignores it.
        seconds: How long it may run.
        checkpoints: Prefix in S3 of checkpoints; the same prefix resumes them. A job on spot machines needs it.
        spot: Whether spare machines are taken, which AWS may take back: cheaper, and interrupted.
        wait: Seconds in all, waiting for spot machines included; twice ``seconds`` without it.
        warm: Seconds that the machines are kept for the next job, at most 3600; they cost as long as they are kept.
        retries: Attempts after failures of the platform, at most 30.
        metrics: In place of the trainer's: ``Name`` and ``Regex`` each.
        mode: How channels come that do not say it themselves.
        environment: Variables of the container.
        network: Where the machines stand; the open net without one.
        key: KMS key of disks and outputs.
        tags: Further tags.

    Raises:
        ConfigError: Something cannot be asked for; the message says what must hold.
        UnknownComponentError: There is no such trainer.
    """
    values = dict(hyperparameters or {})
    if trainer is not None:
        values = {"trainer": trainer, **values}
    read = metrics if metrics is not None else _definitions(trainer) if trainer else ()
    if spot and not checkpoints:
        raise ConfigError("Spot machines may be taken back: checkpoints must have a place in S3; got none.")
    read_data = _channels(channels)
    if count > 1 and any(_sharded(one) for one in read_data):
        raise ConfigError("Every machine of our image must have all of the data: a channel is sharded. Replicate it.")
    request: dict[str, Any] = {
        "TrainingJobName": check_name(name, "training-job"),
        "AlgorithmSpecification": algorithm(image, mode, read),
        "RoleArn": role_arn(role),
        "InputDataConfig": read_data,
        "OutputDataConfig": {"S3OutputPath": s3_uri(output, "The output")} | ({"KmsKeyId": key} if key else {}),
        "ResourceConfig": machines(instance, count, volume, key=key, warm=warm),
        "StoppingCondition": stopping(seconds, spot, wait),
        "EnableManagedSpotTraining": spot,
        "HyperParameters": hyperparameter_texts(values),
        "Tags": project_tags(project, tags),
    }
    if checkpoints:
        request["CheckpointConfig"] = {"S3Uri": s3_uri(checkpoints, "The checkpoints"), "LocalPath": CHECKPOINTS}
    if environment:
        request["Environment"] = environment_texts(environment)
    if retries:
        request["RetryStrategy"] = {"MaximumRetryAttempts": retries}
    if network is not None:
        request |= network.of_training()
    return request


def algorithm(image: str, mode: Mode, metrics: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what runs, and which metrics are read from what it prints.

    Raises:
        ConfigError: There are more than 40 metrics, or an expression has more than 500 letters.
    """
    if len(metrics) > MOST_METRICS or any(len(one["Regex"]) > LONGEST_REGEX for one in metrics):
        longest = max((len(one["Regex"]) for one in metrics), default=0)
        raise ConfigError(
            f"A job may have {MOST_METRICS} metrics of {LONGEST_REGEX} letters; got {len(metrics)}, one of {longest}."
        )
    made: dict[str, Any] = {"TrainingImage": image, "TrainingInputMode": mode}
    if metrics:
        made["MetricDefinitions"] = [dict(one) for one in metrics]
    return made


def machines(instance: str, count: int, volume: int, *, key: str = "", warm: int = 0) -> dict[str, Any]:
    """Return the machines of a training.

    Args:
        instance: Their size.
        count: How many.
        volume: GB of disk each.
        key: KMS key of the disks.
        warm: Seconds that they are kept afterwards.

    Raises:
        ConfigError: There is none, it has no disk, or it is kept longer than an hour.
    """
    if count < 1 or volume < 1 or not 0 <= warm <= 3600:
        raise ConfigError(
            "A job must have a machine with a disk (GB), which is kept for 0 to 3600 s; got "
            f"{count} machines, {volume} GB, {warm} s."
        )
    made: dict[str, Any] = {"InstanceType": in_use(instance), "InstanceCount": count, "VolumeSizeInGB": volume}
    if key:
        made["VolumeKmsKeyId"] = key
    if warm:
        made["KeepAlivePeriodInSeconds"] = warm
    return made


def stopping(seconds: int, spot: bool = False, wait: int | None = None) -> dict[str, int]:
    """Return how long a job may run, and with spot machines, how long it may take in all.

    >>> stopping(3600, spot=True)
    {'MaxRuntimeInSeconds': 3600, 'MaxWaitTimeInSeconds': 7200}

    Raises:
        ConfigError: It may run no time, more than 28 days, or less than it may take in all.
    """
    if not 1 <= seconds <= LONGEST_RUN:
        raise ConfigError(f"A job must be allowed 1 to {LONGEST_RUN} s (28 days); got {seconds}.")
    if not spot:
        if wait is not None:
            raise ConfigError("Only spot machines are waited for; got a time to wait without spot.")
        return {"MaxRuntimeInSeconds": seconds}
    longest = min(2 * seconds, LONGEST_RUN) if wait is None else wait
    if not seconds <= longest <= LONGEST_RUN:
        raise ConfigError(f"With spot machines, the time in all must be {seconds} to {LONGEST_RUN} s; got {longest}.")
    return {"MaxRuntimeInSeconds": seconds, "MaxWaitTimeInSeconds": longest}


def _definitions(trainer: str) -> Sequence[Mapping[str, str]]:
    from trackforge_sagemaker.metrics import definitions  # which loads what reads data

    return definitions(trainer)


def _sharded(one: Mapping[str, Any]) -> bool:
    source = one.get("DataSource", {}).get("S3DataSource", {})
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    return sharded and str(one["ChannelName"]).startswith(TRAINING)


_channels = channels
"""The parameter of `training_job` has its name."""
