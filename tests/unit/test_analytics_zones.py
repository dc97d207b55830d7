"""Zones: who is there, who comes and goes, dwell, jitter, minutes, shapes, and supervision's own counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analytic_steps import followed, standing, step, steps_of
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge.analytics.polygons import area, inside
from trackforge.errors import ConfigError, StateError
from trackforge.testing import check_analytic

sv = pytest.importorskip("supervision")
HALL = "hall=200,100 440,100 440,400 200,400"
IN, OUT = (300.0, 300.0), (500.0, 300.0)


def zones(given=HALL, **settings):
    return trackforge.analytic("zones", zones=given, **settings)


@pytest.mark.parametrize("anchor", ["bottom", "center", "corners"])
def test_it_keeps_the_protocol(anchor):
    check_analytic(lambda: zones("a=0,0 64,0 64,48 0,48; b=50%,0 50%,100% 20,20", anchor=anchor))


def test_entries_exits_and_dwell_are_what_happened():
    made = zones()
    made.open(trackforge.Stream(rate=10.0, classes=("person", "dog")))
    paths = {
        1: [OUT] * 5 + [IN] * 20 + [OUT] * 15,  # inside from 0.5 s to 2.5 s
        2: [IN] * 10 + [OUT] * 30,  # appeared, left at 1.0 s
        3: [OUT] * 10 + [IN] * 30,  # still there, since 1.0 s, last seen at 3.9 s
    }
    given = followed(made, steps_of(paths, classes={3: 1}))
    assert given == {"hall": {"now": 1, "entered": 2, "appeared": 1, "left": 2, "vanished": 0, "dwell": {"3": 2.9}}}
    result = made.result()
    hall = result["zones"]["hall"]
    assert hall["classes"]["dog"] == {"entered": 1, "appeared": 0, "left": 0, "vanished": 0}
    assert (hall["visits"], hall["longest_seconds"]) == (3, pytest.approx(2.9))
    assert hall["mean_seconds"] == pytest.approx((2.0 + 1.0 + 2.9) / 3)
    assert {row["track_id"]: (row["came"], row["went"], row["seconds"]) for row in result["visits"]} == {
        1: ("entered", "left", pytest.approx(2.0)),
        2: ("appeared", "left", pytest.approx(1.0)),
        3: ("entered", "still there", pytest.approx(2.9)),
    }
    assert [(event["kind"], event["track_id"], event["frame"]) for event in made.events()] == [
        ("appeared", 2, 0),
        ("entered", 1, 5),
        ("left", 2, 10),
        ("entered", 3, 10),
        ("left", 1, 25),
    ]
    assert result["presence"] == [{"minute": 0, "zone": "hall", "most": 2, "seconds": pytest.approx(2.0 + 0.9 + 3.0)}]
    json.dumps(result)


def test_who_vanishes_inside_is_told_when_forgotten():
    made = zones(memory=1.0)
    given = followed(made, steps_of({1: [OUT, *[IN] * 9], 2: [OUT] * 40}))
    assert (given["hall"]["now"], given["hall"]["vanished"]) == (0, 1)
    (visit,) = made.result()["visits"]
    assert (visit["went"], visit["seconds"], visit["end_frame"]) == ("vanished", pytest.approx(0.8), 9)
    assert [event["kind"] for event in made.events()] == ["entered", "vanished"]


def test_a_gap_ends_no_visit():
    made = zones()
    followed(made, steps_of({1: [OUT, IN, *[None] * 30, IN, OUT]}))
    assert [row["seconds"] for row in made.result()["visits"]] == [pytest.approx(3.2)]


def test_a_pause_of_the_camera_longer_than_memory_ends_visits():
    made = zones()
    for index in [*range(30), *range(36_000, 36_030)]:
        made.update(step(index, {1: standing(*IN)}))
    result = made.result()
    assert [(row["came"], row["went"], row["seconds"]) for row in result["visits"]] == [
        ("appeared", "vanished", pytest.approx(2.9)),
        ("appeared", "still there", pytest.approx(2.9)),
    ]
    assert [(row["minute"], row["most"], row["seconds"]) for row in result["presence"]] == [
        (0, 1, pytest.approx(2.9)),
        (60, 1, pytest.approx(2.9)),
    ]


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(0, 3)), min_size=1, max_size=20), st.floats(1, 1000))
def test_nobody_is_there_for_longer_than_a_minute_lasts(frames, memory):
    made, now = zones(memory=memory), 0.0
    for index, (pause, people) in enumerate(frames):
        now += pause
        one = step(index, {k: standing(*IN) for k in range(1, people + 1)})
        frame = trackforge.Frame(index=index, size=(640, 480), timestamp=now)
        made.update(trackforge.Step(frame=frame, detections=one.detections, tracks=one.tracks))
    for row in made.result()["presence"]:
        assert 0 <= row["seconds"] <= 60 * row["most"] + 1e-6


@pytest.mark.parametrize("anchor", ["bottom", "center", "corners"])
def test_who_is_cut_off_by_the_edge_is_in_a_zone_up_to_the_edge(anchor):
    made = zones("all=0,0 100%,0 100%,100% 0,100%; left=0,0 50%,0 50%,100% 0,100%", anchor=anchor)
    paths = {1: [(5, 470), (0, 480), (-6, 515)], 2: [(640, 200), (645, 510), (320, 30)], 3: [(0, 0), (2, 1), (-5, 5)]}
    for one in steps_of(paths):
        given = made.update(one)
    assert given["all"] == {
        "now": 3,
        "entered": 0,
        "appeared": 3,
        "left": 0,
        "vanished": 0,
        "dwell": given["all"]["dwell"],
    }
    assert given["left"]["now"] == 2
    assert made.update(step(3, {1: standing(100, 560), 2: standing(700, 200)}))["all"]["now"] == 0  # wholly outside


def test_jitter_at_the_edge_is_no_coming_and_going():
    nervous = [(440.0 + (3 if k % 2 else -3), 300.0) for k in range(30)]
    paths = {1: [OUT] * 5 + nervous + [IN] * 10 + nervous + [OUT] * 5}
    assert followed(zones(), steps_of(paths))["hall"]["entered"] > 5
    made = zones(minimum=3)
    given = followed(made, steps_of(paths))["hall"]
    assert (given["entered"], given["left"]) == (1, 1)
    (visit,) = made.result()["visits"]
    assert visit["start_frame"] == 35  # dated back
    assert visit["end_frame"] == 74


def test_minutes_and_frames_without_time():
    made = zones()
    followed(made, steps_of({1: [OUT, IN, OUT] * 2}, rate=1 / 30))
    assert [(row["minute"], row["entered"], row["left"]) for row in made.result()["minutes"]] == [
        (0, 1, 0),
        (1, 0, 1),
        (2, 1, 1),
    ]
    untimed = zones()
    assert followed(untimed, steps_of({1: [OUT, IN, IN]}, rate=None))["hall"]["dwell"] == {}
    result = untimed.result()
    assert result["minutes"] == result["presence"] == []
    assert (result["visits"][0]["seconds"], result["visits"][0]["start_frame"]) == (None, 1)
    assert result["zones"]["hall"]["mean_seconds"] is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "at least one polygon"),
        ("a=1,2 3,4", "at least 3 points"),
        ("a=0,0 10,10 20,20", "on one line"),
        ("a=5,5 5,5 5,5", "on one line"),
        ("a=1,2 3,4 5", "5 numbers"),
        (5, "must be"),
    ],
)
def test_bad_zones_are_refused(bad, message):
    with pytest.raises(ConfigError, match=message):
        zones(bad)


def test_a_zone_outside_the_picture_is_refused():
    with pytest.raises(ConfigError, match=r"zones: 'hall' must lie in the picture, 160x90 pixels; its points 1 \(200"):
        zones().open(trackforge.Stream(size=(160, 90)))
    with pytest.raises(ConfigError, match="shares of it: 50%"):
        zones().update(step(0, {}, size=(160, 90)))
    made = zones()
    made.open(trackforge.Stream(size=(320, 240)))
    assert "partly outside" in made.notes()[0]


def test_a_state_goes_with_its_settings():
    made = zones()
    followed(made, steps_of({1: [OUT, IN]}))
    with pytest.raises(StateError, match="minimum"):
        zones(minimum=2).load_state_dict(made.state_dict())


def test_drawing_tints_the_zone_only():
    made = zones("hall=200,300 440,300 440,400 200,400")
    one = step(0, {1: standing(*IN)}, image=True)
    made.update(one)
    picture = np.array(one.frame.image)
    made.draw(picture, one)
    changed = (picture != one.frame.image).any(axis=2)
    assert changed[330:399, 203:437].all()
    assert not changed[405:].any()


def test_polygons_of_any_shape():
    star = np.array([[0, 0], [10, 0], [10, 10], [5, 4], [0, 10]], float)
    points = np.array([[5, 2], [5, 8], [1, 8], [9, 8], [11, 5]], float)
    assert inside(points, star).tolist() == [True, False, True, True, False]
    assert abs(area(star)) == pytest.approx(70.0)
    assert inside(points[None], star).shape == (1, 5)


@given(
    paths=st.lists(
        st.lists(st.tuples(st.integers(0, 31), st.integers(3, 23)), min_size=1, max_size=6), min_size=1, max_size=4
    ),
    anchor=st.sampled_from(("bottom", "center", "corners")),
)
def test_the_count_is_supervisions(paths, anchor):
    polygon = [(105, 55), (505, 105), (555, 405), (305, 255), (55, 455)]
    positions = {
        "bottom": (sv.Position.BOTTOM_CENTER,),
        "center": (sv.Position.CENTER,),
        "corners": (sv.Position.TOP_LEFT, sv.Position.TOP_RIGHT, sv.Position.BOTTOM_LEFT, sv.Position.BOTTOM_RIGHT),
    }
    theirs = sv.PolygonZone(np.array(polygon), triggering_anchors=positions[anchor])
    ours = zones({"z": polygon}, anchor=anchor)
    near = np.array(polygon, float)
    for one in steps_of({k: [(20.0 * x, 20.0 * y) for x, y in path] for k, path in enumerate(paths, 1)}):
        given = ours.update(one)["z"]["now"]
        xyxy = one.tracks.xyxy.astype(float)
        if any(_distance(corner, near) < 2 for box in xyxy for corner in _anchors(box)):
            return  # supervision asks a picture of the polygon, which is a pixel wider
        triggered = theirs.trigger(sv.Detections(xyxy=xyxy, class_id=one.tracks.class_id))
        assert given == int(triggered.sum())


def _anchors(box):
    x1, y1, x2, y2 = box
    middle = (x1 + x2) / 2
    return [(x1, y1), (x2, y1), (x1, y2), (x2, y2), (middle, y2), (middle, (y1 + y2) / 2)]


def _distance(point, polygon):
    start, end = polygon, np.roll(polygon, -1, axis=0)
    way = end - start
    share = (((point - start) * way).sum(1) / (way**2).sum(1)).clip(0, 1)
    return float(np.hypot(*(start + share[:, None] * way - point).T).min())
