"""``trackforge sagemaker`` setup, stage, build, push, train, tune, retrain-best, process, label: shown, and on moto."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tarfile
import zipfile

import pytest
from aws_tools import AWS, moto_server, need
from http_servers import serving
from labelled import film, stills

from trackforge import data
from trackforge.cli import main
from trackforge.data.dialects.ground_truth_job import write_job
from trackforge.errors import DataError
from trackforge.io.fetch import fetch
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.label_folder import addressed, read_folder
from trackforge_sagemaker.control.moving import download
from trackforge_sagemaker.requests import jumpstart

REGION = "us-east-1"
BUCKET = "street-us-east-1-123456789012"
ACCOUNT = ("--account", "123456789012")
TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/us"


@pytest.fixture(autouse=True)
def _there(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_PROJECT", "street")
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shown(capsys):
    """Run a subcommand as a dry run; give its requests, each held against the service model where botocore is."""

    def run(*words):
        assert main(["sagemaker", *words, *ACCOUNT, "--dry-run", "--json"]) == 0
        calls = json.loads(capsys.readouterr().out)["requests"]
        for call in calls:
            if "service" in call and call["operation"] != "put_object":
                r.check(call["service"], call["operation"], call["request"])
        return calls

    return run


@pytest.fixture
def refused(capsys):
    def run(*words):
        assert main(["sagemaker", *words, *ACCOUNT, "--dry-run"]) != 0
        return capsys.readouterr().err

    return run


def test_setup_shows_bucket_role_and_rights(shown, capsys):
    calls = shown("setup")
    assert [one["operation"] for one in calls][:2] == ["head_bucket", "create_bucket"]
    role = next(one["request"] for one in calls if one["operation"] == "create_role")
    assert role["RoleName"] == "street-sagemaker"
    assert main(["sagemaker", "setup", *ACCOUNT, "--print-policies"]) == 0
    policies = json.loads(capsys.readouterr().out)
    assert set(policies) == {"trust", "role", "person", "endpoints", "setup"}
    assert f"arn:aws:s3:::{BUCKET}" in json.dumps(policies["role"])


def test_train_is_one_request(shown):
    (call,) = shown(
        "train", "yolox", "--channel", "train=mot17", "--channel", "model=s3://weights/yolox.pth", "--spot",
        "-H", "train.epochs=3", "--instance", "ml.p3.2xlarge", "--count", "2", "--environment", "A=b", "--isolated",
        "--mode", "FastFile",
    )  # fmt: skip
    made = call["request"]
    assert made["HyperParameters"] == {"trainer": "yolox", "train__epochs": "3"}
    assert made["ResourceConfig"]["InstanceType"] == "ml.g5.2xlarge"
    places = [one["DataSource"]["S3DataSource"]["S3Uri"] for one in made["InputDataConfig"]]
    assert places == [f"s3://{BUCKET}/data/mot17/", "s3://weights/yolox.pth"]
    assert [one["InputMode"] for one in made["InputDataConfig"]] == ["FastFile", "File"]
    assert made["CheckpointConfig"]["S3Uri"] == f"s3://{BUCKET}/checkpoints/{made['TrainingJobName']}"
    assert {one["Name"] for one in made["AlgorithmSpecification"]["MetricDefinitions"]} >= {"total_loss"}


def test_the_built_in_algorithm_counts_its_manifest(shown, tmp_path):
    lines = [
        json.dumps({"source-ref": f"s3://b/{k}.jpg", "boxes": {"annotations": [{"class_id": 0}]}}) for k in range(40)
    ]
    (tmp_path / "train.manifest").write_text("\n".join(lines))
    calls = shown(
        "train", "object-detection", "--channel", "train=train.manifest", "--channel", "validation=s3://bbb/v.manifest",
        "--attributes", "source-ref,boxes", "-H", "mini_batch_size=8",
    )  # fmt: skip
    made = calls[-1]["request"]
    assert made["HyperParameters"]["num_training_samples"] == "40"
    assert made["AlgorithmSpecification"]["TrainingImage"].startswith("811284229777.")
    assert re.fullmatch(r"data/train-[0-9a-f]{12}/", calls[0]["request"]["Prefix"])
    assert calls[1]["request"]["Key"] == calls[0]["request"]["Prefix"] + "train.manifest"


def test_local_data_lie_at_a_place_of_their_content(shown, tmp_path):
    """Folders of one name are no mixture, and what was changed is not what was sent before."""
    for day, content in (("day1", b"one"), ("day2", b"two")):
        (tmp_path / day / "images").mkdir(parents=True)
        (tmp_path / day / "images" / f"{day}.jpg").write_bytes(content)
    (tmp_path / "w.pth").write_bytes(b"old")
    words = ["train", "yolox", "--channel", "train=day1/images", "--channel", "val=day2/images"]

    def places():
        calls = shown(*words, "--channel", "pretrain=w.pth")
        copied = {one["request"]["Key"] for one in calls if one["operation"] == "put_object"}
        made = [one["DataSource"]["S3DataSource"]["S3Uri"] for one in calls[-1]["request"]["InputDataConfig"]]
        for place, file in zip(made, ("day1.jpg", "day2.jpg", ""), strict=True):
            below = [f"s3://{BUCKET}/{key}" for key in copied if f"s3://{BUCKET}/{key}".startswith(place)]
            assert below == [place + file]
        return made

    first = places()
    assert places() == first  # so that what broke off goes on
    (tmp_path / "w.pth").write_bytes(b"new")
    assert [a == b for a, b in zip(places(), first, strict=True)] == [True, True, False]
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "clip.mp4").write_bytes(b"x")
    inputs = [shown("process", one, "--from-job", "street-1")[-1]["request"]["ProcessingInputs"][0] for one in (
        "films", "films/clip.mp4")]  # fmt: skip
    assert all(re.search(r"/films/(films|clip)-[0-9a-f]{12}/", one["S3Input"]["S3Uri"]) for one in inputs)


def test_tune_and_its_best(shown):
    (call,) = shown(
        "tune", "fairmot", "--channel", "train=mot17", "-t", "id_loss=ce,focal", "-t", "lr=1e-5:1e-3:log",
        "--objective", "val_loss", "--jobs", "3", "--parallel", "1", "-H", "num_epochs=20",
    )  # fmt: skip
    config = call["request"]["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "val_loss"}
    assert len(call["request"]["HyperParameterTuningJobName"]) <= 32
    (maximised,) = shown("tune", "fairmot", "--channel", "train=x", "-t", "lr=1e-5:1e-3", "--objective", "hota")
    assert "Maximize" in json.dumps(maximised)
    calls = shown("retrain-best", "street-1", "-H", "train.epochs=80")
    assert [one["operation"] for one in calls] == [
        "describe_hyper_parameter_tuning_job", "describe_training_job", "create_training_job",
    ]  # fmt: skip
    assert calls[-1]["request"]["HyperParameters"]["whole"] == "true"


def test_process_is_one_request(shown):
    calls = shown(
        "process", "s3://films/a/", "--from-job", "street-1", "--formats", "mot,video", "--count", "2", "--shard",
        "--setting", "tracker.min-hits=3",
    )  # fmt: skip
    made = calls[-1]["request"]
    assert made["Environment"] == {
        "TRACKFORGE_PROCESS_FORMATS": "mot,video", "TRACKFORGE_PROCESS_TRACKER__MIN_HITS": "3",
    }  # fmt: skip
    assert made["ProcessingInputs"][0]["S3Input"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert made["ProcessingInputs"][1]["S3Input"]["S3Uri"].endswith("jobs/street-1/output/model.tar.gz")


def test_staging_converts_what_it_copies(shown, tmp_path):
    data.write(film(tmp_path), tmp_path / "set", "coco", images="copy")
    calls = shown("stage", "set", "--name", "street")
    keys = {one["request"]["Key"] for one in calls if one["operation"] == "put_object"}
    assert any(key.startswith("data/street/") and key.endswith(".json") for key in keys)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted((tmp_path / "set").rglob("*")):
            archive.write(path, path.relative_to(tmp_path))
    calls = shown("stage", "set.zip", "--part", "set", "--to", "recordio", "--name", "rec", "--halves", "bytetrack")
    keys = {one["request"]["Key"] for one in calls if one["operation"] == "put_object"}
    assert any(key.endswith(".rec") for key in keys), keys
    with serving(tmp_path) as server:
        address = f"{server.url}/ranges/set.zip"
        (call,) = shown("stage", address, "--part", "set")  # a dry run fetches nothing
        assert call["command"].startswith(f"fetch {address} to")
        fetch(address, tmp_path / "cache/sets/set.zip")
        calls = shown("stage", address, "--part", "set")
    assert any(one.get("request", {}).get("Key", "").startswith("data/set/") for one in calls)


def test_an_image_is_built_from_a_checkout(shown):
    (call,) = shown("build", "--flavour", "cpu")
    assert call["command"].startswith("docker build")
    assert "123456789012.dkr.ecr.us-east-1.amazonaws.com/street:cpu" in call["command"]
    calls = shown("push", "--flavour", "cpu", "--tag", "mine")
    assert [one["operation"] for one in calls if "operation" in one] == [
        "create_repository", "put_lifecycle_policy", "get_authorization_token",
    ]  # fmt: skip
    registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/street"
    assert [one["command"] for one in calls[-2:]] == [f"docker tag mine {registry}:cpu", f"docker push {registry}:cpu"]


@pytest.mark.parametrize(
    ("kind", "task"), [("adjustment", "video-tracking"), ("verification", "video-tracking"), ("new", "boxes"),
                       ("adjustment", "boxes"), ("verification", "boxes"), ("adjustment", "video-detection")]
)  # fmt: skip
def test_a_folder_becomes_a_labelling_job(shown, tmp_path, kind, task):
    labels = stills(tmp_path) if task == "boxes" else film(tmp_path)
    write_job(labels, tmp_path / "job", kind=kind, task=task, prefix=f"s3://{BUCKET}/labels/job/")
    calls = shown("label", "job", "--workteam", TEAM)
    made = calls[-1]["request"]
    assert calls[-2]["operation"] == "put_bucket_cors"  # or workers' pages see no picture
    assert made["LabelAttributeName"] == ("checked" if task == "boxes" else "checked-ref")
    name = (
        "VideoObjectTracking"
        if task == "video-tracking"
        else "VideoObjectDetection"
        if "video" in task
        else "BoundingBox"
    )
    begin = "" if kind == "new" else kind.capitalize()
    assert made["HumanTaskConfig"]["PreHumanTaskLambdaArn"].endswith(f"PRE-{begin}{name}")
    assert (
        made["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"] == f"s3://{BUCKET}/labels/job/input.manifest"
    )
    keys = {one["request"]["Key"] for one in calls if one["operation"] == "put_object"}
    assert {"labels/job/input.manifest", "labels/job/categories.json"} <= keys


def test_a_folder_for_no_place_gets_addresses(shown, tmp_path):
    place = f"s3://{BUCKET}/labels/job/"
    write_job(film(tmp_path), tmp_path / "job")
    folder = read_folder(tmp_path / "job")
    made = addressed(folder, place, tmp_path / "scratch")
    line = json.loads(made["input.manifest"].read_text())
    assert line["source-ref"] == f"{place}{next(name for name in made if name != 'input.manifest')}"
    assert line["labels-ref"].startswith(place)
    write_job(film(tmp_path), tmp_path / "again", prefix=place)
    assert shown("label", "job", "--workteam", TEAM)[-1]["operation"] == "create_labeling_job"
    for name, path in made.items():  # as if it had been written for that place
        assert json.loads(path.read_text()) == json.loads((tmp_path / "again" / name).read_text())


def test_a_folder_says_what_it_is_or_shows_it(tmp_path):
    write_job(
        stills(tmp_path), tmp_path / "job", kind="verification", task="boxes", attribute="seen", prefix="s3://bbb/"
    )
    said = read_folder(tmp_path / "job")
    assert (said.kind, said.task, said.attribute, said.prefix) == ("verification", "boxes", "seen", "s3://bbb/")
    file = tmp_path / "job/job.json"
    file.write_text(file.read_text().replace("verification", "judging"))
    with pytest.raises(DataError, match="kind must be one of adjustment"):
        read_folder(tmp_path / "job")
    file.unlink()  # as others write it
    seen = read_folder(tmp_path / "job")
    assert (seen.kind, seen.task, seen.attribute, seen.prefix) == ("verification", "boxes", "checked", "s3://bbb/")


def test_a_team_is_made(shown):
    (call,) = shown("label", "us", "--do", "team", "--oidc-groups", "a,b")
    assert call["request"]["MemberDefinitions"] == [{"OidcMemberDefinition": {"Groups": ["a", "b"]}}]


def test_a_labelling_job_is_watched_and_stopped(shown):
    assert shown("label", "street-1", "--do", "status")[0]["operation"] == "describe_labeling_job"
    assert shown("label", "street-1", "--do", "stop")[0]["operation"] == "stop_labeling_job"
    assert shown("label", "street-1", "--do", "fetch", "-o", "out")[0]["operation"] == "describe_labeling_job"


def test_what_is_wrong_is_said_before_anything_is_asked(refused, tmp_path):
    write_job(film(tmp_path), tmp_path / "job", kind="new")
    data.write(film(tmp_path), tmp_path / "elsewhere", "coco", images="reference")
    for words, message in {
        ("train", "yolox"): "must have data",
        ("train", "yolox", "--channel", "train"): "NAME=VALUE",
        ("train", "yolox", "--channel", "train=./nowhere.zip"): "must be an address",
        ("train", "yolo", "--channel", "train=x"): "yolox",
        ("train", "object-detection", "--channel", "train=x"): "validation",
        ("tune", "yolox", "--channel", "train=x", "-t", "lr=1:2"): "--objective",
        ("tune", "yolox", "--channel", "train=x", "-t", "lr=1:2", "--objective", "val_los"): "must be a metric",
        ("process", "s3://a/b", "--model", "x", "--from-job", "y"): "one place",
        ("stage", "nowhere"): "must be there",
        ("stage", "https://example.org/a.tar"): ".zip",
        ("stage", "elsewhere"): "pictures in it",
        ("stage", ".", "--val", "0.5"): "--to coco",
        ("label", "job"): "name a team",
        ("label", "street-1", "--do", "fetch"): "-o FOLDER",
        ("label", "nowhere", "--workteam", "us"): "input.manifest",
        ("build", "--source", "nowhere"): "checkout",
        ("setup", "--uses", "racing"): "A use must be",
    }.items():
        assert message in refused(*words), words


@pytest.fixture(scope="module")
def moto():
    need("moto", "boto3")
    with moto_server() as address:
        yield address


@pytest.fixture
def aws(moto, monkeypatch):
    import boto3

    for name, value in {**AWS, "AWS_ENDPOINT_URL": moto}.items():
        monkeypatch.setenv(name, value)
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=moto)


def _docker(folder, record):
    """A program called docker that writes down what it is told."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {record}\n[ "$1" = login ] && cat >> {record}\nexit 0\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_from_setup_to_the_best_training_on_moto(aws, capsys, tmp_path, monkeypatch):
    def run(*words):
        code = main(["sagemaker", *words, "--json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        return json.loads(told.out)

    first = run("setup")
    assert first["made"]["bucket"].startswith("made")
    assert first["made"]["role"].startswith("made")
    assert any("quotas could not be read" in one for one in first["notes"])  # moto has none
    again = run("setup")
    assert {one.partition(";")[0] for one in again["made"].values()} == {"there already"}

    data.write(film(tmp_path), tmp_path / "set", "coco", images="copy")
    staged = run("stage", "set", "--name", "city")
    assert (staged["copied"] > 0, run("stage", "set", "--name", "city")["copied"]) == (True, 0)
    there = aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="data/city/")["Contents"]
    assert len(there) == staged["copied"]

    record = tmp_path / "docker.log"
    monkeypatch.setenv("PATH", _docker(tmp_path / "bin", record))
    assert run("build", "--flavour", "cpu")["image"].endswith("street:cpu")
    run("push", "--flavour", "cpu")
    run("push", "--flavour", "cpu")
    said = record.read_text()
    assert "build --file" in said
    assert "login --username AWS --password-stdin" in said
    assert "push 123456789012.dkr.ecr.us-east-1.amazonaws.com/street:cpu" in said

    (tmp_path / "city").mkdir()  # what was staged, or what is here?
    (tmp_path / "city/a").write_bytes(b"a")
    assert main(["sagemaker", "train", "yolox", "--channel", "train=city"]) != 0
    assert "must be one thing" in capsys.readouterr().err
    (tmp_path / "city").rename(tmp_path / "village")
    trained = run("train", "yolox", "--channel", "train=city", "-H", "train.epochs=1")
    told = aws("sagemaker").describe_training_job(TrainingJobName=trained["name"])
    assert told["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"s3://{BUCKET}/data/city/"
    tags = aws("sagemaker").list_tags(ResourceArn=trained["arn"])["Tags"]
    assert r.as_mapping(tags)["trackforge:project"] == "street"
    tuned = run(
        "tune", "yolox", "--channel", "train=city", "-t", "learning_rate=1e-4:1e-2:log", "--objective", "total_loss"
    )  # fmt: skip
    best = aws("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuned["name"])
    # moto's tuning names a training that it never made; the real one made it.
    name = best["BestTrainingJob"]["TrainingJobName"]
    if name not in str(aws("sagemaker").list_training_jobs()):
        aws("sagemaker").create_training_job(**{**_of(told), "TrainingJobName": name})
    again = run("retrain-best", tuned["name"])
    made = aws("sagemaker").describe_training_job(TrainingJobName=again["name"])
    assert made["HyperParameters"]["whole"] == "true"
    (tmp_path / "out").mkdir()
    aws("s3").put_object(Bucket=BUCKET, Key="tracks/t/a.txt", Body=b"1,1,0,0,5,5,1,-1,-1,-1\n")
    done = run("process", "s3://films/a/", "--to", f"s3://{BUCKET}/tracks/t", "-o", "out", "--from-job",
               trained["name"], "--instance", "ml.m5.xlarge")  # fmt: skip
    assert (done["files"], (tmp_path / "out/a.txt").read_bytes()[:2]) == (1, b"1,")


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_staged_is_what_the_folder_has(aws, capsys, tmp_path):
    """A correction that leaves the size goes out; what the folder has not is refused, or removed; fetching is whole."""
    s3 = aws("s3")
    s3.create_bucket(Bucket="staged-1")
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in ("a", "b"):
        (notes / f"{name}.dat").write_bytes(b"1,2")

    def run(*words):
        code = main(["sagemaker", "stage", "notes", "--bucket", "staged-1", "--name", "s1", *words, "--json"])
        told = capsys.readouterr()
        return json.loads(told.out) if code == 0 else told.err

    assert run()["copied"] == 2
    (notes / "a.dat").write_bytes(b"1,3")
    assert run()["copied"] == 1
    assert s3.get_object(Bucket="staged-1", Key="data/s1/a.dat")["Body"].read() == b"1,3"
    (notes / "b.dat").rename(notes / "c.dat")
    assert "has 1 files that notes has not, b.dat among them" in run()
    replaced = run("--replace")
    assert (replaced["copied"], replaced["removed"]) == (1, 1)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="staged-1")["Contents"]]
    assert keys == ["data/s1/a.dat", "data/s1/c.dat"]
    got = tmp_path / "got"
    got.mkdir()
    (got / "a.dat").write_bytes(b"1,2")
    here = Aws(AwsRun(region=REGION, account="123456789012"))
    assert download(here, "s3://staged-1/data/s1", got) == 2
    assert (got / "a.dat").read_bytes() == b"1,3"


def _of(told):
    """Return the request of a training that was described."""
    return {
        key: told[key]
        for key in ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition",
                    "InputDataConfig", "HyperParameters")
    }  # fmt: skip


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_labelling_job_that_aws_refuses_leaves_its_files(aws, capsys, tmp_path):
    """moto has no labelling: what was copied stays, and the next attempt copies nothing."""
    aws("s3").create_bucket(Bucket="labels-1")
    own = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://example.org"]}
    aws("s3").put_bucket_cors(Bucket="labels-1", CORSConfiguration={"CORSRules": [own]})
    write_job(film(tmp_path), tmp_path / "job", prefix="s3://labels-1/job/")
    for _ in range(2):
        assert main(["sagemaker", "label", "job", "--workteam", TEAM]) != 0
        assert "labelling job" in capsys.readouterr().err
    keys = [one["Key"] for one in aws("s3").list_objects_v2(Bucket="labels-1")["Contents"]]
    assert "job/input.manifest" in keys
    (own, rule) = aws("s3").get_bucket_cors(Bucket="labels-1")["CORSRules"]  # once, beside what was there
    assert own["AllowedOrigins"] == ["https://example.org"]
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (["GET"], ["*"])


def _archive(path, **files):
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_of_jumpstart_is_packed_and_told_how_to_deploy(aws, capsys, tmp_path):
    s3, bucket = aws("s3"), jumpstart.content_bucket(REGION)
    for one in (bucket, BUCKET):
        if one not in str(s3.list_buckets()):
            s3.create_bucket(Bucket=one)
    spec = {
        "model_id": "mxnet-is", "version": "1.2.0", "hosting_artifact_key": "m.tar.gz",
        "hosting_script_key": "s.tar.gz",
        "hosting_ecr_specs": {"framework": "mxnet", "framework_version": "1.9.0", "py_version": "py38"},
        "default_inference_instance_type": "ml.p3.2xlarge",
    }  # fmt: skip
    listed = [{"model_id": "mxnet-is", "version": "1.2.0", "spec_key": "spec.json"}]
    for key, document in ((jumpstart.MANIFEST, listed), ("spec.json", spec)):
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document).encode())
    s3.upload_file(str(_archive(tmp_path / "m.tar.gz", model=b"weights")), bucket, "m.tar.gz")
    s3.upload_file(
        str(_archive(tmp_path / "s.tar.gz", **{"inference.py": b"x", "lib__a.py": b"y"})), bucket, "s.tar.gz"
    )
    assert main(["sagemaker", "jumpstart", "mxnet-is"]) == 0
    assert "pack both" in capsys.readouterr().out
    assert main(["sagemaker", "jumpstart", "mxnet-is", "--pack", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == f"s3://{BUCKET}/models/mxnet-is/1.2.0/model.tar.gz"
    assert "-e SAGEMAKER_PROGRAM=inference.py" in told["deploy"]
    assert "mxnet-inference:1.9.0-gpu-py38" in told["deploy"]
    body = s3.get_object(Bucket=BUCKET, Key="models/mxnet-is/1.2.0/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert tar.getnames() == ["code/inference.py", "code/lib/a.py", "model"]
    assert main(["sagemaker", "jumpstart", "mxnet-i"]) != 0
    assert "Did you mean 'mxnet-is'" in capsys.readouterr().err
