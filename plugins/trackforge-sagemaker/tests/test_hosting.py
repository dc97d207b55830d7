"""``trackforge-sagemaker serve`` over a real model folder: real processes and sockets, answers as offline."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading

import numpy as np
import pytest
from bright_detector import install
from bright_model import HEIGHT, WIDTH, png, scene, write_film, write_model
from hosted import FRAMES, SERVE, fairmot, hosted, hosted_environment, invoke, opened, plain, sessions, shown, tracked
from served import until

import trackforge
from trackforge.serving import step_json
from trackforge.types import Frame


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = tmp_path_factory.mktemp("ml")
    write_model(base / "model")
    return base


@pytest.fixture(scope="module")
def container(base):
    with hosted(base) as server:
        yield server


@pytest.fixture(scope="module")
def detector(base):
    return trackforge.detector("yolox", weights=str(base / "model" / "model.onnx"), size=(HEIGHT, WIDTH), nms=0.2)


@pytest.fixture(scope="module")
def steps(detector):
    return lambda camera, frames=FRAMES: tracked(detector, camera, frames)


def test_a_picture_is_answered_in_every_form(container, detector):
    image = next(scene(1, 1))
    (found,) = detector.detect([Frame(index=0, image=image)])
    assert len(found) >= 3
    ours = invoke(container, png(image)).json
    assert [one["xyxy"] for one in ours["detections"]] == found.xyxy.tolist()
    assert {one["class"] for one in ours["detections"]} == {"person"}
    builtin = invoke(container, png(image), Accept="application/json;format=builtin").json["prediction"]
    assert np.allclose(np.array(builtin)[:, 2:] * [WIDTH, HEIGHT, WIDTH, HEIGHT], found.xyxy, atol=1e-3)
    assert np.allclose(np.array(builtin)[:, 1], found.score)
    noted = invoke(container, png(image), "application/x-image", Accept="application/json;annotation=1").json
    assert noted["image_size"] == [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
    assert len(noted["annotations"]) == len(found)
    (rows,) = invoke(container, png(image), "application/x-image", Accept="application/json;format=bytetrack").json
    scale = min(800 / HEIGHT, 1440 / WIDTH)
    assert np.allclose(np.array(rows)[:, :4] / scale, found.xyxy, atol=1e-3)
    dark = png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert invoke(container, dark, Accept="application/json;format=bytetrack").body == b"[null]"
    assert invoke(container, png(image), "").json == ours  # nothing said: told by its first bytes


def test_cameras_in_sessions_are_tracked_as_offline_while_they_interleave(container, steps):
    ids = {camera: opened(container) for camera in (1, 2, 3)}
    given = {camera: [] for camera in ids}
    for images in zip(*(scene(camera, FRAMES) for camera in ids), strict=True):
        for camera, image in zip(ids, images, strict=True):
            answer = invoke(container, png(image), session=ids[camera])
            assert answer.status == 200, answer.body
            given[camera].append(answer.json)
    for camera, identity in ids.items():
        assert given[camera] == steps(camera)
        closed = invoke(container, {"requestType": "CLOSE"}, session=identity)
        assert closed.headers["x-amzn-sagemaker-closed-session-id"] == identity
        assert closed.json["frames"] == FRAMES
        assert invoke(container, png(image), session=identity).status == 410


def test_a_session_begins_with_its_first_picture(container, steps):
    images = list(scene(4, 5))
    first = invoke(container, png(images[0]), session="NEW_SESSION")
    identity = first.headers["x-amzn-sagemaker-new-session-id"].partition(";")[0]
    rest = [invoke(container, png(image), session=identity).json for image in images[1:]]
    assert [first.json, *rest] == steps(4, 5)
    invoke(container, {"requestType": "CLOSE"}, session=identity)
    empty = invoke(container, b"", session="NEW_SESSION")
    identity = empty.headers["x-amzn-sagemaker-new-session-id"].partition(";")[0]
    assert invoke(container, {"requestType": "CLOSE"}, session=identity).status == 200


def test_no_session_is_left_of_a_request_that_failed(container):
    before = sessions(container)
    for body, kind in (
        (b"no picture", "image/png"),
        (b"{}", "application/json"),
        (b'{"frame_id": 0}', "application/json"),
    ):
        answer = invoke(container, body, kind, session="NEW_SESSION")
        assert answer.status == 400
        assert "x-amzn-sagemaker-new-session-id" not in answer.headers
    assert invoke(container, png(next(scene(1, 1))), session="NEW_SESSION", Accept="text/html").status == 406
    assert sessions(container) == before


def test_a_session_goes_on_elsewhere_from_its_state(container, steps):
    images = list(scene(5, FRAMES))
    identity = opened(container, frame_rate=25, name="gate")
    given = [invoke(container, png(image), session=identity).json for image in images[:8]]
    state = invoke(container, {"requestType": "CLOSE", "state": True}, session=identity).json["state"]
    identity = opened(container, state=state)
    given += [invoke(container, png(image), session=identity).json for image in images[8:]]
    for step in given:
        assert step.pop("timestamp") == step["frame"] / 25
    expected = steps(5)
    for step in expected:
        step.pop("timestamp")
    assert given == expected
    invoke(container, {"requestType": "CLOSE"}, session=identity)


def test_custom_attributes_say_which_frame_it_is_and_come_back(container):
    identity = opened(container)
    image = png(next(scene(1, 1)))
    said = "trace=abc; trackforge-index=7; trackforge-timestamp=0.28"
    answer = invoke(container, image, session=identity, X_Amzn_SageMaker_Custom_Attributes=said)
    assert (answer.json["frame"], answer.json["timestamp"]) == (7, 0.28)
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == said
    again = invoke(container, image, session=identity, X_Amzn_SageMaker_Custom_Attributes="trackforge-index=7")
    assert again.status == 400
    assert "increase" in again.json["detail"]
    invoke(container, {"requestType": "CLOSE"}, session=identity)


def test_fairmot_clients_get_their_own_answers_in_sessions_and_without(container, steps):
    expected = [shown(step) for step in steps(6)]
    assert any(expected)
    identity = opened(container)
    for index, image in enumerate(scene(6, FRAMES)):
        first = {"frame_w": WIDTH, "frame_h": HEIGHT, "batch_size": 1} if index == 0 else {}
        ((inside,), (outside,)) = (
            invoke(container, fairmot(index, image, **first), session=one).json for one in (identity, "")
        )
        assert inside == outside
        assert {k: pytest.approx(v, abs=1e-3) for k, v in expected[index].items()} == inside
    invoke(container, {"requestType": "CLOSE"}, session=identity)


def test_named_cameras_without_sessions_are_kept_apart(container, steps):
    expected = {camera: [shown(step) for step in steps(camera, 8)] for camera in (7, 8)}
    for index, images in enumerate(zip(scene(7, 8), scene(8, 8), strict=True)):
        for camera, image in zip(expected, images, strict=True):
            named = {"X_Amzn_SageMaker_Custom_Attributes": f"trackforge-camera=camera-{camera}"}
            (given,) = invoke(container, fairmot(index, image), **named).json
            assert {k: pytest.approx(v, abs=1e-3) for k, v in expected[camera][index].items()} == given


def test_two_cameras_without_names_or_sessions_are_refused_not_mixed(base):
    images = list(scene(1, 4))
    with hosted(base, "mixed") as server:
        assert invoke(server, fairmot(3, images[3])).status == 404  # whose frame 0 was elsewhere, or never
        assert [invoke(server, fairmot(k, images[k])).status for k in (0, 1)] == [200, 200]
        second = invoke(server, fairmot(0, images[0]))
        assert second.status == 409
        assert "NEW_SESSION" in second.json["detail"]
        assert int(second.headers["retry-after"]) <= 10
        assert invoke(server, fairmot(1, images[1])).status == 409  # what counts up is one camera's
        assert invoke(server, fairmot(2, np.zeros((64, 64, 3), np.uint8))).status == 409  # of another size
        assert invoke(server, fairmot(2, images[2])).status == 200  # the first one never noticed


def test_a_frame_that_came_to_nothing_may_come_again(container):
    named = {"X_Amzn_SageMaker_Custom_Attributes": "trackforge-camera=again"}
    images = list(scene(1, 3))
    before = sessions(container)
    for index, image in enumerate(images):
        assert invoke(container, fairmot(index, image), Accept="text/html", **named).status == 406
        assert sessions(container) == before + (index > 0)
        assert invoke(container, fairmot(index, image), **named).status == 200


def test_one_request_of_a_session_at_a_time(base, tmp_path):
    plugins, gate = install(tmp_path / "plugins"), tmp_path / "gate"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text(f'[detector]\nname = "bright"\ngate = "{gate}"\n')
    with hosted(tmp_path, PYTHONPATH=str(plugins)) as server:
        one, other = opened(server), opened(server)
        gate.touch()
        image, answers = png(next(scene(1, 1))), []
        both = [threading.Thread(target=lambda: answers.append(invoke(server, image, session=one))) for _ in range(2)]
        for thread in both:
            thread.start()
        until(lambda: len(answers) == 1)
        assert answers[0].status == 409
        assert server.get("/ping").status == 200  # answered whatever happens
        gate.unlink()
        for thread in both:
            thread.join()
        assert answers[1].status == 200
        assert invoke(server, image, session=other).json["frame"] == 0


def test_a_stop_waits_for_what_is_at_work_but_not_for_ever(film, tmp_path):
    plugins, gate = install(tmp_path / "plugins"), tmp_path / "gate"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text(f'[detector]\nname = "bright"\ngate = "{gate}"\n')
    for kind, body, session in (
        ("image/png", png(next(scene(1, 1))), "NEW_SESSION"),
        ("video/mp4", film.read_bytes(), ""),
    ):
        gate.unlink(missing_ok=True)
        with hosted(tmp_path, PYTHONPATH=str(plugins), TRACKFORGE_SERVE_GRACE="1") as server:
            gate.touch()
            answers = []
            asking = threading.Thread(target=lambda: answers.append(_asked(server, body, kind, session)))  # noqa: B023
            asking.start()
            until(lambda: server.metric("trackforge_http_requests_at_work") > 1)
            assert server.end(15) == 0  # within the 30 s that SageMaker gives, though the detector hangs
            asking.join()
            assert answers[0] in (503, 0)


def _asked(server, body, kind, session):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return invoke(server, body, kind, session=session).status
    return 0


def test_ping_tells_when_the_model_is_loaded_and_why_it_never_will_be(tmp_path):
    plugins, load = install(tmp_path / "plugins"), tmp_path / "load"
    settings = tmp_path / "model" / "trackforge.toml"
    settings.parent.mkdir()
    settings.write_text(f'[detector]\nname = "bright"\nload = "{load}"\n')
    with hosted(tmp_path, ready=False, PYTHONPATH=str(plugins)) as server:
        assert server.get("/ping").status == 503
        assert invoke(server, png(next(scene(1, 1)))).status == 503
        load.touch()
        until(lambda: server.get("/ping").status == 200)
        assert server.end(15) == 0
    settings.write_text('[detector]\nname = "bright"\nbroken = true\n')
    ended = subprocess.run(
        SERVE,
        env={**hosted_environment(tmp_path), "PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode not in (0, None)
    assert "it cannot be made" in ended.stderr


def test_what_cannot_be_served_ends_with_a_reason_and_a_code(tmp_path):
    def ends(*words, **environment):
        return subprocess.run(
            [*SERVE, *words],
            env={**hosted_environment(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    missing = ends()
    assert missing.returncode == 1
    assert "model" in missing.stderr
    write_model(tmp_path / "model")
    wrong = ends(TS_MAX_REQUEST_SIZE="6 MB")
    assert wrong.returncode == 2
    assert "TS_MAX_REQUEST_SIZE must be a whole number" in wrong.stderr
    assert ends("--port", "80").returncode == 2
    helped = ends("--help")
    assert helped.returncode == 0
    assert "SAGEMAKER_BIND_TO_PORT" in helped.stdout


def test_aws_s_variables_set_limits_times_and_sessions(base):
    with hosted(
        base,
        "limits",
        TS_MAX_REQUEST_SIZE="9000",
        SAGEMAKER_MAX_PAYLOAD_IN_MB="",
        TS_MAX_RESPONSE_SIZE="40",
        SAGEMAKER_SESSIONS_EXPIRATION="1",
        TRACKFORGE_HOSTING_RESPONSE="bytetrack",
        INPUT_HEIGHT=str(HEIGHT),
        INPUT_WIDTH=str(WIDTH),
    ) as server:
        dark = png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        assert invoke(server, dark).body == b"[null]"
        large = invoke(server, png(next(scene(1, 1))))
        assert large.status == 507
        assert "TS_MAX_RESPONSE_SIZE" in large.json["detail"]
        assert invoke(server, b"x" * 9001).status == 413
        assert invoke(server, b"x" * 9001, "video/mp4").status == 413
        assert invoke(server, b"x" * 9001, "application/octet-stream").status == 413
        assert server.get("/execution-parameters").json["MaxPayloadInMB"] == 1
        identity = (
            invoke(server, b"", session="NEW_SESSION").headers["x-amzn-sagemaker-new-session-id"].partition(";")[0]
        )
        until(lambda: sessions(server) == 0)
        gone = invoke(server, dark, session=identity)
        assert gone.status == 410
        assert "expired" in gone.json["detail"]


def test_sessions_can_be_switched_off(base):
    with hosted(base, "stateless", SAGEMAKER_ENABLE_STATEFUL_SESSIONS="false") as server:
        image = next(scene(1, 1))
        assert invoke(server, png(image)).status == 200
        for body, session in (
            ({"requestType": "NEW_SESSION"}, ""),
            (png(image), "NEW_SESSION"),
            (fairmot(0, image), ""),
        ):
            answer = invoke(server, body, session=session)
            assert answer.status == 400
            assert "SAGEMAKER_ENABLE_STATEFUL_SESSIONS" in answer.json["detail"]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "camera.mp4", 9, 40)


def test_a_film_is_answered_in_every_form_as_offline(container, detector, film, tmp_path):
    body = film.read_bytes()
    offline = list(trackforge.track(str(film), detector, "byte", sinks=[tmp_path / "out.txt", tmp_path / "out.jsonl"]))
    expected = [plain(step_json(step, detector.classes)) for step in offline]
    assert sum(len(step["tracks"]) for step in expected) > 40
    ours = invoke(container, body, "video/mp4").json
    assert ours == {"frames": expected}
    assert invoke(container, body, "application/octet-stream", Accept="application/json").json == ours
    rows = invoke(container, body, "video/mp4", Accept="text/csv")
    assert rows.body == (tmp_path / "out.txt").read_bytes()
    lines = invoke(container, body, "video/mp4", Accept="application/jsonlines").body.splitlines()
    assert [json.loads(line)["tracks"] for line in lines] == [step["tracks"] for step in expected]
    example = invoke(container, body, "video/mp4", Accept="application/json;format=bytetrack").json
    for row in example:
        assert row.endswith(",-1,-1,-1")
    assert [row.split(",")[:2] for row in example] == [
        [str(step["frame"]), track] for step in expected for track in shown(step)
    ]
    drawn = invoke(container, body, "video/mp4", Accept="video/mp4")
    assert drawn.headers["content-type"] == "video/mp4"
    (tmp_path / "drawn.mp4").write_bytes(drawn.body)
    frames = list(trackforge.source(str(tmp_path / "drawn.mp4")))
    assert len(frames) == 40
    assert frames[0].size == (WIDTH, HEIGHT)


def test_every_nth_frame_of_a_film_is_tracked_and_not_for_ever(film, tmp_path):
    plugins = install(tmp_path / "plugins")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\npause = 0.05\n')
    with hosted(tmp_path, FRAME_INTERVAL="7", TS_DEFAULT_RESPONSE_TIMEOUT="1", PYTHONPATH=str(plugins)) as server:
        frames = invoke(server, film.read_bytes(), "video/mp4").json["frames"]
        assert [(one["frame"], one["timestamp"]) for one in frames] == [(k, k / 25) for k in range(0, 40, 7)]
        long = write_film(tmp_path / "long.mp4", 1, 7 * 80)  # 80 frames at .05 s
        late = invoke(server, long.read_bytes(), "video/mp4")
        assert late.status == 504
        assert "TS_DEFAULT_RESPONSE_TIMEOUT" in late.json["detail"]
        assert sessions(server) == 0


def test_what_is_no_film_is_refused_and_nothing_is_left_of_it(base, tmp_path):
    with hosted(base, "films", SAGEMAKER_SESSIONS_PATH=str(tmp_path / "spool")) as server:
        playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
        concat = b"ffconcat version 1.0\nfile '/etc/passwd'\n"
        for body in (b"nonsense" * 100, b"", playlist, concat):
            answer = invoke(server, body, "video/mp4")
            assert answer.status in (400, 422), answer.body
            assert b"passwd" not in answer.body
            assert str(tmp_path) not in answer.body.decode()
        (folder,) = (tmp_path / "spool").iterdir()
        assert list(folder.iterdir()) == []
        with_session = invoke(server, b"x", "video/mp4", session=opened(server))
        assert with_session.status == 400
        assert server.end(15) == 0
        assert list((tmp_path / "spool").iterdir()) == []


def test_a_client_that_leaves_ends_its_film(base, film, tmp_path):
    plugins = install(tmp_path / "plugins")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\npause = 0.5\n')
    with hosted(tmp_path, PYTHONPATH=str(plugins)) as server:
        body = film.read_bytes()
        head = (
            f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with server.raw() as client:
            client.sendall(head.encode() + body)
            until(lambda: sessions(server) == 1)
        until(lambda: sessions(server) == 0)  # 40 frames at half a second would take longer
        assert "Traceback" not in server.log
