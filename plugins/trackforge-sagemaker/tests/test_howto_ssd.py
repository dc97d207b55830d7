"""docs/howto-ssd.md, its blocks in order: data, trainings, logs, endpoints, scores, and all gone again."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
from doc_blocks import ROOT, blocks
from page_cloud import cloud
from ssd_run import shapes

from trackforge import data
from trackforge.cli import main
from trackforge_sagemaker import requests as r

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
PAGE = ROOT / "docs" / "howto-ssd.md"
SMALL = {
    "base_network": None, "use_pretrained_model": None, "trainer__variant": "sagemaker-resnet50-96/16", "epochs": "8",
    "learning_rate": "0.01", "augmentation": "none", "train__workers": "0", "train__tensorboard": "false",
    "train__validate_start": "false",
}  # fmt: skip
"""A narrow network in place of ResNet-50 that knows ImageNet."""


def test_from_records_to_an_endpoint_and_back_to_nothing(tmp_path, monkeypatch, capsys):
    made = shapes(tmp_path / "truth", count=16).rename_classes({"disc": "boat", "block": "buoy"})
    split = np.where(np.arange(16) % 4 == 3, "val", "train")
    made = made.replace(images=made.images.replace(split=split))
    with cloud(tmp_path, monkeypatch, project="boats", endpoints={"boats-cpu": None}) as account:
        here = tmp_path / "page"
        data.write(made, here / "harbour", "yolo")
        shutil.copytree(tmp_path / "truth" / "pictures", here / "pictures")
        shutil.copy(here / "pictures" / "03.png", here / "photo.jpg")

        def trained() -> None:
            maker, logs = account.client("sagemaker"), account.client("logs")
            names = [one["TrainingJobName"] for one in maker.list_training_jobs()["TrainingJobSummaries"]]
            asked = {name.split("-")[1]: maker.describe_training_job(TrainingJobName=name) for name in names}
            assert {one["HyperParameters"]["num_training_samples"] for one in asked.values()} == {"12"}
            assert {one["HyperParameters"]["num_classes"] for one in asked.values()} == {"2"}
            assert [one["ChannelName"] for one in asked["json"]["InputDataConfig"]] == [
                "train", "validation", "train_annotation", "validation_annotation",
            ]  # fmt: skip
            account.train(asked["json"]["TrainingJobName"], {**SMALL, "epochs": "1"})
            job = asked["ssd"]["TrainingJobName"]
            account.names["boats-ssd-1127101500-ab12"] = job
            said = account.train(job, SMALL).splitlines()
            group, stream = "/aws/sagemaker/TrainingJobs", f"{job}/algo-1-1"
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            now = int(time.time() * 1000)
            events = [{"timestamp": now + k, "message": line} for k, line in enumerate(said) if line]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

        between = {
            "--manifest annotated": trained,
            "deploy cpu": lambda: account.serve("boats-cpu", TRACKFORGE_HOSTING_RESPONSE="builtin"),
        }
        assert account.walk(PAGE, "test_howto_ssd.py", between) == 13
        log = account.blocks["log"]
        assert len(log.epochs) == 8
        assert log.epochs[-1].map > 0
        assert (here / "model.tar.gz").stat().st_size > 1000
        assert (here / "val" / "val.html").is_file()
        assert len(list((here / "found").glob("*.jpg"))) == 16
        assert account.client("sagemaker").list_endpoints()["Endpoints"] == []
        assert account.client("s3").list_buckets()["Buckets"] == []


def test_the_published_runs_are_requests_that_aws_takes(monkeypatch, capsys):
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_PROJECT", "boats")
    shown = [one for block in blocks(PAGE) for one in block.commands() if "my-voc" in one]
    assert len(shown) == 4
    made = []
    for command in shown:
        assert main([*command.split()[1:], "--json"]) == 0
        (call,) = json.loads(capsys.readouterr().out)["requests"]
        assert r.check("sagemaker", "create_training_job", call["request"])
        made.append(call["request"])
    sizes = [(one["ResourceConfig"]["InstanceType"], one["ResourceConfig"]["InstanceCount"]) for one in made]
    assert sizes == [("ml.g5.12xlarge", 1), ("ml.g5.2xlarge", 1), ("ml.g5.12xlarge", 2), ("ml.g5.12xlarge", 2)]
    values = made[0]["HyperParameters"]
    assert (values["lr_scheduler_step"], values["use_pretrained_model"], values["epochs"]) == ("80,160", "1", "240")
    assert made[2]["HyperParameters"]["kv_store"] == "dist_sync"
