"""The block-diagonal filters against plain dense matrix algebra and against filterpy."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.motion import (
    KalmanXYAH,
    KalmanXYAHConfig,
    KalmanXYSR,
    KalmanXYSRConfig,
    KalmanXYWH,
    KalmanXYWHConfig,
)
from trackforge.protocols import MotionModel
from trackforge.testing import check_motion_model

MODELS = [KalmanXYAH(), KalmanXYWH(), KalmanXYSR(), KalmanXYSR(KalmanXYSRConfig.ocsort())]
every_model = pytest.mark.parametrize("model", MODELS, ids=["xyah", "xywh", "xysr", "xysr-ocsort"])


def some_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    low = rng.uniform(0, 800, (n, 2))
    return np.concatenate((low, low + rng.uniform(20, 200, (n, 2))), axis=1)


def noise(model, position):
    """Dense Q and R of one filter, written from the papers and independently of the code under test."""
    if isinstance(model, KalmanXYSR):
        return np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001]), np.diag([1.0, 1, 10, 10])
    if isinstance(model, KalmanXYAH):
        h = position[3]
        std = [h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]
        return np.diag(np.square(std)), np.diag(np.square([h / 20, h / 20, 1e-1, h / 20]))
    size = position[[2, 3, 2, 3]]
    return np.diag(np.square(np.concatenate((size / 20, size / 160)))), np.diag(np.square(size / 20))


@every_model
def test_equals_dense_algebra_over_many_frames(model):
    rng = np.random.default_rng(0)
    boxes = some_boxes(rng, 7)
    state = model.initiate(boxes)
    mean, cov = (a.copy() for a in model.dense(state))
    size = mean.shape[1]
    transition, see = np.eye(size), np.eye(4, size)
    transition[np.arange(size - 4), np.arange(4, size)] = 1
    for frame in range(12):
        boxes = boxes + rng.normal(0, 2, boxes.shape)
        z = model.measure(boxes)
        state = model.predict(state)
        for i in range(len(mean)):
            q, _ = noise(model, mean[i])
            mean[i] = transition @ mean[i]
            cov[i] = transition @ cov[i] @ transition.T + q
        distance = model.mahalanobis(state, boxes)
        for i in range(len(mean)):
            _, r = noise(model, mean[i])
            total = see @ cov[i] @ see.T + r
            difference = z - see @ mean[i]
            expected = np.einsum("ni,ij,nj->n", difference, np.linalg.inv(total), difference)
            np.testing.assert_allclose(distance[i], expected, rtol=1e-8)
            if frame % 3:  # now and then nobody is seen
                gain = cov[i] @ see.T @ np.linalg.inv(total)
                mean[i] = mean[i] + gain @ (z[i] - see @ mean[i])
                cov[i] = cov[i] - gain @ total @ gain.T
        if frame % 3:
            state = model.update(state, boxes)
        got_mean, got_cov = model.dense(state)
        np.testing.assert_allclose(got_mean, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(got_cov, cov, rtol=1e-7, atol=1e-7)


def test_xysr_equals_filterpy():
    """filterpy is what the official SORT and OC-SORT run on."""
    rng = np.random.default_rng(1)
    box = some_boxes(rng, 1)
    model = KalmanXYSR()
    kf = KalmanFilter(dim_x=7, dim_z=4)
    kf.F = np.eye(7) + np.eye(7, k=4)
    kf.H = np.eye(4, 7)
    kf.R = np.diag([1.0, 1, 10, 10])
    kf.P = np.diag([10.0] * 4 + [10000.0] * 3)
    kf.Q = np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
    kf.x[:4, 0] = model.measure(box)[0]
    state = model.initiate(box)
    for _ in range(20):
        box = box + rng.normal(1, 3, box.shape)
        kf.predict()
        kf.update(model.measure(box).T)
        state = model.update(model.predict(state), box)
        mean, cov = model.dense(state)
        np.testing.assert_allclose(mean[0], kf.x[:, 0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(cov[0], kf.P, rtol=1e-7, atol=1e-7)


@every_model
@given(data=st.data())
def test_boxes_undo_initiate(model, data):
    low = data.draw(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), max_size=5))
    size = data.draw(st.lists(st.tuples(st.floats(1, 1e3), st.floats(1, 1e3)), min_size=len(low), max_size=len(low)))
    low, size = np.array(low).reshape(-1, 2), np.array(size).reshape(-1, 2)
    boxes = np.concatenate((low, low + size), axis=1)
    tolerance = 1e-2 if getattr(model.config, "aspect_epsilon", 0) else 1e-8
    np.testing.assert_allclose(model.boxes(model.initiate(boxes)), boxes, atol=tolerance)


@every_model
@given(parts=st.lists(st.floats(0.01, 1.5), min_size=1, max_size=6))
@settings(max_examples=30)
def test_time_may_be_cut_into_pieces(model, parts):
    """The mean does not care; velocity variance adds up; position variance loses at most half the velocity noise."""
    rng = np.random.default_rng(2)
    boxes = some_boxes(rng, 5)
    state = model.update(model.predict(model.initiate(boxes)), boxes + rng.normal(0, 1, boxes.shape))
    pieces, whole = state, model.predict(state, dt=sum(parts))
    for dt in parts:
        pieces = model.predict(pieces, dt=dt)
    np.testing.assert_allclose(model.dense(pieces)[0], model.dense(whole)[0], rtol=1e-9, atol=1e-9)
    assert np.all(np.linalg.eigvalsh(model.dense(pieces)[1]) > -1e-6)


def test_two_half_steps_have_nearly_the_noise_of_one():
    model = KalmanXYSR()  # its noise does not depend on the state, so the difference is known exactly
    state = model.initiate(some_boxes(np.random.default_rng(3), 4))
    halves = model.predict(model.predict(state, dt=0.5), dt=0.5)
    whole = model.predict(state, dt=1.0)
    (_, one), (_, two) = model.dense(whole), model.dense(halves)
    np.testing.assert_allclose(two[:, 4:, 4:], one[:, 4:, 4:], rtol=1e-12)
    more = np.array([0.01, 0.01, 0.0001]) / 8
    got = np.diagonal(two - one, axis1=1, axis2=2)
    np.testing.assert_allclose(got[:, :3], np.tile(more, (4, 1)), rtol=1e-6, atol=1e-11)


@every_model
def test_no_time_no_change(model):
    state = model.initiate(some_boxes(np.random.default_rng(4), 3))
    for a, b in zip(model.predict(state, dt=0.0), state, strict=True):
        np.testing.assert_array_equal(a, b)


@every_model
@pytest.mark.parametrize("dt", [-1.0, float("nan")])
def test_time_does_not_run_backwards(model, dt):
    with pytest.raises(InvalidInputError, match="dt must be >= 0"):
        model.predict(model.initiate(np.array([[0.0, 0, 9, 9]])), dt=dt)


@every_model
def test_methods_are_pure(model):
    state = model.initiate(some_boxes(np.random.default_rng(5), 6))
    for a in state:
        a.flags.writeable = False
    boxes = some_boxes(np.random.default_rng(6), 6)
    boxes.flags.writeable = False
    model.predict(state, coasting=np.ones(6, bool))
    model.update(state, boxes)
    model.boxes(state)
    model.mahalanobis(state, boxes)


@every_model
def test_rows_are_independent(model):
    """Any subset, in any order, gives the same numbers to the last bit, whatever the layout in memory."""
    rng = np.random.default_rng(7)
    boxes = some_boxes(rng, 20)
    state = model.update(model.predict(model.initiate(boxes)), boxes + 1)
    rows = rng.permutation(20)[:7]
    part = tuple(np.ascontiguousarray(a[rows]) for a in state)
    for name, given_part, given_all in (
        ("predict", (part,), (state,)),
        ("update", (part, boxes[rows]), (state, boxes)),
        ("boxes", (part,), (state,)),
        ("mahalanobis", (part, boxes), (state, boxes)),
    ):
        some, everything = getattr(model, name)(*given_part), getattr(model, name)(*given_all)
        if isinstance(some, tuple):
            some, everything = some[0], everything[0]
        np.testing.assert_array_equal(some, everything[rows], err_msg=name)


@every_model
def test_nobody_is_fine(model):
    none = np.empty((0, 4))
    state = model.update(model.predict(model.initiate(none), coasting=np.empty(0, bool)), none)
    assert model.boxes(state).shape == (0, 4)
    assert model.mahalanobis(state, np.ones((3, 4))).shape == (0, 3)
    assert model.mahalanobis(model.initiate(np.ones((2, 4))), none).shape == (2, 0)
    assert len(model.dense(state)[0]) == 0


@every_model
def test_flat_boxes_do_no_harm(model):
    boxes = np.array([[5.0, 5, 5, 5], [5, 5, 25, 5], [5, 5, 5, 25]])
    state = model.initiate(boxes)
    for _ in range(5):
        state = model.update(model.predict(state), boxes)
        assert np.isfinite(model.boxes(state)).all()
        assert np.isfinite(state[0]).all()
        assert np.isfinite(model.mahalanobis(state, boxes)).all()


def test_an_area_does_not_shrink_below_nothing():
    model = KalmanXYSR()
    state = model.initiate(np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]]))
    state[0][0, 1, 2] = -150.0
    state[0][1, 1, 2] = -99.0
    after = model.predict(state)[0]
    assert after[:, 0, 2].tolist() == [100.0, 1.0]
    assert after[:, 1, 2].tolist() == [0.0, -99.0]


@pytest.mark.parametrize(
    ("config", "frozen"),
    [
        (KalmanXYAHConfig(), [7]),
        (KalmanXYAHConfig(freeze_height_velocity=False), []),
        (KalmanXYWHConfig(), [6, 7]),
        (KalmanXYWHConfig(freeze_size_velocity=False), []),
    ],
)
def test_coasting_tracks_keep_their_size(config, frozen):
    model = (KalmanXYAH if isinstance(config, KalmanXYAHConfig) else KalmanXYWH)(config)
    boxes = np.array([[0.0, 0, 20, 50], [0, 0, 20, 50]])
    state = model.update(model.predict(model.initiate(boxes)), boxes * 1.2)
    before = model.dense(state)[0]
    after = model.dense(model.predict(state, coasting=np.array([True, False])))[0]
    expected = before.copy()
    expected[0, frozen] = 0
    expected[:, :4] += expected[:, 4:]
    np.testing.assert_allclose(after, expected, rtol=1e-12)


@every_model
def test_refuses_wrong_shapes(model):
    state = model.initiate(np.array([[0.0, 0, 9, 9]]))
    with pytest.raises(InvalidInputError, match=r"\(N, 4\)"):
        model.initiate(np.zeros((2, 5)))
    with pytest.raises(InvalidInputError, match="one box a filter"):
        model.update(state, np.ones((2, 4)))


@every_model
def test_is_a_motion_model_that_pickles(model):
    assert isinstance(model, MotionModel)
    twin = pickle.loads(pickle.dumps(model))
    boxes = some_boxes(np.random.default_rng(8), 3)
    np.testing.assert_array_equal(twin.predict(twin.initiate(boxes))[0], model.predict(model.initiate(boxes))[0])


def test_settings_are_checked_and_reach_the_filter():
    with pytest.raises(ConfigError, match="position_std"):
        KalmanXYAHConfig(position_std=-1)
    calm, nervous = KalmanXYWH(KalmanXYWHConfig(position_std=0.01)), KalmanXYWH()
    boxes = np.array([[0.0, 0, 20, 50]])
    far = boxes + 5
    assert calm.mahalanobis(calm.initiate(boxes), far) > nervous.mahalanobis(nervous.initiate(boxes), far)


@every_model
def test_conforms(model):
    check_motion_model(lambda: model)


@pytest.mark.parametrize("name", ["xyah", "xywh", "xysr"])
def test_models_come_by_name(name):
    model = trackforge.motion_model(name)
    assert type(model).__name__ == f"Kalman{name.upper()}"
