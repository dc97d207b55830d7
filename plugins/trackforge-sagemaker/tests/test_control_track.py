"""``trackforge sagemaker track``: its three ways write what ``trackforge track`` writes of the same film."""

from __future__ import annotations

import json

import aws_tools
import pytest
from bright_model import write_film
from hosted import hosted, sessions

import trackforge
from trackforge.cli import main
from trackforge_sagemaker.testing.data_plane import AsyncOutput, DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [str(write_film(folder / f"{name}.mp4", number, 10)) for number, name in enumerate(("one", "two"))]


@pytest.fixture(scope="module")
def offline(films, detector, tmp_path_factory):
    out = tmp_path_factory.mktemp("offline")
    for film, name in zip(films, ("one", "two"), strict=True):
        assert len(list(trackforge.track(film, detector, "byte", sinks=[out / f"{name}.txt"]))) == 10
    return {name: (out / f"{name}.txt").read_text() for name in ("one", "two")}


@pytest.fixture(scope="module")
def plane(base):
    aws_tools.need("boto3", "moto")
    with pytest.MonkeyPatch.context() as patch, aws_tools.moto_server() as address:
        for name, value in {**aws_tools.AWS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        import boto3

        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="films")
        with hosted(base, "tracks") as container:
            output = AsyncOutput(output="s3://films/out", failure="s3://films/failed")
            endpoints = {"street": HostedEndpoint(instances=[container.url], output=output)}
            with DataPlane(endpoints, s3=s3) as plane:
                patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
                plane.container, plane.s3 = container, s3
                yield plane


def rows(text):
    return sorted(tuple(round(float(x), 1) for x in line.split(",")[:6]) for line in text.splitlines())


@pytest.mark.parametrize("way", ["session", "asynchronous", "client"])
def test_every_way_writes_what_offline_tracking_writes(plane, films, offline, tmp_path, way, capsys):
    words = ["--endpoint", "street", "--way", way, "--picture", "png", "-o", f"{tmp_path}/", "--json"]
    assert main(["sagemaker", "track", *films, *words]) == 0, capsys.readouterr().err
    summary = json.loads(capsys.readouterr().out)
    assert [one["frames"] for one in summary["sequences"]] == [10, 10]
    for name, whole in offline.items():
        assert rows((tmp_path / f"{name}.txt").read_text()) == rows(whole)
        assert (tmp_path / f"{name}.mp4").stat().st_size > 1000
    assert sessions(plane.container) == 0
    assert summary["command"] == "sagemaker track"
    repeat = tmp_path / "run.toml"
    text = (tmp_path / "one.txt").read_text()
    assert main(["sagemaker", "track", "--config", str(repeat), "-q"]) == 0, capsys.readouterr().err
    assert (tmp_path / "one.txt").read_text() == text


def test_what_was_answered_is_not_asked_again(plane, films, tmp_path, capsys):
    words = ["sagemaker", "track", films[0], "--endpoint", "street", "--way", "asynchronous", "-o", f"{tmp_path}/"]
    before = len(plane.s3.list_objects_v2(Bucket="films").get("Contents", ()))
    assert main(words) == 0
    assert main(words) == 0
    assert "one.mp4: done before" in capsys.readouterr().out
    assert len(plane.s3.list_objects_v2(Bucket="films")["Contents"]) == before + 1
    assert (tmp_path / "answers" / "one.mp4.jsonl").is_file()
    import boto3

    control = boto3.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/street-sagemaker"
    control.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    control.create_endpoint_config(EndpointConfigName="new", ProductionVariants=[variant])
    control.create_endpoint(EndpointName="street", EndpointConfigName="new")
    assert main(words) == 0
    assert "one.mp4: tracked" in capsys.readouterr().out  # there is another model behind the name
    control.delete_endpoint(EndpointName="street")


def test_a_film_that_fails_says_why_and_takes_no_answer_along(plane, films, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nonsense" * 100)
    words = ["--endpoint", "street", "--way", "asynchronous", "-o", f"{tmp_path}/out/"]
    assert main(["sagemaker", "track", str(broken), films[1], *words]) == 1
    said = capsys.readouterr().err
    assert "failed at broken.mp4" in said
    assert "leave these out" in said
    assert (tmp_path / "out" / "answers" / "two.mp4.jsonl").is_file()


def test_the_tracker_of_a_session_may_be_chosen(plane, films, tmp_path, capsys):
    words = ["--endpoint", "street", "--tracker", "sort", "--set", "tracker.min_hits=1", "-o", f"{tmp_path}/"]
    assert main(["sagemaker", "track", films[0], *words, "--sample-filter", "-q"]) == 0, capsys.readouterr().err
    assert (tmp_path / "one.txt").read_text()
    assert main(["sagemaker", "track", films[0], *words[:2], "--tracker", "sortt"]) == 2
    assert "Did you mean 'sort'" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["session", "asynchronous", "client"])
def test_a_dry_run_asks_nobody(films, way, capsys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{aws_tools.free_port()}")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert main(["sagemaker", "track", films[0], "--endpoint", "street", "--way", way, "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["requests"]
    assert {one["service"] for one in shown} <= {"sagemaker-runtime", "s3"}
    assert shown[-1]["request"]["EndpointName"] == "street"
    assert main(["sagemaker", "track", films[0]]) == 2
    assert main(["sagemaker", "track", films[0], "--endpoint", "street", "--way", way, "--detector", "motion"]) == 2
    assert "must be left out" in capsys.readouterr().err
