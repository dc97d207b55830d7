"""``trackforge sagemaker`` against moto's server: what is made, found by its tag, and taken away again."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time

import aws_tools
import pytest
from bright_model import png, scene

from trackforge.cli import main
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.inventory import inventory
from trackforge_sagemaker.requests import bucket, bucket_settings, execution_policy, repository, role, role_policy
from trackforge_sagemaker.testing.data_plane import DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
MODEL = ["--model", "s3://models/model.tar.gz", "--image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/street:cpu"]
SMALL = ["--instance", "ml.g4dn.xlarge"]


@pytest.fixture(scope="module")
def moto():
    aws_tools.need("boto3", "moto")
    with aws_tools.moto_server() as address:
        yield address


@pytest.fixture(autouse=True)
def cloud(moto, monkeypatch):
    for name, value in {**aws_tools.AWS, "AWS_ENDPOINT_URL": moto, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)


def run(capsys, *words, code=0):
    assert main(["sagemaker", *words]) == code, capsys.readouterr().err
    return capsys.readouterr()


def told(capsys, *words, code=0):
    return json.loads(run(capsys, *words, "--json", code=code).out)


def test_everything_that_is_made_is_found_by_tag_and_deleted(capsys):
    aws = Aws(AwsRun(project="street"))
    aws.call("s3", "create_bucket", bucket(aws.bucket, aws.region))
    for call in (*bucket_settings(aws.bucket, project="street"), *repository("street", project="street")):
        aws.call(call.service, call.operation, call.request)
    aws.call("s3", "put_object", {"Bucket": aws.bucket, "Key": "data/a", "Body": b"x"})
    aws.call("iam", "create_role", role("street-sagemaker", account=aws.account, project="street"))
    policy = execution_policy(region=aws.region, account=aws.account, bucket=aws.bucket)
    aws.call("iam", "put_role_policy", role_policy("street-sagemaker", policy))
    words = ("deploy", "films", "--project", "street", *MODEL, *SMALL, "--way", "asynchronous", "--notify")
    made = told(capsys, *words, "--least", "0", "--most", "2")
    assert made["scaling"] == {"least": 0, "most": 2, "wakes": True}
    assert made["queue"].endswith("street-films-results")
    told(capsys, "deploy", "other", "--project", "another", *MODEL, *SMALL)
    aws.call("logs", "create_log_group", {"logGroupName": "/aws/sagemaker/Endpoints/street-films"})

    listed = told(capsys, "delete", "--project", "street")
    kinds = {one["kind"] for one in listed["found"]}
    assert kinds == {
        "alarm", "scalable-target", "endpoint", "endpoint-config", "model", "topic", "queue", "role", "repository",
        "log-group", "bucket",
    }  # fmt: skip
    assert listed["deleted"] == []
    assert set(listed["kept"]) == {aws.bucket, "street", "/aws/sagemaker/Endpoints/street-films"}
    first = told(capsys, "delete", "--project", "street", "--yes", "--only", "street-films-results")
    assert first["deleted"] == ["street-films-results"]
    whole = told(capsys, "delete", "--project", "street", "--yes", "--data")
    assert whole["failed"] == {}
    assert set(whole["deleted"]) >= {"street-films", "street-sagemaker", aws.bucket}
    assert told(capsys, "delete", "--project", "street", "--yes", "--data")["found"] == []
    assert {one.name for one in inventory(Aws(AwsRun(project="another")))} >= {"another-other"}


def test_delete_leaves_what_other_regions_use(capsys):
    import boto3

    for region in ("us-east-1", "eu-west-1"):
        made = told(capsys, "setup", "--project", "multi", "--region", region)
        boto3.client("s3").put_object(Bucket=made["bucket"], Key="data/a", Body=region.encode())
    assert made["made"]["role"].startswith("there already; it got the rights of eu-west-1")
    iam, by = boto3.client("iam"), {"RoleName": "multi-sagemaker"}
    rights = iam.get_role_policy(**by, PolicyName="trackforge-eu-west-1")["PolicyDocument"]
    assert "multi-eu-west-1-123456789012" in json.dumps(rights)
    words = ("delete", "--project", "multi", "--yes")
    gone = told(capsys, *words, "--region", "eu-west-1", "--data")
    assert gone["deleted"] == ["multi-sagemaker/trackforge-eu-west-1", "multi-eu-west-1-123456789012"]
    assert iam.list_role_policies(**by)["PolicyNames"] == ["trackforge-us-east-1"]
    assert boto3.client("s3").get_object(Bucket="multi-us-east-1-123456789012", Key="data/a")["Body"].read()
    assert told(capsys, *words, "--region", "us-east-1")["deleted"] == ["multi-sagemaker"]


def test_an_endpoint_goes_with_all_that_hangs_on_it(capsys):
    for name in ("films", "films-2"):
        words = ("deploy", name, "--project", "only", *MODEL, *SMALL, "--way", "asynchronous", "--notify")
        told(capsys, *words, "--least", "0", "--most", "2")
    gone = told(capsys, "delete", "--project", "only", "--only", "only-films", "--yes")
    assert {one["kind"] for one in gone["found"]} == {
        "alarm", "scalable-target", "endpoint", "endpoint-config", "model", "topic", "queue",
    }  # fmt: skip
    left = told(capsys, "delete", "--project", "only")["found"]
    assert {one["kind"] for one in left} == {one["kind"] for one in gone["found"]}
    assert all("only-films-2" in one["name"] for one in left), left


def test_a_model_is_taken_from_its_training_job(capsys):
    import boto3

    boto3.client("sagemaker").create_training_job(
        TrainingJobName="street-1", RoleArn="arn:aws:iam::123456789012:role/x",
        AlgorithmSpecification={"TrainingImage": "image:1", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://models/out"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
        ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
    )  # fmt: skip
    assert told(capsys, "wait", "street-1")["kind"] == "training-job"
    made = told(capsys, "deploy", "cameras", "--from-job", "street-1", *SMALL, "--wait", "-e", "TRACKFORGE_X=1")
    assert not made["updated"]
    found = boto3.client("sagemaker").describe_model(ModelName=made["model"])["PrimaryContainer"]
    assert found["Image"] == "image:1"
    assert found["ModelDataUrl"].startswith("s3://models/out/street-1/")
    assert found["Environment"] == {"TRACKFORGE_X": "1"}
    # moto cannot update endpoints: what was made for it is taken back
    models = len(boto3.client("sagemaker").list_models()["Models"])
    assert "UpdateEndpoint" in run(capsys, "deploy", "cameras", "--from-job", "street-1", *SMALL, code=1).err
    assert len(boto3.client("sagemaker").list_models()["Models"]) == models
    assert "costs until it is deleted" in run(capsys, "deploy", "third", *MODEL, *SMALL).out
    assert told(capsys, "wait", "trackforge-cameras")["state"] == "InService"


def test_what_was_there_before_a_failed_deployment_stays(capsys):
    import boto3

    words = ("deploy", "kept", *MODEL, *SMALL, "--way", "asynchronous", "--notify")
    queue = told(capsys, *words)["queue"]
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="unread")
    run(capsys, *words, code=1)  # moto cannot update
    assert boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "unread"
    topics = [one["TopicArn"].rpartition(":")[2] for one in boto3.client("sns").list_topics()["Topics"]]
    assert {"trackforge-kept-succeeded", "trackforge-kept-failed"} <= set(topics)
    # what a failed one made itself goes
    run(capsys, "deploy", "new", *MODEL, "--way", "asynchronous", "--notify", code=1)  # moto knows no ml.g5 here
    assert "trackforge-new-failed" not in str(boto3.client("sns").list_topics()["Topics"])
    assert "QueueUrls" not in boto3.client("sqs").list_queues(QueueNamePrefix="trackforge-new")


def test_what_fails_half_way_is_taken_back(capsys):
    import boto3

    # moto knows no ml.g5 for endpoints: create_endpoint_config fails after create_model
    failed = run(capsys, "deploy", "broken", *MODEL, "--instance", "ml.g5.xlarge", code=1)
    assert "create_endpoint_config" in failed.err or "CreateEndpointConfig" in failed.err
    names = [one["ModelName"] for one in boto3.client("sagemaker").list_models()["Models"]]
    assert not [name for name in names if name.startswith("trackforge-broken")]


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "films", *MODEL, "--way", "asynchronous", "--notify", "--least", "0", "--most", "3"],
        ["deploy", "cameras", "--from-job", "street-1", "--most", "4"],
        ["deploy", "small", *MODEL, "--way", "serverless", "--memory", "4096"],
        ["deploy", "rare", *MODEL, "--way", "component", "--least", "0", "--most", "2"],
        ["deploy", "team", "--package", "arn:aws:sagemaker:us-east-1:123456789012:model-package/cars/1"],
        ["wait", "street-1", "--kind", "training-job"],
        ["wait", "s3://bucket/out/a.out", "--failure", "s3://bucket/failed/a"],
        ["logs", "cameras", "--kind", "endpoint", "--since", "10m"],
        ["delete"],
    ],
    ids=lambda words: f"{words[0]}-{words[1] if len(words) > 1 else ''}",
)
def test_a_dry_run_shows_valid_requests_and_makes_none(capsys, monkeypatch, words):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{aws_tools.free_port()}")
    shown = told(capsys, *words, "--dry-run")["requests"]
    assert shown
    assert all(set(one) == {"service", "operation", "request"} for one in shown)
    printed = run(capsys, *words, "--dry-run").out
    decoder, found = json.JSONDecoder(), []
    while printed.strip():
        one, end = decoder.raw_decode(printed.lstrip())
        found.append(one)
        printed = printed.lstrip()[end:]
    assert [one["operation"] for one in found] == [one["operation"] for one in shown]


def test_names_that_nothing_has(capsys):
    assert "nothing is called 'nobody'" in run(capsys, "wait", "nobody", code=1).err
    assert "needs a model" in run(capsys, "deploy", "x", code=2).err
    assert "costs" not in run(capsys, "deploy", "x", *MODEL, "--least", "0", "--most", "1", code=2).out
    assert "kind must be one of" in run(capsys, "wait", "x", "--kind", "trainig-job", code=2).err


def test_an_asynchronous_result_is_waited_for(capsys):
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="failed/1", Body=b"Received client error (400) from model: no film")
    failed = told(capsys, "wait", "s3://results/out/1", "--failure", "s3://results/failed/1", code=1)
    assert (failed["state"], "no film" in failed["why"]) == ("Failed", True)
    assert told(capsys, "wait", "s3://results/out/2", "--patience", "0.2", code=124)["state"] == "InProgress"
    late = threading.Timer(0.5, lambda: s3.put_object(Bucket="results", Key="out/2", Body=b"{}"))
    late.start()
    assert "is there" in run(capsys, "wait", "s3://results/out/2").out
    late.join()


def test_logs_are_read_in_order(capsys):
    import boto3

    logs, now = boto3.client("logs"), int(time.time() * 1000)
    told(capsys, "deploy", "talking", *MODEL, *SMALL)
    assert "written nothing" in run(capsys, "logs", "trackforge-talking").out
    group = "/aws/sagemaker/Endpoints/trackforge-talking"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="all/i-1")
    events = [{"timestamp": now + k, "message": f"line {k}"} for k in range(5)]
    logs.put_log_events(logGroupName=group, logStreamName="all/i-1", logEvents=events)
    assert run(capsys, "logs", "trackforge-talking").out.splitlines() == [f"i-1  line {k}" for k in range(5)]
    assert json.loads(run(capsys, "logs", "trackforge-talking", "--json").out.splitlines()[0])["message"] == "line 0"


def test_errors_of_aws_say_what_to_do(capsys, monkeypatch, moto):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert "credentials that are good" in run(capsys, "wait", "x", code=1).err
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "Give --region" in run(capsys, "wait", "x", code=2).err


def test_curl_shows_no_secret_and_is_signed(capfd, monkeypatch, base, container, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    picture = tmp_path / "a b.png"
    picture.write_bytes(png(next(scene(1, 1))))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    with DataPlane({"boats": HostedEndpoint(instances=[container.url])}) as plane:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
        shown = run(capfd, "curl", "boats", "--file", str(picture), "--session", "NEW_SESSION").out
        assert "very-secret" not in shown
        assert "a-token" not in shown
        assert "--aws-sigv4 aws:amz:us-east-1:sagemaker" in shown
        assert "$AWS_SESSION_TOKEN" in shown
        by_hand = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True)
        assert json.loads(by_hand.stdout)["tracks"] is not None
        assert main(["sagemaker", "curl", "boats", "--file", str(picture), "--run"]) == 0
        assert json.loads(capfd.readouterr().out)["detections"] is not None
        (tmp_path / "bad.png").write_bytes(b"nothing")
        assert main(["sagemaker", "curl", "boats", "--file", str(tmp_path / "bad.png"), "--run"]) == 1
