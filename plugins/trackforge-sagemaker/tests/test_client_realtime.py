"""Clients of endpoints in real time: real containers behind the data plane, unmodified boto3 in front."""

from __future__ import annotations

import threading

import aws_tools
import numpy as np
import pytest
from bright_model import png, scene
from hosted import FRAMES, hosted, plain, sessions, tracked
from served import until

import trackforge
from trackforge.errors import InvalidInputError
from trackforge.serving import step_json
from trackforge.table import TrackTable
from trackforge.testing import check_detector
from trackforge.types import Frame
from trackforge_sagemaker.client.connecting import client
from trackforge_sagemaker.client.detecting import EndpointDetector, EndpointDetectorConfig
from trackforge_sagemaker.client.failures import AwsError, ModelFailedError, UnreachableError
from trackforge_sagemaker.client.invoking import Endpoint
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.client.sessions import SessionTracker
from trackforge_sagemaker.testing.data_plane import DataPlane, HostedEndpoint

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
QUICK = Patience(60, first=0.02)


@pytest.fixture(scope="module", autouse=True)
def tools():
    aws_tools.need("boto3", "moto")


@pytest.fixture
def credentials(monkeypatch):
    for name, value in aws_tools.AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def other(base):
    with hosted(base, "other") as other:
        yield other


@pytest.fixture(scope="module")
def brief(base):
    with hosted(base, "brief", SAGEMAKER_SESSIONS_EXPIRATION="1") as brief:
        yield brief


@pytest.fixture
def plane(container, other, brief, credentials, monkeypatch):
    endpoints = {
        "cameras": HostedEndpoint(instances=[container.url, other.url]),
        "brief": HostedEndpoint(instances=[brief.url]),
        "asleep": HostedEndpoint(instances=[]),
    }
    with DataPlane(endpoints) as plane:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
        yield plane


def frames(camera, count=FRAMES):
    return [Frame(index=k, image=image) for k, image in enumerate(scene(camera, count))]


def rows(steps):
    return [{int(i): box.tolist() for i, box in zip(s.tracks.track_id, s.tracks.xyxy, strict=True)} for s in steps]


def offline(steps):
    return [{t["track_id"]: [np.float32(x).item() for x in t["xyxy"]] for t in step["tracks"]} for step in steps]


def test_two_cameras_at_once_are_tracked_as_offline(plane, container, other, detector):
    given = {}

    def follow(camera):
        with SessionTracker("cameras", picture="png", patience=QUICK) as tracker:
            given[camera] = [tracker.step(frame) for frame in frames(camera)]
            assert tracker.session.isalnum() or "-" in tracker.session
            assert "Expires" not in tracker.session
            assert tracker.expires.endswith("Z")

    threads = [threading.Thread(target=follow, args=(camera,)) for camera in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for camera in (1, 2):
        assert rows(given[camera]) == offline(tracked(detector, camera))
        table = TrackTable.from_steps(given[camera])
        assert len(table) == sum(len(step.detections) for step in given[camera]) > FRAMES
    assert [sessions(one) for one in (container, other)] == [0, 0]


def test_frames_in_fairmot_s_form_are_tracked_too(plane, detector):
    with SessionTracker("cameras", form="fairmot", picture="png", patience=QUICK) as tracker:
        steps = [tracker.step(image) for image in scene(3, 8)]
    for step, whole in zip(steps, tracked(detector, 3, 8), strict=True):
        assert set(step.tracks.track_id.tolist()) <= {t["track_id"] for t in whole["tracks"]}
    assert sum(len(step.tracks) for step in steps) > 8


def test_an_endpoint_without_sessions_takes_fairmot_s_frames(plane, detector):
    plane.scale("cameras", plane.endpoints["cameras"].instances[:1])
    tracker = SessionTracker("cameras", form="fairmot", picture="png", stateful=False, name="gate", patience=QUICK)
    steps = [tracker.step(image) for image in scene(3, 6)]
    assert not tracker.session
    assert sum(len(step.tracks) for step in steps) > 5
    with pytest.raises(InvalidInputError, match="FairMOT"):
        SessionTracker("cameras", stateful=False)


def test_a_session_that_expired_is_opened_again_and_ids_go_on(plane, brief, detector):
    import time

    whole, steps = offline(tracked(detector, 1)), []
    with SessionTracker("brief", picture="png", patience=QUICK) as tracker:
        for number, frame in enumerate(frames(1)):
            if number == 12:
                time.sleep(1.5)
                until(lambda: sessions(brief) == 0)
            steps.append(tracker.step(frame))
        assert tracker.reopened == 1
    assert rows(steps)[:12] == whole[:12]
    for mine, theirs in zip(rows(steps)[12:], whole[12:], strict=True):
        assert set(mine) == set(theirs)
        for track in mine:
            np.testing.assert_allclose(mine[track], theirs[track], atol=0.6)


def test_an_instance_that_is_replaced_ends_no_track(plane, container, other, detector):
    whole, steps = offline(tracked(detector, 2, 14)), []
    plane.scale("cameras", [container.url])
    with SessionTracker("cameras", picture="png", replay=6, patience=QUICK) as tracker:
        for frame in frames(2, 14):
            if frame.index == 9:
                plane.scale("cameras", [other.url])
            steps.append(tracker.step(frame))
        assert tracker.reopened == 1
    assert [set(one) for one in rows(steps)][:9] == [set(one) for one in whole][:9]
    kept = [len(set(mine) & set(theirs)) / max(len(theirs), 1) for mine, theirs in zip(rows(steps), whole, strict=True)]
    assert min(kept[9:]) >= 0.8


def test_an_endpoint_at_zero_is_waited_for(plane, container):
    with pytest.raises(AwsError, match="no capacity"):
        Endpoint("asleep", patience=Patience(0.05, first=0.02))(png(next(scene(1, 1))), "image/png")
    wake = threading.Timer(0.4, plane.scale, ("asleep", [container.url]))
    wake.start()
    with SessionTracker("asleep", patience=QUICK) as tracker:
        assert len(tracker.step(next(scene(1, 1))).frame.size) == 2
    wake.join()


def test_what_is_too_large_is_refused_before_it_is_sent(plane, container):
    tracker = SessionTracker("cameras", picture="png")
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), np.uint8)
    with pytest.raises(InvalidInputError, match=r"6,291,456.*asynchronously"):
        tracker.step(noise)
    assert not tracker.session
    small = EndpointDetector(EndpointDetectorConfig(endpoint="cameras", limit=100))
    with pytest.raises(InvalidInputError, match="at most 100 bytes"):
        small.detect(frames(1, 1))


def test_refusals_of_the_container_say_status_and_reason(plane):
    with pytest.raises(ModelFailedError, match=r"answered 400: .*picture") as failed:
        Endpoint("cameras", patience=QUICK)(b"no picture", "image/png")
    assert failed.value.status == 400
    with pytest.raises(AwsError, match="not found"):
        Endpoint("nobody", patience=QUICK)(b"x", "image/png")


@pytest.mark.parametrize("form", ["any", "trackforge", "bytetrack", "builtin", "annotation"])
def test_every_form_gives_what_the_detector_finds(plane, detector, form):
    asked = EndpointDetector(EndpointDetectorConfig(endpoint="cameras", picture="png", form=form, in_flight=3))
    given = frames(2, 6)
    for mine, whole in zip(asked.detect(given), detector.detect(given), strict=True):
        order, other = np.lexsort(mine.xyxy.T), np.lexsort(whole.xyxy.T)
        np.testing.assert_allclose(mine.xyxy[order], whole.xyxy[other], atol=2e-3)
        np.testing.assert_allclose(mine.score[order], whole.score[other], atol=1e-5)
        assert mine.class_id[order].tolist() == whole.class_id[other].tolist()
    asked.close()


def test_tracking_by_the_client_over_a_detector_endpoint_equals_offline(plane, detector, tmp_path):
    asked = EndpointDetector(EndpointDetectorConfig(endpoint="cameras", picture="png", classes=detector.classes))
    mine = [plain(step_json(s, detector.classes)) for s in trackforge.track(frames(1), asked, "byte", batch_size=4)]
    assert mine == tracked(detector, 1)


def test_the_detector_keeps_the_contract(plane, credentials):
    check_detector(lambda: trackforge.detector("endpoint", endpoint="cameras", picture="png"))


def test_an_endpoint_that_dies_half_way_leaves_what_is_done(base, credentials, monkeypatch, tmp_path):
    with hosted(base, "dying") as container, DataPlane({"e": HostedEndpoint(instances=[container.url])}) as plane:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)

        def dying():
            for frame in frames(1, 10):
                if frame.index == 6:
                    container.process.kill()
                    container.process.wait()
                yield frame

        asked = EndpointDetector(EndpointDetectorConfig(endpoint="e", picture="png"))
        asked.endpoint.patience = Patience(1, attempts=2, first=0.02)
        done = []
        steps = trackforge.track(dying(), asked, "byte", ahead=0, sinks=[tmp_path / "out.txt"])
        with pytest.raises(ModelFailedError, match="gave no answer"):
            done.extend(step.frame.index for step in steps)
        (partial,) = tmp_path.glob("out*partial*")
        assert len({line.split(",")[0] for line in partial.read_text().splitlines()}) >= 4


def test_nobody_there_is_said_plainly(credentials, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{aws_tools.free_port()}")
    with pytest.raises(UnreachableError, match="AWS must answer"):
        Endpoint("cameras", patience=Patience(1, attempts=2, first=0.01))(b"x", "image/png")


def test_a_state_goes_from_one_instance_to_another(plane, detector):
    with SessionTracker("cameras", picture="png", patience=QUICK) as tracker:
        for image in scene(1, 5):
            tracker.step(image)
        told = tracker.close(save=True)
    assert told["state"]


def test_a_region_of_the_environment_is_known_by_either_of_its_names(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert client("sagemaker-runtime").meta.region_name == "eu-west-3"
    assert client("sagemaker-runtime", region="eu-west-1").meta.region_name == "eu-west-1"
