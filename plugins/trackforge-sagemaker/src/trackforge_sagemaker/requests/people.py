"""The rights of people (or machines) who use ``trackforge sagemaker``, in three documents: jobs, endpoints, setting up.

In SageMaker a project's things are told by name and tag: what is made must be given the tag, what is stopped, changed,
asked or deleted must carry it, and a tag is given to new things only. So nobody makes another project's things his own.
Looking needs the name only. Topics, queues and alarms have names alone, and whose begin with the project's are its own.

Source: AWS Service Authorization Reference; Amazon SageMaker AI Developer Guide, "Control access by using tags";
Application Auto Scaling User Guide, "Identity-based policy examples".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trackforge_sagemaker.requests.jumpstart import content_bucket
from trackforge_sagemaker.requests.statements import VERSION, Arns, allow
from trackforge_sagemaker.requests.tags import PROJECT

__all__ = ["client_policy", "serving_policy", "setup_policy"]

SCALER = "sagemaker.application-autoscaling.amazonaws.com"
"""The service that autoscaling's own role is for, which is made with the first endpoint that scales."""


def client_policy(
    *, region: str, account: str, project: str, bucket: str, role: str, repository: str = "trackforge",
    labelling: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Return what is needed for data, images and jobs.

    Args:
        region: Where things are made.
        account: Its number.
        project: Whose things.
        bucket: Of data and results.
        role: ARN of the role that jobs and endpoints take on.
        repository: Of the image.
        labelling: Whether labelling jobs are wanted.
    """
    arn, jobs = Arns(region, account), ["TrainingJob", "HyperParameterTuningJob", "ProcessingJob"]
    made, deleted, lists = list(jobs), [], [f"{one}s" for one in (*jobs, "TransformJob")]
    own = [arn.of("sagemaker", f"*/{project}-*")]  # of what kinds, actions say
    jobs.append("TransformJob")
    if labelling:
        own.append(arn.of("sagemaker", "workteam/private-crowd/*"))
        made, jobs, deleted = [*made, "LabelingJob", "Workteam"], [*jobs, "LabelingJob"], ["sagemaker:DeleteWorkteam"]
        lists += ["LabelingJobs", "Workteams"]
    looked = [*jobs, *(["Workteam"] if labelling else [])]
    statements = [
        *_tagged(project, own, made=made, changed=[*(f"sagemaker:Stop{noun}" for noun in jobs), *deleted]),
        allow("Look", [f"sagemaker:Describe{noun}" for noun in looked], own),
        allow("List", [
            f"sagemaker:List{noun}" for noun in (*lists, "TrainingJobsForHyperParameterTuningJob", "Tags")
        ], ["*"]),
        allow("PassRole", ["iam:PassRole"], [role],
              {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
        allow("Data", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
              [arn.s3(f"{bucket}/*")]),
        allow("ListData", ["s3:ListBucket", "s3:GetBucketLocation",
                           *(["s3:GetBucketCORS", "s3:PutBucketCORS"] if labelling else [])], [arn.s3(bucket)]),
        allow("JumpStart", ["s3:GetObject"], [arn.s3(f"{content_bucket(region)}/*")]),
        allow("Hubs", ["sagemaker:DescribeHubContent"],
              [arn.of("sagemaker", f"{one}/*") for one in ("hub", "hub-content")]),
        allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Image", [
            "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:DescribeImages",
            "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
        ], [arn.of("ecr", f"repository/{repository}")]),
        allow("ReadLogs", ["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"],
              [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        allow("Find", ["tag:GetResources", "sts:GetCallerIdentity", "logs:DescribeLogGroups",
                       "servicequotas:ListServiceQuotas", "servicequotas:GetServiceQuota"], ["*"]),
    ]  # fmt: skip
    return {"Version": VERSION, "Statement": statements}


def serving_policy(*, region: str, account: str, project: str) -> dict[str, Any]:
    """Return what is needed, beside `client_policy`, to deploy models, to ask endpoints, and to take them away.

    Args:
        region: Where things are made.
        account: Its number.
        project: Whose things.
    """
    arn, nouns = Arns(region, account), ["Model", "EndpointConfig", "Endpoint", "InferenceComponent"]
    own = [arn.of("sagemaker", f"*/{project}-*")]
    changed = [f"sagemaker:Delete{noun}" for noun in nouns]
    changed += [
        "sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:InvokeEndpoint",
        "sagemaker:UpdateInferenceComponent", "sagemaker:UpdateInferenceComponentRuntimeConfig",
        "sagemaker:InvokeEndpointAsync",
    ]  # fmt: skip
    scaling = "application-autoscaling"
    target = arn.of(scaling, "scalable-target/*")
    alarms = [f"TargetTracking-{kind}/{project}-*" for kind in ("endpoint", "inference-component")]  # autoscaling's own
    statements = [
        *_tagged(project, own, made=nouns, changed=changed),
        allow("Look", [f"sagemaker:Describe{noun}" for noun in nouns], own),
        allow("List", [f"sagemaker:List{noun}s" for noun in nouns], ["*"]),
        allow("Scale", [f"{scaling}:RegisterScalableTarget", f"{scaling}:TagResource"], [target], {
            "StringEquals": {f"aws:RequestTag/{PROJECT}": project},
            "StringEqualsIfExists": {f"{scaling}:service-namespace": "sagemaker"},
        }),
        allow("Scaled", [f"{scaling}:{verb}" for verb in (
            "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy",
        )], [target], _carries(project)),
        allow("ScalersRole", ["iam:CreateServiceLinkedRole"], [arn.iam(f"role/aws-service-role/{SCALER}/*")],
              {"StringEquals": {"iam:AWSServiceName": SCALER}}),
        allow("Alarms", [
            "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource",
            "cloudwatch:ListTagsForResource",
        ], [arn.of("cloudwatch", f"alarm:{name}") for name in (f"{project}-*", *alarms)]),
        allow("Topics", [
            "sns:CreateTopic", "sns:DeleteTopic", "sns:Subscribe", "sns:Unsubscribe", "sns:TagResource",
            "sns:ListTagsForResource", "sns:ListSubscriptionsByTopic", "sns:GetTopicAttributes",
        ], [arn.of("sns", f"{project}-*")]),
        allow("Queues", [
            "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:GetQueueUrl",
            "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:TagQueue",
            "sqs:ListQueueTags",
        ], [arn.of("sqs", f"{project}-*")]),
        allow("Find", [
            "cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms", "sns:ListTopics", "sqs:ListQueues",
            f"{scaling}:DescribeScalableTargets", f"{scaling}:DescribeScalingPolicies",
            f"{scaling}:ListTagsForResource",
        ], ["*"]),
    ]  # fmt: skip
    return {"Version": VERSION, "Statement": statements}


def setup_policy(
    *, region: str, account: str, project: str, bucket: str, role: str, repository: str = "trackforge"
) -> dict[str, Any]:
    """Return what is needed once, beside the others, to make bucket, role and registry, and to take them away.

    Args:
        region: Where things are made.
        account: Its number.
        project: Whose things.
        bucket: Of data and results.
        role: ARN of the role that jobs and endpoints take on.
        repository: Of the image.
    """
    arn = Arns(region, account)
    policies = arn.iam(f"policy/{project}-*")
    statements = [
        allow("Bucket", [
            "s3:CreateBucket", "s3:DeleteBucket", "s3:PutBucketPublicAccessBlock", "s3:PutEncryptionConfiguration",
            "s3:PutBucketTagging", "s3:GetBucketTagging", "s3:PutLifecycleConfiguration", "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
        ], [arn.s3(bucket)]),
        allow("OldVersions", ["s3:DeleteObjectVersion"], [arn.s3(f"{bucket}/*")]),
        allow("Role", [
            "iam:GetRole", "iam:CreateRole", "iam:TagRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
            "iam:DeleteRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:DetachRolePolicy",
            "iam:ListRoleTags",
        ], [role]),
        allow("Policies", [
            "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:ListPolicyVersions", "iam:ListPolicyTags",
            "iam:ListEntitiesForPolicy",
        ], [policies]),
        allow("Detach", ["iam:DetachRolePolicy", "iam:DetachUserPolicy", "iam:DetachGroupPolicy"],
              [arn.iam(f"{kind}/*") for kind in ("role", "user", "group")], {"ArnLike": {"iam:PolicyARN": policies}}),
        allow("Registry", [
            "ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy", "ecr:TagResource",
            "ecr:ListTagsForResource",
        ], [arn.of("ecr", f"repository/{repository}")]),
        allow("Logs", ["logs:DeleteLogGroup"], [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        allow("Find", [
            "s3:ListAllMyBuckets", "iam:ListRoles", "iam:ListPolicies", "ecr:DescribeRepositories",
            "servicequotas:RequestServiceQuotaIncrease",
        ], ["*"]),
    ]  # fmt: skip
    return {"Version": VERSION, "Statement": statements}


def _tagged(
    project: str, own: Iterable[str], *, made: Iterable[str], changed: Iterable[str]
) -> tuple[dict[str, Any], ...]:
    """Return statements on SageMaker's things: made with the tag, tagged when made, changed if they carry it."""
    with_tag = {f"aws:RequestTag/{PROJECT}": project}
    new = {"StringEquals": with_tag, "Null": {"sagemaker:TaggingAction": "false"}}
    return (
        allow("Make", [f"sagemaker:Create{noun}" for noun in made], own, {"StringEquals": with_tag}),
        allow("Tag", ["sagemaker:AddTags"], own, new),
        allow("Change", changed, own, _carries(project)),
    )


def _carries(project: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {f"aws:ResourceTag/{PROJECT}": project}}
