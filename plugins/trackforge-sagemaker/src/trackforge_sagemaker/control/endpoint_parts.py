"""What an endpoint is made of beside itself: topics and a queue, autoscaling; and how a half-made one is taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trackforge_sagemaker.client.failures import AwsError, GoneError, UnreachableError
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.control.waiting import await_gone
from trackforge_sagemaker.requests import Scaling, queue, queue_policy, subscription, topic

__all__ = ["HEARD", "TOPICS", "Made", "Told", "notified", "notified_names", "scaled"]

TOPICS, HEARD = ("succeeded", "failed"), "results"
"""Endings of the names of an endpoint's topics, and of the queue that hears of both."""


class Made:
    """Remembers what this run made, to take it back where the rest fails: that, and nothing that was there before."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._back: list[tuple[str, str, dict[str, Any]]] = []
        self._used: Callable[[], bool] = lambda: False

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
        self._back.append((service, back, dict(by)))  # at once: who breaks off now does not know whether it was made
        try:
            return self._aws.call(service, operation, request, answer=answer)
        except UnreachableError:
            raise
        except Exception:
            self._back.pop()
            raise

    def used(self, by: Callable[[], bool]) -> None:
        """Remember that something that lives on may use what was made, which stays then.

        Args:
            by: Tells whether it does.
        """
        self._used = by

    def undo(self) -> None:
        """Take back what was made, the last first; what cannot be, or is in use, is told."""
        if self._aws.dry_run or not self._back:
            return
        try:
            used = self._used()
        except AwsError:
            used = True
        if used:
            self._aws.warn("what was made so far stays: the endpoint that was there has taken it on")
            return
        for service, operation, request in reversed(self._back):
            try:
                self._aws.call(service, operation, request)
                if operation == "delete_inference_component":  # an endpoint that carries one cannot go
                    await_gone(self._aws, "inference-component", request["InferenceComponentName"])
            except GoneError:
                continue
            except AwsError as error:
                self._aws.warn(
                    f"not taken back: {', '.join(map(str, request.values()))} ({error}). trackforge sagemaker delete "
                    f"--project {self._aws.project} finds it."
                )


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


def notified_names(aws: Aws, name: str, told: Told) -> Told:
    """Return what `notified` will have made: names tell the ARNs.

    Args:
        aws: Account and region.
        name: Of the endpoint, which begins their names.
        told: Where results go.
    """
    succeeded, failed = (aws.arn("sns", f"{name}-{ending}") for ending in TOPICS)
    address = f"https://sqs.{aws.region}.amazonaws.com/{aws.account}/{name}-{HEARD}"
    return replace(told, succeeded=succeeded, failed=failed, queue=address)


def notified(aws: Aws, name: str, told: Told, made: Made) -> Told:
    """Make two topics and a queue that hears of both, as far as they are not there: return them with their addresses.

    Args:
        aws: Who is asked.
        name: Of the endpoint, which begins their names.
        told: What `notified_names` gave.
        made: Remembers what is new.
    """
    arns = (told.succeeded, told.failed)
    for ending, arn in zip(TOPICS, arns, strict=True):
        if not _there(aws, "sns", "get_topic_attributes", {"TopicArn": arn}):
            request = topic(f"{name}-{ending}", project=aws.project)
            made.call("sns", "create_topic", request, "delete_topic", {"TopicArn": arn}, answer={"TopicArn": arn})
    url = _there(aws, "sqs", "get_queue_url", {"QueueName": f"{name}-{HEARD}"}).get("QueueUrl", "")
    if not url:
        request, answer = queue(f"{name}-{HEARD}", project=aws.project), {"QueueUrl": told.queue}
        by = {"QueueUrl": told.queue}
        url = made.call("sqs", "create_queue", request, "delete_queue", by, answer=answer)["QueueUrl"]
    arn = aws.arn("sqs", f"{name}-{HEARD}")
    aws.call("sqs", "set_queue_attributes", queue_policy(url, arn, *arns))
    for one in arns:
        aws.call("sns", "subscribe", subscription(one, arn))
    return replace(told, queue=url)


def _there(aws: Aws, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of something; nothing where it is not there, or in a dry run."""
    try:
        return aws.call(service, operation, request)
    except GoneError:
        return {}


def scaled(aws: Aws, scaling: Scaling, made: Made) -> dict[str, Any]:
    """Let an endpoint, or its component, grow and shrink; return what was set.

    Args:
        aws: Who is asked.
        scaling: The requests.
        made: Remembers what is new.
    """
    target, *policies = scaling.calls()
    where = {key: target.request[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    # The policies go with the target.
    made.call(target.service, target.operation, target.request, "deregister_scalable_target", where)
    policy = ""
    for call in policies:
        answer = {"PolicyARN": aws.arn("autoscaling", "scalingPolicy:POLICY")}
        policy = str(aws.call(call.service, call.operation, call.request, answer=answer).get("PolicyARN", ""))
    if scaling.step:
        alarm = scaling.alarm(policy)
        made.call("cloudwatch", "put_metric_alarm", alarm, "delete_alarms", {"AlarmNames": [alarm["AlarmName"]]})
    least, most = target.request["MinCapacity"], target.request["MaxCapacity"]
    return {"least": least, "most": most, "wakes": bool(scaling.step)}
