"""Requests of topics (SNS) and queues (SQS): an asynchronous endpoint tells a topic, a queue keeps what was told.

Source: Amazon SNS and SQS API References; Amazon SNS Developer Guide, "Fanout to Amazon SQS queues".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.tags import as_mapping, project_tags

__all__ = ["queue", "queue_policy", "subscription", "topic"]


def topic(name: str, *, project: str, key: str = "", tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the request of ``sns.create_topic``, which gives the topic's ARN, the old one if it is there.

    Args:
        name: Of the topic.
        project: Its tags are put on it.
        key: KMS key of its messages.
        tags: Further tags.
    """
    made: dict[str, Any] = {"Name": check_name(name, "topic"), "Tags": project_tags(project, tags)}
    return made | ({"Attributes": {"KmsMasterKeyId": key}} if key else {})


def queue(
    name: str, *, project: str, kept: int = 1209600, hidden: int = 60, wait: int = 20,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sqs.create_queue``.

    Args:
        name: Of the queue.
        project: Its tags are put on it.
        kept: Seconds that a message is kept, 60 to 1209600 (14 days).
        hidden: Seconds that a message which somebody reads is hidden from others, at most 43200.
        wait: Seconds that a reader waits for a message, at most 20.
        tags: Further tags.

    Raises:
        ConfigError: A number is out of range.
    """
    if not 60 <= kept <= 1209600 or not 0 <= hidden <= 43200 or not 0 <= wait <= 20:
        raise ConfigError(
            "A queue must keep messages 60 to 1209600 s, hide them 0 to 43200 s and wait 0 to 20 s; got "
            f"{kept}, {hidden}, {wait} s."
        )
    attributes = {"MessageRetentionPeriod": kept, "VisibilityTimeout": hidden, "ReceiveMessageWaitTimeSeconds": wait}
    return {
        "QueueName": check_name(name, "queue"),
        "Attributes": {attribute: str(value) for attribute, value in attributes.items()},
        "tags": as_mapping(project_tags(project, tags)),
    }


def queue_policy(queue_url: str, queue_arn: str, *topics: str) -> dict[str, Any]:
    """Return the request of ``sqs.set_queue_attributes`` that lets topics, and nobody else, put messages into a queue.

    Args:
        queue_url: Address of the queue.
        queue_arn: Its ARN.
        topics: ARNs of topics.

    Raises:
        ConfigError: There is no topic.
    """
    if not topics:
        raise ConfigError("A queue must hear of a topic; got none.")
    statement = {
        "Sid": "TopicsMaySend",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(topics)}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"QueueUrl": queue_url, "Attributes": {"Policy": json.dumps(document)}}


def subscription(topic_arn: str, queue_arn: str, *, raw: bool = True) -> dict[str, Any]:
    """Return the request of ``sns.subscribe`` for a queue.

    Args:
        topic_arn: What the queue hears of.
        queue_arn: The queue.
        raw: Whether messages come as SageMaker wrote them, without SNS's envelope.
    """
    return {
        "TopicArn": topic_arn,
        "Protocol": "sqs",
        "Endpoint": queue_arn,
        "Attributes": {"RawMessageDelivery": "true" if raw else "false"},
        "ReturnSubscriptionArn": True,
    }
