"""A tracker with camera motion and appearance needs little more than its own idea."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import camera_tracker
import numpy as np
import pytest
from camera_tracker import CameraTracker, CameraTrackerConfig
from walkers import assert_same

from trackforge.errors import InvalidInputError
from trackforge.motion import KalmanXYAH
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.testing import check_tracker
from trackforge.types import Frame

CONFIG = CameraTrackerConfig(birth_score=0.6, min_hits=3)


class Pan:
    """A hand-held camera: it swings, zooms a little and rolls; what it does between two frames is known."""

    def __init__(self, frames: int, centre=(480.0, 270.0)) -> None:
        rng = np.random.default_rng(4)
        self.steps = [np.eye(3)]
        to, back = np.eye(3), np.eye(3)
        to[:2, 2], back[:2, 2] = centre, -np.array(centre)
        for t in range(1, frames):
            angle, scale = 0.01 * np.sin(t / 3), 1 + 0.01 * np.cos(t / 4)
            turn = np.eye(3)
            turn[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            shift = np.eye(3)
            shift[:2, 2] = 45 * np.sin(t / 5) + rng.normal(0, 12), rng.normal(0, 8)
            self.steps.append(shift @ to @ turn @ back)
        self.whole = [self.steps[0]]
        for step in self.steps[1:]:
            self.whole.append(step @ self.whole[-1])

    def motion(self, frame: Frame):
        return self.steps[frame.index][:2] if frame.index else None

    def seen(self, xyxy, index: int):
        """Return the boxes as the camera sees them: centres mapped, sizes scaled."""
        linear, shift = self.whole[index][:2, :2], self.whole[index][:2, 2]
        centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2 @ linear.T + shift
        half = (xyxy[:, 2:] - xyxy[:, :2]) / 2 * np.sqrt(np.linalg.det(linear))
        return np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)


class Still:
    """Knows its motion in every other frame: there was none."""

    def motion(self, frame: Frame):
        return np.eye(2, 3) if frame.index % 2 else None


def panning(frames: int = 90):
    """A crowd before a moving camera, with noisy embeddings."""
    pan, rng = Pan(frames), np.random.default_rng(1)
    look = rng.normal(size=(500, 8))
    stream = []
    for frame, found in Crowd(CrowdConfig(objects=14, frames=frames, size=(960, 540), seed=8)):
        embedding = look[found.extra["truth_id"]] + rng.normal(0, 0.5, (len(found), 8))
        stream.append((replace(found, xyxy=pan.seen(found.xyxy, frame.index), embedding=embedding), frame))
    return pan, stream


def switches(tracker, stream) -> tuple[int, int]:
    """Return how often people changed their id, and how often they were shown."""
    last: dict[int, int] = {}
    changed = shown = 0
    for detections, frame in stream:
        tracks = tracker.update(detections, frame).visible
        people = detections.extra["truth_id"][tracks.detection]
        for person, track in zip(people.tolist(), tracks.track_id.tolist(), strict=True):
            if person >= 0:
                changed += last.get(person, track) != track
                shown += 1
                last[person] = track
    return changed, shown


def test_it_is_short():
    assert len(Path(camera_tracker.__file__).read_text().splitlines()) < 120


@pytest.mark.parametrize("embedding_dim", [None, 8])
@pytest.mark.parametrize("motion", [None, KalmanXYAH()])
def test_it_conforms(embedding_dim, motion):
    check_tracker(lambda: CameraTracker(CONFIG, Still(), motion), embedding_dim=embedding_dim)


def test_knowing_the_camera_helps():
    pan, stream = panning()
    changed, shown = switches(CameraTracker(CONFIG, pan), stream)
    blind, blindly = switches(CameraTracker(CONFIG), stream)
    assert changed * 3 < blind
    assert shown > blindly


def test_it_goes_on_exactly_before_a_moving_camera():
    pan, stream = panning(50)
    tracker, other = CameraTracker(CONFIG, pan), CameraTracker(CONFIG, pan)
    for step in stream[:25]:
        tracker.update(*step)
    other.load_state_dict(tracker.state_dict())
    for step in stream[25:]:
        assert_same(tracker.update(*step), other.update(*step))


def test_a_motion_model_that_cannot_warp_is_told_so():
    class Stubborn:
        """A model without warp()."""

        def __init__(self) -> None:
            self._model = KalmanXYAH()

        def __getattr__(self, name):
            if name in ("initiate", "predict", "update", "boxes", "mahalanobis", "dense"):
                return getattr(self._model, name)
            raise AttributeError(name)

    pan, stream = panning(3)
    tracker = CameraTracker(CONFIG, pan, Stubborn())
    tracker.update(*stream[0])
    with pytest.raises(InvalidInputError, match="can warp"):
        tracker.update(*stream[1])
