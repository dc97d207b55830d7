"""Crossings of lines: the convention, gaps, jitter, ends of lines, classes, minutes, and supervision's own counts."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from analytic_steps import followed, standing, step, steps_of
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge.analytics.spelling import read_shapes, spelled
from trackforge.errors import ConfigError, StateError
from trackforge.testing import check_analytic

sv = pytest.importorskip("supervision")
UP = [(300.0, 400.0 - 20 * k) for k in range(15)]
DOWN = UP[::-1]


def lines(given="l=0,240 640,240", **settings):
    return trackforge.analytic("lines", lines=given, **settings)


@pytest.mark.parametrize("anchor", ["bottom", "center", "corners"])
@pytest.mark.parametrize("limits", ["segment", "strip"])
def test_it_keeps_the_protocol(anchor, limits):
    check_analytic(lambda: lines("a=0,20 64,20; b=50%,0 50%,100%", anchor=anchor, limits=limits))


def test_from_the_right_hand_to_the_left_is_in():
    assert followed(lines(), steps_of({1: UP})) == {"l": {"in": 1, "out": 0}}
    assert followed(lines(), steps_of({1: DOWN})) == {"l": {"in": 0, "out": 1}}
    assert followed(lines("l=640,240 0,240"), steps_of({1: UP})) == {"l": {"in": 0, "out": 1}}
    right = [(100.0 + 20 * k, 200.0) for k in range(20)]
    assert followed(lines("l=320,0 320,480"), steps_of({1: right})) == {"l": {"in": 1, "out": 0}}


def test_each_crossing_counts_once_and_both_ways():
    assert followed(lines(), steps_of({1: UP + DOWN + UP, 2: DOWN})) == {"l": {"in": 2, "out": 2}}


def test_a_gap_hides_no_crossing():
    path = [(300.0, 300.0), (300.0, 280.0), *[None] * 30, (310.0, 200.0), (310.0, 180.0)]
    assert followed(lines(), steps_of({1: path}))["l"]["in"] == 1
    assert followed(lines(memory=1.0), steps_of({1: path, 2: [(0.0, 0.0)] * 34}))["l"]["in"] == 0  # forgotten


def test_jitter_on_the_line_counts_nothing_with_a_margin():
    nervous = [(300.0, 240.0 + (3 if k % 2 else -3)) for k in range(40)]
    there = [(300.0, 300.0), *nervous, (300.0, 180.0)]
    back = [(300.0, 300.0), *nervous, (300.0, 300.0)]
    assert followed(lines(margin=5.0), steps_of({1: there, 2: back}))["l"] == {"in": 1, "out": 0}
    assert followed(lines(), steps_of({1: back}))["l"]["in"] > 5
    assert followed(lines(minimum=3), steps_of({1: [*there, *[(300.0, 180.0)] * 3], 2: back}))["l"] == {
        "in": 1,
        "out": 0,
    }


def test_around_the_end_is_no_crossing():
    around = [(250.0, 300.0), (350.0, 300.0), (350.0, 200.0), (250.0, 200.0)]
    through = [(250.0, 300.0), (250.0, 200.0)]
    short = "l=200,240 300,240"
    assert followed(lines(short), steps_of({1: around, 2: through}))["l"] == {"in": 1, "out": 0}
    assert followed(lines(short, limits="strip"), steps_of({1: around, 2: through}))["l"] == {"in": 2, "out": 0}
    slanted = [(190.0, 290.0), (310.0, 190.0)]  # never between the perpendiculars, and yet through the line
    assert followed(lines(short), steps_of({1: slanted}))["l"]["in"] == 1
    assert followed(lines(short, limits="strip"), steps_of({1: slanted}))["l"]["in"] == 0


@pytest.mark.parametrize(
    "path",
    [
        [(420, 250), (428, 241), (434, 239), (441, 241), (446, 239), (452, 230)],
        [(320, 250), (320, 238), (100, 238), (100, 242), (100, 238), (100, 230)],
    ],
)
def test_the_way_between_the_certain_places_is_what_has_to_cut_the_line(path):
    """However it trembles within the margin, beside the line or beyond its end."""
    assert followed(lines("door=200,240 440,240", margin=5.0), steps_of({1: path}))["door"] == {"in": 1, "out": 0}


@given(
    path=st.lists(
        st.tuples(st.sampled_from((150, 190, 210, 430, 450)), st.integers(230, 250)), min_size=2, max_size=12
    ),
    margin=st.sampled_from((0.0, 5.0)),
    minimum=st.integers(1, 3),
)
def test_crossings_are_those_of_the_rule(path, margin, minimum):
    """The rule, told anew: by the last certain place on the one side, and the first on the other."""
    counts, home, first, there = {"in": 0, "out": 0}, None, None, 0
    for x, y in path:
        if abs(y - 240) <= margin:
            continue
        if home is None or (y < 240) == (home[1] < 240):
            home, there = (x, y), 0
            continue
        first, there = (x, y) if not there else first, there + 1
        if there == minimum:
            cut = home[0] + (first[0] - home[0]) * (240 - home[1]) / (first[1] - home[1])
            if abs(cut - 200) < 1e-6 or abs(cut - 440) < 1e-6:
                return  # at the very end, rounding decides
            counts["in" if y < 240 else "out"] += 200 < cut < 440
            home, there = (x, y), 0
    made = lines("door=200,240 440,240", margin=margin, minimum=minimum)
    assert followed(made, steps_of({1: path}))["door"] == counts


def test_who_is_cut_off_by_the_edge_crosses_a_line_up_to_the_edge():
    path = [(300.0, 480.1), (310.0, 495.0), (330.0, 510.0), (340.0, 480.0)]
    assert followed(lines("l=50%,0 50%,100%"), steps_of({1: path}))["l"] == {"in": 1, "out": 0}
    outside = [(x, y + 60) for x, y in path]  # all of the box is below the picture
    assert followed(lines("l=50%,0 50%,100%"), steps_of({1: outside}))["l"] == {"in": 0, "out": 0}


def test_who_comes_back_after_memory_is_another():
    made = lines()
    made.update(step(0, {1: standing(300, 300)}))
    assert made.update(step(36_000, {1: standing(300, 200)}))["l"] == {"in": 0, "out": 0}


def test_counts_by_class_and_minute():
    slow = [(300.0, 400.0 - 4 * k) for k in range(60)]
    made = lines("low=0,380 640,380; high=0,210 640,210")
    made.open(trackforge.Stream(rate=0.5, classes=("person", "dog")))
    for one in steps_of({1: slow, 2: slow}, rate=None, classes={2: 5}):
        made.update(one)
    result = made.result()
    assert result["lines"]["low"]["classes"] == {"class 5": {"in": 1, "out": 0}, "person": {"in": 1, "out": 0}}
    assert [(row["minute"], row["line"], row["class"], row["in"]) for row in result["minutes"]] == [
        (0, "low", "class 5", 1),
        (0, "low", "person", 1),
        (1, "high", "class 5", 1),
        (1, "high", "person", 1),
    ]
    events = made.events()
    assert [dict(event) for event in events] == result["crossings"]
    assert events[0]["frame"] == 6
    assert events[0]["time"] == 12.0
    assert {"kind": "crossing", "line": "low", "direction": "in", "track_id": 1, "class": "person"}.items() <= dict(
        events[0]
    ).items()
    json.dumps(result)


def test_who_knows_no_time_counts_without_minutes():
    made = lines()
    followed(made, steps_of({1: UP}, rate=None))
    assert made.result()["minutes"] == []
    assert made.result()["crossings"][0]["time"] is None


def test_shares_and_every_spelling_mean_the_same():
    texts = ("l=0,50% 100%,50%", ["l=0,50% 100%,50%"], {"l": "0,50% 100%,50%"}, {"l": [[0, "50%"], ["100%", "50%"]]})
    assert len({lines(text).config for text in texts}) == 1
    assert followed(lines(texts[0]), steps_of({1: UP})) == {"l": {"in": 1, "out": 0}}
    assert lines([[0, 1, 2, 3]]).config.lines == "line 1=0,1 2,3"
    assert lines(lines("a=0.1,0.2 0.30000000000000004,7%").config.lines).config.lines == (
        "a=0.1,0.2 0.30000000000000004,7%"
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "at least one line"),
        ("a=1,2", "2 points"),
        ("a=1,2 3,4 5,6", "2 points"),
        ("a=1,2 x,4", "numbers, 320 or 50%"),
        ("a=1,2 nan,4", "numbers, 320 or 50%"),
        ("a=1,1 1,1", "one point twice"),
        ("a=1,1 2,2; a=1,1 3,3", "twice"),
        ("=1,1 2,2", "names"),
        ({"a": 7}, "numbers in a row"),
        ({"a": [{}, 1]}, "numbers"),
    ],
)
def test_bad_lines_are_refused(bad, message):
    with pytest.raises(ConfigError, match=message):
        lines(bad)


def test_a_line_outside_the_picture_is_refused_and_one_partly_outside_is_told():
    with pytest.raises(ConfigError, match=r"'l' must lie in the picture, 320x200 pixels; its points 1 \(0,240\)"):
        lines().open(trackforge.Stream(size=(320, 200)))
    with pytest.raises(ConfigError, match="all outside"):
        lines().update(step(0, {}, size=(320, 200)))
    made = lines("l=0,100 640,100")
    made.open(trackforge.Stream(size=(320, 200)))
    assert "point 2 (640,100)" in made.notes()[0]
    fits = lines()
    fits.open(trackforge.Stream(size=(640, 480)))
    assert fits.notes() == ()


def test_a_state_of_other_lines_is_refused():
    made = lines()
    followed(made, steps_of({1: UP}))
    with pytest.raises(StateError, match="lines"):
        lines("l=0,241 640,241").load_state_dict(made.state_dict())
    damaged = made.state_dict()
    damaged["book"]["ids"] = damaged["book"]["ids"][:0]
    other = lines()
    followed(other, steps_of({1: DOWN}))
    before = other.result()
    with pytest.raises(StateError):
        other.load_state_dict(damaged)
    assert other.result() == before


def test_memory_is_bounded():
    made = lines(memory=2.0)
    for index in range(400):
        made.update(step(index, {index + 1: standing(100, 100)}))
    assert len(made.state_dict()["book"]["ids"]) <= 21


def test_drawing_shows_line_and_counts():
    made = lines()
    one = step(0, {}, image=True)
    made.update(one)
    picture = np.array(one.frame.image)
    made.draw(picture, one)
    assert (picture != one.frame.image).any(axis=2)[238:243].mean() > 0.3


@st.composite
def walks(draw):
    """Give a few tracks that wander about over a whole grid, never on the line itself, and come late.

    None is ever hidden: supervision forgets who is missing in one frame, and so misses crossings.
    """
    point = st.tuples(st.integers(0, 30), st.integers(0, 22)).map(lambda p: (20.25 + 20 * p[0], 25.5 + 20 * p[1]))
    path = st.builds(lambda late, way: [None] * late + way, st.integers(0, 3), st.lists(point, min_size=2, max_size=12))
    return dict(enumerate(draw(st.lists(path, min_size=1, max_size=3)), 1))


@given(
    paths=walks(),
    ends=st.sampled_from(((0, 240, 640, 240), (500, 100, 130, 330), (320, 0, 320, 480), (100, 100, 300, 110))),
    anchor=st.sampled_from(("bottom", "center", "corners")),
    minimum=st.integers(1, 3),
)
def test_with_its_limits_it_counts_as_supervision_does(paths, ends, anchor, minimum):
    positions = {
        "bottom": (sv.Position.BOTTOM_CENTER,),
        "center": (sv.Position.CENTER,),
        "corners": (
            sv.Position.TOP_LEFT,
            sv.Position.TOP_RIGHT,
            sv.Position.BOTTOM_LEFT,
            sv.Position.BOTTOM_RIGHT,
        ),
    }
    theirs = sv.LineZone(
        start=sv.Point(*ends[:2]),
        end=sv.Point(*ends[2:]),
        triggering_anchors=positions[anchor],
        minimum_crossing_threshold=minimum,
    )
    ours = lines({"l": ends}, anchor=anchor, minimum=minimum, limits="strip", memory=1e6)
    for one in steps_of(paths):
        counts = ours.update(one)["l"]
        tracks = one.tracks.visible
        if len(tracks):
            theirs.trigger(
                sv.Detections(
                    xyxy=tracks.xyxy.astype(float), class_id=tracks.class_id, tracker_id=tracks.track_id.astype(int)
                )
            )
        assert counts == {"in": theirs.in_count, "out": theirs.out_count}


@given(st.text(alphabet="ab=;, 0123456789.%-e\n\t", max_size=60))
def test_any_text_is_read_or_refused(text):
    shapes = ()
    with contextlib.suppress(ConfigError):  # anything else is a fault
        shapes = read_shapes("lines", text, least=1)
    assert read_shapes("lines", spelled(shapes), least=1) == shapes
