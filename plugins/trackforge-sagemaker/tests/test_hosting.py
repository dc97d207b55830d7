"""``trackforge-sagemaker serve``: pictures and sessions of a real process, answered as offline."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from bright_detector import install
from bright_model import HEIGHT, WIDTH, png, scene
from hosted import FRAMES, fairmot, hosted, invoke, opened, sessions, shown
from served import until

from trackforge.types import Frame


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


def test_a_session_answers_what_its_analytics_know_in_both_forms(container):
    asked = {"requestType": "NEW_SESSION", "frame_rate": 25, "analytics": {"lines": {"lines": "door=50%,0 50%,100%"}}}
    told = invoke(container, asked).headers["x-amzn-sagemaker-new-session-id"]
    identity = told.partition(";")[0]
    image = next(scene(1, 1))
    assert invoke(container, png(image), session=identity).json["analytics"]["lines"] == {"door": {"in": 0, "out": 0}}
    answer = invoke(container, fairmot(1, image), session=identity).json
    assert answer[1] == {"lines": {"door": {"in": 0, "out": 0}}}
    refused = invoke(container, {"requestType": "NEW_SESSION", "analytics": {"lnies": {}}})
    assert "Did you mean 'lines'" in refused.body.decode()
    invoke(container, {"requestType": "CLOSE"}, session=identity)


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
    plugins, gate = install(tmp_path / "plugins"), tmp_path / "model" / "gate"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\ngate = "gate"\n')
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
