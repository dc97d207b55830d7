"""Every builder's request keeps botocore's service model; what SageMaker would refuse later is refused here."""

from __future__ import annotations

import json

import pytest
from aws_tools import need
from doc_blocks import ROOT, blocks

from trackforge.errors import ConfigError
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.requests.jumpstart import hub_content
from trackforge_sagemaker.requests.labelling import FUNCTIONS, function_arn, ui_arn
from trackforge_sagemaker.requests.registries import COMMON, FRAMEWORKS, OBJECT_DETECTION
from trackforge_sagemaker.requests.sizes import RETIRED, SERVERLESS, SIZES, current, machine

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mot-sagemaker"
IMAGE = r.image_uri(ACCOUNT, REGION, tag="gpu")
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mot-done"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mot-done"
TEAM = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/mot"
PROJECT = {"role": ROLE, "project": "mot"}
TRAINING = r.training_job(
    "mot-1", image=IMAGE, output="s3://mot/out", channels={"train": "s3://mot/t"}, trainer="fairmot",
    hyperparameters={"train.epochs": 20}, environment={"A": "b"}, **PROJECT,
)  # fmt: skip
RANGES = {"id_loss": ["ce", "focal"], "lr": (1e-5, 1e-3, "Logarithmic"), "train.batch_size": (4, 16)}
LABELS = {
    "region": REGION, "workteam": TEAM, "manifest": "s3://mot/l/input.manifest", "output": "s3://mot/l/out/",
    "attribute": "checked-ref", "categories": "s3://mot/l/categories.json", **PROJECT,
}  # fmt: skip
SCALED = [
    r.queue_scaling("mot", project="mot"),
    r.component_scaling("mot", project="mot"),
    r.variant_scaling("mot", project="mot"),
]


def _calls():
    """Every builder, once at least: name, service, operation, request."""
    sage = "sagemaker"
    yield "tuning", sage, "create_hyper_parameter_tuning_job", r.tuning_job(
        "mot-tune", TRAINING, project="mot", objective="val_loss", minimise=True, ranges=RANGES, jobs=3, parallel=1,
        seed=1, warm_start=["old"], early=True,
    )  # fmt: skip
    yield "grid", sage, "create_hyper_parameter_tuning_job", r.tuning_job(
        "mot-tune", TRAINING, project="mot", objective="ap", minimise=False, ranges={"id_loss": ["ce", "focal"]},
        strategy="Grid", jobs=2,
    )  # fmt: skip
    yield "best", sage, "create_training_job", r.best_training("mot-2", TRAINING, {"lr": "0.0003"})
    yield "processing", sage, "create_processing_job", r.processing_job(
        "mot-1", image=IMAGE, inputs={"input": "s3://mot/films/", "model": "s3://mot/m/model.tar.gz"},
        outputs={"output": "s3://mot/tracks/"}, arguments=["--formats", "mot,video"], count=2, sharded=["input"],
        upload="Continuous", environment={"TRACKFORGE_PROCESS_CONF": 0.4}, key="alias/mot",
        network=r.Network(subnets=["subnet-1"], groups=["sg-1"], isolated=True), **PROJECT,
    )  # fmt: skip
    yield (
        "script",
        sage,
        "create_processing_job",
        r.processing_job(
            "mot-2",
            image=IMAGE,
            inputs={},
            outputs={"output": "s3://mot/tracks/"},
            code="s3://mot/code/run.py",
            **PROJECT,
        ),
    )
    environment = {"TS_MAX_REQUEST_SIZE": 10**9}
    yield (
        "model",
        sage,
        "create_model",
        r.model("mot", containers=[r.container(IMAGE, "s3://mot/m/model.tar.gz", environment=environment)], **PROJECT),
    )
    yield (
        "model unpacked",
        sage,
        "create_model",
        r.model("mot", containers=[r.container(IMAGE, "s3://mot/m/")], network=r.Network(isolated=True), **PROJECT),
    )
    hosts = [r.container(IMAGE, "s3://mot/m/", host=one) for one in ("a", "b")]
    yield "models", sage, "create_model", r.model("mot", containers=hosts, **PROJECT)
    yield (
        "many models",
        sage,
        "create_model",
        r.model("mot", containers=[r.container(IMAGE, "s3://mot/m/", multi=True)], **PROJECT),
    )
    package = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/team-detector/3"
    yield "shared", sage, "create_model", r.packaged_model("mot", package, environment={"A": 1}, **PROJECT)
    two = [
        r.variant("mot", name="a", volume=100, ami="al2023-ami-sagemaker-inference-gpu-4-1"),
        r.variant("m2", name="b"),
    ]
    yield "real-time", sage, "create_endpoint_config", r.endpoint_config("mot", two, project="mot")
    told = r.asynchronous("s3://mot/out", failures="s3://mot/failed", succeeded=TOPIC, failed=TOPIC, include=True)
    yield (
        "asynchronous",
        sage,
        "create_endpoint_config",
        r.endpoint_config("mot", [r.variant("mot")], project="mot", calls=told, key="alias/mot"),
    )
    yield (
        "serverless",
        sage,
        "create_endpoint_config",
        r.endpoint_config("mot", [r.serverless_variant("mot", ready=2)], project="mot"),
    )
    yield (
        "components",
        sage,
        "create_endpoint_config",
        r.endpoint_config("mot", [r.component_variant()], project="mot", role=ROLE),
    )
    yield "endpoint", sage, "create_endpoint", r.endpoint("mot", "mot-1", project="mot")
    yield (
        "component",
        sage,
        "create_inference_component",
        r.inference_component("mot", endpoint="mot", model="mot", project="mot"),
    )
    for number, one in enumerate(SCALED):
        for call in one.calls():
            yield f"scaling {number}", call.service, call.operation, call.request
        if one.waking:
            yield f"alarm {number}", "cloudwatch", "put_metric_alarm", one.alarm("arn:aws:autoscaling:x")
    yield "topic", "sns", "create_topic", r.topic("mot-done", project="mot", key="alias/x")
    yield "queue", "sqs", "create_queue", r.queue("mot-done", project="mot")
    yield "queue policy", "sqs", "set_queue_attributes", r.queue_policy("https://sqs/1/mot", QUEUE, TOPIC)
    yield "subscription", "sns", "subscribe", r.subscription(TOPIC, QUEUE)
    yield (
        "transform",
        sage,
        "create_transform_job",
        r.transform_job("mot", model="ssd", project="mot", source="s3://mot/pictures/", output="s3://mot/answers/"),
    )
    for form, more in {
        "recordio": {"pipe": True},
        "images": {"annotations": ("s3://mot/a", "s3://mot/b")},
        "manifest": {"attributes": ("source-ref", "boxes")},
    }.items():
        yield f"built-in {form}", sage, "create_training_job", r.object_detection_training(
            "ssd-1", region=REGION, output="s3://mot/out", train="s3://mot/t", validation="s3://mot/v", form=form,
            counted=r.Counted(500, boxes=80, classes=frozenset({0, 1})), pretrained="s3://mot/m/model.tar.gz", count=2,
            checkpoints="s3://mot/c", spot=True, **more, **PROJECT,
        )  # fmt: skip
    yield (
        "labels",
        sage,
        "create_labeling_job",
        r.labeling_job(
            "mot", audited="labels-ref", told=TOPIC, key="alias/mot", keywords=["cars"], most_labelled=9, **LABELS
        ),
    )
    yield (
        "boxes",
        sage,
        "create_labeling_job",
        r.labeling_job(
            "mot", task="boxes", kind="verification", template="s3://mot/l/t.html", **{**LABELS, "attribute": "checked"}
        ),
    )
    yield (
        "team",
        sage,
        "create_workteam",
        r.workteam(
            "mot", project="mot", description="People", pool="eu-west-1_abc", group="mot", client="1", told=TOPIC
        ),
    )
    yield "own team", sage, "create_workteam", r.workteam("mot", project="mot", description="People", groups=["mot"])
    yield "workforce", sage, "create_workforce", r.workforce("mot", project="mot", pool="eu-west-1_abc", client="1")
    yield "role", "iam", "create_role", r.role("mot", account=ACCOUNT, project="mot")
    policy = r.execution_policy(
        region=REGION, account=ACCOUNT, bucket="mot", prefix="mot", read=["other"], topics=[TOPIC], key="arn:aws:kms:x",
        private=True,
    )  # fmt: skip
    yield "policy", "iam", "put_role_policy", r.role_policy("mot", policy)
    yield "bucket", "s3", "create_bucket", r.bucket("mot-1", REGION)
    for call in (*r.bucket_settings("mot-1", project="mot"), *r.repository("mot", project="mot")):
        yield call.operation, call.service, call.operation, call.request
    yield "quotas", "service-quotas", "list_service_quotas", r.list_quotas()
    quota = r.Quota("ml.g5.xlarge", "training", 0, "L-1")
    yield "quota", "service-quotas", "request_service_quota_increase", r.quota_increase(quota, 2)
    yield "streams", "logs", "describe_log_streams", r.log_streams("training-job", "mot-1")
    yield "events", "logs", "filter_log_events", r.log_events("tuning-job", "mot", since=1, pattern="x", token="t")
    yield "query", "logs", "start_query", r.log_query("endpoint", "mot", since=1, until=2, words="ERROR")
    yield "hub", sage, "describe_hub_content", hub_content("team", "cars", version="1.0.0")
    yield "tagged", "resourcegroupstaggingapi", "get_resources", r.tagged("mot")


CALLS = list(_calls())


@pytest.mark.sagemaker
@pytest.mark.parametrize("call", CALLS, ids=[f"{call[0]}-{call[2]}" for call in CALLS])
def test_requests_keep_the_service_model(call):
    need("botocore")
    _, service, operation, request = call
    assert r.check(service, operation, request)
    assert json.loads(json.dumps(request)) == request  # plain: shown by a dry run as it is sent


def test_everything_that_is_made_carries_the_projects_tags():
    untagged = {"put_", "set_", "subscribe", "list_", "describe_", "filter_", "start_", "get_", "request_"}
    for name, _, operation, request in CALLS:
        if operation == "create_bucket" or operation.startswith(tuple(untagged)):
            continue
        tags = request.get("Tags") or request.get("tags")
        found = tags if isinstance(tags, dict) else r.as_mapping(tags)
        assert found["trackforge:project"] == "mot", name


@pytest.mark.sagemaker
def test_sizes_and_accounts_are_those_of_aws():
    need("botocore")
    import botocore.session

    shape = botocore.session.get_session().get_service_model("sagemaker")
    known = {
        one
        for name in ("TrainingInstanceType", "ProductionVariantInstanceType", "ProcessingInstanceType")
        for one in shape.shape_for(name).enum
    }
    assert set(SIZES) <= known
    assert set(RETIRED) <= known  # botocore does not warn of them
    assert set(RETIRED.values()) <= set(SIZES)
    memory = shape.shape_for("ServerlessMemorySizeInMB").metadata
    assert (memory["min"], memory["max"]) == (min(SERVERLESS), max(SERVERLESS))


@pytest.mark.sagemaker
def test_registries_are_those_that_the_sdk_knows():
    need("sagemaker.core")
    from importlib.util import find_spec
    from pathlib import Path

    root = Path(find_spec("sagemaker.core").submodule_search_locations[0])
    built_in = json.loads((root / "image_uri_config/object-detection.json").read_text())["versions"]["1"]["registries"]
    assert {region: built_in[region] for region in OBJECT_DETECTION} == OBJECT_DETECTION
    assert all("-iso" in region for region in set(built_in) - set(OBJECT_DETECTION))
    frameworks = json.loads((root / "image_uri_config/mxnet.json").read_text())["inference"]["versions"]["1.9.0"]
    others = {region: one for region, one in frameworks["registries"].items() if one != COMMON and "-iso" not in region}
    assert others == FRAMEWORKS
    buckets = json.loads((root / "jumpstart/region_config.json").read_text())
    assert all(one["content_bucket"] == f"jumpstart-cache-prod-{region}" for region, one in buckets.items())


def test_sizes_say_what_they_have():
    assert str(machine("ml.g5.12xlarge")) == "ml.g5.12xlarge: 48 CPUs, 192 GiB, 4 x A10G with 24 GB"
    assert "no GPU" in str(machine("ml.c5.xlarge"))
    assert machine("ml.t3.large") is None
    now, note = current("ml.p3.16xlarge")
    assert (now, note.startswith("ml.p3.16xlarge is retired")) == ("ml.g5.48xlarge", True)


def test_scaling_to_zero_has_its_way_back():
    queue, component, variant = SCALED
    assert queue.alarm("arn")["AlarmActions"] == ["arn"]
    assert queue.alarm("arn")["MetricName"] == "HasBacklogWithoutCapacity"
    assert component.alarm("arn")["MetricName"] == "NoCapacityInvocationFailures"
    assert not variant.waking
    assert len(list(queue.calls())) == 3
    awake = r.queue_scaling("mot", project="mot", least=1)
    assert not awake.step
    assert not awake.waking
    with pytest.raises(ConfigError, match="keep a machine"):
        r.variant_scaling("mot", project="mot", least=0)


def test_tracking_is_refused_to_batch_transform():
    with pytest.raises(ConfigError, match="any order"):
        r.transform_job(
            "mot", model="m", project="mot", source="s3://mot/p/", output="s3://mot/a/", tracking=True
        )  # fmt: skip


def test_labelling_knows_its_functions_and_its_limits():
    for region in FUNCTIONS:
        assert FUNCTIONS[region] in function_arn(region, "new", "boxes", "ACS")
    assert ui_arn(REGION, "video-detection").endswith("394669845002:human-task-ui/VideoObjectDetection")
    assert function_arn(REGION, "verification", "boxes", "PRE").endswith("PRE-VerificationBoundingBox")
    refused = {
        "end in -ref": {"attribute": "label"},
        "-metadata": {"attribute": "label-metadata"},
        "another than": {"audited": "checked-ref"},
        "1 person": {"workers": 2},
        "none for video": {"template": "s3://mot/t.html"},
        "604800": {"seconds": 604801},
        "offered in the region": {"region": "eu-north-1"},
    }
    for message, bad in refused.items():
        with pytest.raises(ConfigError, match=message):
            r.labeling_job("mot", **{**LABELS, **bad})
    with pytest.raises(ConfigError, match="not both"):
        r.workteam("mot", project="mot", description="x")


def test_what_no_endpoint_can_be_is_refused():
    one = r.variant("mot")
    for message, made in {
        "different names": lambda: r.endpoint_config("a", [one, one], project="mot"),
        "1024, 2048": lambda: r.serverless_variant("mot", memory=8192),
        "200 calls": lambda: r.serverless_variant("mot", concurrency=201),
        "cannot be asynchronous": lambda: r.endpoint_config(
            "a", [r.serverless_variant("m")], project="mot", calls=r.asynchronous("s3://mot/o")
        ),
        "a role": lambda: r.endpoint_config("a", [r.component_variant()], project="mot"),
        "1 to 1000": lambda: r.asynchronous("s3://mot/o", concurrency=0),
        "60 to 3600": lambda: r.variant("mot", startup=10),
        "ARN of a package": lambda: r.packaged_model("m", "arn:aws:sagemaker:x:1:model/m", **PROJECT),
        "ends in '/'": lambda: r.container(IMAGE, "s3://mot/m.tar.gz", multi=True),
        "subnets": lambda: r.Network(subnets=["a"]),
    }.items():
        with pytest.raises(ConfigError, match=message):
            made()


def test_tunings_vary_what_is_not_fixed():
    def tuned(**more):
        given = {"objective": "val_loss", "minimise": True, "ranges": RANGES, "jobs": 3, "parallel": 1, **more}
        return r.tuning_job("mot", TRAINING, project="mot", **given)

    made = tuned()
    ranges = made["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert ranges["IntegerParameterRanges"][0] == {
        "Name": "train__batch_size", "MinValue": "4", "MaxValue": "16", "ScalingType": "Auto",
    }  # fmt: skip
    assert made["TrainingJobDefinition"]["StaticHyperParameters"]["train__epochs"] == "20"
    assert "CheckpointConfig" not in made["TrainingJobDefinition"]
    for message, bad in {
        "did you mean|Did you mean 'val_loss'": {"objective": "val_los"},
        "either varied or fixed": {"ranges": {"train.epochs": (1, 3)}},
        "at a time": {"parallel": 4},
        "as a range": {"strategy": "Grid"},
        "least below": {"ranges": {"lr": (1.0, 1.0)}},
        "1 to 30": {"ranges": {}},
    }.items():
        with pytest.raises(ConfigError, match=message):
            tuned(**bad)
    assert r.parse_range("1e-5:1e-3:log") == (1e-5, 1e-3, "Logarithmic")
    with pytest.raises(ConfigError, match="scale"):
        r.parse_range("1:2:quick")
    told = {**TRAINING["HyperParameters"], "_tuning_objective_metric": "val_loss"}
    described = {**TRAINING, "HyperParameters": told, "SecondaryStatus": "Completed"}
    best = r.best_training("mot-9", described, {"lr": "0.0003"})
    assert best["HyperParameters"] == {"trainer": "fairmot", "train__epochs": "20", "lr": "0.0003", "whole": "true"}


def test_quotas_are_found_by_name():
    listed = [
        {"QuotaName": "ml.g5.12xlarge for training job usage", "Value": 1.0, "QuotaCode": "L-2", "Adjustable": True}
    ]
    found = r.quotas(listed, {"ml.p3.8xlarge": ["training", "endpoint"]})
    assert [(one.size, one.value, one.code) for one in found] == [
        ("ml.g5.12xlarge", 1, "L-2"),
        ("ml.g5.12xlarge", 0, ""),
    ]
    with pytest.raises(ConfigError, match="raised"):
        r.quota_increase(found[1], 3)


def test_rights_name_actions_and_things():
    policies = [
        r.execution_policy(region=REGION, account=ACCOUNT, bucket="mot"),
        r.client_policy(region="cn-north-1", account=ACCOUNT, project="mot", bucket="mot", role=ROLE),
        r.serving_policy(region="cn-north-1", account=ACCOUNT, project="mot"),
    ]
    everywhere = {"Login", "List", "Find", "Scale", "Metrics", "Network"}
    for policy in policies:
        for statement in policy["Statement"]:
            assert not any(action.endswith("*") for action in statement["Action"]), statement
            assert statement["Sid"] in everywhere or "*" not in statement["Resource"], statement
        assert len(json.dumps(policy)) < 6144  # what a managed policy may have
    assert "arn:aws-cn:s3:::mot" in json.dumps(policies[1])
    assert r.trust_policy(ACCOUNT)["Statement"][0]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_the_page_builds_its_requests():
    (block,) = [
        one for one in blocks(ROOT / "docs/sagemaker-control.md") if one.test.endswith("test_requests_builders.py")
    ]  # fmt: skip
    names: dict[str, object] = {}
    exec(block.text, names)
    assert names["tuning"]["TrainingJobDefinition"]["StaticHyperParameters"]["classes"] == '["person"]'
