"""The role that jobs and endpoints take on, and what it may do; `people` has the rights of who starts them.

Every statement names the actions that are needed and, where the service allows it, the things that they are needed on:
one bucket (or a prefix of it), one registry. Nothing has ``*`` for its actions.

Source: AWS Service Authorization Reference; Amazon SageMaker AI Developer Guide, "SageMaker roles".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.statements import VERSION, Arns, allow
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["RIGHTS", "execution_policy", "role", "role_policy", "trust_policy"]

RIGHTS = "trackforge-"
"""Begins the name of a role's policy; the region follows, for a role is the account's, and rights are a region's."""


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
    arn = Arns(region, account)
    below = f"{prefix}/*" if prefix else "*"
    statements = [
        allow("Data", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], [arn.s3(f"{bucket}/{below}")]),
        allow("ListData", ["s3:ListBucket", "s3:GetBucketLocation"], [arn.s3(bucket)])
        | ({"Condition": {"StringLikeIfExists": {"s3:prefix": [prefix, f"{prefix}/*"]}}} if prefix else {}),
        allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Image", ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
               [arn.of("ecr", f"repository/{repository}")]),
        allow("Logs", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
               [arn.of("logs", "log-group:/aws/sagemaker/*")]),
        allow("Metrics", ["cloudwatch:PutMetricData"], ["*"])
        | {"Condition": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker*"]}}},
    ]  # fmt: skip
    if read:
        places = [arn.s3(one) for other in read for one in (other, f"{other}/*")]
        statements.append(allow("OtherData", ["s3:GetObject", "s3:ListBucket"], places))
    if topics:
        statements.append(allow("Tell", ["sns:Publish"], topics))
    if key:
        statements.append(allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], [key]))
    if private:
        actions = [
            "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs",
            "ec2:DescribeDhcpOptions", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
        ]  # fmt: skip
        statements.append(allow("Network", actions, ["*"]))
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
