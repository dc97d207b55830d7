"""Requests that let an endpoint grow and shrink: with its queue from and to zero, with calls, by components.

Three things make an asynchronous endpoint wake from zero: a target, a policy that follows the backlog a machine,
and, since a backlog per machine is no number while there is none, an alarm on "a backlog, and no machine" with a
step. An inference component needs the same, its alarm on calls that failed for want of a machine.

Source: Amazon SageMaker AI Developer Guide, "Autoscale an asynchronous endpoint" and "Scale an endpoint to zero
instances".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.calls import Call
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.tags import as_mapping, project_tags

__all__ = ["WAKING", "Scaling", "component_scaling", "queue_scaling", "variant_scaling"]

SERVICE = "application-autoscaling"
NAMESPACE = "AWS/SageMaker"
BACKLOG, FAILURES = "HasBacklogWithoutCapacity", "NoCapacityInvocationFailures"
WAKING = (BACKLOG, FAILURES)
"""Metrics whose alarms wake something from zero, and end the alarms' names."""


@dataclass(frozen=True)
class Scaling:
    """The requests of one thing that scales.

    Attributes:
        target: Of ``application-autoscaling.register_scalable_target``.
        tracking: Of ``application-autoscaling.put_scaling_policy``: follows a metric.
        step: Of another ``put_scaling_policy``: the way up from zero; empty where zero is never reached.
        waking: Of ``cloudwatch.put_metric_alarm``, but for the ARN of the step's policy; see `alarm`.
    """

    target: Mapping[str, Any]
    tracking: Mapping[str, Any]
    step: Mapping[str, Any] = field(default_factory=dict)
    waking: Mapping[str, Any] = field(default_factory=dict)

    def alarm(self, policy: str) -> dict[str, Any]:
        """Return the request of ``cloudwatch.put_metric_alarm``.

        Args:
            policy: The ARN that ``put_scaling_policy`` gave for the step.
        """
        return {**self.waking, "AlarmActions": [policy]}

    def calls(self) -> Iterator[Call]:
        """Yield the calls that need no answer of another; the alarm is the one that does."""
        yield Call(SERVICE, "register_scalable_target", self.target)
        yield Call(SERVICE, "put_scaling_policy", self.tracking)
        if self.step:
            yield Call(SERVICE, "put_scaling_policy", self.step)


def queue_scaling(
    endpoint: str, *, project: str, variant: str = "all", least: int = 0, most: int = 2, backlog: float = 5.0,
    cooldown_in: int = 300, cooldown_out: int = 300,
) -> Scaling:  # fmt: skip
    """Return the requests that let an asynchronous endpoint follow its queue, from and to zero.

    Args:
        endpoint: Its name.
        project: Its tags are put on target and alarm.
        variant: Name of its variant.
        least: How few machines there may be.
        most: How many.
        backlog: Calls that wait, a machine, that it aims at.
        cooldown_in: Seconds after machines were taken away.
        cooldown_out: Seconds after machines were added.

    Raises:
        ConfigError: A number is out of range.
    """
    where = _variant(endpoint, variant)
    dimensions = [{"Name": "EndpointName", "Value": endpoint}]
    metric = {
        "MetricName": "ApproximateBacklogSizePerInstance", "Namespace": NAMESPACE, "Dimensions": dimensions,
        "Statistic": "Average",
    }  # fmt: skip
    tracking = _tracking(
        where, "backlog", backlog, {"CustomizedMetricSpecification": metric}, cooldown_in, cooldown_out
    )
    step, waking = _from_zero(
        where, BACKLOG, dimensions, project, endpoint,
        policy=f"{BACKLOG}-ScalingPolicy", statistic="Average", period=60, periods=2, cooldown=300,
    )  # fmt: skip
    return _waking(_target(where, project, least, most), tracking, step, waking)


def component_scaling(
    component: str, *, project: str, least: int = 0, most: int = 2, calls: float = 5.0, cooldown_in: int = 300,
    cooldown_out: int = 60,
) -> Scaling:  # fmt: skip
    """Return the requests that let the copies of an inference component follow their calls, from and to zero.

    Machines follow the copies, as the variant's ``ManagedInstanceScaling`` allows. Calls fail while there is no copy,
    and the failures wake it: a client tries again.

    Args:
        component: Its name.
        project: Its tags are put on target and alarm.
        least: How few copies there may be.
        most: How many.
        calls: A copy and minute that it aims at.
        cooldown_in: Seconds after copies were taken away.
        cooldown_out: Seconds after copies were added.

    Raises:
        ConfigError: A number is out of range.
    """
    where = _where(f"inference-component/{check_name(component, 'inference-component')}",
                   "sagemaker:inference-component:DesiredCopyCount")  # fmt: skip
    dimensions = [{"Name": "InferenceComponentName", "Value": component}]
    metric = {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"}
    tracking = _tracking(where, "calls", calls, {"PredefinedMetricSpecification": metric}, cooldown_in, cooldown_out)
    step, waking = _from_zero(
        where, FAILURES, dimensions, project, component,
        policy="NoCapacity-ScalingPolicy", statistic="Maximum", period=30, periods=1, cooldown=60,
    )  # fmt: skip
    return _waking(_target(where, project, least, most), tracking, step, waking)


def variant_scaling(
    endpoint: str, *, project: str, variant: str = "all", least: int = 1, most: int = 4, calls: float = 600.0,
    cooldown_in: int = 300, cooldown_out: int = 60,
) -> Scaling:  # fmt: skip
    """Return the requests that let a real-time endpoint follow its calls; it keeps one machine at least.

    Args:
        endpoint: Its name.
        project: Its tags are put on the target.
        variant: Name of its variant.
        least: How few machines there may be, 1 or more: only components and queues go down to zero.
        most: How many. A session lives on one machine, and ends with it.
        calls: A machine and minute that it aims at.
        cooldown_in: Seconds after machines were taken away.
        cooldown_out: Seconds after machines were added.

    Raises:
        ConfigError: A number is out of range.
    """
    if least < 1:
        raise ConfigError(
            "A real-time endpoint must keep a machine; got 0 for the least. Inference components and asynchronous "
            "endpoints go down to zero."
        )
    where = _variant(endpoint, variant)
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = _tracking(where, "calls", calls, {"PredefinedMetricSpecification": metric}, cooldown_in, cooldown_out)
    return Scaling(_target(where, project, least, most), tracking)


def _waking(target: dict[str, Any], tracking: dict[str, Any], step: dict[str, Any], alarm: dict[str, Any]) -> Scaling:
    """Return the requests; those that wake from zero only where it may come to that."""
    return Scaling(target, tracking, step, alarm) if target["MinCapacity"] == 0 else Scaling(target, tracking)


def _variant(endpoint: str, variant: str) -> dict[str, str]:
    resource = f"endpoint/{check_name(endpoint, 'endpoint')}/variant/{check_name(variant, 'variant')}"
    return _where(resource, "sagemaker:variant:DesiredInstanceCount")


def _where(resource: str, dimension: str) -> dict[str, str]:
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension}


def _target(where: Mapping[str, str], project: str, least: int, most: int) -> dict[str, Any]:
    if not 0 <= least <= most or most < 1:
        raise ConfigError(f"Scaling must be between a least of 0 or more and a most of 1 or more; got {least}, {most}.")
    return {**where, "MinCapacity": least, "MaxCapacity": most, "Tags": as_mapping(project_tags(project))}


def _tracking(
    where: Mapping[str, str], name: str, value: float, metric: Mapping[str, Any], down: int, up: int
) -> dict[str, Any]:
    if value <= 0 or down < 0 or up < 0:
        raise ConfigError(f"Scaling must aim above 0 and wait 0 s or more; got {value}, {down} s, {up} s.")
    config = {"TargetValue": float(value), **metric, "ScaleInCooldown": down, "ScaleOutCooldown": up}
    return {
        **where, "PolicyName": f"{name}-tracking", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": config,
    }  # fmt: skip


def _from_zero(
    where: Mapping[str, str], metric: str, dimensions: list[dict[str, str]], project: str, owner: str, *, policy: str,
    statistic: str, period: int, periods: int, cooldown: int,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    step = {
        **where, "PolicyName": policy, "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity", "MetricAggregationType": statistic, "Cooldown": cooldown,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    }  # fmt: skip
    alarm = {
        "AlarmName": check_name(f"{owner}-{metric}", "alarm"),
        "AlarmDescription": f"Wakes {owner} from zero.",
        "MetricName": metric, "Namespace": NAMESPACE, "Statistic": statistic, "Dimensions": dimensions,
        "Period": period, "EvaluationPeriods": periods, "DatapointsToAlarm": periods, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "missing",
        "Tags": project_tags(project),
    }  # fmt: skip
    return step, alarm
