"""docs/howto-auto-labelling.md, its blocks in order: a model, a queue, labels, people, the next round, all gone."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from bright_model import png, scene, write_film
from doc_blocks import ROOT
from jumpstart_container import jumpstart_container
from labelled import stills
from page_cloud import cloud, written

from trackforge import data
from trackforge.review import Document
from trackforge_sagemaker.requests import jumpstart
from trackforge_sagemaker.testing.data_plane import AsyncOutput

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
PAGE = ROOT / "docs" / "howto-auto-labelling.md"
MODEL = "mxnet-is-mask-rcnn-fpn-resnet101-v1d-coco"
BUCKET = "labels-eu-west-1-123456789012"


def _archive(**files: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def _offer(s3) -> None:
    """Put the model into JumpStart's public bucket of the region."""
    spec = {
        "model_id": MODEL, "version": "1.2.0", "hosting_artifact_key": "m.tar.gz", "hosting_script_key": "s.tar.gz",
        "hosting_ecr_specs": {"framework": "mxnet", "framework_version": "1.9.0", "py_version": "py38"},
        "default_inference_instance_type": "ml.g4dn.xlarge",
    }  # fmt: skip
    place = jumpstart.content_bucket("eu-west-1")
    s3.create_bucket(Bucket=place, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    listed = [{"model_id": MODEL, "version": "1.2.0", "spec_key": "spec.json"}]
    for key, body in {
        jumpstart.MANIFEST: json.dumps(listed).encode(), "spec.json": json.dumps(spec).encode(),
        "m.tar.gz": _archive(weights=b"w"), "s.tar.gz": _archive(**{"inference.py": b"x"}),
    }.items():  # fmt: skip
        s3.put_object(Bucket=place, Key=key, Body=body)


def _people_adjust(job: Path, out: Path) -> None:
    """Lay out what an adjustment job leaves: people moved one box."""
    line = json.loads((job / "input.manifest").read_text())
    prefix = f"s3://{BUCKET}/jobs/adjust/"
    labels = written(job / line["labels-ref"].removeprefix(prefix))
    next(one for one in labels["tracking-annotations"] if one["annotations"])["annotations"][0]["left"] += 6
    place = Path("annotations/consolidated-annotation/output/0/SeqLabel.json")
    (out / place).parent.mkdir(parents=True)
    (out / place).write_text(json.dumps(labels))
    line["checked-ref"] = f"s3://{BUCKET}/out/{place}"
    line["checked-ref-metadata"] = line["labels-ref-metadata"] | {"adjustment-status": "adjusted"}
    (out / "manifests/output").mkdir(parents=True)
    (out / "manifests/output/output.manifest").write_text(json.dumps(line) + "\n")
    shutil.copytree(job / "frames", out / "frames")
    shutil.copytree(job / "sequence-files", out / "sequence-files")


def _lay_out(here: Path) -> None:
    """Make what the page's reader has: a film, a drive, labels of two models, Segment Anything."""
    write_film(here / "street.mp4", 3, 24)
    for camera, seed in (("front", 4), ("rear", 5)):
        (here / "drive" / camera).mkdir(parents=True)
        for k, image in enumerate(scene(seed, 6)):
            (here / "drive" / camera / f"1501822123.{k}00000.png").write_bytes(png(image))
    only = stills(here / "people", classes=("person", "car")).select_classes(["person"])
    data.write(only.rename_classes({"person": "pedestrian"}), here / "walkers.json")
    data.write(only[:2].rename_classes({"person": "cyclist"}), here / "bikes.json")
    for name in ("anna", "bert", "carla"):
        data.write(only, here / f"{name}.json")
    spec = importlib.util.spec_from_file_location("sam_graphs", ROOT / "plugins/trackforge-onnx/tests/test_sam.py")
    graphs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(graphs)
    graphs.encoder(here / "encoder.onnx")
    graphs.decoder(here / "decoder.onnx")


def test_from_a_model_to_checked_labels_and_back_to_nothing(tmp_path, monkeypatch, capsys):
    place = f"s3://{BUCKET}/async/labels-masks/out"
    output = AsyncOutput(output=place, failure=f"{place}-failed", concurrency=4)
    with (
        jumpstart_container() as container,
        cloud(tmp_path, monkeypatch, project="labels", endpoints={"labels-masks": output}) as account,
    ):
        here = tmp_path / "page"
        _lay_out(here)
        _offer(account.client("s3"))

        def deployed() -> None:
            maker, scaling = account.client("sagemaker"), account.client("application-autoscaling")
            config = maker.describe_endpoint_config(
                EndpointConfigName=maker.describe_endpoint(EndpointName="labels-masks")["EndpointConfigName"]
            )["AsyncInferenceConfig"]
            assert config["ClientConfig"]["MaxConcurrentInvocationsPerInstance"] == 4
            assert config["OutputConfig"]["S3OutputPath"] == place
            assert set(config["OutputConfig"]["NotificationConfig"]) == {"SuccessTopic", "ErrorTopic"}
            (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
            assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)
            policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
            (told,) = [one for one in policies if one["PolicyType"] == "TargetTrackingScaling"]
            told = told["TargetTrackingScalingPolicyConfiguration"]
            assert (told["TargetValue"], told["ScaleInCooldown"], told["ScaleOutCooldown"]) == (5.0, 300, 300)
            metric = told["CustomizedMetricSpecification"]
            assert metric["MetricName"] == "ApproximateBacklogSizePerInstance"
            account.plane.scale("labels-masks", [container])

        between = {"deploy masks": deployed, "--do fetch": lambda: _people_adjust(here / "adjust", here / "adjusted")}
        assert account.walk(PAGE, "test_howto_auto_labelling.py", between) == 13
        assert len(list((here / "answers").glob("*.out"))) == 24
        first = Document.load(here / "street-labels/sequences/street.labels.json")
        assert len(first.checked) == 6
        assert first.classes == ("person",)
        effort = written(here / "street-labels/rounds/000/measure.json")["effort"]
        assert (effort["moved"], effort["added"], effort["deleted"]) == (1, 0, 0)
        for name in ("drawn", "masks"):
            found = [json.loads(line) for line in (here / f"{name}.jsonl").read_text().splitlines()]
            assert len(found) == 24
            assert all(one["mask"]["counts"] for frame in found for one in frame["tracks"])
            assert sum(len(frame["tracks"]) for frame in found) > 40
        assert len(list((here / "drive-answers").rglob("*.out"))) == 12  # two cameras, the same names
        assert len(list((here / "drive-job/sequence-files").glob("*.json"))) == 2
        assert len(data.read(here / "agreed.json").boxes) == len(data.read(here / "anna.json").boxes)
        merged = data.read(here / "merged.json")
        assert set(merged.classes) == {"person", "rider"}
        for left in ("list_endpoints", "list_models"):
            assert not next(iter(getattr(account.client("sagemaker"), left)().values()))
        assert account.client("sns").list_topics()["Topics"] == []
        assert account.client("s3").list_buckets()["Buckets"]
