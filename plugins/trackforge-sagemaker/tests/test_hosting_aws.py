"""Hosting under AWS's own tools: unmodified boto3 before two instances; S3, SNS, SQS; the servers of AWS's images."""

from __future__ import annotations

import json
import time

import aws_tools
import pytest
from bright_model import HEIGHT, WIDTH, png, scene, write_film
from doc_blocks import ROOT, blocks
from hosted import FRAMES, fairmot, hosted, memory, plain, sessions, tracked
from served import PATIENCE, until

import trackforge
from trackforge.serving import step_json
from trackforge_sagemaker.testing.data_plane import AsyncOutput, DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
LARGEST_GROWTH = 24 << 20
"""Bytes of memory between a small film and one of 31 MB, which must never be in it: 10 to 17 MB are the decoder's."""


@pytest.fixture(scope="module")
def instances(base):
    with hosted(base, "one") as one, hosted(base, "other") as other:
        yield one, other


def client(service, address, **more):
    aws_tools.need("boto3", "moto")
    import boto3
    from botocore.config import Config

    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE, **more)
    return boto3.client(service, endpoint_url=address, config=config, **keys)


@pytest.fixture(scope="module")
def runtime(instances, base):
    with hosted(base, "brief", SAGEMAKER_SESSIONS_EXPIRATION="1") as brief:
        endpoints = {
            "cameras": HostedEndpoint(instances=[one.url for one in instances]),
            "brief": HostedEndpoint(instances=[brief.url]),
        }
        with DataPlane(endpoints) as plane:
            yield client("sagemaker-runtime", plane.url)


def call(runtime, body, content_type="image/png", name="cameras", **more):
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType=content_type, Body=body, **more)
    return answer, answer["Body"].read()


def failure(runtime, *args, **more):
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as failed:
        call(runtime, *args, **more)
    return failed.value.response


def new_session(runtime, **more):
    body = json.dumps({"requestType": "NEW_SESSION"})
    answer, _ = call(runtime, body, "application/json", SessionId="NEW_SESSION", **more)
    identity, _, expires = answer["NewSessionId"].partition("; Expires=")
    assert expires.endswith("Z")
    return identity


def test_cameras_interleaved_over_two_instances_are_tracked_as_offline(runtime, instances, detector):
    cameras = {camera: new_session(runtime) for camera in (1, 2)}
    assert [sessions(one) for one in instances] == [1, 1]
    given = {camera: [] for camera in cameras}
    for images in zip(*(scene(camera, FRAMES) for camera in cameras), strict=True):
        for camera, image in zip(cameras, images, strict=True):
            _, body = call(runtime, png(image), SessionId=cameras[camera])
            given[camera].append(json.loads(body))
            call(runtime, png(image))  # those without a session go round all the same
    assert given == {camera: tracked(detector, camera) for camera in cameras}
    for identity in cameras.values():
        answer, _ = call(runtime, '{"requestType": "CLOSE"}', "application/json", SessionId=identity)
        assert answer["ClosedSessionId"] == identity
        gone = failure(runtime, png(image), SessionId=identity)
        assert gone["Error"]["Code"] == "ModelError"
        assert gone["OriginalStatusCode"] == 410
    assert [sessions(one) for one in instances] == [0, 0]


def test_a_session_begins_with_a_frame_of_the_fairmot_example(runtime):
    images = list(scene(3, 4))
    first = json.dumps(fairmot(0, images[0], frame_w=WIDTH, frame_h=HEIGHT, batch_size=1))
    answer, _ = call(runtime, first, "application/json", SessionId="NEW_SESSION", Accept="application/json")
    identity = answer["NewSessionId"].partition(";")[0]
    for index, image in enumerate(images[1:], start=1):
        _, body = call(runtime, json.dumps(fairmot(index, image)), "application/json", SessionId=identity)
        (boxes,) = json.loads(body)
        assert all(len(box) == 4 for box in boxes.values())
    call(runtime, '{"requestType": "CLOSE"}', "application/json", SessionId=identity)


def test_a_session_that_nobody_uses_expires(runtime):
    identity, image = new_session(runtime, name="brief"), png(next(scene(1, 1)))
    call(runtime, image, name="brief", SessionId=identity)
    time.sleep(1.5)
    until(lambda: failure(runtime, image, name="brief", SessionId=identity)["OriginalStatusCode"] == 410)


def test_large_bodies_and_failures_are_told_as_sagemaker_tells_them(runtime):
    assert failure(runtime, b"x" * 6_291_457)["ResponseMetadata"]["HTTPStatusCode"] == 413
    wrong = failure(runtime, b"no picture")
    assert (wrong["Error"]["Code"], wrong["OriginalStatusCode"]) == ("ModelError", 400)
    assert "picture" in json.loads(wrong["OriginalMessage"])["detail"]
    assert failure(runtime, b"x", name="nobody")["Error"]["Code"] == "ValidationError"
    answer, _ = call(
        runtime, png(next(scene(1, 1))), CustomAttributes="trace=1", InferenceId="id-1", Accept="application/json"
    )
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/json"


def test_a_film_is_answered_as_a_stream(runtime, detector, tmp_path):
    film = write_film(tmp_path / "film.mp4", 4, 30)
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName="cameras", ContentType="video/mp4", Accept="application/jsonlines", Body=film.read_bytes()
    )
    lines = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]).splitlines()
    assert answer["ContentType"] == "application/jsonlines"
    offline = [step_json(step, detector.classes) for step in trackforge.track(str(film), detector, "byte")]
    assert [json.loads(line)["tracks"] for line in lines] == [plain(step["tracks"]) for step in offline]


@pytest.fixture(scope="module")
def cloud(base):
    """Buckets, topics and a queue on moto; an asynchronous endpoint of one container; the container itself."""
    with aws_tools.moto_server() as address, hosted(base, "async", TS_MAX_REQUEST_SIZE="1000000000") as container:
        s3, sns, sqs = (client(service, address) for service in ("s3", "sns", "sqs"))
        s3.create_bucket(Bucket="films")
        queue = sqs.create_queue(QueueName="results")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("success", "error")]
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        output = AsyncOutput(
            output="s3://films/out", failure="s3://films/failed", success_topic=topics[0], error_topic=topics[1]
        )
        with DataPlane({"films": HostedEndpoint(instances=[container.url], output=output)}, s3=s3, sns=sns) as plane:

            def heard():
                messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", ())
                for message in messages:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]

            yield client("sagemaker-runtime", plane.url), s3, heard, container


def awaited(heard):
    end = time.monotonic() + PATIENCE
    while not (messages := heard()):
        assert time.monotonic() < end
    (message,) = messages
    return message


def stored(s3, location):
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_film_of_30_mb_goes_through_s3_with_flat_memory(cloud, detector, tmp_path):
    runtime, s3, heard, container = cloud
    small = write_film(tmp_path / "small.mp4", 5, 30, (640, 480), bitrate=2_000_000)
    large = write_film(tmp_path / "large.mp4", 5, 310, (640, 480), bitrate=20_000_000)
    assert large.stat().st_size > 30_000_000
    used = []
    for film in (small, large):
        s3.upload_file(str(film), "films", film.name)
        answer = runtime.invoke_endpoint_async(
            EndpointName="films", InputLocation=f"s3://films/{film.name}", ContentType="video/mp4",
            Accept="application/json", InferenceId=film.stem, InvocationTimeoutSeconds=3600,
        )  # fmt: skip
        assert answer["InferenceId"] == film.stem
        message = awaited(heard)
        assert message["invocationStatus"] == "Completed"
        assert message["inferenceId"] == film.stem
        assert message["responseParameters"]["outputLocation"] == answer["OutputLocation"]
        used.append(memory(container.process.pid))
    given = json.loads(stored(s3, answer["OutputLocation"]))["frames"]
    offline = trackforge.track(str(large), detector, "byte")
    assert given == [plain(step_json(step, detector.classes)) for step in offline]
    assert len(given) == 310
    assert sum(len(step["tracks"]) for step in given) > 600
    assert used[1] - used[0] < LARGEST_GROWTH, f"{used} bytes at most, for {large.stat().st_size} bytes of film"
    until(lambda: sessions(container) == 0)


def test_a_failed_film_leaves_its_reason_where_failures_go(cloud):
    runtime, s3, heard, _ = cloud
    s3.put_object(Bucket="films", Key="broken.mp4", Body=b"nonsense" * 1000)
    answer = runtime.invoke_endpoint_async(
        EndpointName="films", InputLocation="s3://films/broken.mp4", ContentType="video/mp4"
    )
    message = awaited(heard)
    assert message["invocationStatus"] == "Failed"
    assert "400" in message["failureReason"]
    assert b"film" in stored(s3, answer["FailureLocation"])
    with pytest.raises(s3.exceptions.NoSuchKey):
        stored(s3, answer["OutputLocation"])


def test_a_small_film_may_come_with_the_request(cloud, tmp_path):
    runtime, s3, heard, _ = cloud
    film = write_film(tmp_path / "film.mp4", 6, 5).read_bytes()
    assert len(film) < 128_000
    answer = runtime.invoke_endpoint_async(
        EndpointName="films", Body=film, ContentType="video/mp4", Accept="application/json;format=bytetrack"
    )
    assert awaited(heard)["invocationStatus"] == "Completed"
    rows = json.loads(stored(s3, answer["OutputLocation"]))
    assert rows
    assert all(row.endswith("-1,-1,-1") for row in rows)


def test_the_page_s_examples_run_as_they_stand(runtime, cloud, instances, tmp_path, monkeypatch, capsys):
    """Those of docs/sagemaker.md that are marked with this file; the addresses that boto3 asks are set from outside."""
    page = [one for one in blocks(ROOT / "docs" / "sagemaker.md") if one.test.endswith("test_hosting_aws.py")]
    sessions_, films, imports, plane = (one.text for one in page)
    for name, value in {**aws_tools.AWS, "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.meta.endpoint_url}.items():
        monkeypatch.setenv(name, value)
    names = {"pictures": [png(image) for image in scene(1, 5)]}
    exec(sessions_, names)
    assert len(capsys.readouterr().out.splitlines()) > 5
    asynchronous, s3, heard, _ = cloud
    s3.upload_file(str(write_film(tmp_path / "street.mp4", 1, 10)), "films", "street.mp4")
    exec(films, {"runtime": asynchronous})
    output, _ = capsys.readouterr().out.split()
    assert awaited(heard)["invocationStatus"] == "Completed"
    assert stored(s3, output).startswith(b"1,1,")
    exec(imports, {})
    for port, instance in zip((8081, 8082), instances, strict=True):
        plane = plane.replace(f"http://127.0.0.1:{port}", instance.url)
    exec(plane, names)
    assert "detections" in capsys.readouterr().out
