"""The request of a model (``create_model``): an image, what lies in ``/opt/ml/model``, and its environment.

Source: Amazon SageMaker API Reference, ``CreateModel``, ``ContainerDefinition``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.places import role_arn, s3_uri
from trackforge_sagemaker.requests.sending import environment_texts
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["container", "model", "packaged_model"]

LONGEST_VARIABLE = 1024


def container(
    image: str, data: str = "", *, environment: Mapping[str, Any] | None = None, multi: bool = False, host: str = ""
) -> dict[str, Any]:
    """Return the container of a model.

    Args:
        image: Address of the image.
        data: ``model.tar.gz`` in S3, or a prefix whose files are taken as they are: it then ends in ``/``. Empty for
            an image that has its model.
        environment: Its variables: ``TRACKFORGE_HOSTING_...``, ``TS_MAX_REQUEST_SIZE``, ...
        multi: Whether the prefix holds many models (``*.tar.gz``), of which a call names one.
        host: Its name, where a model has several containers.

    Raises:
        ConfigError: The place is no address, or a variable cannot be set.
    """
    made: dict[str, Any] = {"Image": image}
    if multi:
        if not data.endswith("/"):
            raise ConfigError(f"Many models must lie below a prefix that ends in '/'; got {data!r}.")
        made |= {"Mode": "MultiModel", "ModelDataUrl": s3_uri(data, "The models")}
    elif data.endswith("/"):
        source = {"S3Uri": s3_uri(data, "The model"), "S3DataType": "S3Prefix", "CompressionType": "None"}
        made["ModelDataSource"] = {"S3DataSource": source}
    elif data:
        made["ModelDataUrl"] = s3_uri(data, "The model")
    if environment:
        made["Environment"] = environment_texts(environment, longest=LONGEST_VARIABLE)
    if host:
        made["ContainerHostname"] = host
    return made


def model(
    name: str, *, role: str, project: str, containers: Sequence[Mapping[str, Any]], direct: bool = True,
    network: Network | None = None, tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_model``.

    Args:
        name: Of the model.
        role: ARN of the role that its machines take on.
        project: Its tags are put on it.
        containers: What `container` gave; one as a rule, at most 15.
        direct: Of several: whether a call names the one that it means, or each passes its answer on to the next.
        network: Where the machines stand.
        tags: Further tags.

    Raises:
        ConfigError: There is no container, or too many.
    """
    if not 1 <= len(containers) <= 15:
        raise ConfigError(f"A model must have 1 to 15 containers; got {len(containers)}.")
    request: dict[str, Any] = {
        "ModelName": check_name(name, "model"),
        "ExecutionRoleArn": role_arn(role),
        "Tags": project_tags(project, tags),
    }
    if len(containers) == 1:
        request["PrimaryContainer"] = dict(containers[0])
    else:
        request["Containers"] = [dict(one) for one in containers]
        request["InferenceExecutionConfig"] = {"Mode": "Direct" if direct else "Serial"}
    return request | (network.of_model() if network is not None else {})


def packaged_model(
    name: str, package: str, *, role: str, project: str, environment: Mapping[str, Any] | None = None,
    network: Network | None = None, tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of a model that a team or the marketplace shares as a model package.

    Args:
        name: Of the model.
        package: ARN of the package; who owns it must have allowed this account to use it.
        role: ARN of the role that its machines take on.
        project: Its tags are put on it.
        environment: Variables of its container.
        network: Where the machines stand. Packages of the marketplace want it isolated.
        tags: Further tags.

    Raises:
        ConfigError: It is no ARN of a package.
    """
    parts = package.split(":")
    if len(parts) != 6 or parts[2] != "sagemaker" or not parts[5].startswith("model-package/"):
        raise ConfigError(
            f"A shared model must be the ARN of a package, arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/1; got "
            f"{package!r}."
        )
    one: dict[str, Any] = {"ModelPackageName": package}
    if environment:
        one["Environment"] = environment_texts(environment, longest=LONGEST_VARIABLE)
    return model(name, role=role, project=project, containers=[one], network=network, tags=tags)
