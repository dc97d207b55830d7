"""Trails and heat maps: every point and second where it belongs, bounded, drawn, saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analytic_steps import followed, standing, step, steps_of
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge import Frame, Step, Stream, Tracks
from trackforge.errors import ConfigError, InvalidInputError, StateError
from trackforge.packing import pack, unpack
from trackforge.testing import check_analytic

WALK = [(20.0 + 10 * k, 300.0) for k in range(40)]


@pytest.mark.parametrize("settings", [{}, {"anchor": "center", "every": 2}, {"points": 3}])
def test_trails_keep_the_protocol(settings):
    check_analytic(lambda: trackforge.analytic("trails", **settings))


@pytest.mark.parametrize("settings", [{}, {"of": "tracks"}, {"columns": 3, "anchor": "center", "box": "detected"}])
def test_heat_keeps_the_protocol(settings):
    check_analytic(lambda: trackforge.analytic("heat", **settings))


# -- trails -----------------------------------------------------------------------------------------------------------


def test_every_point_is_kept_by_track():
    made = trackforge.analytic("trails")
    made.open(Stream(classes=("person",)))
    given = followed(made, steps_of({5: WALK, 2: [None, *WALK[:10]]}))
    assert given == {"now": {"5": [410.0, 300.0]}}
    result = made.result()
    assert [row["track_id"] for row in result["tracks"]] == [2, 5]
    assert result["tracks"][1] == {
        "track_id": 5, "class": "person", "start_frame": 0, "end_frame": 39, "points": 40, "pixels": 390.0,
    }  # fmt: skip
    assert [(row["x"], row["y"]) for row in result["path"] if row["track_id"] == 2] == WALK[:10]
    assert result["path"][0] == {"track_id": 2, "frame": 1, "time": 0.1, "x": 20.0, "y": 300.0}
    json.dumps(result)
    untimed = trackforge.analytic("trails")
    followed(untimed, steps_of({1: WALK[:2]}, rate=None))
    assert [row["time"] for row in untimed.result()["path"]] == [None, None]


def test_only_the_newest_points_are_kept():
    made = trackforge.analytic("trails", points=25, every=2)
    followed(made, steps_of({1: WALK, 2: WALK}))
    path = made.result()["path"]
    assert len(path) == 25
    assert {row["frame"] % 2 for row in path} == {0}
    assert max(row["frame"] for row in path) == 38
    assert min(row["frame"] for row in path) == 14


def test_trails_are_drawn_behind_who_is_seen():
    for rate in (10.0, None):
        made = trackforge.analytic("trails", shown=2.0)
        for one in steps_of({1: WALK, 2: WALK[:5]}, rate=rate):
            made.update(one)
        picture = np.zeros((480, 640, 3), np.uint8)
        made.draw(picture, one)
        columns = np.flatnonzero(picture.any(axis=(0, 2)))
        assert picture[295:305].any()
        assert columns.max() >= 405
        assert columns.min() >= (205 if rate else 15)  # two seconds are 20 frames of 10 pixels


def test_a_state_of_trails_is_exact():
    made, other = trackforge.analytic("trails", points=30), trackforge.analytic("trails", points=30)
    steps = list(steps_of({1: WALK, 2: WALK}))
    followed(made, steps[:25])
    other.load_state_dict(unpack(pack(made.state_dict())))
    followed(made, steps[25:])
    followed(other, steps[25:])
    assert made.result() == other.result()
    with pytest.raises(StateError, match="points"):
        trackforge.analytic("trails").load_state_dict(made.state_dict())


# -- heat -------------------------------------------------------------------------------------------------------------


def test_seconds_are_where_they_were_spent():
    made = trackforge.analytic("heat", columns=4)
    given = followed(made, steps_of({1: [(100.0, 100.0)] * 11, 2: [(500.0, 400.0)] * 6}))
    result = made.result()
    grid = np.array(result["grid"])
    assert (result["unit"], result["rows"], result["cell"]) == ("seconds", 3, [160.0, 160.0])
    assert grid[0, 0] == pytest.approx(1.0)
    assert grid[2, 3] == pytest.approx(0.5)
    assert grid.sum() == pytest.approx(given["total"]) == pytest.approx(1.5)
    assert given["most"] == pytest.approx(1.0)
    json.dumps(result)


def test_a_pause_of_the_camera_warms_nothing():
    made = trackforge.analytic("heat", pause=0.5)
    made.update(step(0, {1: standing(100, 100)}))
    made.update(step(1000, {1: standing(100, 100)}))
    assert made.result()["total"] == pytest.approx(0.5)


def test_tracks_count_once_a_cell():
    made = trackforge.analytic("heat", columns=4, of="tracks")
    there, back = [(100.0, 100.0)] * 5, [(300.0, 100.0)] * 5
    followed(made, steps_of({1: there + back + there, 2: there}))
    grid = np.array(made.result()["grid"])
    assert (grid[0, 0], grid[0, 1], grid.sum()) == (3, 1, 4)
    assert made.result()["unit"] == "tracks"


def test_frames_count_where_nobody_knows_the_time():
    made = trackforge.analytic("heat", columns=2)
    followed(made, steps_of({1: [(100.0, 100.0)] * 7}, rate=None))
    assert (made.result()["unit"], made.result()["total"]) == ("frames", 7)


@given(st.lists(st.tuples(st.floats(-50, 700), st.floats(-50, 530)), min_size=1, max_size=30), st.integers(1, 70))
def test_no_point_is_lost(points, columns):
    made = trackforge.analytic("heat", columns=columns, of="tracks")
    inside = sum(0 <= x <= 640 and 0 <= y <= 480 for x, y in np.float32(points).tolist())
    made.update(step(0, {k: (x, y, x, y) for k, (x, y) in enumerate(points, 1)}))
    result = made.result()
    assert (result["total"], result["outside"]) == (inside, len(points) - inside)


def test_who_is_cut_off_by_the_edge_warms_a_cell_at_the_edge():
    made = trackforge.analytic("heat", columns=4, of="tracks")
    made.update(step(0, {1: standing(100, 490), 2: standing(645, 100), 3: standing(100, 530)}))
    grid = np.array(made.result()["grid"])
    assert (grid[2, 0], grid[0, 3], made.result()["outside"]) == (1, 1, 1)


def test_a_picture_without_size_is_refused_and_so_are_bad_settings():
    blank = Step(frame=Frame(index=0), detections=trackforge.Detections.empty(), tracks=Tracks.empty())
    with pytest.raises(InvalidInputError, match="needs the size"):
        trackforge.analytic("heat").update(blank)
    with pytest.raises(ConfigError, match="columns must be >= 1"):
        trackforge.analytic("heat", columns=0)
    assert trackforge.analytic("heat").result()["grid"] == []


def test_heat_is_drawn_where_it_is():
    made = trackforge.analytic("heat", columns=16)
    one = step(0, {}, image=True)
    for one in steps_of({1: [(500.0, 400.0)] * 5}, image=True):
        made.update(one)
    picture = np.array(one.frame.image)
    made.draw(picture, one)
    changed = (picture != one.frame.image).any(axis=2)
    assert changed[405:435, 485:515].all()
    assert not changed[:200, :300].any()
    assert picture[420, 500, 0] > picture[420, 500, 2]  # red
