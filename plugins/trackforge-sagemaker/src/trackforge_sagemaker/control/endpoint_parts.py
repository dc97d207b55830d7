"""What an endpoint is made of beside itself: topics and a queue, autoscaling; and how a half-made one is taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trackforge_sagemaker.client.failures import AwsError
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.requests import (
    component_scaling,
    queue,
    queue_policy,
    queue_scaling,
    subscription,
    topic,
    variant_scaling,
)

__all__ = ["Made", "Told", "notified", "scaled"]


class Made:
    """Remembers what was made, to take it back where the rest fails."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._back: list[tuple[str, str, dict[str, Any]]] = []

    def call(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        back: str,
        by: Mapping[str, Any],
        *,
        answer: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make something.

        Args:
            service: As boto3 names it.
            operation: Method that makes it.
            request: Its arguments.
            back: Method that takes it back.
            by: Its arguments.
            answer: What a dry run takes for the answer.
        """
        given = self._aws.call(service, operation, request, answer=answer)
        self._back.append((service, back, dict(by)))
        return given

    def undo(self) -> None:
        """Take back what was made, the last first, as far as that goes."""
        for service, operation, request in [] if self._aws.dry_run else reversed(self._back):
            with contextlib.suppress(AwsError):
                self._aws.call(service, operation, request)


@dataclass(frozen=True)
class Told:
    """Where the results of an asynchronous endpoint go, and who hears of them."""

    output: str = ""
    failures: str = ""
    succeeded: str = ""
    failed: str = ""
    queue: str = ""

    def facts(self) -> dict[str, str]:
        """Return what there is, by name."""
        known = {"output": self.output, "failures": self.failures, "queue": self.queue}
        topics = {"success_topic": self.succeeded, "error_topic": self.failed}
        return {key: value for key, value in (known | topics).items() if value}


def notified(aws: Aws, name: str, told: Told, made: Made) -> Told:
    """Make two topics and a queue that hears of both.

    Args:
        aws: Who is asked.
        name: Of the endpoint, which begins their names.
        told: Where results go.
        made: Remembers them.
    """
    arns = []
    for ending in ("succeeded", "failed"):
        request = topic(f"{name}-{ending}", project=aws.project)
        arn = aws.arn("sns", f"{name}-{ending}")
        answer = {"TopicArn": arn}
        arns.append(
            made.call("sns", "create_topic", request, "delete_topic", {"TopicArn": arn}, answer=answer)["TopicArn"]
        )
    request = queue(f"{name}-results", project=aws.project)
    address = f"https://sqs.{aws.region}.amazonaws.com/{aws.account}/{name}-results"
    answer = {"QueueUrl": address}
    url = made.call("sqs", "create_queue", request, "delete_queue", {"QueueUrl": address}, answer=answer)["QueueUrl"]
    arn = aws.arn("sqs", f"{name}-results")
    aws.call("sqs", "set_queue_attributes", queue_policy(url, arn, *arns))
    for one in arns:
        aws.call("sns", "subscribe", subscription(one, arn))
    return replace(told, succeeded=arns[0], failed=arns[1], queue=url)


def scaled(
    aws: Aws,
    way: str,
    endpoint: str,
    component: str,
    *,
    least: int,
    most: int,
    target: float | None,
    cooldown: int,
    variant: str,
) -> dict[str, Any]:
    """Let an endpoint, or its component, grow and shrink; return what was set.

    Args:
        aws: Who is asked.
        way: ``real-time``, ``asynchronous`` or ``component``.
        endpoint: Its name.
        component: Its inference component's name.
        least: The fewest machines or copies.
        most: The most.
        target: What it aims at; None for the way's own.
        cooldown: Seconds after machines were taken away.
        variant: Name of the variant.
    """
    if way == "component":
        aim = {} if target is None else {"calls": target}
        one = component_scaling(
            component, project=aws.project, least=least, most=most, cooldown_in=cooldown, **aim  # type: ignore[arg-type]
        )  # fmt: skip
    elif way == "asynchronous":
        aim = {} if target is None else {"backlog": target}
        one = queue_scaling(
            endpoint, project=aws.project, variant=variant, least=least, most=most, cooldown_in=cooldown,
            **aim,  # type: ignore[arg-type]
        )  # fmt: skip
    else:
        aim = {} if target is None else {"calls": target}
        one = variant_scaling(
            endpoint, project=aws.project, variant=variant, least=least, most=most, cooldown_in=cooldown,
            **aim,  # type: ignore[arg-type]
        )  # fmt: skip
    policy = ""
    for call in one.calls():
        answer = {"PolicyARN": aws.arn("autoscaling", "scalingPolicy:POLICY")}
        policy = str(aws.call(call.service, call.operation, call.request, answer=answer).get("PolicyARN", ""))
    if one.step:
        aws.call("cloudwatch", "put_metric_alarm", one.alarm(policy))
    return {"least": least, "most": most, "wakes": bool(one.step)}
