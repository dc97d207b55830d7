"""docs/howto-counting.md, its blocks in order: pictures, labels, training, endpoint, counts, and all gone again."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest
from doc_blocks import ROOT
from page_cloud import cloud, written
from ssd_run import shapes

from trackforge import data
from trackforge.cli import main
from trackforge_sagemaker import requests as r

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
PAGE = ROOT / "docs" / "howto-counting.md"
PREFIX = "s3://harbour-eu-west-1-123456789012/labels/boats-job/"
SMALL = {
    "base_network": None, "use_pretrained_model": None, "trainer__variant": "sagemaker-resnet50-96/16", "epochs": "25",
    "learning_rate": "0.01", "augmentation": "none", "train__workers": "0", "train__tensorboard": "false",
    "train__validate_start": "false",
}  # fmt: skip
"""A narrow network in place of ResNet-50 that knows ImageNet."""


def _people_answer(boats, folder) -> None:
    """Lay out what a job of boxes leaves, as one person drew it."""
    lines = []
    for k in range(len(boats)):
        one, path = boats[[k]], str(boats.images.path[k]).removeprefix("pictures/")
        boxes = [
            {"class_id": 0, "left": int(x), "top": int(y), "width": int(a - x), "height": int(b - y)}
            for x, y, a, b in one.boxes.xyxy.tolist()
        ]
        size = [{"width": int(one.images.width[0]), "height": int(one.images.height[0]), "depth": 3}]
        about = {
            "class-map": {"0": "boat"}, "type": "groundtruth/object-detection", "human-annotated": "yes",
            "creation-date": "2026-11-27T10:15:00.000000", "job-name": "labeling-job/harbour-labels-1127101500-ab12",
            "objects": [{"confidence": 0.9}] * len(boxes),
        }  # fmt: skip
        labels = {"image_size": size, "annotations": boxes}
        lines.append({"source-ref": f"{PREFIX}images/{path}", "boats": labels, "boats-metadata": about})
    place = folder / "manifests" / "output"
    place.mkdir(parents=True)
    (place / "output.manifest").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("annotation-tool", "annotations/worker-response", "manifests/intermediate", "temp"):
        (folder / name).mkdir(parents=True, exist_ok=True)


def test_from_pictures_to_counts_and_back_to_nothing(tmp_path, monkeypatch, capsys):
    boats = shapes(tmp_path / "truth", count=16).select_classes(["disc"]).rename_classes({"disc": "boat"})
    with cloud(tmp_path, monkeypatch, project="harbour", endpoints={"harbour-boats": None}) as account:
        here = tmp_path / "page"
        shutil.copytree(tmp_path / "truth" / "pictures", here / "boats")

        def trained() -> None:
            job = account.newest_training()
            account.names["harbour-boats-1127113000-cd34"] = job
            asked = account.client("sagemaker").describe_training_job(TrainingJobName=job)
            values = asked["HyperParameters"]
            lines = (here / "boats-data/train.manifest").read_text().splitlines()
            assert (values["num_training_samples"], values["num_classes"]) == (str(len(lines)), "1")
            train, validation = asked["InputDataConfig"]
            assert (train["RecordWrapperType"], validation["ChannelName"]) == ("RecordIO", "validation")
            assert train["DataSource"]["S3DataSource"]["S3DataType"] == "AugmentedManifestFile"
            assert "validation mAP" in account.train(job, SMALL)

        between = {
            "--do fetch": lambda: _people_answer(boats, here / "labelled"),
            "train object-detection": trained,
            "deploy boats": lambda: account.serve("harbour-boats", TRACKFORGE_HOSTING_RESPONSE="builtin"),
        }
        assert account.walk(PAGE, "test_howto_counting.py", between) == 14
        counted = list(csv.DictReader(io.StringIO((here / "counted/boats.csv").read_text())))
        assert {row["class"] for row in counted} == {"boat"}
        assert sum(int(row["count"]) for row in counted) >= 12
        asked = written(here / "response.json")["prediction"]
        alone = written(here / "one/boats.json")
        assert alone["pictures"][0]["total"] == sum(row[1] >= 0.2 for row in asked) > 0
        assert (here / "counts.csv").read_text() == (here / "counted/boats.csv").read_text()
        left = account.client("sagemaker").list_endpoints()["Endpoints"]
        assert left == []


def test_the_labelling_job_of_the_page_is_one_that_aws_takes(tmp_path, monkeypatch, capsys):
    pytest.importorskip("botocore")
    monkeypatch.chdir(tmp_path)
    boats = shapes(tmp_path / "boats", count=3)
    data.write_job(boats, "boats-job", kind="new", task="boxes", attribute="boats", prefix=PREFIX)
    words = ["--workteam", "annotators", "--attribute", "boats", "--minutes", "60", "--region", "eu-west-1"]
    assert main(["sagemaker", "label", "boats-job", *words, "--project", "harbour", "--dry-run", "--json"]) == 0
    calls = json.loads(capsys.readouterr().out)["requests"]
    (made,) = [one["request"] for one in calls if one["operation"] == "create_labeling_job"]
    assert r.check("sagemaker", "create_labeling_job", made)
    assert made["HumanTaskConfig"]["TaskTimeLimitInSeconds"] == 3600
    assert made["LabelAttributeName"] == "boats"
    assert made["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"] == f"{PREFIX}input.manifest"
