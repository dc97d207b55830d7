"""Everything in an account that carries a project's tag, and how each thing is taken away.

AWS's tagging service is asked first. It learns of new things with delay and knows no roles, so services are asked
themselves as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trackforge_sagemaker.client.failures import AccessError, AwsError, CredentialsError, UnreachableError
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.requests import log_group, tagged
from trackforge_sagemaker.requests.access import RIGHTS
from trackforge_sagemaker.requests.tags import PROJECT

__all__ = ["ORDER", "Thing", "inventory", "scalable_targets"]

ORDER = (
    "training-job", "tuning-job", "processing-job", "transform-job", "labeling-job", "alarm", "scalable-target",
    "inference-component", "endpoint", "endpoint-config", "model", "workteam", "topic", "queue", "role",
    "role-rights", "policy", "repository", "log-group", "bucket",
)  # fmt: skip
"""Kinds, in the order in which they are taken away: what uses others first."""
_LISTED = {
    "inference-component": ("list_inference_components", "InferenceComponents", "InferenceComponent", {}),
    "endpoint": ("list_endpoints", "Endpoints", "Endpoint", {}),
    "endpoint-config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig", {}),
    "model": ("list_models", "Models", "Model", {}),
    "workteam": ("list_workteams", "Workteams", "Workteam", {}),
    "training-job": ("list_training_jobs", "TrainingJobSummaries", "TrainingJob", {"StatusEquals": "InProgress"}),
    "processing-job": (
        "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJob", {"StatusEquals": "InProgress"}
    ),
    "transform-job": ("list_transform_jobs", "TransformJobSummaries", "TransformJob", {"StatusEquals": "InProgress"}),
    "tuning-job": (
        "list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJob",
        {"StatusEquals": "InProgress"},
    ),
    "labeling-job": (
        "list_labeling_jobs", "LabelingJobSummaryList", "LabelingJob", {"StatusEquals": "InProgress"}
    ),
}  # fmt: skip
"""Of SageMaker's kinds: method, key of the list, word that begins the keys of name and ARN, what narrows it. Jobs
cannot be deleted; those that run are stopped."""
_ARNS = {
    "sagemaker:inference-component": "inference-component", "sagemaker:endpoint": "endpoint",
    "sagemaker:endpoint-config": "endpoint-config", "sagemaker:model": "model", "sagemaker:workteam": "workteam",
    "sns:": "topic", "sqs:": "queue", "cloudwatch:alarm": "alarm", "ecr:repository": "repository", "s3:": "bucket",
    "iam:role": "role", "iam:policy": "policy",
}  # fmt: skip


_TAGGED = ("sagemaker", "s3", "sns", "sqs", "cloudwatch", "ecr")
"""Services that the tagging service knows."""


@dataclass(frozen=True, order=True)
class Thing:
    """One thing.

    Attributes:
        kind: One of `ORDER`.
        name: As its service calls it.
        arn: Its ARN, or for a scalable target its dimension.
    """

    kind: str
    name: str
    arn: str = ""


def inventory(aws: Aws) -> list[Thing]:
    """Return everything of the project, in the order in which it is to be taken away.

    Raises:
        AwsError: Nothing can be listed. A service that may not be listed is passed over, with a word.
    """
    found: dict[tuple[str, str], Thing] = {}
    denied: list[str] = []
    for thing in _by_tagging(aws, denied):
        found.setdefault((thing.kind, thing.name), thing)
    others = (_topics, _queues, _alarms, _roles, _policies, _repositories, _buckets)
    for source in (*map(_listed, _LISTED), *others):
        with _listing(aws, source.__name__.strip("_"), denied):
            for thing in source(aws):
                found.setdefault((thing.kind, thing.name), thing)
    with _listing(aws, "scalable targets", denied):
        for thing in list(scalable_targets(aws, found.values())):
            found[thing.kind, thing.name] = thing
    with _listing(aws, "log groups", denied):
        for thing in list(_log_groups(aws, found.values())):
            found[thing.kind, thing.name] = thing
    if denied:
        aws.warn(f"these may not be listed, so that some could be missing: {', '.join(denied)}")
    return sorted(found.values(), key=lambda one: (ORDER.index(one.kind), one.name))


@contextlib.contextmanager
def _listing(aws: Aws, what: str, denied: list[str]) -> Iterator[None]:
    """Pass over what cannot be listed: other things shall be found all the same."""
    try:
        yield
    except (CredentialsError, UnreachableError):
        raise
    except AccessError:
        denied.append(what)
    except AwsError as error:
        aws.warn(f"{what} are not listed: {error}")


def _by_tagging(aws: Aws, denied: list[str]) -> Iterator[Thing]:
    with _listing(aws, "tagged things", denied):
        pages = aws.pages(
            "resourcegroupstaggingapi",
            "get_resources",
            tagged(aws.project, kinds=_TAGGED),
            key="ResourceTagMappingList",
        )
        for one in pages:
            thing = _of_arn(str(one.get("ResourceARN", "")))
            if thing is not None and (thing.kind != "bucket" or _here(aws, thing.name)):
                yield thing


def _of_arn(arn: str) -> Thing | None:
    """Return what an ARN stands for, where it is of a kind that is taken away.

    >>> _of_arn("arn:aws:sagemaker:eu-west-1:123456789012:endpoint/street")
    Thing(kind='endpoint', name='street', arn='arn:aws:sagemaker:eu-west-1:123456789012:endpoint/street')
    """
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return None
    service, rest = parts[2], parts[5]
    head, _, name = rest.replace(":", "/", 1).partition("/")
    kind = _ARNS.get(f"{service}:{head}") or _ARNS.get(f"{service}:")
    if kind is None:
        return None
    if kind in ("topic", "queue", "bucket"):
        name = rest
    return Thing(kind, name.rpartition("/")[2] if kind in ("role", "policy") else name, arn)


def _ours(tags: Iterable[Mapping[str, Any]], project: str) -> bool:
    return any((one.get("Key") or one.get("key")) == PROJECT and (one.get("Value") or one.get("value")) == project
               for one in tags)  # fmt: skip


def _listed(kind: str) -> Callable[[Aws], Iterator[Thing]]:
    """Return what lists one of SageMaker's kinds."""
    operation, key, word, narrowed = _LISTED[kind]

    def things(aws: Aws) -> Iterator[Thing]:
        for one in aws.pages("sagemaker", operation, narrowed, key=key):
            arn, name = str(one.get(f"{word}Arn", "")), str(one.get(f"{word}Name", ""))
            if _ours(aws.pages("sagemaker", "list_tags", {"ResourceArn": arn}, key="Tags"), aws.project):
                yield Thing(kind, name, arn)

    things.__name__ = f"{kind}s"
    return things


def _topics(aws: Aws) -> Iterator[Thing]:
    for one in aws.pages("sns", "list_topics", key="Topics"):
        arn = str(one["TopicArn"])
        name = arn.rpartition(":")[2]
        if name.startswith(aws.project) and _ours(
            aws.call("sns", "list_tags_for_resource", {"ResourceArn": arn}).get("Tags", ()), aws.project
        ):
            yield Thing("topic", name, arn)


def _queues(aws: Aws) -> Iterator[Thing]:
    for url in aws.pages("sqs", "list_queues", {"QueueNamePrefix": aws.project}, key="QueueUrls"):
        tags = aws.call("sqs", "list_queue_tags", {"QueueUrl": url}).get("Tags", {})
        if tags.get(PROJECT) == aws.project:
            yield Thing("queue", str(url).rpartition("/")[2], str(url))


def _alarms(aws: Aws) -> Iterator[Thing]:
    for one in aws.pages("cloudwatch", "describe_alarms", key="MetricAlarms"):
        if one.get("Namespace") == "AWS/SageMaker":
            arn = str(one["AlarmArn"])
            if _ours(
                aws.call("cloudwatch", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags", ()), aws.project
            ):
                yield Thing("alarm", str(one["AlarmName"]), arn)


def _roles(aws: Aws) -> Iterator[Thing]:
    """Yield the project's roles; of one that has rights in other regions, too, only its rights in this one."""
    for name, arn in _own_roles(aws):
        here, elsewhere = _rights(aws, name)
        if not elsewhere:
            yield Thing("role", name, arn)
        elif here:
            yield Thing("role-rights", f"{name}/{here}", arn)


def _own_roles(aws: Aws) -> Iterator[tuple[str, str]]:
    for one in aws.pages("iam", "list_roles", key="Roles"):
        name = str(one["RoleName"])
        if name.startswith(aws.project) and _ours(
            aws.pages("iam", "list_role_tags", {"RoleName": name}, key="Tags"), aws.project
        ):
            yield name, str(one["Arn"])


def _rights(aws: Aws, role: str) -> tuple[str, bool]:
    """Return the name of the policy that a role has for this region, and whether it has one for another."""
    mine = f"{RIGHTS}{aws.region}"
    names = list(aws.pages("iam", "list_role_policies", {"RoleName": role}, key="PolicyNames"))
    return mine if mine in names else "", any(one.startswith(RIGHTS) and one != mine for one in names)


def _policies(aws: Aws) -> Iterator[Thing]:
    """Yield policies of the project. As they are the account's, they stay while a role is used in other regions."""
    if any(_rights(aws, name)[1] for name, _ in _own_roles(aws)):
        return
    for one in aws.pages("iam", "list_policies", {"Scope": "Local"}, key="Policies"):
        name, arn = str(one["PolicyName"]), str(one["Arn"])
        if name.startswith(aws.project) and _ours(
            aws.pages("iam", "list_policy_tags", {"PolicyArn": arn}, key="Tags"), aws.project
        ):
            yield Thing("policy", name, arn)


def _repositories(aws: Aws) -> Iterator[Thing]:
    for one in aws.pages("ecr", "describe_repositories", key="repositories"):
        arn = str(one["repositoryArn"])
        if _ours(aws.call("ecr", "list_tags_for_resource", {"resourceArn": arn}).get("tags", ()), aws.project):
            yield Thing("repository", str(one["repositoryName"]), arn)


def _buckets(aws: Aws) -> Iterator[Thing]:
    for one in aws.pages("s3", "list_buckets", key="Buckets"):
        name = str(one["Name"])
        if name.startswith(aws.project) or name == aws.run.bucket:
            with contextlib.suppress(AwsError):  # one without tags
                tags = aws.call("s3", "get_bucket_tagging", {"Bucket": name}).get("TagSet", ())
                if _ours(tags, aws.project) and _here(aws, name):
                    yield Thing("bucket", name, f"arn:aws:s3:::{name}")


def _here(aws: Aws, bucket: str) -> bool:
    """Tell whether a bucket is of this region: all regions list it, and another's data are not this one's to delete."""
    try:
        told = aws.call("s3", "get_bucket_location", {"Bucket": bucket}).get("LocationConstraint")
    except AwsError:
        return False
    return {None: "us-east-1", "EU": "eu-west-1"}.get(told, told) == aws.region


def scalable_targets(aws: Aws, things: Iterable[Thing]) -> Iterator[Thing]:
    """Yield what autoscaling knows of endpoints and components of the project; of those that are gone, by its tag.

    Args:
        aws: Who is asked.
        things: What was found so far.
    """
    names = {f"{one.kind}/{one.name}" for one in things if one.kind in ("endpoint", "inference-component")}
    by = {"ServiceNamespace": "sagemaker"}
    for one in aws.pages("application-autoscaling", "describe_scalable_targets", by, key="ScalableTargets"):
        resource = str(one["ResourceId"])
        kind, name = [*resource.split("/"), ""][:2]
        if f"{kind}/{name}" in names or (name.startswith(f"{aws.project}-") and _target_is_ours(aws, one)):
            yield Thing("scalable-target", resource, str(one["ScalableDimension"]))


def _target_is_ours(aws: Aws, target: Mapping[str, Any]) -> bool:
    by = {"ResourceARN": str(target.get("ScalableTargetARN", ""))}
    try:
        tags = aws.call("application-autoscaling", "list_tags_for_resource", by).get("Tags", {})
    except AwsError as error:
        aws.warn(f"whose the scaling of {target['ResourceId']} is could not be seen, it stays: {error}")
        return False
    return bool(tags.get(PROJECT) == aws.project)


def _log_groups(aws: Aws, things: Iterable[Thing]) -> Iterator[Thing]:
    """Yield where endpoints and components write their logs, which carry no tag and outlive them."""
    for one in things:
        if one.kind in ("endpoint", "inference-component"):
            name = log_group(one.kind, one.name)
            for group in aws.pages("logs", "describe_log_groups", {"logGroupNamePrefix": name}, key="logGroups"):
                if group.get("logGroupName") == name:
                    yield Thing("log-group", name, str(group.get("arn", "")))
