"""Requests of logs (CloudWatch Logs): which group and streams a job or an endpoint writes to.

Source: Amazon SageMaker AI Developer Guide, "Log Groups and Streams that Amazon SageMaker AI Logs".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["GROUPS", "log_events", "log_group", "log_query", "log_streams"]

GROUPS: Mapping[str, str] = {
    "training-job": "/aws/sagemaker/TrainingJobs",
    "tuning-job": "/aws/sagemaker/TrainingJobs",
    "processing-job": "/aws/sagemaker/ProcessingJobs",
    "transform-job": "/aws/sagemaker/TransformJobs",
    "labeling-job": "/aws/sagemaker/LabelingJobs",
    "endpoint": "/aws/sagemaker/Endpoints/{name}",
    "inference-component": "/aws/sagemaker/InferenceComponents/{name}",
}
"""By kind; streams of jobs begin with the job's name, those of a tuning's trainings with the tuning's."""


def log_group(kind: str, name: str) -> str:
    """Return the group that something writes to.

    >>> log_group("endpoint", "mot"), log_group("training-job", "mot-1")
    ('/aws/sagemaker/Endpoints/mot', '/aws/sagemaker/TrainingJobs')

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in GROUPS:
        raise ConfigError(f"Logs must be those of {', '.join(GROUPS)}; got {kind!r}.{did_you_mean(kind, GROUPS)}")
    return GROUPS[kind].format(name=name)


def log_streams(kind: str, name: str) -> dict[str, Any]:
    """Return the request of ``logs.describe_log_streams``: the streams of a job or an endpoint."""
    made: dict[str, Any] = {"logGroupName": log_group(kind, name)}
    if "{name}" in GROUPS[kind]:
        return made  # all of its group; services refuse a prefix with the order of time
    # A tuning's trainings are NAME-001-...; a job's own streams are NAME/algo-1-...
    return made | {"logStreamNamePrefix": f"{name}-" if kind == "tuning-job" else f"{name}/"}


def log_events(
    kind: str, name: str, *, since: int | None = None, pattern: str = "", token: str = "", most: int = 10000
) -> dict[str, Any]:
    """Return the request of ``logs.filter_log_events``: what was written, in the order of time.

    Args:
        kind: A key of `GROUPS`.
        name: Of the job or endpoint.
        since: Milliseconds since 1970; from the beginning without it.
        pattern: As CloudWatch has it: ``"validation"`` or ``?ERROR ?Error``.
        token: ``nextToken`` of the answer before.
        most: Lines of an answer, at most 10000.
    """
    made: dict[str, Any] = {**log_streams(kind, name), "limit": most}
    if since is not None:
        made["startTime"] = since
    return made | ({"filterPattern": pattern} if pattern else {}) | ({"nextToken": token} if token else {})


def log_query(kind: str, name: str, *, since: int, until: int, words: str = "", most: int = 1000) -> dict[str, Any]:
    """Return the request of ``logs.start_query`` (Logs Insights) over a job's or an endpoint's lines.

    Args:
        kind: A key of `GROUPS`.
        name: Of the job or endpoint.
        since: Seconds since 1970.
        until: Seconds since 1970.
        words: That lines must hold.
        most: Lines, at most 10000.

    Raises:
        ConfigError: The words hold a quotation mark, or the time is empty.
    """
    if '"' in words or since > until:
        raise ConfigError(
            f"A query must hold no quotation mark and begin before its end; got {words!r}, {since}, {until}."
        )
    stream = "" if "{name}" in GROUPS.get(kind, "") else f' | filter @logStream like "{name}"'
    lines = f' | filter @message like "{words}"' if words else ""
    query = f"fields @timestamp, @logStream, @message{stream}{lines} | sort @timestamp asc"
    return {
        "logGroupName": log_group(kind, name), "startTime": since, "endTime": until, "queryString": query,
        "limit": most,
    }  # fmt: skip
