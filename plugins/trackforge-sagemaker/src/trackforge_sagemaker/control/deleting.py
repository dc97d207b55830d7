"""``trackforge sagemaker delete``: lists everything that a project made, and takes it away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from trackforge.cli.flags import split
from trackforge.config import setting
from trackforge_sagemaker.client.failures import AwsError, GoneError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.belonging import hangs_on
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.control.inventory import Thing, inventory
from trackforge_sagemaker.control.waiting import await_gone

__all__ = ["DeleteRun", "delete"]

DATA = ("bucket", "repository", "log-group")
"""Kinds that hold what cannot be made again."""
ACCESS = ("role", "role-rights", "policy")
_ONE = {
    "inference-component": ("sagemaker", "delete_inference_component", "InferenceComponentName"),
    "endpoint": ("sagemaker", "delete_endpoint", "EndpointName"),
    "endpoint-config": ("sagemaker", "delete_endpoint_config", "EndpointConfigName"),
    "model": ("sagemaker", "delete_model", "ModelName"),
    "workteam": ("sagemaker", "delete_workteam", "WorkteamName"),
    "training-job": ("sagemaker", "stop_training_job", "TrainingJobName"),
    "tuning-job": ("sagemaker", "stop_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "processing-job": ("sagemaker", "stop_processing_job", "ProcessingJobName"),
    "transform-job": ("sagemaker", "stop_transform_job", "TransformJobName"),
    "labeling-job": ("sagemaker", "stop_labeling_job", "LabelingJobName"),
}
"""Kinds that one call by name takes away, or stops."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteRun(AwsRun):
    """What is taken away."""

    data: bool = setting(
        False, help="Buckets with all that lies in them, images and logs, too: nothing brings them back."
    )
    keep_access: bool = setting(False, help="Keep roles and policies, which cost nothing.")
    only: tuple[str, ...] = setting(
        (), commas=True, help="Things of these names only; an endpoint with all that deploy made with it."
    )
    yes: bool = setting(False, flags=("--yes", "-y"), help="Do it. Without this things are listed only.")
    patience: float = setting(
        1200.0, help="How long to wait for components and endpoints to be gone.", minimum=0, unit="s"
    )


def _delete(aws: Aws, job: DeleteRun, words: AwsWords) -> int:
    only = split(job.only)
    found = [one for one in inventory(aws) if not only or any(hangs_on(one, name) for name in only)]
    kept = [one for one in found if _kept(one, job)]
    gone = [one for one in found if one not in kept]
    for one in gone:
        aws.say(f"{one.kind:<20}{one.name}")
    for one in kept:
        aws.say(f"{one.kind:<20}{one.name}  (stays{'; --data takes it' if one.kind in DATA else ''})")
    facts: dict[str, Any] = {
        "found": [dataclasses.asdict(one) for one in found], "kept": [one.name for one in kept], "deleted": [],
        "failed": {},
    }  # fmt: skip
    if not job.yes or aws.dry_run:
        text = f"{len(gone)} to delete; nothing was deleted: --yes does it" if gone else _nothing(aws)
        return aws.finish(facts, text)
    for one in gone:
        try:
            _take_away(aws, one, job, words)
            facts["deleted"].append(one.name)
        except GoneError:
            facts["deleted"].append(one.name)
        except AwsError as error:
            facts["failed"][f"{one.kind} {one.name}"] = str(error)
            aws.warn(f"{one.kind} {one.name} is still there: {error}")
    failed = len(facts["failed"])
    text = f"{len(gone) - failed} deleted" + (f", {failed} are still there: run it again" if failed else "")
    aws.finish(facts, text if gone else _nothing(aws))
    return 1 if failed else 0


def _nothing(aws: Aws) -> str:
    return f"nothing in {aws.region} carries the tag of project {aws.project}"


def _kept(one: Thing, job: DeleteRun) -> bool:
    return (one.kind in DATA and not job.data) or (one.kind in ACCESS and job.keep_access)


def _take_away(aws: Aws, one: Thing, job: DeleteRun, words: AwsWords) -> None:
    if one.kind in _ONE:
        service, operation, key = _ONE[one.kind]
        aws.call(service, operation, {key: one.name}, doing=f"delete the {one.kind} {one.name}")
        if one.kind in ("inference-component", "endpoint"):  # what they use can go only after them
            await_gone(aws, one.kind, one.name, patience=job.patience, quiet=words.quiet)
        return
    _OTHERS[one.kind](aws, one)


def _target(aws: Aws, one: Thing) -> None:
    where = {"ServiceNamespace": "sagemaker", "ResourceId": one.name, "ScalableDimension": one.arn}
    aws.call("application-autoscaling", "deregister_scalable_target", where)


def _alarm(aws: Aws, one: Thing) -> None:
    aws.call("cloudwatch", "delete_alarms", {"AlarmNames": [one.name]})


def _topic(aws: Aws, one: Thing) -> None:
    for held in list(aws.pages("sns", "list_subscriptions_by_topic", {"TopicArn": one.arn}, key="Subscriptions")):
        if str(held.get("SubscriptionArn", "")).startswith("arn:"):
            aws.call("sns", "unsubscribe", {"SubscriptionArn": held["SubscriptionArn"]})
    aws.call("sns", "delete_topic", {"TopicArn": one.arn})


def _queue(aws: Aws, one: Thing) -> None:
    url = one.arn
    if url.startswith("arn:"):
        url = str(aws.call("sqs", "get_queue_url", {"QueueName": one.name})["QueueUrl"])
    aws.call("sqs", "delete_queue", {"QueueUrl": url})


def _role(aws: Aws, one: Thing) -> None:
    by = {"RoleName": one.name}
    for held in list(aws.pages("iam", "list_attached_role_policies", by, key="AttachedPolicies")):
        aws.call("iam", "detach_role_policy", {**by, "PolicyArn": held["PolicyArn"]})
    for name in list(aws.pages("iam", "list_role_policies", by, key="PolicyNames")):
        aws.call("iam", "delete_role_policy", {**by, "PolicyName": name})
    aws.call("iam", "delete_role", by)


def _rights(aws: Aws, one: Thing) -> None:
    role, _, policy = one.name.partition("/")
    aws.call("iam", "delete_role_policy", {"RoleName": role, "PolicyName": policy})


def _policy(aws: Aws, one: Thing) -> None:
    by = {"PolicyArn": one.arn}
    entities = (("PolicyRoles", "RoleName", "role"), ("PolicyUsers", "UserName", "user"),
                ("PolicyGroups", "GroupName", "group"))  # fmt: skip
    for key, name, word in entities:
        for held in list(aws.pages("iam", "list_entities_for_policy", by, key=key)):
            aws.call("iam", f"detach_{word}_policy", {**by, name: held[name]})
    for version in list(aws.pages("iam", "list_policy_versions", by, key="Versions")):
        if not version.get("IsDefaultVersion"):
            aws.call("iam", "delete_policy_version", {**by, "VersionId": version["VersionId"]})
    aws.call("iam", "delete_policy", by)


def _repository(aws: Aws, one: Thing) -> None:
    aws.call("ecr", "delete_repository", {"repositoryName": one.name, "force": True})


def _log_group(aws: Aws, one: Thing) -> None:
    aws.call("logs", "delete_log_group", {"logGroupName": one.name})


def _bucket(aws: Aws, one: Thing) -> None:
    by = {"Bucket": one.name}
    for key in ("Versions", "DeleteMarkers"):
        batch: list[dict[str, str]] = []
        for held in list(aws.pages("s3", "list_object_versions", by, key=key)):
            batch.append({"Key": held["Key"], "VersionId": held["VersionId"]})
            if len(batch) == _BATCH:
                aws.call("s3", "delete_objects", {**by, "Delete": {"Objects": batch, "Quiet": True}})
                batch = []
        if batch:
            aws.call("s3", "delete_objects", {**by, "Delete": {"Objects": batch, "Quiet": True}})
    for held in list(aws.pages("s3", "list_multipart_uploads", by, key="Uploads")):
        aws.call("s3", "abort_multipart_upload", {**by, "Key": held["Key"], "UploadId": held["UploadId"]})
    aws.call("s3", "delete_bucket", by)


_BATCH = 1000
"""Objects that S3 deletes with one call."""
_OTHERS: dict[str, Callable[[Aws, Thing], None]] = {
    "scalable-target": _target, "alarm": _alarm, "topic": _topic, "queue": _queue, "role": _role,
    "role-rights": _rights, "policy": _policy,
    "repository": _repository, "log-group": _log_group, "bucket": _bucket,
}  # fmt: skip
delete = subcommand("delete", DeleteRun, _delete)
