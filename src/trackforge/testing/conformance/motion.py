"""The rules of `trackforge.protocols.MotionModel`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from trackforge.protocols import MotionModel, MotionState, WarpingMotionModel
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot

__all__ = ["check_motion_model"]

Make: TypeAlias = Callable[[], MotionModel]
METHODS = ("initiate", "predict", "update", "boxes", "mahalanobis", "dense")


def check_motion_model(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the MotionModel protocol.

    Args:
        make: Returns a motion model, always with the same settings.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("motion", make, skip)


def _boxes(n: int, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 800, (n, 2))
    height = random.uniform(40, 200, (n, 1))
    return np.concatenate((corner, corner + np.concatenate((0.4 * height, height), axis=1)), axis=1)


def _take(state: MotionState, rows: Any) -> MotionState:
    return tuple(column[rows] for column in state)


def _warm(model: MotionModel, n: int) -> MotionState:
    """Return filters that have seen a few frames."""
    boxes = _boxes(n)
    state = model.initiate(boxes)
    for step in range(1, 4):
        state = model.update(model.predict(state), boxes + step * np.array([3.0, 1.0, 3.0, 1.0]))
    return state


@rule("motion")
def offers_the_methods(make: Make) -> None:
    """A motion model has initiate, predict, update, boxes, mahalanobis and dense."""
    absent = [name for name in METHODS if not hasattr(make(), name)]
    require(not absent, f"{type(make()).__name__} has no {', '.join(absent)}.")


@rule("motion")
def state_is_columns(make: Make) -> None:
    """A state is a tuple of arrays with one row a filter, for no filters as well."""
    model = make()
    for n in (0, 1, 5):
        state = model.initiate(_boxes(n))
        for what, value in (
            ("initiate", state),
            ("predict", model.predict(state)),
            ("update", model.update(state, _boxes(n))),
        ):
            columns = isinstance(value, tuple) and all(isinstance(c, np.ndarray) and len(c) == n for c in value)
            require(columns, f"{what} of {n} filters gave {value!r:.200}.")
        require(model.boxes(state).shape == (n, 4), f"boxes of {n} filters have shape {model.boxes(state).shape}.")


@rule("motion")
def starts_where_it_is_told(make: Make) -> None:
    """The boxes of new filters are the boxes that they were started on."""
    boxes, model = _boxes(6), make()
    error = float(np.abs(model.boxes(model.initiate(boxes)) - boxes).max())
    require(error < 1e-3, f"they are up to {error:.3g} px away.")


@rule("motion")
def filters_are_independent(make: Make) -> None:
    """A filter alone, or chosen with an index, moves as it does among others."""
    model = make()
    state, seen = _warm(model, 6), _boxes(6) + 11.0
    coasting = np.array([True, False, True, False, False, True])
    together = model.update(model.predict(state, coasting=coasting), seen)
    for row in range(6):
        part = model.predict(_take(state, [row]), coasting=coasting[[row]])
        alone = model.update(part, seen[[row]])
        found = difference(model.boxes(alone), model.boxes(_take(together, [row])), "its box", tolerance=1e-9)
        require(not found, f"filter {row}, alone: {found}.")


@rule("motion")
def every_method_is_pure(make: Make) -> None:
    """No method changes its arguments, and the same question has the same answer."""
    model = make()
    state, seen = _warm(model, 5), _boxes(5) + 4.0
    before = snapshot((state, seen))
    asked: tuple[Callable[[], Any], ...] = (
        lambda: model.predict(state),
        lambda: model.predict(state, dt=2.5, coasting=np.ones(5, bool)),
        lambda: model.update(state, seen),
        lambda: model.update(state, seen, score=np.linspace(0.1, 1, 5, dtype=np.float32)),
        lambda: model.boxes(state),
        lambda: model.mahalanobis(state, seen),
        lambda: model.dense(state),
        lambda: model.initiate(seen),
    )
    for question in asked:
        found = difference(question(), question(), "the answer")
        require(not found, f"asked twice: {found}.")
        found = difference(snapshot((state, seen)), before, "its arguments")
        require(not found, f"afterwards {found}.")


@rule("motion")
def follows_straight_motion(make: Make) -> None:
    """After 25 frames of steady motion the next box is foreseen within a tenth of its size."""
    model = make()
    box, move = np.array([[100.0, 100.0, 150.0, 220.0]]), np.array([[4.0, 2.0, 4.0, 2.0]])
    state = model.initiate(box)
    for step in range(1, 26):
        state = model.update(model.predict(state), box + step * move)
    ahead = model.boxes(model.predict(state))
    error = float(np.abs(ahead - (box + 26 * move)).max())
    require(error < 5, f"it is {error:.2f} px off.")


@rule("motion")
def distances_make_sense(make: Make) -> None:
    """mahalanobis() is (N, M), not negative, and least for the filter's own box; position_only as well."""
    model = make()
    state = model.predict(_warm(model, 5))
    own = model.boxes(state)
    for position_only in (False, True):
        distance = model.mahalanobis(state, np.concatenate((own, own[:2] + 300)), position_only=position_only)
        require(distance.shape == (5, 7), f"for 5 filters and 7 boxes the shape is {distance.shape}.")
        require((distance >= 0).all(), f"a distance is negative: {distance.min()}.")
        nearest = distance[:, :5].argmin(axis=1).tolist()
        require(nearest == list(range(5)), f"the nearest boxes of filters 0..4 are {nearest}.")
    shape = model.mahalanobis(state, np.empty((0, 4))).shape
    require(shape == (5, 0), f"for no boxes the shape is {shape}.")


@rule("motion")
def takes_scores(make: Make) -> None:
    """update() takes scores, and no score lets a filter follow its box less than a worse one."""
    model = make()
    state = model.predict(_warm(model, 4))
    seen = model.boxes(state) + np.array([6.0, 0.0, 6.0, 0.0])
    moved = []
    for score in (0.0, 0.5, 1.0):
        after = model.boxes(model.update(state, seen, score=np.full(4, score, np.float32)))
        require(np.isfinite(after).all(), f"with scores of {score} boxes are not finite: {after.tolist()}.")
        moved.append(after[:, 0] - model.boxes(state)[:, 0])
    least = float(np.diff(moved, axis=0).min())
    require(least > -1e-6, f"as scores grow from 0 to 1, a step shrinks by {-least:.3g} px.")


TURN = np.array([[0.98 * np.cos(0.02), -0.98 * np.sin(0.02), 7.0], [0.98 * np.sin(0.02), 0.98 * np.cos(0.02), -3.0]])
ZOOM = np.array([[1.1, 0.0, -30.0], [0.0, 1.1, 12.0]])


@rule("motion")
def follows_a_camera(make: Make) -> None:
    """Where there is warp(): no motion changes nothing, a shift shifts, a zoom scales boxes, and two maps make one."""
    model = make()
    if not isinstance(model, WarpingMotionModel):
        return
    state = model.predict(_warm(model, 5))
    before, still = model.boxes(state), np.eye(2, 3)
    found = difference(model.warp(state, still), state, "the state")
    require(not found, f"a camera that stands still: {found}.")
    for what, affine in (("a shift by (5, -8)", np.array([[1.0, 0, 5], [0, 1, -8]])), ("a zoom", ZOOM)):
        after = model.boxes(model.warp(state, affine))
        corners = before.reshape(-1, 2) @ affine[:, :2].T + affine[:, 2]
        found = difference(after, corners.reshape(-1, 4), "the boxes", tolerance=1e-6)
        require(not found, f"{what}: {found}.")
    both = np.column_stack((ZOOM[:, :2] @ TURN[:, :2], ZOOM[:, :2] @ TURN[:, 2] + ZOOM[:, 2]))
    twice = model.boxes(model.warp(model.warp(state, TURN), ZOOM))
    found = difference(twice, model.boxes(model.warp(state, both)), "the boxes", tolerance=1e-6)
    require(not found, f"two maps one after the other are not their product: {found}.")
    none = model.warp(model.initiate(np.empty((0, 4))), TURN)
    require(model.boxes(none).shape == (0, 4), f"boxes of no filters have shape {model.boxes(none).shape}.")
    again = model.predict(model.warp(state, TURN)), model.update(model.warp(state, TURN), before)
    require(all(np.isfinite(model.boxes(x)).all() for x in again), "filters that were warped do not go on.")


@rule("motion")
def shows_its_insides(make: Make) -> None:
    """dense() gives means (N, S) and symmetric covariances (N, S, S) without negative variances."""
    mean, covariance = make().dense(_warm(make(), 4))
    size = mean.shape[-1]
    require(mean.shape == (4, size), f"the means have shape {mean.shape}.")
    require(covariance.shape == (4, size, size), f"the covariances have shape {covariance.shape}.")
    require(np.allclose(covariance, covariance.transpose(0, 2, 1)), "a covariance is not symmetric.")
    least = float(np.linalg.eigvalsh(covariance).min())
    require(least > -1e-9 * float(np.abs(covariance).max()), f"a variance is negative: {least:.3g}.")


@rule("motion")
def pickles(make: Make) -> None:
    """A pickled model works as before, so that trackers which hold it can be pickled."""
    model = make()
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    found = difference(again.predict(_warm(again, 3)), model.predict(_warm(model, 3)), "the state")
    require(not found, f"after pickling {found}.")
