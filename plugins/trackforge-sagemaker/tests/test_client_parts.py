"""What clients are made of, without AWS's tools: shapes of answers, ids over sessions, retries, messages of errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import DataError, StateError
from trackforge.testing import strategies
from trackforge.types import Detections, Frame, Tracks
from trackforge_sagemaker.client import failures
from trackforge_sagemaker.client.answers import detections_of, document_of, tracks_of
from trackforge_sagemaker.client.failures import AwsError, ModelFailedError, ThrottledError, UnreachableError
from trackforge_sagemaker.client.following import Shown, StoredSteps, ToldTracker
from trackforge_sagemaker.client.identities import Identities
from trackforge_sagemaker.client.places import split_place
from trackforge_sagemaker.client.retrying import Patience, outcome
from trackforge_sagemaker.formats.bytetrack import boxes_text


@given(strategies.boxes(size=(640, 480)), st.tuples(st.integers(64, 4000), st.integers(64, 4000)))
def test_bytetrack_s_letter_box_is_undone(boxes, size):
    score = np.linspace(0.1, 0.9, len(boxes), dtype=np.float32)
    found = Detections(xyxy=boxes, score=score, class_id=np.arange(len(boxes)) % 3)
    back = detections_of(json.loads(boxes_text(found, size)), size)
    np.testing.assert_allclose(back.xyxy, found.xyxy, atol=1e-2)
    np.testing.assert_allclose(back.score, found.score, atol=1e-6)
    assert back.class_id.tolist() == found.class_id.tolist()


@pytest.mark.parametrize(
    ("document", "box"),
    [
        ([None], None),
        ([[[144, 72, 288, 144, 0.5, 0.8, 0]]], [80, 40, 160, 80]),
        ({"detections": [{"xyxy": [1, 2, 3, 4]}]}, [1, 2, 3, 4]),
        ({"prediction": [[0.0, 0.9, 0.1, 0.1, 0.2, 0.2]]}, [80, 40, 160, 80]),
        ({"normalized_boxes": [[0.1, 0.1, 0.2, 0.2]], "classes": [0], "scores": [0.4]}, [80, 40, 160, 80]),
    ],
)
def test_known_shapes_are_read(document, box):
    found = detections_of(document, (800, 400), letterbox=(720, 1440))
    assert found.xyxy.tolist() == ([] if box is None else [pytest.approx(box)])


@pytest.mark.parametrize(
    "document",
    [
        {}, 7, "text", [1, 2], [[[1, 2, 3]]], [{"a": 1}], {"detections": [{"score": 1}]}, {"detections": [[1]]},
        {"detections": [{"xyxy": [1, 2, 3]}]}, {"detections": [{"xyxy": [1, 2, 3, "x"]}]},
        {"detections": [{"xyxy": [1, 2, 3, float("nan")]}]}, [[[1, 2, 3, 4, 5, 6, 1e99]]],
    ],
)  # fmt: skip
def test_other_shapes_are_refused_by_name(document):
    with pytest.raises(DataError, match="answer"):
        detections_of(document, (100, 100))


def test_tracks_are_read_in_both_forms():
    ours = tracks_of({"tracks": [{"track_id": 3, "xyxy": [1, 2, 3, 4], "score": 0.5, "class_id": 1}]})
    theirs = tracks_of([{"3": [1, 2, 2, 2]}])
    assert ours.xyxy.tolist() == theirs.xyxy.tolist() == [[1, 2, 3, 4]]
    assert ours.extra["track_id"].tolist() == theirs.extra["track_id"].tolist() == [3]
    for wrong in ({"detections": []}, [], [{"3": [1]}], [{"a": [1, 2, 3, 4]}], {"tracks": [{"xyxy": [1, 2, 3, 4]}]}):
        with pytest.raises(DataError):
            tracks_of(wrong)
    with pytest.raises(DataError, match="no text"):
        document_of(b"\xff\xfe\x00\x80")


def of(*pairs):
    boxes = [[x, 0, x + 10, 10] for _, x in pairs]
    return Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4), extra={"track_id": np.array([i for i, _ in pairs], np.int64)}
    )


def test_ids_go_on_over_a_session_that_was_lost():
    ids = Identities(replay=3)
    assert ids.take(0, of((1, 0), (2, 50))).tolist() == [1, 2]
    assert ids.take(1, of((1, 2), (2, 48), (3, 90))).tolist() == [1, 2, 3]
    ids.begin_again()
    ids.replay(of((1, 50), (2, 0)))  # the new session gives its own
    ids.replay(of((1, 48), (2, 2), (3, 70)))  # and something that was not seen before
    assert ids.take(2, of((2, 4), (1, 46), (3, 68))).tolist() == [1, 2, 4]
    ids.begin_again()
    ids.replay(of())
    ids.replay(of((7, 90)))
    ids.replay(of((9, 4), (7, 68)))
    assert ids.take(3, of((9, 6), (7, 66), (8, 20))).tolist() == [1, 4, 5]


class Refused(Exception):
    def __init__(self, code, message="", **more):
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}, **more}


Refused.__name__ = "ClientError"


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        ("ExpiredTokenException", "expired", failures.CredentialsError, "run the same again"),
        ("AccessDeniedException", "no", failures.AccessError, "sagemaker:CreateModel"),
        ("ThrottlingException", "slow", ThrottledError, "Try again later"),
        ("ValidationException", 'Could not find model "x".', failures.GoneError, "must be there"),
        ("ResourceLimitExceeded", "0 instances", failures.QuotaError, "quota"),
        ("ResourceInUse", "busy", failures.ExistsError, "already"),
        ("RequestTimeTooSkewed", "late", AwsError, "clock"),
        ("Strange", "odd", AwsError, "failed: Strange: odd"),
    ],
)
def test_codes_of_aws_become_errors_that_say_what_to_do(code, message, kind, words):
    made = failures.explained(Refused(code, message), "sagemaker", "CreateModel", "make the model m")
    assert type(made) is kind
    assert words in str(made)
    assert failures.explained(ValueError("x"), "s3", "GetObject") is None


def test_a_container_s_reason_is_shown():
    told = Refused("ModelError", "m", OriginalStatusCode=410, OriginalMessage='{"detail": "Session is gone."}')
    made = failures.explained(told, "sagemaker-runtime", "InvokeEndpoint")
    assert isinstance(made, ModelFailedError)
    assert (made.status, made.reason) == (410, "Session is gone.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelFailedError("x", status=503), "not taken"), (ModelFailedError("x", status=400), "final"),
        (ModelFailedError("x"), "unsure"), (ThrottledError("x"), "not taken"), (UnreachableError("x"), "unsure"),
        (AwsError("Inference Component has no capacity to process this request."), "not taken"),
        (AwsError("x"), "final"),
    ],
)  # fmt: skip
def test_what_a_failure_means_for_the_call(error, kind):
    assert outcome(error) == kind


@pytest.mark.parametrize(("again", "calls"), [(True, 3), (False, 1)])
def test_an_answer_that_was_lost_is_asked_for_again_only_where_that_does_no_harm(again, calls):
    made = []

    def call():
        made.append(1)
        raise UnreachableError("lost")

    with pytest.raises(UnreachableError):
        Patience(60, attempts=3, first=0.001)(call, again=again)
    assert len(made) == calls


def test_what_was_not_taken_is_asked_again_until_patience_ends():
    left = [ThrottledError("a"), ThrottledError("b")]

    def call():
        if left:
            raise left.pop()
        return "done"

    assert Patience(60, first=0.001)(call, again=False) == "done"


def test_told_tracks_count_their_age_and_can_be_saved():
    tracker = ToldTracker()
    tracker.update(of((4, 0)), Frame(index=0))
    other = ToldTracker()
    other.load_state_dict(tracker.state_dict())
    assert other.update(of((4, 0), (5, 20)), Frame(index=3)).age.tolist() == [4, 1]
    with pytest.raises(StateError):
        other.load_state_dict({"format": "byte"})


def test_the_samples_filter_leaves_out_flat_and_small_boxes():
    class Given(ToldTracker):
        def update(self, detections, frame, /):
            boxes = np.array([[0, 0, 10, 10], [0, 0, 17, 10], [0, 0, 3, 3]], np.float32)
            found = Detections(xyxy=boxes, extra={"track_id": np.array([1, 2, 3])})
            return super().update(found, frame)

    tracks = Shown(Given()).update(Detections.empty(), Frame(index=0))
    assert isinstance(tracks, Tracks)
    assert tracks.track_id.tolist() == [1]


def test_stored_steps_are_those_of_this_film(tmp_path):
    path = tmp_path / "a.jsonl"
    line = {"frame": 1, "width": 64, "height": 48, "tracks": [{"track_id": 1, "xyxy": [1, 2, 3, 4]}]}
    path.write_text(json.dumps(line) + "\n")
    stored = StoredSteps(path)
    assert [len(one) for one in stored.detect([Frame(index=k, size=(64, 48)) for k in range(3)])] == [0, 1, 0]
    with pytest.raises(Exception, match="must be the answer to this film"):
        stored.detect([Frame(index=1, size=(32, 48))])
    path.write_text('{"tracks": []}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:1"):
        StoredSteps(path)


def test_addresses_in_s3():
    assert split_place("s3://films/a b/c.mp4") == ("films", "a b/c.mp4")
    for wrong in ("s3://", "films/a", "http://films/a", "s3://F/a"):
        with pytest.raises(ValueError, match="s3://bucket/key"):
            split_place(wrong)
