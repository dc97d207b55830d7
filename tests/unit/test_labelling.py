"""The parts of a labelling project: what is measured, chosen, filled, joined and kept."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import ConfigError, InvalidInputError
from trackforge.labelling import Goal, LabelRun, Signals, choose, measure, signals_of
from trackforge.labelling.filling import filled, whole_tracks
from trackforge.labelling.findings import Findings, Found
from trackforge.labelling.joining import CHECKED, MODEL, joined, only, without
from trackforge.labelling.models import Models
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame, Step, Tracks, TrackState


def walk(frames: range, track: int = 1, *, x: float = 0.0, score: float = 0.9, label: int = 0) -> TrackTable:
    """An object of 20 x 40 pixels that goes 2 pixels a frame to the right."""
    at = np.array(frames)
    left = x + 2.0 * at
    return TrackTable(
        frame=at,
        track_id=np.full(len(at), track),
        xyxy=np.stack((left, np.full(len(at), 50.0), left + 20, np.full(len(at), 90.0)), axis=1),
        score=np.full(len(at), score),
        class_id=np.full(len(at), label),
        extra={"filled": np.zeros(len(at), bool)},
    )


def together(*tables: TrackTable) -> TrackTable:
    return TrackTable.concatenate(tables)


# ---- measuring


def test_labels_that_nobody_touched_cost_nothing() -> None:
    labels = together(walk(range(10)), walk(range(10), 2, x=200))
    result = measure({"a": labels}, {"a": labels}, {"a": range(4)}, ("person",))
    assert (result.frames, result.effort.kept, result.effort.touched, result.effort.per_100) == (4, 8, 0, 0)
    assert (result.overall.precision, result.overall.recall, result.overall.idf1) == (1, 1, 1)
    assert result.classes["person"].boxes == 8


def test_what_people_change_is_counted_by_kind() -> None:
    shown = together(walk(range(10)), walk(range(10), 2, x=200), walk(range(5), 3, x=400))
    moved = walk(range(10), 2, x=206)  # 6 pixels of 20: IoU .54
    added = walk(range(2), 4, x=100, label=1)
    relabelled = walk(range(10), 1, label=1)
    people = together(relabelled, moved, added)
    result = measure({"a": shown}, {"a": people}, {"a": range(10)}, ("person", "car"))
    effort = result.effort
    assert (effort.relabelled, effort.moved, effort.added, effort.deleted) == (10, 10, 2, 5)
    assert (effort.kept, effort.identities, effort.boxes) == (0, 0, 22)
    assert effort.per_100 == pytest.approx(100 * 27 / 22)
    assert result.classes["person"].precision == pytest.approx(10 / 25)
    assert result.classes["car"].recall == 0
    told = result.as_dict()
    assert told["classes"]["car"]["precision"] is None  # the model had none: no number, and JSON knows no NaN
    assert told["effort"]["from scratch"] == 100


def test_a_track_that_was_cut_or_joined_counts_as_one_mended_identity() -> None:
    one, two = walk(range(10)), together(walk(range(5), 1), walk(range(5, 10), 2))
    for shown, people in ((one, two), (two, one)):
        effort = measure({"a": shown}, {"a": people}, {"a": range(10)}, ("person",)).effort
        assert (effort.kept, effort.identities, effort.touched) == (10, 1, 1)


def test_tracks_that_swapped_objects_are_two_cuts_and_two_joins() -> None:
    right = together(walk(range(10), 1), walk(range(10), 2, x=200))
    swapped = together(
        walk(range(5), 1), walk(range(5, 10), 2), walk(range(5), 2, x=200), walk(range(5, 10), 1, x=200)
    )  # fmt: skip
    effort = measure({"a": swapped}, {"a": right}, {"a": range(10)}, ("person",)).effort
    assert (effort.kept, effort.moved, effort.identities) == (20, 0, 4)


def test_a_box_that_people_dragged_is_moved_however_far() -> None:
    shown = together(walk(range(4)), walk(range(4), 2, x=200))
    near = together(walk(range(1), x=14), walk(range(1), 2, x=200))  # 14 pixels of 20: IoU .18
    effort = measure({"a": shown}, {"a": near}, {"a": [0]}, ("person",)).effort
    assert (effort.kept, effort.moved, effort.added, effort.deleted, effort.per_100) == (1, 1, 0, 0, 50)
    far = together(walk(range(3)), walk(range(3, 4), x=100), walk(range(4), 2, x=200))
    effort = measure({"a": shown}, {"a": far}, {"a": range(4)}, ("person",)).effort
    assert (effort.kept, effort.moved, effort.added, effort.deleted, effort.identities) == (7, 1, 0, 0, 0)


def test_the_id_of_a_deleted_track_may_go_to_another_object() -> None:
    effort = measure({"a": walk(range(4))}, {"a": walk(range(4), x=100)}, {"a": range(4)}, ("person",)).effort
    assert (effort.moved, effort.added, effort.deleted) == (0, 4, 4)


def test_whole_pixels_of_a_label_tool_are_no_touch() -> None:
    shown = walk(range(5), x=0.4)
    people = TrackTable(frame=shown.frame, track_id=shown.track_id, xyxy=np.round(shown.xyxy))
    assert measure({"a": shown}, {"a": people}, {"a": range(5)}, ("person",)).effort.moved == 0


def test_a_box_left_alone_is_not_given_away_to_a_neighbour() -> None:
    """Of two labels on one object the equal one means it, whatever their scores."""
    shown = together(walk(range(3), 1, x=4, score=0.99), walk(range(3), 2, score=0.2))
    result = measure({"a": shown}, {"a": walk(range(3), 2)}, {"a": range(3)}, ("person",))
    assert (result.effort.kept, result.effort.moved, result.effort.deleted) == (3, 0, 3)


def test_measuring_needs_checked_frames() -> None:
    with pytest.raises(InvalidInputError, match="none is"):
        measure({"a": walk(range(3))}, {"a": walk(range(3))}, {"a": ()}, ("person",))


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0, 30))
def test_effort_adds_up(first: int, second: int, shift: float) -> None:
    shown, people = walk(range(first)), walk(range(second), x=shift)
    if not (first or second):
        return
    effort = measure({"a": shown}, {"a": people}, {"a": range(12)}, ("person",)).effort
    assert effort.kept + effort.moved + effort.relabelled + effort.added == second == effort.boxes
    assert effort.kept + effort.moved + effort.relabelled + effort.deleted == first


# ---- goals


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("AP50=0.9", "AP50", 0.9), ("idf1 >= 80%", "IDF1", 0.8), ("effort<10", "effort", 10), ("effort=5", "effort", 5)],
)
def test_goals_are_read(text: str, name: str, value: float) -> None:
    assert Goal.parse(text) == Goal(name, pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AP60=0.9", "Did you mean 'AP50'"),
        ("AP50=90", "AP50=90%"),
        ("AP50<0.9", "more is better"),
        ("effort>10", "less is better"),
        ("soon", "NAME=VALUE"),
        ("AP50=1e", "a number"),
    ],
)
def test_goals_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LabelRun(goal=(text,))


def test_a_goal_is_reached() -> None:
    assert Goal.parse("AP50=0.9").reached({"AP50": 0.9})
    assert not Goal.parse("AP50=0.9").reached({"AP50": math.nan})
    assert not Goal.parse("AP50=0.9").reached({})
    assert Goal.parse("effort<10").reached({"effort": 9.0})


# ---- choosing


def signals(count: int, **peaks: int) -> Signals:
    weak = np.zeros(count, np.int64)
    for frame, value in peaks.items():
        weak[int(frame[1:])] = value
    return Signals(np.arange(count), {"weak": weak})


def test_doubtful_frames_come_first_with_their_reasons() -> None:
    chosen = choose({"a": signals(100, f33=4, f70=2)}, {}, 2)
    assert [(one.frame, one.reasons) for one in chosen] == [(33, ("a low score: 4",)), (70, ("a low score: 2",))]


def test_no_two_of_a_moment() -> None:
    chosen = choose({"a": signals(400, f100=9, f101=9, f102=9, f300=1)}, {}, 2)
    assert [one.frame for one in chosen] == [100, 300] or chosen[0].frame in (101, 102)
    assert chosen[1].frame == 300


def test_where_all_are_alike_they_are_spread() -> None:
    frames = [one.frame for one in choose({"a": signals(100)}, {}, 5)]
    assert min(np.diff(frames)) >= 10
    assert frames[0] < 25
    assert frames[-1] > 60


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=60), st.sets(st.integers(0, 59)), st.integers(1, 20), st.integers()
)
def test_choosing_is_exact_and_the_same_each_time(values: list[int], checked: set[int], count: int, seed: int) -> None:
    two = {"a": Signals(np.arange(len(values)), {"weak": np.array(values)}), "b": signals(7)}
    del seed
    first, again = (choose(two, {"a": checked}, count) for _ in range(2))
    assert first == again
    left = 7 + len(set(range(len(values))) - checked)
    assert len(first) == min(count, left)
    places = [(one.sequence, one.frame) for one in first]
    assert len(set(places)) == len(places)
    assert not {frame for name, frame in places if name == "a"} & checked


def test_signals_are_counted_where_they_are() -> None:
    frames = np.arange(10)
    table = joined(
        TrackTable.empty(),
        filled(together(walk(range(4), x=100, score=0.3), walk(range(6, 10), x=100)), frames, 5),
        (),
    )
    found = {2: Detections(xyxy=[[300, 50, 320, 90]], score=[0.9]), 3: Detections(xyxy=[[0, 0, 5, 5]], score=[0.2])}
    told = signals_of(table, found, frames, (640, 480))
    assert told.counts["weak"].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert told.counts["filled"].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert told.counts["untracked"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert told.counts["breaks"].sum() == 0  # it is there from the first frame to the last
    assert Signals.from_dict(told.as_dict()).as_dict() == told.as_dict()


def test_tracks_may_begin_at_the_border_but_not_in_the_middle() -> None:
    frames = np.arange(20)
    inside = joined(TrackTable.empty(), walk(range(5, 12), x=200), ())
    border = joined(TrackTable.empty(), walk(range(5, 20), x=-10), ())
    assert signals_of(inside, {}, frames, (640, 480)).counts["breaks"][[5, 11]].tolist() == [1, 1]
    assert signals_of(border, {}, frames, (640, 480)).counts["breaks"].sum() == 0


# ---- filling and joining


@given(st.integers(0, 6), st.integers(1, 8), st.integers(1, 3))
def test_short_gaps_are_filled_in_straight_lines(gap: int, missing: int, stride: int) -> None:
    frames = np.arange(0, 60, stride)
    whole = walk(range(0, 60, stride))
    hole = set(frames[3 : 3 + missing].tolist())
    table = filled(without(whole, hole), frames, gap)
    if missing > gap:
        assert table.frame.tolist() == without(whole, hole).frame.tolist()
        return
    assert table.frame.tolist() == frames.tolist()
    np.testing.assert_allclose(table.xyxy, whole.xyxy, atol=1e-9)
    assert set(table.frame[table.extra["filled"]].tolist()) == hole


def test_tracks_begin_with_their_first_detection_and_have_one_class() -> None:
    def step(index: int, state: TrackState, label: int, score: float) -> Step:
        found = Detections(xyxy=[[0, 0, 9, 9]], score=[score], class_id=[label])
        tracks = Tracks(
            track_id=[4], xyxy=[[0, 0, 9, 9]], score=[score], class_id=[label], state=[state], age=[index + 1],
            time_since_update=[0], detection=[0],
        )  # fmt: skip
        return Step(frame=Frame(index=index), detections=found, tracks=tracks)

    steps = [step(0, TrackState.TENTATIVE, 1, 0.2), step(1, TrackState.CONFIRMED, 0, 0.9)]
    table = whole_tracks(steps)
    assert (table.frame.tolist(), table.class_id.tolist()) == ([0, 1], [0, 0])
    assert len(whole_tracks(steps[:1])) == 0  # never trusted


def test_peoples_labels_stay_to_the_last_digit_and_name_the_tracks() -> None:
    fresh = together(walk(range(20), 7, x=0.25), walk(range(20), 8, x=300))
    people = together(walk(range(4, 6), 30, x=1 / 3), walk(range(4, 6), 31, x=500, label=1))
    table = joined(people, fresh, (4, 5))
    mine = only(table, (4, 5))
    assert sorted(zip(mine.track_id.tolist(), mine.xyxy[:, 0].tolist(), strict=True)) == sorted(
        zip(people.track_id.tolist(), people.xyxy[:, 0].tolist(), strict=True)
    )
    assert set(mine.extra["origin"].tolist()) == {CHECKED}
    rest = without(table, (4, 5))
    assert set(rest.extra["origin"].tolist()) == {MODEL}
    assert set(rest.track_id[rest.xyxy[:, 0] < 100].tolist()) == {30}
    assert set(rest.track_id[rest.xyxy[:, 0] > 300].tolist()) == {32}  # an object that people do not know


def test_a_track_that_people_cut_is_cut_half_way() -> None:
    fresh = walk(range(20), 1)
    people = together(walk(range(4, 5), 11), walk(range(14, 15), 12, label=1))
    table = joined(people, fresh, (4, 14))
    assert table.track_id[table.frame < 9].tolist() == [11] * 9
    assert set(table.track_id[table.frame > 9].tolist()) == {12}
    assert set(table.class_id[table.frame > 9].tolist()) == {1}  # and it is what people say it is


@given(st.data())
def test_joining_keeps_an_id_once_in_a_frame(data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True))
    fresh = together(*(walk(range(data.draw(st.integers(1, 12))), one, x=8.0 * one) for one in ids))
    checked = data.draw(st.sets(st.integers(0, 11), max_size=4))
    mine = together(*(walk(range(12), 50 + one, x=8.0 * one + data.draw(st.floats(-6, 6))) for one in ids))
    table = joined(mine, fresh, checked)  # raises where an id stands twice
    assert only(table, checked).frame.tolist() == only(mine, checked).frame.tolist()
    assert len(without(table, checked)) == len(without(fresh, checked))


# ---- what was found


def test_findings_outlast_a_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    mask = np.array([{"size": [4, 4], "counts": "04"}, None], object)
    one = Detections(xyxy=[[0.1, 0, 3, 3], [1, 1, 2, 2]], score=[0.7, 1 / 3], class_id=[1, 0], mask=mask)
    looks = Detections(xyxy=[[0, 0, 1, 1]], embedding=[[0.25, 1 / 3]])
    with Findings(path, "m") as kept:
        kept.begin(("a", "b"))
        kept.add(Found(Frame(index=0, size=(4, 4), timestamp=0.5, file="x.jpg"), one))
        kept.add(Found(Frame(index=1, size=(4, 4)), None))
        kept.add(Found(Frame(index=2, size=(4, 4)), looks))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    again = Findings(path, "m")
    assert (sorted(again.frames), again.complete, again.classes) == ([0, 1], False, ("a", "b"))
    first = again.frames[0]
    assert first.detections is not None
    assert (first.frame.timestamp, first.frame.file) == (0.5, "x.jpg")
    np.testing.assert_array_equal(first.detections.score, one.score)
    assert first.detections.mask is not None
    assert first.detections.mask.tolist() == mask.tolist()
    with again:
        again.begin(("a", "b"))
        again.add(Found(Frame(index=2, size=(4, 4)), looks))
        again.end()
    assert path.read_bytes()[: len(whole)] == whole
    third = Findings(path, "m")
    assert third.complete
    assert third.covers(frozenset())
    assert not third.covers(frozenset({1}))  # somebody has taken back that it is checked
    np.testing.assert_array_equal(third.frames[2].detections.embedding, looks.embedding)  # type: ignore[union-attr]
    assert not Findings(path, "other").frames


# ---- classes


def test_classes_that_no_model_knows() -> None:
    models = Models(LabelRun(sources=("synthetic",), detector="motion", classes=("persn",)))
    with pytest.raises(ConfigError, match="Did you mean 'person'"):
        models.agree([("person",)])
    with pytest.raises(ConfigError, match="must say what its classes are called; motion does not"):
        models.agree([()])
    models = Models(LabelRun(sources=("synthetic",), detector="motion", classes=("boat",)))
    with pytest.raises(ConfigError, match="--rename person=boat"):
        models.agree([("person",)])
    models = Models(LabelRun(sources=("synthetic",), detector="motion", classes=("walker",), rename=("person=walker",)))
    assert models.agree([("person",)]) == ("walker",)
    assert models.agree([("walker",)], ("walker",)) == ("walker",)  # once it was trained on the labels
