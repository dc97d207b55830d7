"""Requests of labelling jobs (Ground Truth) and of the people who do them.

AWS takes no new customers for Ground Truth since 31 July 2026; accounts that have used it go on. A job's files are
written by ``trackforge.data.dialects.ground_truth_job``; this is what AWS is told of them.

Source: Amazon SageMaker API Reference, ``CreateLabelingJob``; Developer Guide, "Create a Labeling Job (API)".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from trackforge.errors import ConfigError, did_you_mean
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.places import partition, role_arn, s3_uri
from trackforge_sagemaker.requests.tags import project_tags

__all__ = [
    "FUNCTIONS",
    "Kind",
    "Task",
    "bucket_cors",
    "function_arn",
    "labeling_job",
    "ui_arn",
    "workforce",
    "workteam",
]

Kind = Literal["adjustment", "verification", "new"]
Task = Literal["video-tracking", "video-detection", "boxes"]
NAMES: Mapping[str, str] = {
    "video-tracking": "VideoObjectTracking", "video-detection": "VideoObjectDetection", "boxes": "BoundingBox",
}  # fmt: skip
KINDS: Mapping[str, str] = {"adjustment": "Adjustment", "verification": "Verification", "new": ""}
FUNCTIONS: Mapping[str, str] = {
    "us-east-1": "432418664414", "us-east-2": "266458841044", "us-west-2": "081040173940",
    "ca-central-1": "918755190332", "eu-west-1": "568282634449", "eu-west-2": "487402164563",
    "eu-central-1": "203001061592", "ap-northeast-1": "477331159723", "ap-northeast-2": "845288260483",
    "ap-south-1": "565803892007", "ap-southeast-1": "377565633583", "ap-southeast-2": "454466003867",
}  # fmt: skip
"""Accounts of the functions that prepare a task and join its answers, by region."""
UI_ACCOUNT = "394669845002"
LONGEST = {"boxes": 28800, "video": 604800}
"""Seconds that a person may take for a task: 8 hours a picture, 7 days a video."""
MOST_WORKERS = 9
TITLES = {"video-tracking": "Track objects", "video-detection": "Find objects in a video", "boxes": "Draw boxes"}


def function_arn(region: str, kind: Kind, task: Task, part: Literal["PRE", "ACS"]) -> str:
    """Return the ARN of a function of AWS's: ``PRE`` prepares a task, ``ACS`` joins the answers.

    >>> function_arn("eu-west-1", "adjustment", "video-tracking", "PRE")
    'arn:aws:lambda:eu-west-1:568282634449:function:PRE-AdjustmentVideoObjectTracking'

    Raises:
        ConfigError: Ground Truth is not known in that region.
    """
    account = FUNCTIONS.get(region)
    if account is None:
        raise ConfigError(
            f"Ground Truth must be offered in the region; got {region!r}.{did_you_mean(region, FUNCTIONS)} Known are "
            f"{', '.join(FUNCTIONS)}."
        )
    return f"arn:{partition(region)[0]}:lambda:{region}:{account}:function:{part}-{KINDS[kind]}{NAMES[task]}"


def ui_arn(region: str, task: Task) -> str:
    """Return the ARN of AWS's page for a task of video.

    >>> ui_arn("eu-west-1", "video-tracking")
    'arn:aws:sagemaker:eu-west-1:394669845002:human-task-ui/VideoObjectTracking'
    """
    return f"arn:{partition(region)[0]}:sagemaker:{region}:{UI_ACCOUNT}:human-task-ui/{NAMES[task]}"


def labeling_job(
    name: str, *, region: str, role: str, project: str, workteam: str, manifest: str, output: str, attribute: str,
    categories: str, kind: Kind = "adjustment", task: Task = "video-tracking", template: str = "", audited: str = "",
    workers: int | None = None, seconds: int | None = None, available: int = 864000, at_once: int = 1000,
    title: str = "", description: str = "", keywords: Sequence[str] = (), told: str = "", key: str = "",
    most_labelled: int | None = None, tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_labeling_job``.

    Args:
        name: Of the job, used up for ever.
        region: Where it is; decides functions and page.
        role: ARN of the role that it takes on.
        project: Its tags are put on it.
        workteam: ARN of the people.
        manifest: Address of the input manifest.
        output: Prefix in S3 of what people said.
        attribute: Name of the labels in the output manifest; ends in ``-ref`` for video.
        categories: Address of the category configuration.
        kind: Whether labels are adjusted, verified, or made anew.
        task: What is labelled.
        template: Address of the page, for boxes; video has AWS's.
        audited: Name of the labels that people look at, which must not be ``attribute``.
        workers: People a task; 1 for video, 1 to 9 for boxes, where several answers are joined.
        seconds: That a person may take for a task, at least 30.
        available: Seconds that a task may wait for somebody, at least 60.
        at_once: Tasks that wait at a time, at most 5000.
        title: What people see of the job, at most 128 letters.
        description: The same, in at most 255 letters.
        keywords: At most 5.
        told: ARN of a topic (SNS) that is told of every answer.
        key: KMS key of the output.
        most_labelled: The job stops after so many.
        tags: Further tags.

    Raises:
        ConfigError: Something cannot be asked for; the message says what must hold.
    """
    video = task != "boxes"
    _attribute(attribute, audited, video=video)
    if video == bool(template):
        raise ConfigError(
            f"A page must be given for boxes, and none for video, which has AWS's; got {template!r} for {task}."
        )
    people = (1 if video or kind == "verification" else 3) if workers is None else workers
    if people < 1 or people > (1 if video else MOST_WORKERS):
        raise ConfigError(f"A task must be for {'1 person' if video else '1 to 9 people'}; got {people}.")
    longest = LONGEST["video" if video else "boxes"]
    limit = min(3600 * (24 if video else 1), longest) if seconds is None else seconds
    if not 30 <= limit <= longest or available < max(60, limit) or not 1 <= at_once <= 5000:
        raise ConfigError(
            f"A task must be given 30 to {longest} s, wait at least as long, and be one of 1 to 5000 at a time; got "
            f"{limit} s, {available} s, {at_once}."
        )
    page = {"HumanTaskUiArn": ui_arn(region, task)} if video else {"UiTemplateS3Uri": s3_uri(template, "The page")}
    human: dict[str, Any] = {
        "WorkteamArn": workteam,
        "UiConfig": page,
        "PreHumanTaskLambdaArn": function_arn(region, kind, task, "PRE"),
        "TaskTitle": title or TITLES[task],
        "TaskDescription": description or f"{TITLES[task]}: {kind}",
        "NumberOfHumanWorkersPerDataObject": people,
        "TaskTimeLimitInSeconds": limit,
        "TaskAvailabilityLifetimeInSeconds": available,
        "MaxConcurrentTaskCount": at_once,
        "AnnotationConsolidationConfig": {
            "AnnotationConsolidationLambdaArn": function_arn(region, kind, task, "ACS"),
        },
    }  # fmt: skip
    if keywords:
        human["TaskKeywords"] = list(keywords)
    destination = {"S3OutputPath": s3_uri(output, "The output")}
    destination |= ({"KmsKeyId": key} if key else {}) | ({"SnsTopicArn": told} if told else {})
    request: dict[str, Any] = {
        "LabelingJobName": check_name(name, "labeling-job"),
        "LabelAttributeName": attribute,
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": s3_uri(manifest, "The manifest")}}},
        "OutputConfig": destination,
        "RoleArn": role_arn(role),
        "LabelCategoryConfigS3Uri": s3_uri(categories, "The categories"),
        "HumanTaskConfig": human,
        "Tags": project_tags(project, tags),
    }
    if most_labelled is not None:
        request["StoppingConditions"] = {"MaxHumanLabeledObjectCount": most_labelled}
    return request


def bucket_cors(bucket: str, there: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any] | None:
    """Return the request of ``s3.put_bucket_cors`` by which workers' pages may read pictures; None if they may already.

    Rules that are there stay. Who may not read an object does not come to read it by such a rule.

    Args:
        bucket: Of the pictures.
        there: ``CORSRules`` that it has.

    Source: Amazon SageMaker AI Developer Guide, "CORS Requirement for Input Image Data".
    """
    if any("*" in rule.get("AllowedOrigins", ()) and "GET" in rule.get("AllowedMethods", ()) for rule in there):
        return None
    rule = {
        "AllowedHeaders": [], "AllowedMethods": ["GET"], "AllowedOrigins": ["*"],
        "ExposeHeaders": ["Access-Control-Allow-Origin"],
    }  # fmt: skip
    return {"Bucket": bucket, "CORSConfiguration": {"CORSRules": [*(dict(one) for one in there), rule]}}


def workteam(
    name: str, *, project: str, description: str, pool: str = "", group: str = "", client: str = "",
    groups: Sequence[str] = (), told: str = "", tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_workteam``: people of the account's own workforce.

    Args:
        name: Of the team.
        project: Its tags are put on it.
        description: At most 200 letters.
        pool: Of Cognito: the workforce's user pool.
        group: Of Cognito: the group of its people.
        client: Of Cognito: the app's client.
        groups: In place of Cognito: groups of the workforce's own identity provider (OIDC), at most 10.
        told: ARN of a topic that is told of new work.
        tags: Further tags.

    Raises:
        ConfigError: Neither Cognito's three nor groups were given, or both.
    """
    cognito = [bool(one) for one in (pool, group, client)]
    if bool(groups) == any(cognito) or (any(cognito) and not all(cognito)):
        raise ConfigError("A team must have Cognito's pool, group and client, or groups of an own provider; not both.")
    if groups:
        member: dict[str, Any] = {"OidcMemberDefinition": {"Groups": list(groups)}}
    else:
        member = {"CognitoMemberDefinition": {"UserPool": pool, "UserGroup": group, "ClientId": client}}
    request: dict[str, Any] = {
        "WorkteamName": check_name(name, "workteam"),
        "MemberDefinitions": [member],
        "Description": description,
        "Tags": project_tags(project, tags),
    }
    return request | ({"NotificationConfiguration": {"NotificationTopicArn": told}} if told else {})


def workforce(name: str, *, project: str, pool: str, client: str) -> dict[str, Any]:
    """Return the request of ``sagemaker.create_workforce``; an account has one a region.

    Args:
        name: Of the workforce.
        project: Its tags are put on it.
        pool: Cognito's user pool.
        client: The client of its app.
    """
    return {
        "WorkforceName": check_name(name, "workteam"),
        "CognitoConfig": {"UserPool": pool, "ClientId": client},
        "Tags": project_tags(project),
    }


def _attribute(attribute: str, audited: str, *, video: bool) -> None:
    problem = (
        "must not end in -metadata" if attribute.endswith("-metadata")
        else "must end in -ref for video, and must not for boxes" if video != attribute.endswith("-ref")
        else f"must be another than the labels that are looked at, {audited!r}" if attribute == audited
        else ""
    )  # fmt: skip
    if problem:
        raise ConfigError(f"The name of the labels {problem}; got {attribute!r}.")
