"""Requests carried out by moto's server: what it can make is made, described, and found again by its tags."""

from __future__ import annotations

import json

import pytest
from aws_tools import AWS, moto_server, need

from trackforge_sagemaker import requests as r
from trackforge_sagemaker.requests import jumpstart

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mot-sagemaker"
IMAGE = r.image_uri(ACCOUNT, REGION, tag="gpu")
PROJECT = {"role": ROLE, "project": "mot"}
SMALL = "ml.g4dn.xlarge"  # moto knows no g5 for endpoints


@pytest.fixture(scope="module")
def aws():
    need("moto", "boto3")
    import boto3

    with moto_server() as address:
        keys = {"aws_access_key_id": AWS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": AWS["AWS_SECRET_ACCESS_KEY"]}
        session = boto3.Session(region_name=REGION, **keys)
        made: dict[str, object] = {}

        def client(service):
            return made.setdefault(service, session.client(service, endpoint_url=address))

        yield client


def _send(aws, service, operation, request):
    r.check(service, operation, request)
    return r.Call(service, operation, request).send(aws(service))


def test_account_is_set_up(aws):
    _send(aws, "s3", "create_bucket", r.bucket("mot-us-east-1", REGION))
    for call in (*r.bucket_settings("mot-us-east-1", project="mot"), *r.repository("mot", project="mot")):
        call.send(aws(call.service))
    assert aws("s3").get_bucket_tagging(Bucket="mot-us-east-1")["TagSet"] == r.project_tags("mot")
    assert aws("ecr").describe_repositories()["repositories"][0]["repositoryName"] == "mot"
    _send(aws, "iam", "create_role", r.role("mot-sagemaker", account=ACCOUNT, project="mot"))
    policy = r.execution_policy(region=REGION, account=ACCOUNT, bucket="mot-us-east-1")
    _send(aws, "iam", "put_role_policy", r.role_policy("mot-sagemaker", policy))
    told = aws("iam").get_role_policy(RoleName="mot-sagemaker", PolicyName="trackforge")
    assert told["PolicyDocument"] == policy


def test_jobs_are_made_and_described(aws):
    sage = aws("sagemaker")
    training = r.training_job(
        r.unique_name("mot"), image=IMAGE, output="s3://mot/out", channels={"train": "s3://mot/t"}, trainer="yolox",
        instance=SMALL, hyperparameters={"train.epochs": 2}, checkpoints="s3://mot/c", spot=True, **PROJECT,
    )  # fmt: skip
    _send(aws, "sagemaker", "create_training_job", training)
    told = sage.describe_training_job(TrainingJobName=training["TrainingJobName"])
    assert told["HyperParameters"] == training["HyperParameters"]
    assert sage.list_tags(ResourceArn=told["TrainingJobArn"])["Tags"] == r.project_tags("mot")
    again = r.best_training(r.unique_name("mot"), told, {"lr": "0.1"})
    _send(aws, "sagemaker", "create_training_job", {**again, "Tags": r.project_tags("mot")})
    tuning = r.tuning_job(
        r.unique_name("mot", most=32), training, project="mot", objective="total_loss", minimise=True,
        ranges={"learning_rate": (1e-4, 1e-2)}, jobs=2, parallel=1,
    )  # fmt: skip
    _send(aws, "sagemaker", "create_hyper_parameter_tuning_job", tuning)
    name = tuning["HyperParameterTuningJobName"]
    assert (
        sage.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)["HyperParameterTuningJobName"]
        == name
    )
    processing = r.processing_job(
        "mot-films", image=IMAGE, inputs={"input": "s3://mot/films/"}, outputs={"output": "s3://mot/tracks/"},
        instance="ml.m5.xlarge", **PROJECT,
    )  # fmt: skip
    _send(aws, "sagemaker", "create_processing_job", processing)
    told = sage.describe_processing_job(ProcessingJobName="mot-films")
    assert told["AppSpecification"]["ContainerEntrypoint"] == ["trackforge-sagemaker", "process"]
    built_in = r.object_detection_training(
        r.unique_name("ssd"), region=REGION, output="s3://mot/out", train="s3://mot/t", validation="s3://mot/v",
        counted=r.Counted(100, 3, frozenset({0})), instance=SMALL, **PROJECT,
    )  # fmt: skip
    _send(aws, "sagemaker", "create_training_job", built_in)
    told = sage.describe_training_job(TrainingJobName=built_in["TrainingJobName"])
    assert told["AlgorithmSpecification"]["TrainingImage"].endswith("object-detection:1")


def test_endpoints_are_made(aws):
    _send(aws, "sagemaker", "create_model", r.model(
        "mot", containers=[r.container(IMAGE, "s3://mot/m/model.tar.gz")], **PROJECT
    ))  # fmt: skip
    kinds = {
        "real-time": r.endpoint_config("rt", [r.variant("mot", instance=SMALL)], project="mot"),
        "asynchronous": r.endpoint_config(
            "as", [r.variant("mot", instance=SMALL)], project="mot", calls=r.asynchronous("s3://mot/o", failures="s3://mot/f")
        ),
        "serverless": r.endpoint_config("sl", [r.serverless_variant("mot")], project="mot"),
    }  # fmt: skip
    for config in kinds.values():
        name = config["EndpointConfigName"]
        _send(aws, "sagemaker", "create_endpoint_config", config)
        _send(aws, "sagemaker", "create_endpoint", r.endpoint(name, name, project="mot"))
        assert aws("sagemaker").describe_endpoint(EndpointName=name)["EndpointConfigName"] == name


def test_scaling_trio_is_made(aws):
    for made in [r.queue_scaling("as", project="mot")]:  # moto knows no inference components
        arns = {}
        for call in made.calls():
            call.check()
            answer = call.send(aws(call.service))
            arns[call.request.get("PolicyName")] = answer.get("PolicyARN")
        alarm = made.alarm(arns[made.step["PolicyName"]])
        _send(aws, "cloudwatch", "put_metric_alarm", alarm)
        told = aws("cloudwatch").describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"][0]
        assert told["AlarmActions"] == alarm["AlarmActions"]
        where = {"ServiceNamespace": "sagemaker", "ResourceId": made.target["ResourceId"]}
        policies = aws("application-autoscaling").describe_scaling_policies(**where)["ScalingPolicies"]
        assert {one["PolicyType"] for one in policies} == {"TargetTrackingScaling", "StepScaling"}
        targets = aws("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[made.target["ResourceId"]]
        )["ScalableTargets"]
        assert targets[0]["MinCapacity"] == 0


def test_what_a_topic_is_told_a_queue_keeps(aws):
    topic = _send(aws, "sns", "create_topic", r.topic("mot-done", project="mot"))["TopicArn"]
    queue = _send(aws, "sqs", "create_queue", r.queue("mot-done", project="mot", wait=1))["QueueUrl"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    _send(aws, "sqs", "set_queue_attributes", r.queue_policy(queue, arn, topic))
    _send(aws, "sns", "subscribe", r.subscription(topic, arn))
    aws("sns").publish(TopicArn=topic, Message=json.dumps({"invocationStatus": "Completed"}))
    messages = aws("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"]
    assert json.loads(messages[0]["Body"]) == {"invocationStatus": "Completed"}


def test_transform_is_made(aws):
    request = r.transform_job(
        "pictures", model="mot", project="mot", source="s3://mot/p/", output="s3://mot/a/", instance="ml.m5.xlarge"
    )
    _send(aws, "sagemaker", "create_transform_job", request)
    assert aws("sagemaker").describe_transform_job(TransformJobName="pictures")["ModelName"] == "mot"


def test_jumpstart_is_read_from_its_bucket(aws):
    s3, bucket = aws("s3"), jumpstart.content_bucket(REGION)
    s3.create_bucket(Bucket=bucket)
    key = "community_models/mxnet-is-mask-rcnn/specs_v1.2.0.json"
    manifest = [{"model_id": "mxnet-is-mask-rcnn", "version": "1.2.0", "spec_key": key}]
    spec = {
        "model_id": "mxnet-is-mask-rcnn", "version": "1.2.0", "hosting_artifact_key": "a/infer.tar.gz",
        "hosting_ecr_specs": {"framework": "mxnet", "framework_version": "1.9.0", "py_version": "py38"},
    }  # fmt: skip
    s3.put_object(Bucket=bucket, Key=jumpstart.MANIFEST, Body=json.dumps(manifest).encode())
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(spec).encode())
    found = jumpstart.resolve(jumpstart.fetch(s3, "mxnet-is-mask-rcnn", REGION), REGION, instance="ml.g4dn.xlarge")
    assert found.image == "763104351884.dkr.ecr.us-east-1.amazonaws.com/mxnet-inference:1.9.0-gpu-py38"
    request = r.model("mask-rcnn", containers=[r.container(found.image, found.data)], **PROJECT)
    _send(aws, "sagemaker", "create_model", request)
