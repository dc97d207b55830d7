"""Motion models that are told how the camera moved, and how sure the detector was."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge.errors import InvalidInputError
from trackforge.motion import KalmanXYAH, KalmanXYSR, KalmanXYWH, KalmanXYWHConfig
from trackforge.protocols import WarpingMotionModel
from trackforge.testing import check_motion_model

MODELS = {"xyah": (KalmanXYAH, (0, 1)), "xywh": (KalmanXYWH, (1, 1)), "xysr": (KalmanXYSR, (2, 0))}


def similarity(angle: float, scale: float, shift=(0.0, 0.0)):
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack((linear, shift))


def warm(model, n=6):
    """Filters with every number in use: they moved, and some of them coasted."""
    rng = np.random.default_rng(2)
    low, size = rng.uniform(100, 800, (n, 2)), rng.uniform([30, 80], [90, 240], (n, 2))
    boxes, move = np.concatenate((low, low + size), 1), rng.normal(0, 5, (n, 2))
    state = model.initiate(boxes)
    for step in range(1, 5):
        state = model.update(model.predict(state, dt=1.5), boxes + step * np.tile(move, 2))
    return model.predict(state)


def dense_map(affine, powers, size):
    """The linear map of all states, positions first, then velocities, and its shift."""
    scale = np.sqrt(np.linalg.det(affine[:, :2]))
    quarter = np.zeros((4, 4))
    quarter[:2, :2] = affine[:, :2]
    quarter[2:, 2:] = np.diag(scale ** np.array(powers, float))
    whole = np.zeros((8, 8))
    whole[:4, :4] = whole[4:, 4:] = quarter
    return whole[:size, :size], np.concatenate((affine[:, 2], np.zeros(size - 2)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("angle", [0.0, 0.05])
def test_warp_is_the_linear_map_of_dense_means_and_covariances(name, angle):
    make, powers = MODELS[name]
    model = make()
    state, affine = warm(model), similarity(angle, 1.07, (13.0, -6.0))
    mean, covariance = model.dense(state)
    linear, shift = dense_map(affine, powers, mean.shape[1])
    got_mean, got = model.dense(model.warp(state, affine))
    expected = linear @ covariance @ linear.T
    np.testing.assert_allclose(got_mean, mean @ linear.T + shift, rtol=1e-12, atol=1e-9)
    if name == "xywh" and angle:  # widths are not heights: the correlation that the turn makes is left out, no more
        across = np.abs(expected - got)
        assert across.max() > 0
        assert across[:, [0, 4]][:, :, [0, 2, 3, 4, 6, 7]].max() < 1e-9
        np.testing.assert_allclose(np.diagonal(got, axis1=1, axis2=2), np.diagonal(expected, axis1=1, axis2=2))
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-9)


def dense_step(model, mean, covariance, z):
    """Predict by 1.5 frames and correct, with dense matrices."""
    forward = np.eye(8)
    forward[:4, 4:] = 1.5 * np.eye(4)
    noise = np.stack([np.diag(n.ravel()) for n in model._noise(model._process, mean[:, :4]).transpose(1, 0, 2)])
    mean, covariance = mean @ forward.T, forward @ covariance @ forward.T + 1.5 * noise
    measured = np.stack([np.diag(n) for n in model._noise(model._measurement, mean[:, :4])[0]])
    total = covariance[:, :4, :4] + measured
    gain = covariance[:, :, :4] @ np.linalg.inv(total)
    apart = z - mean[:, :4]
    distance = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(total), apart)
    return mean + np.einsum("nij,nj->ni", gain, apart), covariance - gain @ covariance[:, :4], distance


def test_with_the_correlation_kept_xywh_is_a_dense_filter_under_any_turn():
    model = KalmanXYWH(KalmanXYWHConfig(keep_correlation=True))
    state = warm(model)
    mean, covariance = model.dense(state)
    for turn in range(1, 5):
        affine = similarity(0.3 * turn, 1.05, (3.0, turn))
        linear, shift = dense_map(affine, (1, 1), 8)
        mean, covariance = mean @ linear.T + shift, linear @ covariance @ linear.T
        state = model.warp(state, affine)
        np.testing.assert_allclose(model.dense(state)[1], covariance, rtol=1e-9, atol=1e-8)
        seen = model.boxes(state) + np.array([4, 3, 9, 1])
        mean, covariance, distance = dense_step(model, mean, covariance, model.measure(seen))
        state = model.predict(state, dt=1.5)
        np.testing.assert_allclose(np.diagonal(model.mahalanobis(state, seen)), distance, rtol=1e-9)
        state = model.update(state, seen)
        got_mean, got = model.dense(state)
        np.testing.assert_allclose(got_mean, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(got, covariance, rtol=1e-8, atol=1e-8)


def test_with_the_correlation_kept_it_conforms_and_is_the_same_where_nothing_turns():
    check_motion_model(lambda: KalmanXYWH(KalmanXYWHConfig(keep_correlation=True, score_noise=True)))
    plain, exact = KalmanXYWH(), KalmanXYWH(KalmanXYWHConfig(keep_correlation=True))
    np.testing.assert_allclose(exact.boxes(warm(exact)), plain.boxes(warm(plain)), rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_a_shift_changes_nothing_but_the_place(name):
    model = MODELS[name][0]()
    state = warm(model)
    after = model.warp(state, similarity(0, 1, (5.0, -8.0)))
    np.testing.assert_allclose(model.boxes(after), model.boxes(state) + np.array([5, -8, 5, -8]), atol=1e-9)
    np.testing.assert_array_equal(after[0][:, 1:], state[0][:, 1:])


@pytest.mark.parametrize("affine", [np.eye(3), np.zeros((2, 3)), np.full((2, 3), np.nan), [[1, 0, 0], [2, 0, 5]]])
def test_a_map_that_is_none_is_refused(affine):
    model = KalmanXYAH()
    with pytest.raises(InvalidInputError, match="camera's motion"):
        model.warp(warm(model), affine)


@pytest.mark.parametrize("name", MODELS)
def test_scores_scale_the_noise_of_boxes_where_that_is_asked_for(name):
    plain, keen = trackforge.motion_model(name), trackforge.motion_model(name, score_noise=True)
    state = warm(plain)
    seen = plain.boxes(state) + np.array([4, 3, 9, 1])
    sure, unsure = np.full(6, 0.9, np.float32), np.zeros(6, np.float32)
    expected = plain.update(state, seen)[0].tobytes()
    assert plain.update(state, seen, score=sure)[0].tobytes() == expected
    assert keen.update(state, seen)[0].tobytes() == expected
    assert keen.update(state, seen, score=unsure)[0].tobytes() == expected
    mean, covariance = keen.dense(state)
    z = keen.measure(seen)
    noise = (1 - sure.astype(float))[:, None] * keen._noise(keen._measurement, state[0][:, 0])[0]
    gain = covariance[:, :, :4] @ np.linalg.inv(covariance[:, :4, :4] + noise[:, :, None] * np.eye(4))
    got, got_covariance = keen.dense(keen.update(state, seen, score=sure))
    np.testing.assert_allclose(got, mean + np.einsum("nij,nj->ni", gain, z - mean[:, :4]), rtol=1e-9)
    np.testing.assert_allclose(got_covariance, covariance - gain @ covariance[:, :4], rtol=1e-6, atol=1e-9)


def test_certainty_leaves_no_variance_at_zero():
    model = trackforge.motion_model("xyah", score_noise=True)
    state = warm(model)
    for _ in range(50):
        state = model.predict(model.update(state, model.boxes(state), score=np.ones(6, np.float32)))
    assert np.isfinite(model.boxes(state)).all()
    with pytest.raises(InvalidInputError, match="score must have shape"):
        model.update(state, model.boxes(state), score=np.ones(3))


def test_who_cannot_warp_is_no_warping_model():
    class Lean:
        initiate = predict = update = boxes = mahalanobis = dense = None

    assert isinstance(KalmanXYWH(), WarpingMotionModel)
    assert not isinstance(Lean(), WarpingMotionModel)
