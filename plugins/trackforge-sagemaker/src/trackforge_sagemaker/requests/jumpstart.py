"""Models of JumpStart: an id and a version become the addresses of image, model and script.

What JumpStart offers stands in documents of a public bucket of each region: ``models_manifest.json`` lists ids,
versions and the key of each specification; that says image, artifacts, environment and sizes. `resolve` reads such
documents; `fetch` gets them with a client of S3 that the caller has.

A prepacked model has its script in it. Others are model and script apart, which AWS's SDK packs into one
``model.tar.gz`` before it makes the model; `JumpStartModel.script` is then not empty.

Source: ``aws/sagemaker-python-sdk`` 3.27 (Apache-2.0): names of bucket, keys and members.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trackforge.errors import ConfigError, DataError, did_you_mean
from trackforge_sagemaker.requests.registries import framework_image
from trackforge_sagemaker.requests.sizes import current

__all__ = ["MANIFEST", "JumpStartModel", "content_bucket", "fetch", "find", "from_hub", "hub_content", "resolve"]

MANIFEST = "models_manifest.json"
"""Key of the list."""
GPU_FAMILY = re.compile(r"(g|p)\d")


@dataclass(frozen=True)
class JumpStartModel:
    """What a model of JumpStart is made of.

    Attributes:
        id: As JumpStart calls it.
        version: Of the model.
        image: Address of the image.
        data: Address of the model: ``model.tar.gz``, or a prefix that ends in ``/``.
        script: Address of ``sourcedir.tar.gz``; empty where the model has it.
        environment: Variables of the container.
        instance: Size that it is meant for.
        instances: Sizes that it is known to run on.
    """

    id: str
    version: str
    image: str
    data: str
    script: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    instance: str = ""
    instances: tuple[str, ...] = ()


def content_bucket(region: str) -> str:
    """Return the bucket of a region.

    >>> content_bucket("eu-west-1")
    'jumpstart-cache-prod-eu-west-1'
    """
    return f"jumpstart-cache-prod-{region}"


def find(manifest: Iterable[Mapping[str, Any]], model: str, version: str = "*") -> Mapping[str, Any]:
    """Return the entry of a model in the list.

    Args:
        manifest: The list: ``model_id``, ``version`` and ``spec_key`` each.
        model: Its id.
        version: ``1.2.3``, ``1.*``, or ``*`` for the newest.

    Raises:
        ConfigError: There is no such model, or no such version of it.
        DataError: It is no such list.
    """
    try:
        entries = [(one["model_id"], str(one["version"]), one) for one in manifest]
    except (TypeError, KeyError):
        raise DataError(f"{MANIFEST} must be a list of model_id, version and spec_key; it is not.") from None
    of_model = [(number, one) for name, number, one in entries if name == model]
    if not of_model:
        names = sorted({name for name, _, _ in entries})
        raise ConfigError(
            f"The model must be one of JumpStart's {len(names)}; got {model!r}.{did_you_mean(model, names)}"
        )
    wanted = re.compile(re.escape(version).replace(r"\*", ".*"))
    fitting = [(number, one) for number, one in of_model if wanted.fullmatch(number)]
    if not fitting:
        known = ", ".join(sorted((number for number, _ in of_model), key=_order))
        raise ConfigError(f"{model} must have the version; got {version!r}. It has {known}.")
    return max(fitting, key=lambda one: _order(one[0]))[1]


def resolve(spec: Mapping[str, Any], region: str, *, instance: str = "", bucket: str = "") -> JumpStartModel:
    """Return what a specification comes to in a region.

    Args:
        spec: The document of the model and version.
        region: Where it is deployed.
        instance: Size of the machines; what the model is meant for without it. Decides the image.
        bucket: Where its artifacts lie, where that is not the region's bucket.

    Raises:
        ConfigError: The size is not one that the model runs on, or its image is not known here.
        DataError: It is no such document, or the model is gated.
    """
    try:
        name, version = str(spec["model_id"]), str(spec["version"])
    except (TypeError, KeyError):
        raise DataError("The specification of a model must have model_id and version; it has not.") from None
    if spec.get("gated_bucket"):
        raise DataError(f"{name} must be asked for in SageMaker Studio, where its licence is agreed to; it is gated.")
    supported = tuple(spec.get("supported_inference_instance_types") or ())
    size = current(instance or spec.get("default_inference_instance_type") or "ml.m5.xlarge")[0]
    if instance and supported and size not in supported:
        raise ConfigError(f"{name} must run on one of {', '.join(supported)}; got {size}.")
    where = f"s3://{bucket or content_bucket(region)}/"
    packed = _of_size(spec, size, "prepacked_artifact_key") or spec.get("hosting_prepacked_artifact_key")
    artifact = packed or _of_size(spec, size, "artifact_key") or spec.get("hosting_artifact_key")
    script = "" if packed else spec.get("hosting_script_key") or ""
    if not artifact:
        raise DataError(f"The specification of {name} must name a model (hosting_artifact_key); it has none.")
    return JumpStartModel(
        id=name,
        version=version,
        image=_image(spec, region, size),
        data=where + artifact,
        script=where + script if script else "",
        environment=_environment(spec),
        instance=size,
        instances=supported,
    )


def fetch(s3: Any, model: str, region: str, *, version: str = "*") -> dict[str, Any]:
    """Return the specification of a model, read with a client of S3.

    Args:
        s3: ``boto3.client("s3")``, or what has its ``get_object``.
        model: The model's id.
        region: Whose bucket is read.
        version: As `find` has it.

    Raises:
        ConfigError: There is no such model or version.
        DataError: A document is no JSON of its kind.
    """
    bucket = content_bucket(region)
    entry = find(_document(s3, bucket, MANIFEST), model, version)
    found = _document(s3, bucket, str(entry["spec_key"]))
    if not isinstance(found, dict):
        raise DataError(f"s3://{bucket}/{entry['spec_key']} must be an object; it is a {type(found).__name__}.")
    return found


def hub_content(hub: str, model: str, *, version: str = "") -> dict[str, Any]:
    """Return the request of ``sagemaker.describe_hub_content``: a model that a team keeps in a private hub.

    Args:
        hub: Name or ARN of the hub.
        model: Name of the model in it.
        version: Such as ``1.0.0``; the newest without one.
    """
    made = {"HubName": hub, "HubContentType": "Model", "HubContentName": model}
    return made | ({"HubContentVersion": version} if version else {})


def from_hub(answer: Mapping[str, Any], *, instance: str = "") -> JumpStartModel:
    """Return what a model of a hub comes to; its document names whole addresses.

    Args:
        answer: Of ``describe_hub_content``.
        instance: Size of the machines; what the model is meant for without it.

    Raises:
        ConfigError: The size is not one that the model runs on.
        DataError: The document lacks image or model.
    """
    try:
        told = json.loads(answer["HubContentDocument"])
        name, version = str(answer["HubContentName"]), str(answer["HubContentVersion"])
    except (KeyError, TypeError, ValueError):
        raise DataError("A hub's answer must have a document that is JSON; it has not.") from None
    packed = told.get("HostingPrepackedArtifactUri")
    image, model = told.get("HostingEcrUri"), packed or told.get("HostingArtifactUri")
    if not image or not model:
        raise DataError(f"The document of {name} must name HostingEcrUri and HostingArtifactUri; it does not.")
    supported = tuple(told.get("SupportedInferenceInstanceTypes") or ())
    size = current(instance or told.get("DefaultInferenceInstanceType") or "ml.m5.xlarge")[0]
    if instance and supported and size not in supported:
        raise ConfigError(f"{name} must run on one of {', '.join(supported)}; got {size}.")
    variables = told.get("InferenceEnvironmentVariables") or ()
    needed = [one for one in variables if one.get("RequiredForModelClass", True) and one.get("Default") is not None]
    return JumpStartModel(
        id=name, version=version, image=str(image), data=str(model),
        script="" if packed else str(told.get("HostingScriptUri") or ""),
        environment={str(one["Name"]): str(one["Default"]) for one in needed}, instance=size, instances=supported,
    )  # fmt: skip


def _document(s3: Any, bucket: str, key: str) -> Any:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return json.loads(body)
    except ValueError:
        raise DataError(f"s3://{bucket}/{key} must be JSON; it is not.") from None


def _image(spec: Mapping[str, Any], region: str, size: str) -> str:
    """Return the image of a size: a named one of the region, the document's own, or that of its framework."""
    named = _of_size(spec, size, "image_uri")
    if named and named.startswith("$"):
        variants = spec.get("hosting_instance_type_variants") or {}
        named = (variants.get("regional_aliases") or {}).get(region, {}).get(named[1:])
        if not named:
            raise ConfigError(f"{spec['model_id']} must be offered in the region for {size}; got {region!r}.")
    if named or spec.get("hosting_ecr_uri"):
        return str(named or spec["hosting_ecr_uri"])
    wanted = spec.get("hosting_ecr_specs")
    if not wanted:
        raise DataError(f"The specification of {spec['model_id']} must say its image (hosting_ecr_specs); it does not.")
    return framework_image(
        str(wanted["framework"]), str(wanted["framework_version"]), str(wanted.get("py_version", "py3")), region,
        gpu=bool(GPU_FAMILY.match(size.split(".")[1])),
    )  # fmt: skip


def _of_size(spec: Mapping[str, Any], size: str, member: str) -> str | None:
    """Return what a specification says for a size, or for its family."""
    variants = (spec.get("hosting_instance_type_variants") or {}).get("variants") or {}
    for name in (size, size.split(".")[1]):
        for kind in ("properties", "regional_properties"):
            found = (variants.get(name, {}).get(kind) or {}).get(member)
            if found:
                return str(found)
    return None


def _environment(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the container needs, as far as they have a value."""
    listed = spec.get("inference_environment_variables") or ()
    wanted = [one for one in listed if one.get("required_for_model_class", True) and one.get("default") is not None]
    return {str(one["name"]): str(one["default"]) for one in wanted}


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))
