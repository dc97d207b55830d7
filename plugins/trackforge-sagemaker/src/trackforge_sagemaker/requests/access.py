"""Who may do what: the roles that jobs and endpoints take on, and the rights of the person who starts them.

Every statement names the actions that are needed and, where the service allows it, the things that they are needed on:
one bucket (or a prefix of it), one registry, names that begin with the project's. Nothing has ``*`` for its actions.

Source: AWS Service Authorization Reference; Amazon SageMaker AI Developer Guide, "SageMaker roles".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trackforge_sagemaker.requests.jumpstart import content_bucket
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.places import partition
from trackforge_sagemaker.requests.tags import PROJECT, project_tags

__all__ = ["client_policy", "execution_policy", "role", "role_policy", "setup_policy", "trust_policy"]

VERSION = "2012-10-17"


def trust_policy(account: str) -> dict[str, Any]:
    """Return who may take on a role: SageMaker, for this account's jobs.

    Args:
        account: Its number.
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return {"Version": VERSION, "Statement": [statement]}


def execution_policy(
    *, region: str, account: str, bucket: str, prefix: str = "", repository: str = "trackforge",
    read: Sequence[str] = (), topics: Sequence[str] = (), key: str = "", private: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return what the role of jobs and endpoints may do: the project's data, image, logs and metrics.

    Args:
        region: Where they run.
        account: Its number.
        bucket: Of data and results.
        prefix: Of the project in it, without ``/`` at the ends; the whole bucket without one.
        repository: Of the image in the account's registry.
        read: Further buckets that are only read.
        topics: ARNs of topics that an asynchronous endpoint tells.
        key: ARN of the KMS key of data, where there is one.
        private: Whether machines stand in a private network.
    """
    arn = _Arns(region, account)
    below = f"{prefix}/*" if prefix else "*"
    statements = [
        _allow("Data", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], [arn.s3(f"{bucket}/{below}")]),
        _allow("ListData", ["s3:ListBucket", "s3:GetBucketLocation"], [arn.s3(bucket)])
        | ({"Condition": {"StringLikeIfExists": {"s3:prefix": [prefix, f"{prefix}/*"]}}} if prefix else {}),
        _allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("Image", ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
               [arn.of("ecr", f"repository/{repository}")]),
        _allow("Logs", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
               [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        _allow("Metrics", ["cloudwatch:PutMetricData"], ["*"])
        | {"Condition": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker*"]}}},
    ]  # fmt: skip
    if read:
        places = [arn.s3(one) for other in read for one in (other, f"{other}/*")]
        statements.append(_allow("OtherData", ["s3:GetObject", "s3:ListBucket"], places))
    if topics:
        statements.append(_allow("Tell", ["sns:Publish"], topics))
    if key:
        statements.append(_allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], [key]))
    if private:
        actions = [
            "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs",
            "ec2:DescribeDhcpOptions", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
        ]  # fmt: skip
        statements.append(_allow("Network", actions, ["*"]))
    return {"Version": VERSION, "Statement": statements}


def client_policy(
    *, region: str, account: str, project: str, bucket: str, role: str, repository: str = "trackforge",
    labelling: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Return what the person (or machine) needs who uses ``trackforge sagemaker``.

    Jobs, models and endpoints are those whose names begin with the project's; what is deleted must carry its tag.

    Args:
        region: Where things are made.
        account: Its number.
        project: Whose things.
        bucket: Of data and results.
        role: ARN of the role that jobs and endpoints take on.
        repository: Of the image.
        labelling: Whether labelling jobs are wanted.
    """
    arn = _Arns(region, account)
    own = [arn.of("sagemaker", f"{kind}/{project}*") for kind in _kinds(labelling=labelling)]
    topic, queue = arn.of("sns", f"{project}*"), arn.of("sqs", f"{project}*")
    alarm = arn.of("cloudwatch", f"alarm:{project}*")
    make = [f"sagemaker:{verb}{noun}" for verb in ("Create", "Describe", "Stop") for noun in _jobs(labelling=labelling)]
    make += [
        f"sagemaker:{verb}{noun}"
        for verb in ("Create", "Describe") for noun in ("Model", "EndpointConfig", "Endpoint", "InferenceComponent")
    ]  # fmt: skip
    make += ["sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:AddTags",
             "sagemaker:UpdateInferenceComponent", "sagemaker:UpdateInferenceComponentRuntimeConfig",
             "sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync"]  # fmt: skip
    delete = [f"sagemaker:Delete{noun}" for noun in ("Model", "EndpointConfig", "Endpoint", "InferenceComponent")]
    tagged = {"Condition": {"StringEquals": {f"aws:ResourceTag/{PROJECT}": project}}}
    lists = ["TrainingJobs", "HyperParameterTuningJobs", "TrainingJobsForHyperParameterTuningJob", "ProcessingJobs",
             "TransformJobs", "Models", "EndpointConfigs", "Endpoints", "InferenceComponents", "Tags"]  # fmt: skip
    lists += ["LabelingJobs", "Workteams"] if labelling else []
    statements = [
        _allow("Make", make, own),
        _allow("Delete", delete, own) | tagged,
        _allow("List", [f"sagemaker:List{noun}" for noun in lists], ["*"]),
        _allow("PassRole", ["iam:PassRole"], [role])
        | {"Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}},
        _allow("Data", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
               [arn.s3(f"{bucket}/*")]),
        _allow("ListData", ["s3:ListBucket", "s3:GetBucketLocation",
                            *(["s3:GetBucketCORS", "s3:PutBucketCORS"] if labelling else [])], [arn.s3(bucket)]),
        _allow("JumpStart", ["s3:GetObject"], [arn.s3(f"{content_bucket(region)}/*")]),
        _allow("Hubs", ["sagemaker:DescribeHubContent"],
               [arn.of("sagemaker", f"{one}/*") for one in ("hub", "hub-content")]),
        _allow("Teams", ["sagemaker:CreateWorkteam", "sagemaker:DescribeWorkteam"],
               [arn.of("sagemaker", "workteam/private-crowd/*")]),
        _allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("Image", [
            "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:DescribeImages",
            "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
        ], [arn.of("ecr", f"repository/{repository}")]),
        _allow("ReadLogs", ["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"],
               [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        _allow("Scale", [
            "application-autoscaling:RegisterScalableTarget", "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:TagResource",
        ], ["*"]),
        _allow("Alarms", [
            "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource",
            "cloudwatch:ListTagsForResource",
        ], [alarm]),
        _allow("Topics", [
            "sns:CreateTopic", "sns:DeleteTopic", "sns:Subscribe", "sns:Unsubscribe", "sns:TagResource",
            "sns:ListTagsForResource", "sns:ListSubscriptionsByTopic",
        ], [topic]),
        _allow("Queues", [
            "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:GetQueueUrl",
            "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:TagQueue",
            "sqs:ListQueueTags",
        ], [queue]),
        _allow("Find", ["tag:GetResources", "sts:GetCallerIdentity", "cloudwatch:GetMetricData",
                        "cloudwatch:DescribeAlarms", "sns:ListTopics", "sqs:ListQueues", "logs:DescribeLogGroups",
                        "servicequotas:ListServiceQuotas", "servicequotas:GetServiceQuota"], ["*"]),
    ]  # fmt: skip
    return {"Version": VERSION, "Statement": statements}


def setup_policy(
    *, region: str, account: str, project: str, bucket: str, role: str, repository: str = "trackforge"
) -> dict[str, Any]:
    """Return what is needed once, beside `client_policy`, to make bucket, role and registry, and to take them away.

    Args:
        region: Where things are made.
        account: Its number.
        project: Whose things.
        bucket: Of data and results.
        role: ARN of the role that jobs and endpoints take on.
        repository: Of the image.
    """
    arn = _Arns(region, account)
    statements = [
        _allow("Bucket", [
            "s3:CreateBucket", "s3:DeleteBucket", "s3:PutBucketPublicAccessBlock", "s3:PutEncryptionConfiguration",
            "s3:PutBucketTagging", "s3:GetBucketTagging", "s3:PutLifecycleConfiguration", "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
        ], [arn.s3(bucket)]),
        _allow("OldVersions", ["s3:DeleteObjectVersion"], [arn.s3(f"{bucket}/*")]),
        _allow("Role", [
            "iam:GetRole", "iam:CreateRole", "iam:TagRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
            "iam:DeleteRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:DetachRolePolicy",
            "iam:ListRoleTags",
        ], [role]),
        _allow("Policies", [
            "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:ListPolicyVersions", "iam:ListPolicyTags",
            "iam:ListEntitiesForPolicy",
        ], [f"arn:{partition(region)[0]}:iam::{account}:policy/{project}*"]),
        _allow("Registry", [
            "ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy", "ecr:TagResource",
            "ecr:ListTagsForResource",
        ], [arn.of("ecr", f"repository/{repository}")]),
        _allow("Logs", ["logs:DeleteLogGroup"], [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        _allow("Find", [
            "s3:ListAllMyBuckets", "iam:ListRoles", "iam:ListPolicies", "ecr:DescribeRepositories",
            "servicequotas:RequestServiceQuotaIncrease",
        ], ["*"]),
    ]  # fmt: skip
    return {"Version": VERSION, "Statement": statements}


def role(name: str, *, account: str, project: str) -> dict[str, Any]:
    """Return the request of ``iam.create_role``.

    Args:
        name: Of the role.
        account: Whose jobs may take it on.
        project: Its tags are put on it.
    """
    return {
        "RoleName": check_name(name, "role"),
        "AssumeRolePolicyDocument": json.dumps(trust_policy(account)),
        "Description": f"Jobs and endpoints of {project}",
        "Tags": project_tags(project),
    }


def role_policy(name: str, policy: Mapping[str, Any], *, called: str = "trackforge") -> dict[str, Any]:
    """Return the request of ``iam.put_role_policy``.

    Args:
        name: Of the role.
        policy: What it may do: see `execution_policy`.
        called: Name of the policy in the role.
    """
    return {
        "RoleName": check_name(name, "role"),
        "PolicyName": check_name(called, "policy"),
        "PolicyDocument": json.dumps(policy),
    }


class _Arns:
    def __init__(self, region: str, account: str) -> None:
        self._head, self._where = partition(region)[0], f"{region}:{account}"

    def of(self, service: str, resource: str) -> str:
        return f"arn:{self._head}:{service}:{self._where}:{resource}"

    def s3(self, resource: str) -> str:
        return f"arn:{self._head}:s3:::{resource}"


def _allow(sid: str, actions: Iterable[str], resources: Iterable[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _jobs(*, labelling: bool) -> list[str]:
    return ["TrainingJob", "HyperParameterTuningJob", "ProcessingJob", *(["LabelingJob"] if labelling else [])]


def _kinds(*, labelling: bool) -> list[str]:
    kinds = ["training-job", "hyper-parameter-tuning-job", "processing-job", "model", "endpoint-config", "endpoint"]
    return [*kinds, "inference-component", *(["labeling-job"] if labelling else [])]
