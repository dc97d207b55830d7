"""The motion detector before scenes that are no street: people close by, a camera that moves, light that changes."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge.detectors.bodies import Bodies
from trackforge.detectors.figures import GroundScale
from trackforge.detectors.lasting import Lasting
from trackforge.detectors.motion import MotionDetector, MotionDetectorConfig
from trackforge.protocols.noting import Noting
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.types import Frame

SIZE = (480, 270)


def _scene(scene, seed=0, **settings):
    settings = {"size": SIZE, "frames": 140, **settings}
    return SyntheticSource(SyntheticSourceConfig(scene=scene, seed=seed, **settings))


def _best(source, config=None):
    """Track; return for each frame with somebody in it the best overlap with a track, and its id."""
    detector, tracker = MotionDetector(config), trackforge.tracker("byte")
    tracks = {f.index: tracker.update(detector.detect([f])[0], f).visible for f in source}
    overlap, ids = [], []
    for index, box in zip(source.truth.frame.tolist(), source.truth.xyxy, strict=True):
        found = tracks[index]
        each = trackforge.boxes.iou(box[None], found.xyxy)[0] if len(found) else np.zeros(1)
        overlap.append(each.max())
        ids.append(int(found.track_id[each.argmax()]) if len(found) else -1)
    return np.array(overlap), np.array(ids)


@pytest.mark.parametrize("seed", [1, 4])
def test_a_person_close_by_is_one_id_and_the_box_is_on_the_person(seed):
    overlap, ids = _best(_scene("room", seed, walkers=1))
    assert np.mean(overlap > 0.5) > 0.8
    assert len(set(ids[overlap > 0.5].tolist())) == 1


def test_without_bodies_it_is_hair_and_hands():
    overlap, _ = _best(_scene("room", 4, walkers=1), MotionDetectorConfig(large=1))
    assert np.mean(overlap > 0.5) < 0.5


def test_a_camera_that_moves_is_told_and_nothing_is_made_up():
    detector = MotionDetector()
    assert isinstance(detector, Noting)
    found = detector.detect(list(_scene("panning", frames=80)))
    (note,) = detector.notes()
    assert note.startswith("the camera seems to move")
    assert "--detector yolox" in note
    assert sum(len(d) for d in found) < 80
    detector.reset()
    assert not detector.notes()


@pytest.mark.parametrize("scene", ["street", "room"])
def test_nothing_is_told_of_a_camera_that_stands(scene):
    detector = MotionDetector()
    detector.detect(list(_scene(scene, 2, frames=100)))
    assert list(detector.notes()) == []


def _walls(seed):
    return np.random.default_rng(seed).integers(20, 235, (6, 8, 3)).repeat(15, 0).repeat(15, 1)


def test_a_picture_that_changes_as_a_whole_is_told_and_learned():
    random, room = np.random.default_rng(0), _walls(1)
    detector, found = MotionDetector(), []
    for index in range(60):
        room = room if index != 30 else _walls(2)
        noisy = np.clip(room + random.integers(-2, 3, room.shape), 0, 255).astype(np.uint8)
        found += detector.detect([Frame(index=index, image=noisy)])
    assert any("most of the picture was foreground" in note for note in detector.notes())
    assert sum(len(d) for d in found[40:]) == 0


def test_a_brighter_exposure_is_nobody():
    random = np.random.default_rng(0)
    room = random.integers(60, 120, (90, 120, 3))
    detector = MotionDetector()
    for index in range(60):
        detector.detect([Frame(index=index, image=np.clip(room * (1 + 0.004 * index), 0, 255).astype(np.uint8))])
    assert list(detector.notes()) == []
    assert not len(detector._watch.large(0.05, (90, 120))[0])


def test_hands_that_wave_teach_no_size():
    scale = GroundScale()
    for index in range(200):
        up = 20 * np.sin(index)
        scale.learn(np.array([[50.0, 80 + up, 70, 130]]), np.array([0.0]), np.array([False]))
    assert not scale.known
    assert not scale.likely


def test_who_walks_is_told_from_who_stays():
    lasting = Lasting()
    for index in range(12):
        age = lasting.update(np.array([[5.0 * index, 0, 5.0 * index + 20, 50], [200, 0, 220, 50 + index % 2]]))
    assert age.tolist() == [11, 11]
    assert lasting.walks().tolist() == [True, False]


def test_a_body_keeps_its_box_while_only_a_hand_moves():
    bodies, whole, hand = Bodies(), np.zeros((100, 150), np.uint8), np.zeros((100, 150), np.uint8)
    whole[20:100, 40:90:2] = 1  # a pattern: half of it differs from the wall
    hand[60:68, 70:80] = 1
    for _ in range(10):
        bodies.update(whole)
    for _ in range(30):
        bodies.update(hand)
    (body,) = bodies.all
    assert trackforge.boxes.iou([[40, 20, 90, 100]], body.xyxy[None])[0, 0] > 0.6


def test_who_came_alone_is_not_joined_to_a_neighbour():
    bodies = Bodies()
    for index in range(60):
        found = np.zeros((100, 200), np.uint8)
        if index >= 15:
            reach = min(4 * (index - 15), 60)
            found[20:, max(reach - 50, 0) : reach] = 1
            found[25:, 200 - reach : min(250 - reach, 200)] = 1
        bodies.update(found)
    assert len(bodies.all) == 2
