"""Asynchronous clients: moto for S3, SNS and SQS, the data plane, and a real container behind it."""

from __future__ import annotations

import json
import subprocess
import sys

import aws_tools
import numpy as np
import pytest
from bright_model import scene, write_film
from hosted import hosted, plain, tracked
from served import until

import trackforge
from trackforge.errors import ConfigError, DataError, InvalidInputError
from trackforge.serving import step_json
from trackforge.types import Frame
from trackforge_sagemaker.client.asynchronous import AsyncEndpoint
from trackforge_sagemaker.client.detecting import EndpointDetector, EndpointDetectorConfig
from trackforge_sagemaker.client.failures import CredentialsError, ModelFailedError, UnreachableError
from trackforge_sagemaker.client.folders import AsyncFolder
from trackforge_sagemaker.client.ledger import Ledger
from trackforge_sagemaker.client.messages import Notices, read_notice
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.testing.data_plane import AsyncOutput, DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
QUICK = Patience(60, first=0.02)
RUN = """
import sys
from pathlib import Path
from trackforge_sagemaker.client.asynchronous import AsyncEndpoint
from trackforge_sagemaker.client.folders import AsyncFolder
run = AsyncFolder(AsyncEndpoint("films", place="s3://films/in"), Path(sys.argv[1]), in_flight=4)
list(run(sorted(Path(sys.argv[2]).glob("*.mp4"))))
"""


@pytest.fixture(scope="module")
def cloud(base):
    """moto, a queue that hears of successes and failures, and a container."""
    aws_tools.need("boto3", "moto")
    with pytest.MonkeyPatch.context() as patch, aws_tools.moto_server() as address:
        for name, value in {**aws_tools.AWS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        import boto3

        s3, sns, sqs = (boto3.client(service) for service in ("s3", "sns", "sqs"))
        s3.create_bucket(Bucket="films")
        queue = sqs.create_queue(QueueName="results")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name="done")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        with hosted(base, "async") as container:
            yield s3, sns, queue, topic, container


@pytest.fixture
def plane(cloud, monkeypatch, request):
    s3, sns, _, topic, container = cloud
    name = request.node.name.partition("[")[0][:40].replace("_", "-")
    quiet = AsyncOutput(output=f"s3://films/{name}/out", failure=f"s3://films/{name}/failed", concurrency=2)
    loud = AsyncOutput(
        output=f"s3://films/{name}/o", failure=f"s3://films/{name}/f", success_topic=topic, error_topic=topic
    )
    endpoints = {
        "films": HostedEndpoint(instances=[container.url], output=quiet),
        "loud": HostedEndpoint(instances=[container.url], output=loud),
    }
    with DataPlane(endpoints, s3=s3, sns=sns) as plane:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
        plane.made = lambda: s3.list_objects_v2(Bucket="films", Prefix=f"{name}/out").get("Contents", [])
        yield plane


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for number in range(4):
        write_film(folder / f"{number}.mp4", number, 8)
    return folder


def test_a_film_comes_back_as_it_is_tracked_offline(plane, cloud, films, detector, tmp_path):
    films_ = AsyncEndpoint("films", patience=QUICK)
    path = films_.fetch(films_.submit(films / "1.mp4"), tmp_path / "deep" / "1.json")
    offline = trackforge.track(str(films / "1.mp4"), detector, "byte")
    assert json.loads(path.read_text())["frames"] == [plain(step_json(step, detector.classes)) for step in offline]


def test_what_is_large_goes_through_s3_once(plane, cloud, films, tmp_path):
    s3 = cloud[0]
    film = tmp_path / "my film.mp4"
    film.write_bytes((films / "1.mp4").read_bytes() + b"\0" * 130_000)
    with pytest.raises(InvalidInputError, match="put into S3"):
        AsyncEndpoint("films").submit(film)
    endpoint = AsyncEndpoint("films", place="s3://films/large")
    first, second = endpoint.submit(film), endpoint.submit(film)
    assert first.source == second.source
    assert first.source.endswith("-my_film.mp4")
    (stored,) = s3.list_objects_v2(Bucket="films", Prefix="large")["Contents"]
    assert stored["Size"] == film.stat().st_size
    assert endpoint.fetch(second, tmp_path / "out.json").stat().st_size > 100


@pytest.mark.parametrize("told", [False, True])
def test_a_failure_is_told_with_its_reason(plane, cloud, told, tmp_path):
    endpoint = AsyncEndpoint("loud" if told else "films", patience=QUICK)
    notices = Notices(cloud[2]) if told else None
    sent = endpoint.submit(b"nonsense" * 100, kind="video/mp4", name="broken.mp4")
    with pytest.raises(ModelFailedError, match="film") as failed:
        endpoint.fetch(sent, tmp_path / "out.json", notices=notices, patience=60)
    assert failed.value.status == 400
    assert not (tmp_path / "out.json").exists()


def test_messages_tell_of_results_and_those_of_others_stay(plane, cloud, films, tmp_path):
    endpoint, notices, others = AsyncEndpoint("loud", patience=QUICK), Notices(cloud[2]), Notices(cloud[2])
    stray = endpoint.submit(films / "0.mp4")
    run = AsyncFolder(endpoint, tmp_path, notices=notices, in_flight=3, patience=60)
    assert sorted(done.name for done in run(sorted(films.glob("[123].mp4")))) == ["1.mp4", "2.mp4", "3.mp4"]
    assert others.take(stray.inference, wait=20).done
    assert others.take("nobody", wait=0) is None


def test_neither_result_nor_failure_ends_the_wait(plane, films, tmp_path):
    plane.scale("films", [])
    endpoint = AsyncEndpoint("films")
    sent = endpoint.submit(films / "1.mp4")
    with pytest.raises(UnreachableError, match="neither a result"):
        endpoint.fetch(sent, tmp_path / "out.json", patience=0.3)
    plane.scale("films", plane.endpoints["films"].instances)


def test_a_run_that_was_killed_goes_on_without_sending_twice(plane, films, tmp_path):
    out = tmp_path / "out"
    plane.scale("films", [])
    process = subprocess.Popen([sys.executable, "-c", RUN, str(out), str(films)])
    until(lambda: (out / "sent.jsonl").exists() and (out / "sent.jsonl").read_text().count('"sent", "sent"') >= 4)
    process.kill()
    process.wait()
    with (out / "sent.jsonl").open("a") as file:
        file.write('{"name": "half a li')
    plane.scale("films", plane.endpoints["films"].instances)
    inputs = sorted(films.glob("*.mp4"))
    run = AsyncFolder(AsyncEndpoint("films", patience=QUICK), out)
    assert sorted(done.name for done in run(inputs) if not done.before) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert len(plane.made()) == 4
    again = AsyncFolder(AsyncEndpoint("films", patience=QUICK), out)
    assert all(done.before and done.path.is_file() for done in again(inputs))
    assert len(plane.made()) == 4


def test_answers_are_of_who_was_asked_for_what(plane, cloud, films, tmp_path):
    """Another endpoint, form, model behind the name, or object in the place is asked; the same is not."""
    s3, film = cloud[0], films / "0.mp4"
    s3.upload_file(str(film), "films", "there/0.mp4")

    def asked(endpoint="films", source=film, **how):
        (done,) = AsyncFolder(AsyncEndpoint(endpoint, patience=QUICK), tmp_path / "out", **how)([source])
        return not done.before, done.path.read_bytes()[:1]

    assert [asked(), asked()] == [(True, b"{"), (False, b"{")]
    assert asked("loud")[0]
    lines = {"accept": "application/jsonlines"}
    assert [asked("loud", **lines)[0], asked("loud", **lines)[0]] == [True, False]
    assert [asked(version="b")[0], asked(version="b")[0]] == [True, False]
    place = "s3://films/there/0.mp4"
    assert [asked(source=place)[0], asked(source=place)[0]] == [True, False]
    s3.upload_file(str(films / "1.mp4"), "films", "there/0.mp4")
    assert asked(source=place)[0]


def test_one_failure_takes_no_other_along(plane, films, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nonsense" * 10)
    inputs = [films / "0.mp4", broken, films / "1.mp4"]
    found = {d.name: d for d in AsyncFolder(AsyncEndpoint("films", patience=QUICK), tmp_path / "out")(inputs)}
    assert found["broken.mp4"].path is None
    assert "film" in found["broken.mp4"].reason
    assert found["0.mp4"].path.is_file()
    (known,) = AsyncFolder(AsyncEndpoint("films", patience=QUICK), tmp_path / "out")([broken])
    assert (known.before, known.path) == (True, None)


def test_credentials_that_expire_half_way_leave_what_is_done(plane, films, tmp_path):
    run = AsyncFolder(AsyncEndpoint("films", patience=QUICK), tmp_path, in_flight=1)
    seen = []

    def seeing(done):
        plane.refuse("ExpiredTokenException", "The security token included in the request is expired")
        return done.name

    with pytest.raises(CredentialsError, match=r"ExpiredToken.*run the same again"):
        seen.extend(seeing(done) for done in run(sorted(films.glob("*.mp4"))))
    assert 1 <= len(seen) <= 2
    plane.refuse()
    found = list(AsyncFolder(AsyncEndpoint("films", patience=QUICK), tmp_path)(sorted(films.glob("*.mp4"))))
    assert sum(done.before for done in found) == len(seen)
    assert all(done.path.is_file() for done in found)


def test_the_detector_works_through_the_queue_and_keeps_answers(plane, detector, tmp_path, monkeypatch):
    settings = {"endpoint": "films", "way": "asynchronous", "answers": tmp_path, "picture": "png", "in_flight": 3}
    asked = EndpointDetector(EndpointDetectorConfig(**settings, form="builtin", classes=detector.classes))
    given = [Frame(index=k, image=image) for k, image in enumerate(scene(2, 5))]
    for _ in range(2):
        for mine, whole in zip(asked.detect(given), detector.detect(given), strict=True):
            order, other = np.lexsort(mine.xyxy.T), np.lexsort(whole.xyxy.T)
            np.testing.assert_allclose(mine.xyxy[order], whole.xyxy[other], atol=2e-3)
    assert len(plane.made()) == 5
    stored = trackforge.detector("response", path=tmp_path)
    assert len(stored.detect(given[:1])[0]) == len(asked.detect(given[:1])[0])
    with pytest.raises(ConfigError, match="answers"):
        EndpointDetectorConfig(endpoint="films", way="asynchronous")


def test_answers_in_real_time_are_kept_too(plane, detector, tmp_path):
    asked = EndpointDetector(EndpointDetectorConfig(endpoint="films", answers=tmp_path, picture="png"))
    given = [Frame(index=k, image=image) for k, image in enumerate(scene(1, 4))]
    first = [plain(step_json(s)) for s in trackforge.track(given, asked, "byte")]
    plane.refuse("ExpiredTokenException", "over")
    assert [plain(step_json(s)) for s in trackforge.track(given, asked, "byte")] == first
    assert [[t["xyxy"] for t in s["tracks"]] for s in first] == [
        [t["xyxy"] for t in s["tracks"]] for s in tracked(detector, 1, 4)
    ]
    with pytest.raises(CredentialsError):
        asked.detect([Frame(index=0, image=next(scene(2, 1)))])  # another picture of the same name
    for other in ({"endpoint": "loud"}, {"form": "builtin"}, {"component": "second"}):
        config = EndpointDetectorConfig(**{"endpoint": "films", "answers": tmp_path, "picture": "png", **other})
        with pytest.raises(CredentialsError):
            EndpointDetector(config).detect(given[:1])


def test_messages_are_read_with_care():
    assert read_notice('{"inferenceId": "a", "responseParameters": {"outputLocation": "s3://b/o"}}').done
    assert not read_notice(json.dumps({"Message": '{"inferenceId": "a", "failureReason": "x"}'})).done
    for body in ("[]", "{}", '{"Message": "hello"}', "no JSON"):
        with pytest.raises(DataError):
            read_notice(body)


def test_a_ledger_of_something_else_is_refused(tmp_path):
    (tmp_path / "sent.jsonl").write_text('{"name": 1}\n')
    with pytest.raises(DataError, match=r"sent\.jsonl:1"):
        Ledger(tmp_path)
