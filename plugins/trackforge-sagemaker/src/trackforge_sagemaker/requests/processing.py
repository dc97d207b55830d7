"""The request of a processing job (``create_processing_job``): films below a prefix in, tracks below another out.

Source: Amazon SageMaker API Reference, ``CreateProcessingJob``; at most 10 inputs and 10 outputs, 100 machines, 9 days.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.places import role_arn, s3_parts, s3_uri
from trackforge_sagemaker.requests.sending import environment_texts
from trackforge_sagemaker.requests.sizes import in_use
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["ENTRYPOINT", "ROOT", "processing_job"]

ROOT = "/opt/ml/processing"
"""Everything that comes and goes lies below."""
ENTRYPOINT = ("trackforge-sagemaker", "process")
"""Of our image: SageMaker gives no word to a processing container, as it gives ``train`` and ``serve``."""
CODE = f"{ROOT}/input/code"
"""Where ``ScriptProcessor`` of AWS's SDKs has the script of ``code=``."""
LONGEST_RUN = 777600
MOST = 10


def processing_job(
    name: str, *, image: str, role: str, project: str, inputs: Mapping[str, str], outputs: Mapping[str, str],
    code: str = "", entrypoint: Sequence[str] = (), arguments: Sequence[str] = (),
    instance: str = "ml.g5.xlarge", count: int = 1, volume: int = 100, seconds: int = 86400,
    sharded: Sequence[str] = (), upload: Literal["EndOfJob", "Continuous"] = "EndOfJob",
    environment: Mapping[str, Any] | None = None, network: Network | None = None, key: str = "",
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_processing_job``.

    Args:
        name: Of the job.
        image: Address of the image; ours needs neither code nor entrypoint.
        role: ARN of the role that the job takes on.
        project: Its tags are put on the job.
        inputs: Prefixes in S3 by folder below ``/opt/ml/processing``. Ours reads ``input`` and ``model``.
        outputs: Prefixes in S3 by such a folder. Ours writes ``output``.
        code: A script in S3 that the container runs with ``python3``, as ``ScriptProcessor(code=...)`` does.
        entrypoint: The command, in place of our image's or the script's.
        arguments: What follows the command: ``["--formats", "mot,video"]``.
        instance: Size of the machines; a retired one is replaced, with a warning.
        count: How many machines share the work.
        volume: GB of disk a machine; it holds inputs and outputs.
        seconds: How long it may run, at most 9 days.
        sharded: Folders of ``inputs`` that are dealt out among machines by key: films, not folders of pictures.
        upload: ``Continuous`` brings outputs to S3 as they are written: a job that dies leaves what it finished.
        environment: Variables of the container: ``TRACKFORGE_PROCESS_FORMATS``.
        network: Where the machines stand.
        key: KMS key of disks and outputs.
        tags: Further tags.

    Raises:
        ConfigError: Something cannot be asked for; the message says what must hold.
    """
    if not 1 <= count <= 100 or not 1 <= volume <= 16384 or not 1 <= seconds <= LONGEST_RUN:
        raise ConfigError(
            f"A processing job must have 1 to 100 machines with 1 to 16384 GB for 1 to {LONGEST_RUN} s (9 days); got "
            f"{count}, {volume} GB, {seconds} s."
        )
    unknown = sorted(set(sharded) - set(inputs))
    if unknown:
        raise ConfigError(f"What is dealt out must be an input; got {', '.join(unknown)}. Inputs: {', '.join(inputs)}.")
    given = dict(inputs)
    if code:
        script = posixpath.basename(s3_parts(code, "The code")[1])
        if not script:
            raise ConfigError(f"The code must be one script in S3; got {code!r}.")
        given["input/code"] = code
        entrypoint = entrypoint or ("python3", f"{CODE}/{script}")
    if len(given) > MOST or len(outputs) > MOST:
        raise ConfigError(
            f"A processing job may have {MOST} inputs and {MOST} outputs; got {len(given)}, {len(outputs)}."
        )
    cluster: dict[str, Any] = {"InstanceCount": count, "InstanceType": in_use(instance), "VolumeSizeInGB": volume}
    application: dict[str, Any] = {"ImageUri": image, "ContainerEntrypoint": list(entrypoint or ENTRYPOINT)}
    if arguments:
        application["ContainerArguments"] = list(arguments)
    request: dict[str, Any] = {
        "ProcessingJobName": check_name(name, "processing-job"),
        "ProcessingInputs": [_input(folder, uri, folder in sharded) for folder, uri in given.items()],
        "ProcessingOutputConfig": {"Outputs": [_output(folder, uri, upload) for folder, uri in outputs.items()]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "AppSpecification": application,
        "RoleArn": role_arn(role),
        "Tags": project_tags(project, tags),
    }
    if key:
        cluster["VolumeKmsKeyId"] = key
        request["ProcessingOutputConfig"]["KmsKeyId"] = key
    if environment:
        request["Environment"] = environment_texts(environment, longest=256)
    if network is not None:
        request |= network.of_processing()
    return request


def _input(folder: str, uri: str, sharded: bool) -> dict[str, Any]:
    source = {
        "S3Uri": s3_uri(uri, f"The input {folder}"),
        "LocalPath": _below(folder),
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": _name(folder), "S3Input": source}


def _output(folder: str, uri: str, upload: str) -> dict[str, Any]:
    target = {"S3Uri": s3_uri(uri, f"The output {folder}"), "LocalPath": _below(folder), "S3UploadMode": upload}
    return {"OutputName": _name(folder), "S3Output": target}


def _below(folder: str) -> str:
    path = posixpath.normpath(posixpath.join(ROOT, folder))
    if not path.startswith(f"{ROOT}/") or len(path) > 256:
        raise ConfigError(f"A folder of a processing job must lie below {ROOT}; got {folder!r}.")
    return path


def _name(folder: str) -> str:
    return "code" if folder == "input/code" else folder.strip("/").replace("/", "-")
