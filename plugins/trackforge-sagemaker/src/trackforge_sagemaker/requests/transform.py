"""The request of a batch transform (``create_transform_job``): one picture, one answer, in any order. Never tracking.

Source: Amazon SageMaker API Reference, ``CreateTransformJob``; Developer Guide, "Batch Transform".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.places import s3_uri
from trackforge_sagemaker.requests.sizes import in_use
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["NO_TRACKING", "transform_job"]

NO_TRACKING = (
    "Batch transform must not be used for tracking: it deals pictures out to processes and machines in any order, and "
    "a tracker needs the frames of its camera one after the other; a film is one body of at most 100 MB there, "
    "answered within an hour. Take a processing job (trackforge sagemaker process) or an asynchronous endpoint."
)
MOST_MB = 100


def transform_job(
    name: str, *, model: str, project: str, source: str, output: str, tracking: bool = False,
    content_type: str = "image/jpeg", accept: str = "application/json", instance: str = "ml.m5.xlarge", count: int = 1,
    concurrency: int = 1, payload: int = 6, tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_transform_job`` for a model that looks at single pictures.

    Args:
        name: Of the job.
        model: Name of the model: the built-in Object Detection's, or ours as a mere detector.
        project: Its tags are put on the job.
        source: Prefix in S3 of the pictures.
        output: Prefix in S3 of the answers, ``PICTURE.out`` each.
        tracking: Whether tracks are wanted, which is refused.
        content_type: What the pictures are.
        accept: What the answers are.
        instance: Size of the machines; GPUs are few among them.
        count: How many machines.
        concurrency: Calls at a time on a machine.
        payload: MB that a picture may have, at most 100 in all calls at a time.
        tags: Further tags.

    Raises:
        ConfigError: Tracks are wanted, or a number is out of range.
    """
    if tracking:
        raise ConfigError(NO_TRACKING)
    if count < 1 or concurrency < 1 or not 1 <= payload * concurrency <= MOST_MB:
        raise ConfigError(
            f"A transform must have a machine, and at most {MOST_MB} MB of pictures at a time on it; got {count} "
            f"machines, {concurrency} x {payload} MB."
        )
    return {
        "TransformJobName": check_name(name, "transform-job"),
        "ModelName": check_name(model, "model"),
        "MaxConcurrentTransforms": concurrency,
        "MaxPayloadInMB": payload,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": s3_uri(source, "The pictures")}},
            "ContentType": content_type,
            "CompressionType": "None",
            "SplitType": "None",
        },
        "TransformOutput": {"S3OutputPath": s3_uri(output, "The output"), "Accept": accept, "AssembleWith": "None"},
        "TransformResources": {"InstanceType": in_use(instance), "InstanceCount": count},
        "Tags": project_tags(project, tags),
    }
