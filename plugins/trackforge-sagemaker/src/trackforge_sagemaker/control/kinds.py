"""What is made in SageMaker and lives on: how each kind is described, what its states mean, how it is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge_sagemaker.client.failures import AwsError, GoneError
from trackforge_sagemaker.control.aws import Aws

__all__ = ["KINDS", "Kind", "find", "kind_named"]


@dataclass(frozen=True)
class Kind:
    """One kind.

    Attributes:
        name: As people write it.
        describe: Method of boto3's client.
        key: Of the name in requests.
        state: Key of the state in the answer.
        good: States that end well.
        bad: States that end badly; all others go on.
    """

    name: str
    describe: str
    key: str
    state: str
    good: tuple[str, ...]
    bad: tuple[str, ...]

    def ask(self, aws: Aws, name: str) -> dict[str, Any]:
        """Return what SageMaker knows of it; raises GoneError where there is none."""
        return aws.call("sagemaker", self.describe, {self.key: name}, doing=f"look at the {self.name} {name}")

    def why(self, answer: Mapping[str, Any]) -> str:
        """Return why it failed, as far as it is told."""
        return str(answer.get("FailureReason") or answer.get("ExitMessage") or "no reason is given")


_JOB = (("Completed",), ("Failed", "Stopped"))
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "endpoint", "describe_endpoint", "EndpointName", "EndpointStatus", ("InService",),
            ("Failed", "OutOfService", "UpdateRollbackFailed"),
        ),
        Kind("training-job", "describe_training_job", "TrainingJobName", "TrainingJobStatus", *_JOB),
        Kind("processing-job", "describe_processing_job", "ProcessingJobName", "ProcessingJobStatus", *_JOB),
        Kind(
            "tuning-job", "describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName",
            "HyperParameterTuningJobStatus", *_JOB,
        ),
        Kind(
            "inference-component", "describe_inference_component", "InferenceComponentName",
            "InferenceComponentStatus", ("InService",), ("Failed",),
        ),
        Kind("transform-job", "describe_transform_job", "TransformJobName", "TransformJobStatus", *_JOB),
        Kind("labeling-job", "describe_labeling_job", "LabelingJobName", "LabelingJobStatus", *_JOB),
    )
}  # fmt: skip
"""By name, in the order in which a name without a kind is looked for."""


def kind_named(name: str) -> Kind:
    """Return a kind.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {name!r}.{did_you_mean(name, KINDS)}")
    return KINDS[name]


def find(aws: Aws, name: str, kind: str | None = None) -> tuple[Kind, dict[str, Any]]:
    """Return what has a name, and what SageMaker knows of it.

    Args:
        aws: Who is asked.
        name: Of a job or endpoint.
        kind: Of what; None looks among all of them.

    Raises:
        GoneError: Nothing has that name.
    """
    if kind is not None or aws.dry_run:
        one = kind_named(kind or "endpoint")
        return one, one.ask(aws, name)
    return next(_found(aws, name))


def _found(aws: Aws, name: str) -> Iterator[tuple[Kind, dict[str, Any]]]:
    for one in KINDS.values():
        try:
            yield one, one.ask(aws, name)
            return
        except GoneError:
            continue
        except AwsError as error:
            if type(error) is not AwsError:  # credentials, permissions, the network: no question of the name
                raise
    raise GoneError(f"A name must be of an endpoint or job in {aws.region}; nothing is called {name!r}. Look at both.")
