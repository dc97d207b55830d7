"""filterpy's filters as motion models: each does through the adapter exactly what it does by itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from filterpy.kalman import (
    ExtendedKalmanFilter,
    IMMEstimator,
    KalmanFilter,
    MerweScaledSigmaPoints,
    UnscentedKalmanFilter,
)

from trackforge.errors import InvalidInputError
from trackforge.motion import KalmanXYSR, KalmanXYWH
from trackforge.motion.filterpy import FilterpyMotion
from trackforge.protocols import MotionModel
from trackforge.testing import check_motion_model

F8, H4 = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)


def linear(kind=KalmanFilter, q=1.0):
    f = kind(dim_x=8, dim_z=4)
    f.F, f.H = F8.copy(), H4.copy()
    f.P = np.diag([10.0] * 4 + [100.0] * 4)
    f.Q = np.eye(8) * q
    return f


def extended():
    return linear(ExtendedKalmanFilter)


def unscented():
    f = UnscentedKalmanFilter(8, 4, 1.0, hx=see, fx=move, points=MerweScaledSigmaPoints(8, 0.3, 2.0, -5.0))
    f.P = np.diag([10.0] * 4 + [100.0] * 4)
    return f


def interacting():
    filters = [linear(q=0.1), linear(q=10.0)]
    for f in filters:
        f.x = np.zeros(8)  # flat states, unlike the others here
    return IMMEstimator(filters, [0.7, 0.3], np.array([[0.95, 0.05], [0.1, 0.9]]))


def move(x, dt):
    return np.concatenate((x[:4] + dt * x[4:], x[4:]))


def see(x):
    return x[:4]


def jacobian(x):
    return H4


def see_column(x):
    return H4 @ x


def correct_extended(f, z):
    f.update(z[:, None], jacobian, see_column)


MODELS = {
    "linear": FilterpyMotion(linear, box="xywh"),
    "extended": FilterpyMotion(extended, box="xywh", correct=correct_extended),
    "unscented": FilterpyMotion(unscented, box="xywh"),
    "interacting": FilterpyMotion(interacting, box="xywh"),
}
FACTORIES = {"linear": linear, "extended": extended, "unscented": unscented, "interacting": interacting}
every_kind = pytest.mark.parametrize("kind", MODELS)


def walk(rng, n, frames):
    low = rng.uniform(0, 500, (n, 2))
    boxes = np.concatenate((low, low + rng.uniform(20, 90, (n, 2))), axis=1)
    for _ in range(frames):
        boxes = boxes + 2 + rng.normal(0, 1, boxes.shape)
        yield boxes


def by_itself(kind, frames):
    """Run filterpy's own objects, one a track; return means and covariances."""
    geometry = KalmanXYWH()
    filters = []
    for i, boxes in enumerate(frames):
        z = geometry.measure(boxes)
        if i == 0:
            filters = [FACTORIES[kind]() for _ in z]
            for f, m in zip(filters, z, strict=True):
                for g in getattr(f, "filters", [f]):
                    g.x.reshape(-1)[:4] = m
                if kind == "interacting":
                    f._compute_state_estimate()
            continue
        for f, m in zip(filters, z, strict=True):
            f.predict()
            if kind == "extended":
                correct_extended(f, m)
            else:
                f.update(m[:, None] if kind == "linear" else m)
    return np.stack([f.x.reshape(-1) for f in filters]), np.stack([f.P for f in filters])


@every_kind
def test_does_what_the_filter_does(kind):
    frames = list(walk(np.random.default_rng(0), 3, 8))
    model = MODELS[kind]
    state = model.initiate(frames[0])
    for boxes in frames[1:]:
        state = model.update(model.predict(state), boxes)
    mean, covariance = by_itself(kind, frames)
    got = model.dense(state)
    np.testing.assert_allclose(got[0], mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got[1], covariance, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(model.boxes(state), KalmanXYWH().corners(mean[:, :4]), rtol=1e-9)


@every_kind
def test_state_survives_selection_and_pickling(kind):
    """To the last bit: pick tracks, shuffle, pickle, go on."""
    first, second, third = walk(np.random.default_rng(1), 5, 3)
    model = MODELS[kind]
    state = model.predict(model.update(model.predict(model.initiate(first)), second))
    rows = np.array([4, 1, 2])
    twin, part = pickle.loads(pickle.dumps((model, tuple(a[rows] for a in state))))
    expected = model.update(state, third)
    for a, b in zip(twin.update(part, third[rows]), expected, strict=True):
        np.testing.assert_array_equal(a, b[rows])
    joined = tuple(np.concatenate((a[:2], a[2:])) for a in state)
    for a, b in zip(model.update(joined, third), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
def test_methods_are_pure(kind):
    first, second = walk(np.random.default_rng(2), 3, 2)
    model = MODELS[kind]
    state = model.predict(model.initiate(first))
    before = copy.deepcopy(state)
    for a in (*state, second):
        a.flags.writeable = False
    model.predict(state)
    model.update(state, second)
    model.mahalanobis(state, second)
    for a, b in zip(state, before, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
@pytest.mark.parametrize("position_only", [False, True])
def test_mahalanobis(kind, position_only):
    first, second = walk(np.random.default_rng(3), 3, 2)
    model = MODELS[kind]
    state = model.predict(model.initiate(first))
    mean, covariance = model.dense(state)
    used = 2 if position_only else 4
    z = KalmanXYWH().measure(second)
    expected = np.empty((3, 3))
    for i in range(3):
        d = (z - mean[i, :4])[:, :used]
        total = (covariance[i, :4, :4] + np.eye(4))[:used, :used]
        expected[i] = np.einsum("mi,ij,mj->m", d, np.linalg.inv(total), d)
    np.testing.assert_allclose(model.mahalanobis(state, second, position_only=position_only), expected, rtol=1e-8)


@every_kind
def test_nobody_is_fine(kind):
    model, none = MODELS[kind], np.empty((0, 4))
    assert isinstance(model, MotionModel)
    state = model.update(model.predict(model.initiate(none), coasting=np.empty(0, bool)), none)
    assert model.boxes(state).shape == (0, 4)
    assert model.mahalanobis(model.initiate(np.array([[0.0, 0, 5, 5]])), none).shape == (1, 0)


@every_kind
def test_time_in_whole_frames(kind):
    (boxes,) = walk(np.random.default_rng(4), 2, 1)
    model = MODELS[kind]
    state = model.initiate(boxes)
    for a, b in zip(model.predict(model.predict(state)), model.predict(state, dt=2.0), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InvalidInputError, match=">= 0"):
        model.predict(state, dt=-1)


@every_kind
def test_time_in_fractions(kind):
    """A box that moves by (2, 4) a frame; and a fraction leaves no trace in the frames after it."""
    (boxes,) = walk(np.random.default_rng(4), 2, 1)
    model = MODELS[kind]
    moving = model.initiate(boxes)
    moving[0][:, :, 4:6] = [2.0, 4.0]
    for dt in (0.5, 1.25, 2.5):
        shift = model.boxes(model.predict(moving, dt=dt)) - boxes
        np.testing.assert_allclose(shift, np.tile([2 * dt, 4 * dt], (2, 2)), atol=1e-6)
    if kind in ("linear", "extended"):
        _, covariance = model.dense(model.predict(moving, dt=0.5))
        half = np.eye(8) + 0.5 * np.eye(8, k=4)
        np.testing.assert_allclose(covariance[0], half @ moving[1][0, 0] @ half.T + 0.5 * np.eye(8), atol=1e-9)


def test_time_as_one_likes_it():
    def jump(f, dt):
        f.x = f.x + dt

    (boxes,) = walk(np.random.default_rng(4), 2, 1)
    model = FilterpyMotion(linear, box="xyxy", advance=jump)
    np.testing.assert_allclose(model.boxes(model.predict(model.initiate(boxes), dt=3.5)), boxes + 3.5)


@every_kind
def test_conforms(kind):
    check_motion_model(lambda: MODELS[kind])


def sort_filter():
    f = KalmanFilter(dim_x=7, dim_z=4)
    f.F, f.H = np.eye(7) + np.eye(7, k=4), np.eye(4, 7)
    f.R = np.diag([1.0, 1, 10, 10])
    f.P = np.diag([10.0] * 4 + [1e4] * 3)
    f.Q = np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
    return f


def test_our_own_filter_is_filterpys_filter():
    """The XYSR model against the filter that the official SORT is built on, through the whole protocol."""
    frames = list(walk(np.random.default_rng(5), 4, 10))
    ours, theirs = KalmanXYSR(), FilterpyMotion(sort_filter, box="xysr")
    a, b = ours.initiate(frames[0]), theirs.initiate(frames[0])
    for boxes in frames[1:]:
        a, b = ours.predict(a), theirs.predict(b)
        np.testing.assert_allclose(ours.mahalanobis(a, boxes), theirs.mahalanobis(b, boxes), rtol=1e-7)
        a, b = ours.update(a, boxes), theirs.update(b, boxes)
        for mine, other in zip((*ours.dense(a), ours.boxes(a)), (*theirs.dense(b), theirs.boxes(b)), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-7, atol=1e-7)


def test_other_measurements():
    """Corners as they are, and one's own functions."""
    (boxes,) = walk(np.random.default_rng(6), 2, 1)
    corners = FilterpyMotion(linear, box="xyxy")
    np.testing.assert_allclose(corners.boxes(corners.initiate(boxes)), boxes)
    half = FilterpyMotion(linear, measure=lambda b: b / 2, corners=lambda x: x[:, :4] * 2)
    np.testing.assert_allclose(half.boxes(half.initiate(boxes)), boxes)
    with pytest.raises(InvalidInputError, match="go together"):
        FilterpyMotion(linear, measure=lambda b: b)
    with pytest.raises(InvalidInputError, match="xywz"):
        FilterpyMotion(linear, box="xywz")
    with pytest.raises(InvalidInputError, match="filterpy filter"):
        FilterpyMotion(dict)
    with pytest.raises(InvalidInputError, match="one box a filter"):
        corners.update(corners.initiate(boxes), boxes[:1])
    with pytest.raises(InvalidInputError, match=r"\(N, 4\)"):
        corners.initiate(boxes[:, :3])
