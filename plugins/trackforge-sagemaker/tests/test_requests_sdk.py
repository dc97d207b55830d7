"""SDK v3's classes get what our requests say, and ask AWS for the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_tools import AWS, environment, moto_server, need
from doc_blocks import ROOT, blocks

from trackforge.errors import MissingDependencyError
from trackforge_sagemaker import requests as r
from trackforge_sagemaker import sdk
from trackforge_sagemaker.sdk.fields import MAPS

ROLE = "arn:aws:iam::123456789012:role/mot"
IMAGE = r.image_uri("123456789012", "us-east-1", tag="gpu")
PROJECT = {"role": ROLE, "project": "mot"}
TRAINING = r.training_job(
    "mot-1", image=IMAGE, output="s3://mot/out", trainer="fairmot", hyperparameters={"train.epochs": 2, "ltrb": True},
    channels=[r.channel("train", "s3://mot/t", mode="FastFile"), r.channel("val", "s3://mot/v")], spot=True, warm=60,
    checkpoints="s3://mot/c", environment={"A": "b"}, network=r.Network(isolated=True), **PROJECT,
)  # fmt: skip
TUNING = r.tuning_job(
    "mot-tune", TRAINING, project="mot", objective="val_loss", minimise=True, jobs=3, parallel=1, seed=3,
    ranges={"id_loss": ["ce", "focal"], "lr": (1e-5, 1e-3, "Logarithmic"), "train.batch_size": (4, 16)},
)  # fmt: skip
PROCESSING = r.processing_job(
    "mot-films", image=IMAGE, inputs={"input": "s3://mot/films/", "model": "s3://mot/m.tar.gz"}, sharded=["input"],
    outputs={"output": "s3://mot/tracks/"}, arguments=["--formats", "mot"], environment={"A": "b"}, count=2,
    instance="ml.m5.xlarge", network=r.Network(isolated=True), **PROJECT,
)  # fmt: skip


@pytest.mark.sagemaker
def test_the_sdk_asks_for_what_our_requests_say(tmp_path):
    need("sagemaker.train", "moto")
    page = {Path(one.test).stem: one.text for one in blocks(ROOT / "docs/sagemaker-control.md")}
    shown = page["test_requests_builders"] + page["test_requests_sdk"]
    given = json.dumps({"page": shown, "training": TRAINING, "tuning": TUNING, "processing": PROCESSING})
    script = Path(__file__).parents[3] / "tests/sdk_jobs.py"
    with moto_server() as address:
        ran = subprocess.run(
            [sys.executable, str(script), given, str(tmp_path / "sdk.yaml")],
            env=environment(AWS_ENDPOINT_URL=address, SAGEMAKER_VALIDATE_ROLE="false", **AWS),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-6000:]
    sent = json.loads(ran.stdout.splitlines()[-1])
    by_class, by_resource, *of_page = sent["CreateTrainingJob"]
    assert [one["HyperParameters"]["classes"] for one in of_page] == ['["person"]'] * 2
    assert by_resource == {**TRAINING, "TrainingJobName": "mot-1-resource"}
    assert by_class["TrainingJobName"].startswith("mot-1-")
    specification = by_class["AlgorithmSpecification"]
    assert "ContainerEntrypoint" not in specification  # the image's own: no shell between
    assert by_class["OutputDataConfig"].items() >= TRAINING["OutputDataConfig"].items()
    differing = ("TrainingJobName", "OutputDataConfig", "Tags")
    assert {key: value for key, value in by_class.items() if key not in differing} == {
        key: value for key, value in TRAINING.items() if key not in differing
    }
    tuned, of_page = sent["CreateHyperParameterTuningJob"]
    assert of_page["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] == "total_loss"
    config, wanted = tuned["HyperParameterTuningJobConfig"], TUNING["HyperParameterTuningJobConfig"]
    for same in ("Strategy", "HyperParameterTuningJobObjective", "ResourceLimits", "RandomSeed"):
        assert config[same] == wanted[same], same
    ranges = {kind: found for kind, found in config["ParameterRanges"].items() if found}
    assert ranges["CategoricalParameterRanges"] == wanted["ParameterRanges"]["CategoricalParameterRanges"]
    assert ranges["IntegerParameterRanges"] == wanted["ParameterRanges"]["IntegerParameterRanges"]
    assert ranges["ContinuousParameterRanges"][0]["ScalingType"] == "Logarithmic"
    by_class, by_resource = sent["CreateProcessingJob"]
    # The SDK leaves out what is false of a network, which is the same.
    assert {**by_resource, "NetworkConfig": PROCESSING["NetworkConfig"]} == {
        **PROCESSING, "ProcessingJobName": "mot-films-resource",
    }  # fmt: skip
    for same in ("ProcessingResources", "AppSpecification", "RoleArn", "StoppingCondition", "Environment"):
        assert by_class[same] == PROCESSING[same], same


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore")
def test_field_names_are_those_of_the_sdks_classes():
    need("sagemaker.core")
    import inspect

    from sagemaker.core import resources, shapes

    def walk(fields, known, where):
        assert set(fields) <= set(known), (where, set(fields) - set(known))

    for name, request in {
        "TrainingJob": TRAINING,
        "ProcessingJob": PROCESSING,
        "HyperParameterTuningJob": TUNING,
    }.items():
        create = inspect.signature(getattr(resources, name).create).parameters
        walk(sdk.resource_fields(request), create, name)
    pairs = {
        shapes.ResourceConfig: TRAINING["ResourceConfig"], shapes.Channel: TRAINING["InputDataConfig"][0],
        shapes.S3DataSource: TRAINING["InputDataConfig"][0]["DataSource"]["S3DataSource"],
        shapes.ProcessingS3Input: PROCESSING["ProcessingInputs"][0]["S3Input"],
        shapes.ProductionVariant: r.component_variant() | r.variant("m", ami="x", volume=3),
        shapes.HumanTaskConfig: r.labeling_job(
            "mot", region="us-east-1", workteam="arn", manifest="s3://mot/m", output="s3://mot/o", attribute="a-ref",
            categories="s3://mot/c", **PROJECT,
        )["HumanTaskConfig"],
        shapes.AsyncInferenceOutputConfig: r.asynchronous("s3://mot/o", succeeded="a")["OutputConfig"],
    }  # fmt: skip
    for shape, members in pairs.items():
        walk(sdk.resource_fields(members), shape.model_fields, shape.__name__)


def test_own_keys_stay():
    fields = sdk.resource_fields(TRAINING)
    assert fields["hyper_parameters"] == TRAINING["HyperParameters"]
    assert fields["environment"] == {"A": "b"}
    assert {"HyperParameters", "Environment"} <= MAPS
    made = r.model("mot", containers=[r.container(IMAGE, "s3://mot/m.tar.gz", environment={"A": 1})], **PROJECT)
    config = r.endpoint_config("mot", [r.variant("mot")], project="mot")
    assert sdk.model_builder_fields(made, config) == {
        "image_uri": IMAGE, "s3_model_data_url": "s3://mot/m.tar.gz", "role_arn": ROLE, "env_vars": {"A": "1"},
        "instance_type": "ml.g5.xlarge",
    }  # fmt: skip


def test_without_the_sdk_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "sagemaker.train", None)
    with pytest.raises(MissingDependencyError, match="sagemaker-train"):
        sdk.model_trainer(TRAINING)
