"""The built-in Object Detection and JumpStart: what is counted, computed, read from logs and documents."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from labelled import film, stills, write_picture

import trackforge
from trackforge import data
from trackforge.errors import ConfigError, DataError
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.metrics import definitions
from trackforge_sagemaker.metrics.builtin import read_log
from trackforge_sagemaker.requests import jumpstart
from trackforge_sagemaker.requests.builtin_settings import SETTINGS, checked, checked_ranges

REGION, ROLE = "eu-west-1", "arn:aws:iam::123456789012:role/mot"
JOB = {
    "region": REGION, "role": ROLE, "project": "mot", "output": "s3://mot/o", "train": "s3://mot/t",
    "validation": "s3://mot/v",
}  # fmt: skip
LOG = """\
[06/08/2021 00:23:40 INFO 139868] Epoch:    0, batches:    1000, num_examples:    16000, 88.7 samples/sec, epoch time so far: 0:03:00
[06/08/2021 00:23:45 INFO 139868] #quality_metric: host=algo-1, epoch=0, batch=1035 train cross_entropy <loss>=(1.159)
[06/08/2021 00:23:45 INFO 139868] #quality_metric: host=algo-1, epoch=0, batch=1035 train smooth_l1 <loss>=(0.54)
[06/08/2021 00:23:45 INFO 139868] #quality_metric: host=algo-1, epoch=0, validation mAP <score>=(0.199)
[06/08/2021 00:23:45 INFO 139868] #progress_metric: host=algo-1, completed 20.0 % of epochs
[06/08/2021 00:23:46 INFO 139868] Saved checkpoint to "/opt/ml/model/model_algo_1-0000.params"
[06/08/2021 00:26:45 INFO 139868] #quality_metric: host=algo-1, epoch=1, batch=1035 train cross_entropy <loss>=(nan)
[06/08/2021 00:26:45 INFO 139868] #quality_metric: host=algo-1, epoch=1, validation mAP <score>=(0.312)
[06/08/2021 00:26:45 INFO 139868] #quality_metric: host=algo-2, epoch=1, validation mAP <score>=(0.9)
[06/08/2021 00:26:45 INFO 139868] #progress_metric: host=algo-1, completed 40.0 % of epochs
"""  # noqa: E501 - lines of a published log


def test_logs_become_metrics():
    log = read_log(LOG.splitlines())
    first, second = log.epochs
    assert first.metrics == {
        "train:cross_entropy": 1.159, "train:smooth_l1": 0.54, "validation:mAP": 0.199, "train:throughput": 88.7,
    }  # fmt: skip
    assert math.isnan(second.cross_entropy)
    assert (log.best, log.progress, log.saved) == (second, 40.0, ["/opt/ml/model/model_algo_1-0000.params"])
    names = {one["Name"] for one in definitions("ssd")}
    assert set(first.metrics) - {"train:throughput"} <= names
    assert read_log(["nothing", "#quality_metric: host=algo-1"]).best is None


def test_a_manifest_is_counted(tmp_path):
    boxes = [{"class_id": k % 3, "left": 1, "top": 1, "width": 5, "height": 5} for k in range(90)]
    lines = [json.dumps({"source-ref": f"s3://b/{k}.jpg", "boxes": {"annotations": boxes[: k * 30]}}) for k in range(4)]
    path = tmp_path / "train.manifest"
    path.write_text("\n".join(lines) + "\n\n")
    counted = r.count_manifest(path, "boxes")
    assert (counted.samples, counted.boxes, counted.num_classes, counted.label_width) == (4, 90, 3, 452)
    assert r.count_manifest(lines, "boxes") == counted
    request = r.object_detection_training(
        "ssd-1", counted=counted, form="manifest", attributes=("source-ref", "boxes"),
        hyperparameters={"mini_batch_size": 2}, **JOB,
    )  # fmt: skip
    sent = request["HyperParameters"]
    assert (sent["num_training_samples"], sent["num_classes"], sent["label_width"]) == ("4", "3", "452")
    assert sent["use_pretrained_model"] == "1"
    channel = request["InputDataConfig"][0]
    assert (channel["InputMode"], channel["RecordWrapperType"]) == ("Pipe", "RecordIO")
    assert channel["DataSource"]["S3DataSource"]["AttributeNames"] == ["source-ref", "boxes"]
    for bad, message in (
        ("{", r"train\.manifest:5"),
        ('{"source-ref": "x"}', "must have source-ref and boxes; it has source-ref"),
        ('{"source-ref": "x", "boxes": {}}', "annotations"),
    ):
        path.write_text("\n".join([*lines, bad]))
        with pytest.raises(DataError, match=message):
            r.count_manifest(path, "boxes")
    with pytest.raises(DataError, match="empty"):
        r.count_manifest([], "boxes")


def test_records_and_annotations_are_counted(tmp_path):
    stills(tmp_path / "set")
    made = stills(tmp_path / "set")
    data.write(made, tmp_path / "rec", "recordio")
    part = next((tmp_path / "rec").rglob("train*.rec"))
    assert r.count_records(part).samples == 2
    document = {"file": "a.jpg", "annotations": [{"class_id": 1}], "categories": []}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/a.json").write_text(json.dumps(document))
    assert r.count_annotations(tmp_path / "annotations") == r.Counted(1, 1, frozenset({1}))
    with pytest.raises(DataError, match=r"NAME\.json"):
        r.count_annotations(tmp_path / "set")


def test_hyperparameters_are_held_against_the_table():
    told = {"num_classes": 2, "num_training_samples": 16551}
    seed = {
        "base_network": "resnet-50", "epochs": 240, "mini_batch_size": 16, "learning_rate": 0.0005,
        "lr_scheduler_step": "80,160", "lr_scheduler_factor": 0.1, "optimizer": "sgd", "momentum": 0.9,
        "weight_decay": 0.0005, "image_shape": 512, "label_width": 480, "early_stopping": "False",
    }  # fmt: skip
    assert checked({**told, **seed})["lr_scheduler_step"] == "80,160"
    defaults = {name: one.default for name, one in SETTINGS.items() if one.default is not None}
    checked({**told, **defaults})
    for name, value in {
        "base_network": "vgg16", "learning_rate": 1, "momentum": 1.0, "image_shape": 299, "epochs": 1.5,
        "lr_scheduler_step": "80;160", "kv_store": "local", "early_stopping": "maybe", "num_classes": 0,
    }.items():  # fmt: skip
        with pytest.raises(ConfigError, match=f"{name} must be"):
            checked({**told, name: value})
    with pytest.raises(ConfigError, match=r"no hyperparameter 'learning_rat'.*learning_rate"):
        checked({**told, "learning_rat": 1})
    with pytest.raises(ConfigError, match="told num_classes"):
        checked({"num_training_samples": 3})
    assert checked_ranges({"learning_rate": (1e-6, 0.5), "optimizer": ["sgd", "adam"]})
    for bad in ({"learning_rate": (1e-7, 0.5)}, {"optimizer": ["lion"]}, {"epochs": (1, 2)}):
        with pytest.raises(ConfigError, match="must be"):
            checked_ranges(bad)


def test_what_the_algorithm_would_refuse_is_refused():
    counted = r.Counted(100, 2, frozenset({0}))
    for message, bad in {
        "GPUs of g4dn or g5": {"instance": "ml.m5.xlarge"},
        "number of GPUs, 8": {"instance": "ml.g5.48xlarge", "hyperparameters": {"mini_batch_size": 4}},
        "at most num_training_samples": {"hyperparameters": {"mini_batch_size": 128}},
        "label_width must hold": {
            "counted": r.Counted(100, 99, frozenset({0})),
            "hyperparameters": {"label_width": 350},
        },
        "offered in the region": {"region": "eu-west-9"},
        "Spot": {"spot": True},
        "those of pictures": {"annotations": ("s3://a/b", "s3://a/c")},
        "fewer than two": {"form": "manifest"},
        "image/jpeg": {"form": "images"},
    }.items():
        with pytest.raises(ConfigError, match=message):
            r.object_detection_training("ssd-1", **{**JOB, "counted": counted, **bad})
    several = r.object_detection_training("ssd-1", counted=counted, count=2, **JOB)
    assert several["HyperParameters"]["kv_store"] == "dist_sync"
    assert "MetricDefinitions" not in several["AlgorithmSpecification"]


def test_stored_answers_are_tracked(tmp_path):
    """The endpoint's shapes -> detections -> a tracker: two walkers are two tracks."""
    walkers = film(tmp_path)
    answers = tmp_path / "answers"
    answers.mkdir()
    for frame in range(6):
        name = write_picture(tmp_path / f"pictures/{frame:03d}.png", (64, 48), frame).name
        xyxy = walkers.boxes.xyxy[(walkers.boxes.image == frame) & ~walkers.boxes.ignore]
        if frame % 2:
            rows = [{"class_id": 0, "score": 0.9, "left": x, "top": y, "width": z - x, "height": w - y}
                    for x, y, z, w in xyxy.tolist()]  # fmt: skip
            answer = {"image_size": [{"width": 64, "height": 48, "depth": 3}], "annotations": rows}
        else:
            shares = (xyxy / [64, 48, 64, 48]).tolist()
            answer = {"prediction": [[0.0, 0.9, *one] for one in reversed(shares)] + [[-1.0, 0.8, 0, 0, 1, 1]]}
        (answers / f"{name}.out").write_text(json.dumps(answer))
    detector = trackforge.detector("response", path=answers, classes=("person",))
    steps = trackforge.track(str(tmp_path / "pictures"), detector=detector, tracker="sort")
    seen = [step.tracks for step in steps]
    assert {track for tracks in seen for track in tracks.track_id.tolist()} == set(seen[-1].track_id.tolist())
    assert [len(tracks) for tracks in seen][-3:] == [2, 2, 2]


SPEC = {
    "model_id": "mxnet-od-ssd", "version": "2.0.0", "hosting_artifact_key": "mxnet/infer.tar.gz",
    "hosting_script_key": "scripts/sourcedir.tar.gz", "default_inference_instance_type": "ml.p3.2xlarge",
    "supported_inference_instance_types": ["ml.g5.2xlarge", "ml.m5.xlarge"],
    "hosting_ecr_specs": {"framework": "mxnet", "framework_version": "1.9.0", "py_version": "py38"},
    "inference_environment_variables": [
        {"name": "MODEL_CACHE_ROOT", "default": "/opt/ml/model", "required_for_model_class": True},
        {"name": "ENDPOINT_SERVER_TIMEOUT", "default": 3600},
        {"name": "SAGEMAKER_REGION", "default": None},
        {"name": "ONLY_SOMETIMES", "default": "1", "required_for_model_class": False},
    ],
}  # fmt: skip


def test_jumpstart_ids_become_addresses():
    found = jumpstart.resolve(SPEC, REGION)
    bucket = "s3://jumpstart-cache-prod-eu-west-1"
    assert found.image == "763104351884.dkr.ecr.eu-west-1.amazonaws.com/mxnet-inference:1.9.0-gpu-py38"
    assert (found.data, found.script) == (f"{bucket}/mxnet/infer.tar.gz", f"{bucket}/scripts/sourcedir.tar.gz")
    assert found.environment == {"MODEL_CACHE_ROOT": "/opt/ml/model", "ENDPOINT_SERVER_TIMEOUT": "3600"}
    assert found.instance == "ml.g5.2xlarge"
    assert "-cpu-" in jumpstart.resolve(SPEC, REGION, instance="ml.m5.xlarge").image
    packed = jumpstart.resolve({**SPEC, "hosting_prepacked_artifact_key": "packed/"}, REGION)
    assert (packed.data, packed.script) == (f"{bucket}/packed/", "")
    variants = {
        "regional_aliases": {REGION: {"gpu_uri": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1"}},
        "variants": {"g5": {"regional_properties": {"image_uri": "$gpu_uri"}}},
    }
    named = {**SPEC, "hosting_instance_type_variants": variants}
    assert jumpstart.resolve(named, REGION).image.endswith("/x:1")
    with pytest.raises(ConfigError, match="offered in the region"):
        jumpstart.resolve(named, "eu-west-2")
    with pytest.raises(ConfigError, match=r"run on one of ml\.g5"):
        jumpstart.resolve(SPEC, REGION, instance="ml.c5.xlarge")
    with pytest.raises(DataError, match="gated"):
        jumpstart.resolve({**SPEC, "gated_bucket": True}, REGION)
    for lacking in ("hosting_artifact_key", "hosting_ecr_specs", "model_id"):
        with pytest.raises(DataError):
            jumpstart.resolve({key: value for key, value in SPEC.items() if key != lacking}, REGION)


def test_jumpstart_versions_are_numbers():
    manifest = [{"model_id": "a", "version": one, "spec_key": f"a/{one}"} for one in ("1.2.0", "1.10.0", "2.0.0")]
    assert jumpstart.find(manifest, "a")["version"] == "2.0.0"
    assert jumpstart.find(manifest, "a", "1.*")["version"] == "1.10.0"
    for model, version, message in (("b", "*", "one of JumpStart's 1"), ("a", "3.*", "It has 1.2.0, 1.10.0, 2.0.0")):
        with pytest.raises(ConfigError, match=message):
            jumpstart.find(manifest, model, version)
    with pytest.raises(DataError, match="must be a list"):
        jumpstart.find([{"model": 1}], "a")


def test_a_hub_names_whole_addresses():
    document = {
        "HostingEcrUri": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "HostingArtifactUri": "s3://team/m.tar.gz",
        "HostingScriptUri": "s3://team/s.tar.gz", "DefaultInferenceInstanceType": "ml.g5.xlarge",
        "InferenceEnvironmentVariables": [{"Name": "A", "Default": 1, "RequiredForModelClass": True}],
    }  # fmt: skip
    answer = {"HubContentDocument": json.dumps(document), "HubContentName": "cars", "HubContentVersion": "1.0.0"}
    found = jumpstart.from_hub(answer)
    assert (found.id, found.data, found.script) == ("cars", "s3://team/m.tar.gz", "s3://team/s.tar.gz")
    assert (found.environment, found.instance) == ({"A": "1"}, "ml.g5.xlarge")
    with pytest.raises(DataError, match="HostingEcrUri"):
        jumpstart.from_hub({**answer, "HubContentDocument": "{}"})
    with pytest.raises(DataError, match="JSON"):
        jumpstart.from_hub({**answer, "HubContentDocument": "{"})


def test_requests_need_no_sdk():
    """Built where boto3 is not, and nothing heavy is loaded for it."""
    script = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("boto3", "botocore", "sagemaker"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from trackforge_sagemaker import requests as r
made = r.training_job("a", image="i", role="arn:aws:iam::123456789012:role/x", output="s3://mot/o", project="p",
                      channels={"train": "s3://mot/t"})
assert made["TrainingJobName"] == "a"
assert "numpy" not in sys.modules, "numpy"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
