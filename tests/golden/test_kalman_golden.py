"""The XYAH filter and the +1 IoU against outputs of the official code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trackforge.boxes import iou, xyah_to_xyxy
from trackforge.motion import KalmanXYAH

pytestmark = pytest.mark.golden
EXACT = {"rtol": 0, "atol": 1e-9}


@pytest.fixture(scope="module")
def unit(golden_dir: Path) -> dict[str, np.ndarray]:
    with np.load(golden_dir / "jde" / "kalman_units.npz") as file:
        return dict(file)


def boxes(xyah: np.ndarray) -> np.ndarray:
    return xyah_to_xyxy(np.atleast_2d(xyah))


def test_one_track_through_initiate_predict_project_update(unit):
    model = KalmanXYAH()
    state = model.initiate(boxes(unit["z0"]))
    for name, step in (("pred", model.predict), ("upd", lambda s: model.update(s, boxes(unit["z1"])))):
        before = "init" if name == "pred" else "pred"
        mean, covariance = model.dense(state)
        np.testing.assert_allclose(mean[0], unit[f"{before}_mean"], **EXACT)
        np.testing.assert_allclose(covariance[0], unit[f"{before}_cov"], **EXACT)
        state = step(state)
    mean, covariance = model.dense(state)
    np.testing.assert_allclose(mean[0], unit["upd_mean"], **EXACT)
    np.testing.assert_allclose(covariance[0], unit["upd_cov"], **EXACT)


def test_projection_is_what_the_gate_measures_with(unit):
    """One box a known step away in one quantity gives step**2 / projected variance."""
    model = KalmanXYAH()
    state = model.predict(model.initiate(boxes(unit["z0"])))
    variance = np.diag(unit["proj_cov"])
    for i, step in enumerate((3.0, -2.0, 0.05, 4.0)):
        z = unit["proj_mean"].copy()
        z[i] += step
        np.testing.assert_allclose(model.mahalanobis(state, boxes(z))[0, 0], step**2 / variance[i], rtol=1e-9)


def test_many_tracks_at_once(unit):
    model = KalmanXYAH()
    first = model.update(model.predict(model.initiate(boxes(unit["z0"]))), boxes(unit["z1"]))
    second = model.initiate(boxes(unit["z0"]))
    both = tuple(np.concatenate(pair) for pair in zip(first, second, strict=True))
    mean, covariance = model.dense(model.predict(both))
    np.testing.assert_allclose(mean, unit["multi_mean"], **EXACT)
    np.testing.assert_allclose(covariance, unit["multi_cov"], **EXACT)


@pytest.mark.parametrize(("key", "position_only"), [("gating", False), ("gating_pos", True)])
def test_gating_distance(unit, key, position_only):
    model = KalmanXYAH()
    state = model.update(model.predict(model.initiate(boxes(unit["z0"]))), boxes(unit["z1"]))
    distance = model.mahalanobis(state, boxes(unit["meas"]), position_only=position_only)
    np.testing.assert_allclose(distance[0], unit[key], **EXACT)


def test_inclusive_iou(unit):
    overlap = iou(unit["iou_a"], unit["iou_b"], inclusive=True)
    np.testing.assert_allclose(overlap, unit["iou_plus1"], **EXACT)
