"""Requests of jobs: held against botocore's service model; what cannot be is refused before."""

from __future__ import annotations

import re
import warnings

import pytest
from aws_tools import need

from trackforge.errors import ConfigError
from trackforge_sagemaker.hyperparameters import received
from trackforge_sagemaker.requests import (
    bucket_name,
    channel,
    check,
    check_name,
    hyperparameter_texts,
    manifest_channel,
    project_tags,
    training_job,
    unique_name,
)
from trackforge_sagemaker.requests.names import LONGEST

ROLE = "arn:aws:iam::123456789012:role/trackforge"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/trackforge:gpu"


def _training(**more):
    given = {
        "image": IMAGE,
        "role": ROLE,
        "output": "s3://mot/out",
        "project": "mot",
        "channels": {"train": "s3://mot/t"},
    }
    return training_job("mot17-1", **{**given, **more})


def test_names_are_unique_and_fit():
    made = {unique_name("ByteTrack on MOT17") for _ in range(50)}
    assert len(made) == 50
    for kind, most in LONGEST.items():
        if kind != "bucket":
            name = unique_name("a very long name of a project, which goes on " * 9, most=most)
            assert check_name(name, kind) == name
            assert len(name) <= most
    assert unique_name("x y", token="1") == unique_name("x y", token="1") == "x-y-1"
    assert bucket_name("123456789012", "eu-west-1") == "trackforge-eu-west-1-123456789012"
    for bad, kind in (("-a", "model"), ("a_b", "endpoint"), ("A", "bucket"), ("a" * 33, "tuning-job"), ("a", "car")):
        with pytest.raises(ConfigError, match="got"):
            check_name(bad, kind)
    with pytest.raises(ConfigError, match="letters or digits"):
        unique_name("---")


def test_hyperparameters_are_read_back_as_they_were_meant():
    values = {"trainer": "yolox", "train.epochs": 3, "ltrb": True, "lr": 1e-4, "classes": ["car", "van"], "x": "1e3"}
    texts = hyperparameter_texts({**values, "unsaid": None})
    came = received(texts)
    assert {k: v for k, v in values.items() if k != "x"} == {k: o.value for k, o in came.items() if k != "x"}
    assert came["x"].text == "1e3"
    for bad in ({"a b": 1}, {"a": "it's"}, {"a": "x" * 2501}, {"a.b": 1, "a__b": 2}, {"a": float("nan")}, {"a": '"q"'}):
        with pytest.raises(ConfigError):
            hyperparameter_texts(bad)
    with pytest.raises(ConfigError, match="100"):
        hyperparameter_texts({f"a{i}": i for i in range(101)})


def test_what_cannot_be_asked_for_is_refused():
    refused = {
        "spot": {"spot": True},
        "28 days": {"seconds": 10**8},
        "address in S3": {"output": "/tmp/x"},
        "ARN": {"role": "me"},
        "channel's name": {"channels": {"a-b": "s3://mot/x"}},
        "different names": {"channels": [channel("a", "s3://mot/x"), channel("a", "s3://mot/y")]},
        "1 to 20 channels": {"channels": {}},
        "40 metrics": {"metrics": [{"Name": "a", "Regex": "a"}] * 41},
        "machine": {"count": 0},
        "all of the data": {"count": 2, "channels": [channel("train", "s3://mot/x", sharded=True)]},
        "size": {"instance": "big"},
    }
    for message, bad in refused.items():
        with pytest.raises(ConfigError, match=rf"(?i){message}"):
            _training(**bad)
    with pytest.raises(ConfigError, match="attributes"):
        manifest_channel("train", "s3://mot/m", [])
    with pytest.raises(ConfigError, match="pipe"):
        channel("train", "s3://mot/m", shuffle=1)
    with pytest.raises(ConfigError, match="aws:"):
        project_tags("mot", {"aws:x": "1"})


def test_retired_sizes_are_replaced_and_said():
    with pytest.warns(UserWarning, match=re.escape("ml.p3.8xlarge is retired; ml.g5.12xlarge")):
        request = _training(instance="ml.p3.8xlarge")
    assert request["ResourceConfig"]["InstanceType"] == "ml.g5.12xlarge"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _training(instance="ml.g6.xlarge")


@pytest.mark.sagemaker
def test_the_service_model_has_the_last_word():
    need("botocore")
    request = _training(
        trainer="fairmot",
        hyperparameters={"train.epochs": 2},
        checkpoints="s3://mot/ck",
        spot=True,
        warm=60,
        retries=2,
        environment={"A": 1},
        key="alias/x",
        count=2,
        channels=[
            channel("train", "s3://mot/t", mode="FastFile"),
            manifest_channel("val", "s3://mot/m", ["source-ref", "boxes"], shuffle=1),
        ],
    )
    assert check("sagemaker", "create_training_job", request)
    assert check("sagemaker", "CreateTrainingJob", request)
    for path, value, message in (
        (("TrainingJobName",), "a_b", "TrainingJobName must match"),
        (("TrainingJobName",), "a" * 64, "TrainingJobName must be 1 to 63 letters; got 64 letters"),
        (("ResourceConfig", "InstanceType"), "ml.g5.xlargee", "known values; got 'ml.g5.xlargee'.*ml.g5.xlarge"),
        (("RetryStrategy", "MaximumRetryAttempts"), 31, "must be 1 to 30; got 31"),
        (("OutputDataConfig",), {}, "Missing required parameter"),
        (("Tags",), [{"Key": "a", "Value": "ü" * 257}], r"Tags\[0\].Value must be 0 to 256 letters"),
        (("Environment",), {"1a": "x"}, "key '1a' of Environment must match"),
        (("Nothing",), 1, "Unknown parameter"),
    ):
        wrong = {**request}
        place = wrong
        for step in path[:-1]:
            place[step] = dict(place[step])
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(ConfigError, match=message):
            check("sagemaker", "create_training_job", wrong)
    with pytest.raises(ConfigError, match="create_training_job"):
        check("sagemaker", "create_training_jobs", request)
    with pytest.raises(ConfigError, match="sagemaker"):
        check("sagemakr", "create_training_job", request)
