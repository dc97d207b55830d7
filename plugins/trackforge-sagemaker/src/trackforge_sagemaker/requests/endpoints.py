"""Requests of endpoints: real-time, asynchronous, serverless, and such whose machines carry inference components.

An endpoint is made of a config, and the config of variants: a model (or room for components), and machines.

Source: Amazon SageMaker API Reference, ``CreateEndpointConfig``, ``CreateEndpoint``, ``CreateInferenceComponent``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.places import role_arn, s3_uri
from trackforge_sagemaker.requests.sizes import in_use, serverless_memory
from trackforge_sagemaker.requests.tags import project_tags

__all__ = [
    "asynchronous", "component_variant", "endpoint", "endpoint_config", "inference_component", "serverless_variant",
    "variant",
]  # fmt: skip

VARIANT = "all"
STARTUP = (60, 3600)


def variant(
    model: str, *, name: str = VARIANT, instance: str = "ml.g5.xlarge", count: int = 1, weight: float = 1.0,
    volume: int = 0, startup: int = 600, ami: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return a variant on machines, for real-time and asynchronous endpoints.

    Args:
        model: Name of the model.
        name: Of the variant.
        instance: Size of its machines; a retired one is replaced, with a warning.
        count: How many there are at first, at least 1.
        weight: Share of the calls that it gets, of all variants' together.
        volume: GB of disk; as the size has it with 0. Sizes with disks of their own take none.
        startup: Seconds, 60 to 3600, that getting the model, and getting ready, may take.
        ami: Version of the machines' system (``InferenceAmiVersion``), where the image needs a newer driver.

    Raises:
        ConfigError: A number is out of range.
    """
    if count < 1 or weight < 0 or not STARTUP[0] <= startup <= STARTUP[1]:
        raise ConfigError(
            f"A variant must have a machine, a weight of 0 or more and {STARTUP[0]} to {STARTUP[1]} s to start; got "
            f"{count}, {weight}, {startup} s."
        )
    made: dict[str, Any] = {
        "VariantName": check_name(name, "variant"),
        "ModelName": check_name(model, "model"),
        "InstanceType": in_use(instance),
        "InitialInstanceCount": count,
        "InitialVariantWeight": weight,
        "ModelDataDownloadTimeoutInSeconds": startup,
        "ContainerStartupHealthCheckTimeoutInSeconds": startup,
    }
    return made | ({"VolumeSizeInGB": volume} if volume else {}) | ({"InferenceAmiVersion": ami} if ami else {})


def serverless_variant(
    model: str, *, name: str = VARIANT, memory: int = 6144, concurrency: int = 5, ready: int = 0
) -> dict[str, Any]:
    """Return a serverless variant: no GPU, bodies of at most 4 MB, answers within 60 s; no sessions.

    Args:
        model: Name of the model.
        name: Of the variant.
        memory: MB: 1024, 2048, 3072, 4096, 5120 or 6144. CPUs come with it.
        concurrency: Calls at a time, at most 200.
        ready: How many of these are kept warm, at a price.

    Raises:
        ConfigError: A number is none that serverless endpoints have.
    """
    if not 1 <= concurrency <= 200 or not 0 <= ready <= concurrency:
        raise ConfigError(
            f"A serverless endpoint must take 1 to 200 calls at a time, and keep at most as many warm; got "
            f"{concurrency} and {ready}."
        )
    config = {"MemorySizeInMB": serverless_memory(memory), "MaxConcurrency": concurrency}
    return {
        "VariantName": check_name(name, "variant"),
        "ModelName": check_name(model, "model"),
        "ServerlessConfig": config | ({"ProvisionedConcurrency": ready} if ready else {}),
    }


def component_variant(
    *, name: str = VARIANT, instance: str = "ml.g5.xlarge", least: int = 0, most: int = 2, startup: int = 600
) -> dict[str, Any]:
    """Return a variant that is room for inference components, whose machines SageMaker adds and takes away.

    Args:
        name: Of the variant.
        instance: Size of its machines.
        least: How few there may be; 0 costs nothing, and calls fail until a machine is there: clients try again.
        most: How many there may be.
        startup: Seconds that getting ready may take.

    Raises:
        ConfigError: A number is out of range.
    """
    if not 0 <= least <= most or most < 1:
        raise ConfigError(
            f"Machines must be between a least of 0 or more and a most of 1 or more; got {least}, {most}."
        )
    return {
        "VariantName": check_name(name, "variant"),
        "InstanceType": in_use(instance),
        "InitialInstanceCount": max(least, 1),
        "ModelDataDownloadTimeoutInSeconds": startup,
        "ContainerStartupHealthCheckTimeoutInSeconds": startup,
        "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": least, "MaxInstanceCount": most},
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }


def asynchronous(
    output: str, *, failures: str = "", succeeded: str = "", failed: str = "", include: bool = False,
    concurrency: int = 4, key: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return what makes an endpoint asynchronous: where answers go, and who is told.

    Args:
        output: Prefix in S3 of answers.
        failures: Prefix in S3 of failures; without one they are told nowhere but in the topic.
        succeeded: ARN of the topic (SNS) that is told of answers.
        failed: ARN of the topic that is told of failures.
        include: Whether the messages hold the answer, as far as it fits.
        concurrency: Calls at a time on a machine, at most 1000.
        key: KMS key of what is written.

    Raises:
        ConfigError: A place is no address, or the number is out of range.
    """
    if not 1 <= concurrency <= 1000:
        raise ConfigError(f"A machine must take 1 to 1000 calls at a time; got {concurrency}.")
    config: dict[str, Any] = {"S3OutputPath": s3_uri(output, "The output")}
    if failures:
        config["S3FailurePath"] = s3_uri(failures, "The place of failures")
    if key:
        config["KmsKeyId"] = key
    told = {"SuccessTopic": succeeded, "ErrorTopic": failed}
    told = {topic: arn for topic, arn in told.items() if arn}
    if told:
        both = {"SuccessTopic": "SUCCESS_NOTIFICATION_TOPIC", "ErrorTopic": "ERROR_NOTIFICATION_TOPIC"}
        config["NotificationConfig"] = {**told} | (
            {"IncludeInferenceResponseIn": [both[topic] for topic in told]} if include else {}
        )
    return {"OutputConfig": config, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency}}


def endpoint_config(
    name: str, variants: Sequence[Mapping[str, Any]], *, project: str, calls: Mapping[str, Any] | None = None,
    role: str = "", key: str = "", tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_endpoint_config``.

    Args:
        name: Of the config.
        variants: What `variant`, `serverless_variant` or `component_variant` gave: one, or several that share the
            calls.
        project: Its tags are put on it.
        calls: What `asynchronous` gave, for an asynchronous endpoint.
        role: ARN of the machines' role; needed where variants carry inference components.
        key: KMS key of disks.
        tags: Further tags.

    Raises:
        ConfigError: There is no variant, two have one name, or the kinds do not go together.
    """
    names = [one["VariantName"] for one in variants]
    serverless = [one for one in variants if "ServerlessConfig" in one]
    carrying = [one for one in variants if "ModelName" not in one]
    if not 1 <= len(variants) <= 10 or len(set(names)) != len(names):
        raise ConfigError(
            f"An endpoint must have 1 to 10 variants of different names; got {', '.join(names) or 'none'}."
        )
    if serverless and (calls is not None or len(variants) > 1):
        raise ConfigError(
            "A serverless endpoint must have one variant, and cannot be asynchronous; take one or the other."
        )
    if carrying and (calls is not None or not role):
        raise ConfigError(
            "An endpoint of inference components must have a role, and cannot be asynchronous; "
            + ("got no role." if calls is None else "got both.")
        )
    request: dict[str, Any] = {
        "EndpointConfigName": check_name(name, "endpoint-config"),
        "ProductionVariants": [dict(one) for one in variants],
        "Tags": project_tags(project, tags),
    }
    if calls is not None:
        request["AsyncInferenceConfig"] = dict(calls)
    if role:
        request["ExecutionRoleArn"] = role_arn(role)
    if key:
        request["KmsKeyId"] = key
    return request


def endpoint(name: str, config: str, *, project: str, tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the request of ``sagemaker.create_endpoint``.

    Args:
        name: Of the endpoint.
        config: Name of its config.
        project: Its tags are put on it.
        tags: Further tags.
    """
    return {
        "EndpointName": check_name(name, "endpoint"),
        "EndpointConfigName": check_name(config, "endpoint-config"),
        "Tags": project_tags(project, tags),
    }


def inference_component(
    name: str, *, endpoint: str, model: str, project: str, variant: str = VARIANT, memory: int = 8192,
    gpus: int = 1, cpus: float = 2, copies: int = 1, startup: int = 600, tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_inference_component``: a model on the machines of an endpoint.

    Args:
        name: Of the component; calls name it.
        endpoint: Whose machines carry it.
        model: Name of the model.
        project: Its tags are put on it.
        variant: Name of the endpoint's variant.
        memory: MiB that a copy needs, at least 128.
        gpus: That a copy needs.
        cpus: That a copy needs, at least 0.25.
        copies: How many there are at first.
        startup: Seconds, 60 to 3600, that getting ready may take.
        tags: Further tags.

    Raises:
        ConfigError: A number is out of range.
    """
    if memory < 128 or cpus < 0.25 or gpus < 0 or copies < 0 or not STARTUP[0] <= startup <= STARTUP[1]:
        raise ConfigError(
            "A copy must need 128 MiB, 0.25 CPUs and 0 GPUs at least, and start within 60 to 3600 s; got "
            f"{memory} MiB, {cpus} CPUs, {gpus} GPUs, {startup} s, {copies} copies."
        )
    needs: dict[str, Any] = {"MinMemoryRequiredInMb": memory, "NumberOfCpuCoresRequired": cpus}
    if gpus:
        needs["NumberOfAcceleratorDevicesRequired"] = gpus
    times = ("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds")
    return {
        "InferenceComponentName": check_name(name, "inference-component"),
        "EndpointName": check_name(endpoint, "endpoint"),
        "VariantName": check_name(variant, "variant"),
        "Specification": {
            "ModelName": check_name(model, "model"),
            "ComputeResourceRequirements": needs,
            "StartupParameters": dict.fromkeys(times, startup),
        },
        "RuntimeConfig": {"CopyCount": copies},
        "Tags": project_tags(project, tags),
    }
