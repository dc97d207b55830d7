"""The ground: homographies and what is none, speeds and distances against a simulated pitch, gaps, leaps, standing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analytic_steps import followed, standing, step, steps_of
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge import Step, Stream, Tracks, TrackState
from trackforge.analytics.homography import fit_plane, rectangle
from trackforge.analytics.kalman import correct, predict, smooth
from trackforge.analytics.window import LAG
from trackforge.errors import ConfigError, InvalidInputError, StateError
from trackforge.packing import pack, unpack
from trackforge.synthetic.pitch import Pitch, PitchConfig
from trackforge.testing import check_analytic

SQUARE = "0,0 400,0 400,400 0,400"  # 20 pixels a metre, seen from above


def ground(points=SQUARE, **settings):
    if "metres" not in settings:
        settings.setdefault("rectangle", (20.0, 20.0))
    return trackforge.analytic("ground", points=points, **settings)


def known(pitch, *, box="detected"):
    """Give the steps of a pitch whose ids are the players'."""
    for frame, detections, truth in pitch.scenes():
        n, ids = len(detections), detections.extra["truth_id"]
        yield (
            Step(
                frame=frame,
                detections=detections,
                tracks=Tracks(
                    track_id=ids,
                    xyxy=detections.xyxy,
                    score=detections.score,
                    class_id=detections.class_id,
                    state=np.full(n, TrackState.CONFIRMED),
                    age=np.full(n, frame.index + 1),
                    time_since_update=np.zeros(n, np.int64),
                    detection=np.arange(n),
                ),
            ),
            truth,
        )


def on(pitch, **settings):
    return ground(pitch.corners.tolist(), rectangle=pitch.config.pitch, **settings)


# -- the pitch --------------------------------------------------------------------------------------------------------


def test_the_pitch_is_what_its_homography_says():
    pitch = Pitch(PitchConfig(frames=50, jitter=0, miss=0))
    plane = fit_plane(pitch.corners, rectangle(*pitch.config.pitch))
    truth = pitch.truth
    feet = np.stack(((truth.xyxy[:, 0] + truth.xyxy[:, 2]) / 2, truth.xyxy[:, 3]), axis=1)
    places = np.stack((truth.extra["x"], truth.extra["y"]), axis=1)
    assert plane.ground(feet) == pytest.approx(places, abs=1e-9)
    mapped = np.column_stack((places, np.ones(len(places)))) @ pitch.to_image.T
    assert mapped[:, :2] / mapped[:, 2:] == pytest.approx(feet, abs=1e-6)
    assert plane.image(places) == pytest.approx(feet, abs=1e-6)
    moved = (plane.ground(feet + np.array([1e-4, 0])) - plane.ground(feet)) / 1e-4
    assert plane.scale(feet)[:, :, 0] == pytest.approx(moved, abs=1e-6)
    seen = Pitch(PitchConfig(frames=50)).truth
    assert np.array_equal(seen.extra["distance"], truth.extra["distance"])  # what is seen changes nobody's way
    assert len(pitch) == 50
    assert sum(len(found) for _, found in pitch) == 500


def test_without_noise_distance_and_speed_are_those_of_the_truth():
    pitch = Pitch(PitchConfig(frames=600, jitter=0, miss=0))
    made = on(pitch, jitter=0.0, rest=0.05)
    truth = [(made.update(one), truth)[1] for one, truth in known(pitch)]
    rows = made.result()["tracks"]
    walked = truth[-1].extra["distance"]
    assert [row["distance"] for row in rows] == pytest.approx(walked, rel=0.002, abs=1e-9)
    speeds = np.mean([frame.extra["speed"] for frame in truth], axis=0)
    assert [row["mean_speed"] for row in rows] == pytest.approx(speeds, rel=0.003, abs=1e-9)
    path = made.result()["path"]
    assert [row["x"] for row in path] == pytest.approx(
        [truth[row["frame"]].extra["x"][row["track_id"] - 1] for row in path], abs=0.02
    )


@pytest.mark.parametrize("jitter", [1.0, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_distances_and_speeds_are_within_two_per_cent(jitter, seed):
    """And every error is stated: those that come are of the size that was said, and who stands gets nowhere."""
    pitch = Pitch(PitchConfig(frames=750, jitter=jitter, seed=seed))
    made, live, truth = on(pitch), {}, []
    for one, true in known(pitch):
        live |= made.update(one)["tracks"]
        truth.append(true)
    result = made.result()
    rows, walked = result["tracks"], truth[-1].extra["distance"]
    distance, error = (np.array([row[name] for row in rows]) for name in ("distance", "distance_error"))
    assert distance[:2].tolist() == [0, 0]
    assert [live[str(one)]["distance"] for one in (1, 2)] == [0, 0]
    off = distance[2:] / walked[2:] - 1
    assert np.abs(off).max() < 0.02
    assert np.abs(off.mean()) < 0.01
    assert [live[str(one)]["distance"] for one in range(3, 11)] == pytest.approx(walked[2:], rel=0.05)
    assert (np.abs(distance - walked) < 3 * error + 1e-9).all()
    true_speed = np.array([frame.extra["speed"] for frame in truth])
    assert [row["mean_speed"] for row in rows[2:]] == pytest.approx(true_speed.mean(axis=0)[2:], rel=0.02)
    path = result["path"]
    there = np.array([true_speed[row["frame"], row["track_id"] - 1] for row in path])
    seen = np.array([row["speed"] for row in path])
    assert seen.mean() == pytest.approx(there.mean(), rel=0.02)
    assert np.sqrt(np.mean((seen - there) ** 2)) < rows[0]["speed_error"] * 1.5
    places = np.array([[truth[row["frame"]].extra[axis][row["track_id"] - 1] for axis in "xy"] for row in path])
    missed = np.hypot(*(places - [[row["x"], row["y"]] for row in path]).T)
    stated = np.sqrt(np.mean([row["position_error"] ** 2 for row in rows]))
    assert stated / 2 < np.sqrt(np.mean(missed**2)) < 1.35 * stated


def test_it_holds_through_a_tracker():
    pitch = Pitch(PitchConfig(frames=700, players=6, jitter=1.5, seed=3))
    made, tracker = on(pitch), trackforge.tracker("byte")
    for frame, detections, truth in pitch.scenes():
        last = truth
        made.update(Step(frame=frame, detections=detections, tracks=tracker.update(detections, frame)))
    rows = made.result()["tracks"]
    whole = {row["track_id"]: row for row in rows if row["seconds"] > 27}
    assert len(whole) == 6
    by_place = sorted(whole.values(), key=lambda row: (row["x"], row["y"]))
    order = np.lexsort((last.extra["y"], last.extra["x"]))
    walked = last.extra["distance"][order]
    assert [row["distance"] for row in by_place] == pytest.approx(walked, rel=0.02, abs=0.1)


# -- behaviour --------------------------------------------------------------------------------------------------------


def test_it_keeps_the_protocol():
    check_analytic(lambda: ground("20,10 44,10 64,48 0,48", rectangle=(8.0, 12.0)))
    check_analytic(lambda: ground("20%,10% 80%,10% 100%,100% 0,100%", jitter=1.0, box="filtered"))


def test_metres_and_speeds_of_a_walk():
    path = [(20.0 + 4 * k, 300.0) for k in range(90)]  # 4 pixels a tenth of a second: 2 m/s
    made = ground()
    given = followed(made, steps_of({7: path}))["tracks"]["7"]
    assert given["x"] == pytest.approx((20 + 4 * 89) / 20, abs=0.05)
    assert given["y"] == pytest.approx(15, abs=0.05)
    assert given["kmh"] == pytest.approx(7.2, abs=0.1)
    assert given["distance"] == pytest.approx(17.8, abs=0.3)
    (row,) = made.result()["tracks"]
    assert (row["track_id"], row["class"], row["restarts"]) == (7, "class 0", 0)
    assert row["distance"] == pytest.approx(17.8, abs=0.15)
    assert row["seconds"] == pytest.approx(8.9)
    json.dumps(made.result())


@pytest.mark.parametrize("lasting", [0.0, 0.9])
def test_where_nothing_is_walked_there_is_no_speed(lasting):
    """Boxes that tremble independently, and such as stay where they erred for some frames."""
    made, random, error = ground(rest=1.5), np.random.default_rng(0), np.zeros(2)
    fastest = 0.0
    for index in range(1500):
        error = lasting * error + np.sqrt(1 - lasting**2) * random.normal(0, 3, 2)
        known = made.update(step(index, {1: standing(*(200 + error))}, rate=25.0))["tracks"]["1"]
        fastest = max(fastest, known["speed"])
    (row,) = made.result()["tracks"]
    assert (row["distance"], row["mean_speed"], row["top_speed"]) == (0, 0, 0)
    assert (known["distance"], fastest) == (0, 0)
    assert {point["speed"] for point in made.result()["path"]} == {0}


def test_the_way_has_the_speeds_of_setting_off():
    walk = [(100.0, 200.0)] * 50 + [(100.0 + 2 * k, 200.0) for k in range(100)]  # 1 m/s from 5 s on
    made = ground(rest=1.0, jitter=0.2)
    followed(made, steps_of({1: walk}))
    speed = {point["frame"]: point["speed"] for point in made.result()["path"]}
    assert max(speed[frame] for frame in range(0, 40, 2)) == 0
    assert speed[54] == pytest.approx(1.0, abs=0.3)  # before the metre is full
    assert speed[100] == pytest.approx(1.0, abs=0.05)


def test_time_is_that_of_the_timestamps():
    times = np.cumsum(np.tile([0.02, 0.2, 0.07], 40))
    made = ground()
    for index, time in enumerate(times.tolist()):
        one = step(index, {1: standing(20 + 30 * time, 200)}, rate=1.0)
        made.update(Step(frame=_at(one.frame, time), detections=one.detections, tracks=one.tracks))
    (row,) = made.result()["tracks"]
    assert row["mean_speed"] == pytest.approx(1.5, rel=0.02)
    assert row["top_speed"] == pytest.approx(1.5, rel=0.05)


def _at(frame, time):
    return trackforge.Frame(index=frame.index, size=frame.size, timestamp=time)


def test_a_short_gap_is_bridged_and_a_long_one_begins_anew():
    walk = [(20.0 + 4 * k, 300.0) for k in range(90)]
    short = [*walk[:30], *[None] * 15, *walk[45:]]
    long = [*walk[:30], *[None] * 30, *walk[60:]]
    made = ground()
    followed(made, steps_of({1: short, 2: long}))
    one, two = made.result()["tracks"]
    assert one["distance"] == pytest.approx(17.8, abs=0.2)
    assert one["restarts"] == 0
    assert two["distance"] == pytest.approx(17.8 - 6.2, abs=0.4)
    assert two["restarts"] == 1


def test_a_leap_adds_nothing():
    walk = [(20.0 + 4 * k, 300.0) for k in range(60)]
    swapped = [*walk[:30], *[(x, y - 250) for x, y in walk[30:]]]
    flicker = [*walk[:30], (380.0, 50.0), *walk[31:]]
    made = ground()
    followed(made, steps_of({1: swapped, 2: flicker}))
    one, two = made.result()["tracks"]
    assert one["distance"] == pytest.approx(11.8 - 1.2, abs=0.5)  # half a second until it is believed
    assert one["restarts"] == 1
    assert two["distance"] == pytest.approx(11.8, abs=0.2)
    assert max(one["top_speed"], two["top_speed"]) < 2.5
    assert made.result()["leaps"] == 2
    assert made.notes() == ()
    wild = ground()
    followed(wild, steps_of(dict.fromkeys(range(1, 12), swapped)))
    assert "11 places were further away than 12 m/s allow" in wild.notes()[0]


def test_beyond_the_horizon_and_below_the_picture_is_nowhere():
    made = ground("200,200 440,200 640,470 0,470", rectangle=(10.0, 30.0))
    given = followed(made, steps_of({1: [(320.0, 20.0)], 2: [(320.0, 479.5)], 3: [(320.0, 470.0)]}))["tracks"]
    nowhere = dict.fromkeys(("x", "y", "speed", "kmh", "distance", "error"))
    assert given["1"] == given["2"] == nowhere
    assert given["3"]["y"] == pytest.approx(30, abs=0.01)
    everything = ground("200,200 440,200 640,470 0,470", rectangle=(10.0, 30.0), whole=False)
    assert followed(everything, steps_of({2: [(320.0, 479.5)]}))["tracks"]["2"]["y"] > 30


def test_a_frame_without_time_is_refused_unless_a_rate_is_set():
    with pytest.raises(InvalidInputError, match="Set rate of ground"):
        ground().update(step(0, {}, rate=None))
    assert ground(rate=5.0).update(step(0, {}, rate=None)) == {"tracks": {}}
    told = ground()
    told.open(Stream(rate=5.0))
    told.update(step(0, {}, rate=None))


def test_it_goes_on_from_a_state_across_what_is_smoothed_late():
    pitch = Pitch(PitchConfig(frames=6 * LAG, players=4, miss=0.1))
    steps = [one for one, _ in known(pitch)]
    whole = on(pitch)
    answers = [whole.update(one) for one in steps]
    for cut in (3 * LAG - 1, 3 * LAG + 20, 5 * LAG + 31):
        first, second = on(pitch), on(pitch)
        followed(first, steps[:cut])
        second.load_state_dict(unpack(pack(first.state_dict())))
        assert [second.update(one) for one in steps[cut:]] == answers[cut:]
        assert second.result() == whole.result()
    with pytest.raises(StateError, match="max_speed"):
        on(pitch, max_speed=5.0).load_state_dict(whole.state_dict())


@pytest.mark.parametrize("part", ["follower", "window", "journeys", "live", "scene"])
def test_a_damaged_state_changes_nothing(part):
    steps = list(steps_of({1: [(20.0 + 4 * k, 300.0) for k in range(30)]}))
    made, other = ground(), ground()
    followed(made, steps[:20])
    followed(other, steps)
    before = other.result()
    with pytest.raises(StateError):
        other.load_state_dict({**made.state_dict(), part: 7})
    assert other.result() == before
    other.load_state_dict(made.state_dict())
    assert other.result() == made.result()


def test_another_size_moves_points_in_shares():
    made = ground("0%,0% 100%,0% 100%,100% 0%,100%")
    for size in ((640, 480), (320, 240)):
        made.open(Stream(size=size, rate=10))
        assert made.update(step(0, {1: standing(160, 120)}, size=size))["tracks"]["1"]["x"] == pytest.approx(
            20 * 160 / size[0]
        )


def test_asking_for_the_result_changes_nothing():
    pitch = Pitch(PitchConfig(frames=3 * LAG + 30, players=3))
    asked, plain = on(pitch), on(pitch)
    for one, _ in known(pitch):
        asked.update(one)
        if one.frame.index % 17 == 0:
            asked.result()
        plain.update(one)
    assert asked.result() == plain.result()


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr("trackforge.analytics.journeys.TRACKS", 50)
    monkeypatch.setattr("trackforge.analytics.journeys.POINTS", 500)
    made = ground(memory=1.0)
    for index in range(600):
        made.update(step(index, {index // 2 + 1: standing(100 + index % 200, 200)}))
    result = made.result()
    assert len(made.state_dict()["follower"]["book"]["ids"]) <= 7
    assert len(result["tracks"]) <= 50 + 2 * LAG
    assert len(result["path"]) <= 500 + 3 * LAG


# -- homographies -----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8),
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=6, unique=True),
)
def test_four_points_are_exact_and_more_agree(shifts, turn, more):
    image = (np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + np.reshape(shifts, (4, 2))) * [640, 480]
    metres = np.roll(rectangle(40, 20), turn, axis=0)
    plane = fit_plane(image, metres)
    assert plane.ground(image) == pytest.approx(metres, abs=1e-6)
    assert plane.residual == 0
    if more:
        extra = np.array(more) * [4.0, 2.0]
        every = fit_plane(np.concatenate((image, plane.image(extra))), np.concatenate((metres, extra)))
        assert every.residual < 1e-5
        assert every.matrix == pytest.approx(plane.matrix, rel=1e-4, abs=1e-6)


def test_more_points_than_four_state_how_well_they_fit():
    image = np.array([[0, 0], [400, 0], [400, 400], [0, 400], [203, 200]], float)
    metres = np.array([[0, 0], [20, 0], [20, 20], [0, 20], [10, 10]], float)
    plane = fit_plane(image, metres)
    assert 0.02 < plane.residual < 0.1
    assert 0.4 < plane.pixels < 2
    given = ground(image.tolist(), metres=metres.tolist(), rectangle=None)
    given.update(step(0, {}))
    assert given.result()["plane"]["residual"] == plane.residual


@pytest.mark.parametrize(
    ("points", "metres", "message"),
    [
        ("0,0 10,0 10,10", "0,0 1,0 1,1", "four points or more"),
        (SQUARE, "0,0 1,0 1,1", "as many in the picture"),
        ("0,0 200,0 400,0 0,400", "0,0 1,0 1,1 0,1", r"in the picture, point 1 .*, point 2 .*, point 3 .* do"),
        (SQUARE, "0,0 1,0 2,0 0,1", r"in metres, point 1 .*, point 2 .*, point 3"),
        ("0,0 400,0 400,400 400,400", "0,0 1,0 1,1 0,1", r"point 3 \(400,400\) and point 4 \(400,400\) are the same"),
        (SQUARE, "0,0 1,0 1,0 0,1", "point 2 .* and point 3 .* are the same"),
        ("0,0 400,400 400,0 0,400", "0,0 1,0 1,1 0,1", "this side of the horizon.*exchanged"),
        ("0,0 1,0 2,0 3,0 4,0", "0,0 1,0 2,0 3,0 4,0", "on one line"),
        ("0,0 100%,0 100%,100% 50%,50%", "0,0 1,0 1,1 0,1", "one line"),
        ("0,0 400,0 400,400 0", "0,0 1,0 1,1 0,1", "7 numbers"),
        (SQUARE, "0,0 100%,0 1,1 0,1", "without %"),
        (SQUARE, "", "either metres or a rectangle; got neither"),
    ],
)
def test_what_is_no_plane_is_refused(points, metres, message):
    with pytest.raises(ConfigError, match=message):
        ground(points, metres=metres)


def test_both_metres_and_a_rectangle_are_one_too_many():
    with pytest.raises(ConfigError, match="got both"):
        ground(metres="0,0 1,0 1,1 0,1", rectangle=(1.0, 1.0))


def test_points_outside_the_picture_are_refused():
    with pytest.raises(ConfigError, match="must lie in the picture, 100x100"):
        ground("200,200 400,200 400,400 200,400").open(Stream(size=(100, 100)))
    made = ground("0%,0% 100%,0% 100%,100% 0%,100%")
    made.open(Stream(size=(640, 480), rate=10))
    assert made.update(step(0, {1: standing(320, 240)}))["tracks"]["1"]["x"] == pytest.approx(10)


# -- filters ----------------------------------------------------------------------------------------------------------


def test_the_filter_is_kalmans_and_the_smoother_rauchs():
    """Against the same in matrices."""
    random, power, dt = np.random.default_rng(0), 1.3, 0.2
    step_matrix = np.array([[1, dt], [0, 1]])
    drift = power * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    seen, noise = random.normal(0, 1, (6, 1, 2)), random.uniform(0.1, 0.3, (6, 1, 2))
    spread = np.zeros((1, 2, 3))
    spread[..., 0], spread[..., 2] = 0.5, 2.0
    state = (np.zeros((1, 2)), np.zeros((1, 2)), spread)
    mean, cov = np.zeros(2), np.diag([0.5, 2.0])
    ours, theirs = [], []
    for z, r in zip(seen, noise, strict=True):
        state = correct(predict(state, np.array([dt]), power), z, r)
        mean, cov = step_matrix @ mean, step_matrix @ cov @ step_matrix.T + drift
        gain = cov[:, 0] / (cov[0, 0] + r[0, 0])
        mean, cov = mean + gain * (z[0, 0] - mean[0]), cov - np.outer(gain, cov[0])
        ours.append(state)
        theirs.append((mean, cov))
    better, (mean, cov) = ours[-1], theirs[-1]
    for earlier, (m, c) in zip(ours[-2::-1], theirs[-2::-1], strict=True):
        better = smooth(earlier, better, np.array([dt]), power)
        ahead = step_matrix @ c @ step_matrix.T + drift
        gain = c @ step_matrix.T @ np.linalg.inv(ahead)
        mean, cov = m + gain @ (mean - step_matrix @ m), c + gain @ (cov - ahead) @ gain.T
        assert (better[0][0, 0], better[1][0, 0]) == pytest.approx(tuple(mean))
        assert better[2][0, 0] == pytest.approx([cov[0, 0], cov[0, 1], cov[1, 1]])
