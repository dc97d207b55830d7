"""Requests in the spelling of the SDK: ``TrainingJobName`` is ``training_job_name``, field for field, at every depth.

What ``sagemaker.core.resources.TrainingJob.create`` takes as keyword arguments is what boto3's ``create_training_job``
takes, in snake case. Keys that are somebody's own (hyperparameters, variables) stay.

Source: ``aws/sagemaker-python-sdk`` 3.27 (Apache-2.0); a test compares the names with its classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["resource_fields", "snake_case"]

MAPS = frozenset({"HyperParameters", "StaticHyperParameters", "Environment"})
"""Members whose keys are no names of the service's."""


def snake_case(name: str) -> str:
    """Return a member's name as the SDK spells it.

    >>> snake_case("VolumeSizeInGB"), snake_case("S3Uri"), snake_case("EnableSSMAccess")
    ('volume_size_in_gb', 's3_uri', 'enable_ssm_access')
    """
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", split).lower()


def resource_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as keyword arguments of ``sagemaker.core.resources.KIND.create``.

    >>> resource_fields({"EndpointName": "a", "Tags": [{"Key": "b", "Value": "c"}]})
    {'endpoint_name': 'a', 'tags': [{'key': 'b', 'value': 'c'}]}
    """
    return {snake_case(key): dict(value) if key in MAPS else _value(value) for key, value in request.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return resource_fields(value)
    return [_value(one) for one in value] if isinstance(value, (list, tuple)) else value
