"""What requests and answers look like on the wire."""

from __future__ import annotations

import base64
import dataclasses
import json

import numpy as np
import pytest

from trackforge.errors import DataError
from trackforge.types import Detections, Frame, Step, Tracks, TrackState
from trackforge_sagemaker.formats import bytetrack, fairmot
from trackforge_sagemaker.formats.headers import ATTRIBUTES, INFERENCE, SESSION, echoed, expiring, hints, session_id
from trackforge_sagemaker.formats.media import NotAcceptable, UnsupportedMedia, chosen, media_type, subject_of
from trackforge_sagemaker.formats.standard import read_session_request


def step(boxes, index=0):
    n = len(boxes)
    tracks = Tracks(
        track_id=np.arange(1, n + 1),
        xyxy=boxes,
        score=np.full(n, 0.876),
        class_id=np.zeros(n),
        state=np.full(n, TrackState.CONFIRMED),
        age=np.ones(n),
        time_since_update=np.zeros(n),
        detection=np.arange(n),
    )
    found = Detections(xyxy=boxes, score=np.full(n, 0.876))
    return Step(frame=Frame(index=index, size=(1000, 1000)), detections=found, tracks=tracks)


def test_media_types_are_read_whatever_their_spelling():
    assert media_type('Application/JSON ; Annotation="1" ;verbose;n_predictions=2').parameters == {
        "annotation": "1",
        "verbose": "",
        "n_predictions": "2",
    }
    assert media_type(None).name == media_type("").name == media_type(";;;").name == ""
    assert media_type("x" * 10_000).name == "x" * 1024


@pytest.mark.parametrize(
    ("accept", "asked", "default", "form"),
    [
        (None, "picture", "trackforge", "trackforge"),
        ("*/*", "picture", "builtin", "builtin"),
        ("application/json", "picture", "bytetrack", "bytetrack"),
        ("application/json;annotation=1", "picture", "trackforge", "annotation"),
        ("application/json;format=bytetrack", "picture", "trackforge", "bytetrack"),
        ("text/html, application/json;q=0.5;format=builtin, */*;q=0.1", "picture", "trackforge", "builtin"),
        ("application/json;format=fairmot", "session", "trackforge", "fairmot"),
        ("application/json", "session", "fairmot", "fairmot"),
        ("application/jsonlines", "film", "trackforge", "lines"),
        ("text/csv", "film", "trackforge", "mot"),
        ("video/mp4", "film", "trackforge", "mp4"),
        ("application/json", "film", "bytetrack", "bytetrack"),
    ],
)
def test_the_form_of_an_answer_is_chosen_by_accept(accept, asked, default, form):
    assert chosen(accept, asked, default) == form


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        ("text/html", "picture"),
        ("video/mp4", "picture"),
        ("application/json;format=../../etc/passwd", "picture"),
        ("application/json;format=fairmot", "film"),
        ("application/json;q=0", "session"),
        ("application/json;q=much", "session"),
        ("application/json;format=builtin", "session"),
    ],
)
def test_forms_that_are_not_given_are_refused_with_those_that_are(accept, asked):
    with pytest.raises(NotAcceptable, match="trackforge") as refused:
        chosen(accept, asked, "trackforge")
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("stated", "head", "subject"),
    [
        ("image/jpeg", b"", "picture"),
        ("application/x-image", b"", "picture"),
        ("application/json; charset=utf-8", b"", "json"),
        ("video/mp4", b"", "film"),
        (None, b"\xff\xd8\xff\xe0", "picture"),
        ("application/octet-stream", b"\x89PNG\r\n\x1a\n", "picture"),
        ("", b"RIFF\x00\x00\x00\x00WEBP", "picture"),
        ("", b"RIFF\x00\x00\x00\x00AVI ", "film"),
        ("binary/octet-stream", b'\xef\xbb\xbf {"frame_id"', "json"),
        ("application/octet-stream", b"\x00\x00\x00\x20ftypisom", "film"),
    ],
)
def test_a_body_is_known_by_its_type_or_its_first_bytes(stated, head, subject):
    assert subject_of(stated, head) == subject


@pytest.mark.parametrize("stated", ["text/html", "application/x-python-pickle", "multipart/form-data; boundary=x", "x"])
def test_types_that_nobody_reads_are_refused(stated):
    with pytest.raises(UnsupportedMedia) as refused:
        subject_of(stated, b"anything")
    assert refused.value.status == 415


def test_byte_tracks_boxes_are_those_of_the_letter_boxed_picture():
    found = Detections(xyxy=[[100, 50, 300, 450]], score=[0.5], class_id=[2])
    text = bytetrack.boxes_text(found, (1920, 1080))
    ((row,),) = json.loads(text)
    scale = min(800 / 1080, 1440 / 1920)
    assert np.allclose(np.array(row[:4]) / scale, [100, 50, 300, 450], atol=1e-3)
    assert row[4] * row[5] == pytest.approx(0.5)
    assert row[6] == 2
    assert bytetrack.boxes_text(Detections.empty(), (1920, 1080)) == "[null]"
    assert json.loads(bytetrack.boxes_text(found, (100, 100), (200, 400)))[0][0][:4] == [200, 100, 600, 900]


def test_flat_and_small_boxes_are_left_out_of_the_examples_answers():
    tall, flat, small = [10, 10, 30, 70], [10, 10, 43, 30], [10, 10, 13, 13.3]
    edge = [0, 0, 16, 10]  # 1.6 exactly is shown
    assert json.loads(fairmot.tracks_text(step([tall, flat, small, edge]))) == [
        {"1": [10, 10, 20, 60], "4": [0, 0, 16, 10]}
    ]
    assert bytetrack.rows(step([tall, flat, small, edge], 7)) == [
        "7,1,10.00,10.00,20.00,60.00,0.88,-1,-1,-1",
        "7,4,0.00,0.00,16.00,10.00,0.88,-1,-1,-1",
    ]
    assert json.loads(fairmot.tracks_text(step(np.zeros((0, 4))))) == [{}]


def test_what_analytics_know_follows_the_boxes_of_the_fairmot_example():
    bare = step(np.array([[0, 0, 50, 100]]))
    assert json.loads(fairmot.tracks_text(bare)) == [{"1": [0.0, 0.0, 50.0, 100.0]}]
    more = dataclasses.replace(bare, analytics={"ground": {"1": {"speed": 1.5}}})
    assert json.loads(fairmot.tracks_text(more)) == [{"1": [0.0, 0.0, 50.0, 100.0]}, {"ground": {"1": {"speed": 1.5}}}]


def test_frames_of_the_fairmot_example_are_read():
    data = base64.b64encode(b"picture").decode()
    full = {"frame_id": 0, "frame_data": data, "frame_w": 1920, "frame_h": 1080, "batch_size": 1}
    frame = fairmot.read_frame(full)
    assert (frame.index, frame.picture, frame.size) == (0, b"picture", (1920, 1080))
    assert fairmot.read_frame({"frame_id": 12, "frame_data": data}).size is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frame_id": "../../etc/passwd"}, "frame_id"),
        ({"frame_id": -1}, "frame_id"),
        ({"frame_id": True}, "frame_id"),
        ({"frame_id": 10**30}, "frame_id"),
        ({"frame_id": 1.5}, "frame_id"),
        ({"frame_id": None}, "frame_id"),
        ({"frame_data": None}, "base64"),
        ({"frame_data": "!!!!"}, "base64"),
        ({"frame_data": "AAA"}, "base64"),
        ({"frame_data": "é" * 8}, "base64"),
        ({"frame_data": ["AAAA"]}, "base64"),
        ({"batch_size": 2}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"frame_w": 0}, "frame_w"),
        ({"frame_h": 1e300}, "frame_h"),
    ],
)
def test_frames_with_a_wrong_value_are_refused_by_its_name(change, says):
    with pytest.raises(DataError, match=says):
        fairmot.read_frame({"frame_id": 0, "frame_data": "AAAA", "frame_w": 8, "frame_h": 8, "batch_size": 1, **change})


def test_requests_of_the_container_standard_are_read():
    assert read_session_request({"requestType": "NEW_SESSION"}).kind == "NEW_SESSION"
    asked = read_session_request({"requestType": "NEW_SESSION", "tracker": {"name": "byte"}, "frame_rate": "25"})
    assert (asked.tracker, asked.frame_rate) == ({"name": "byte"}, 25.0)
    counted = {"requestType": "NEW_SESSION", "analytics": {"lines": {"lines": "a=0,0 9,9"}}}
    assert read_session_request(counted).analytics == {"lines": {"lines": "a=0,0 9,9"}}
    assert read_session_request({"requestType": "CLOSE", "state": True}).save


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"requestType": "OPEN"}, "NEW_SESSION or CLOSE"),
        ({"requestType": ["NEW_SESSION"]}, "NEW_SESSION or CLOSE"),
        ({"requestType": "NEW_SESSION", "framerate": 3}, "Did you mean 'frame_rate'"),
        ({"requestType": "CLOSE", "tracker": "byte"}, "no key"),
        ({"requestType": "NEW_SESSION", "frame_rate": -1}, "frame_rate"),
        ({"requestType": "NEW_SESSION", "frame_rate": float("nan")}, "frame_rate"),
        ({"requestType": "NEW_SESSION", "tracker": 3}, "tracker"),
        ({"requestType": "NEW_SESSION", "policy": "oldest"}, "policy"),
        ({"requestType": "NEW_SESSION", "name": "x" * 300}, "name"),
        ({"requestType": "NEW_SESSION", "state": "no base64"}, "state"),
        ({"requestType": "NEW_SESSION", "state": 7}, "state"),
        ({"requestType": "NEW_SESSION", "analytics": ["lines"]}, "tables by name"),
    ],
)
def test_other_requests_for_sessions_are_refused(document, says):
    with pytest.raises(DataError, match=says):
        read_session_request(document)


@pytest.mark.parametrize("good", ["abc", "a-b--c", "NEW_SESSION", "0" * 256])
def test_ids_that_the_service_model_allows_pass(good):
    assert session_id({SESSION: good}) == good


@pytest.mark.parametrize(
    "bad",
    ["-a", "a-", "a b", "a\r\nSet-Cookie: x=1", "../../x", "a" * 257, "a;b", "é", "new_session", "%0d"],
)
def test_other_ids_are_refused_and_shown_harmlessly(bad):
    with pytest.raises(DataError) as refused:
        session_id({SESSION: bad})
    assert str(refused.value).isascii()
    assert "\r" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_what_is_printable_is_echoed():
    assert echoed({ATTRIBUTES: " trace=7; c=1 ", INFERENCE: "id-1"}) == {ATTRIBUTES: "trace=7; c=1", INFERENCE: "id-1"}
    for bad in ("a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f", "é", "a\tb"):
        assert echoed({ATTRIBUTES: bad, INFERENCE: bad}) == {}
    assert echoed({ATTRIBUTES: "a" * 1025, INFERENCE: "b" * 65}) == {}


def test_hints_are_read_from_custom_attributes_and_others_left_alone():
    told = hints(
        {ATTRIBUTES: "trace=x; trackforge-camera=gate.1, Trackforge-Index=7; trackforge-timestamp=0.28; index=9"}
    )
    assert (told.camera, told.index, told.timestamp) == ("gate.1", 7, 0.28)
    assert hints({}).camera == ""
    for bad in ("camera=../../x", "camera=", "index=-1", "index=1e9", "timestamp=nan", "timestamp=soon"):
        with pytest.raises(DataError, match="attribute"):
            hints({ATTRIBUTES: f"trackforge-{bad}"})


def test_the_header_of_a_new_session_matches_the_service_models_pattern():
    import re

    pattern = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*;\sExpires=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
    for when in (0.0, 1_800_000_000.5, float("inf")):
        assert re.match(pattern, expiring("0123abcd", when))
