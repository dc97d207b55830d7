"""The synthetic world: what it promises about itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from trackforge.synthetic.crowd import Crowd, CrowdConfig, visibility
from trackforge.synthetic.ground import Camera
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.testing import check_source
from trackforge.types import Frame

SMALL = {"size": (320, 180), "frames": 60, "walkers": 8}


@pytest.mark.parametrize("objects", [0, 1, 10, 200])
def test_a_crowd_has_the_number_of_people_asked_for(objects):
    crowd = Crowd(CrowdConfig(objects=objects, frames=20))
    scenes = list(crowd.scenes())
    assert [frame.index for frame, _, _ in scenes] == list(range(20))
    assert all(len(truth) <= objects for _, _, truth in scenes)
    if objects:
        assert np.mean([len(truth) for _, _, truth in scenes]) > 0.4 * objects


def test_crowds_of_one_seed_are_equal_and_of_another_are_not():
    one, same, other = (Crowd(CrowdConfig(objects=12, frames=30, seed=s)) for s in (4, 4, 5))
    for (_, a), (_, b) in zip(one, same, strict=True):
        np.testing.assert_array_equal(a.xyxy, b.xyxy)
        np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(one.truth.xyxy, same.truth.xyxy)
    assert one.truth.xyxy.tolist() != other.truth.xyxy.tolist()


def test_detections_lie_on_the_people_they_are_of():
    for _, detections, truth in Crowd(CrowdConfig(objects=20, frames=40)).scenes():
        boxes = dict(zip(truth.track_id.tolist(), truth.xyxy, strict=True))
        for who, box in zip(detections.extra["truth_id"].tolist(), detections.xyxy, strict=True):
            if who >= 0:
                size = boxes[who][2:] - boxes[who][:2]
                assert (np.abs(box - boxes[who]) < 0.2 * np.tile(size, 2) + 1e-3).all()


def test_hidden_people_score_lower_and_are_missed_more_often():
    seen, hidden = [], []
    for _, detections, truth in Crowd(CrowdConfig(objects=60, frames=60)).scenes():
        score = dict(zip(detections.extra["truth_id"].tolist(), detections.score.tolist(), strict=True))
        for who, part in zip(truth.track_id.tolist(), truth.extra["visibility"], strict=True):
            (seen if part > 0.9 else hidden if part < 0.5 else []).append(score.get(who))
    rate = [np.mean([s is not None for s in group]) for group in (seen, hidden)]
    mean = [np.mean([s for s in group if s is not None]) for group in (seen, hidden)]
    assert rate[0] > 0.93
    assert rate[1] < 0.85
    assert mean[0] > 0.85
    assert mean[1] < 0.7


def test_a_churny_crowd_is_never_the_same_people():
    crowd = Crowd.churny(objects=10, frames=300)
    ids = np.unique(crowd.truth.track_id)
    assert len(ids) > 100
    assert ids.max() < 400


def test_visibility_counts_what_is_nearer_and_what_is_outside():
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 15, 20], [-5, 30, 5, 40]])
    np.testing.assert_allclose(visibility(boxes, (100, 100)), [0.5, 1.0, 0.5])


def test_the_camera_makes_near_people_tall():
    camera = Camera(960, 540)
    feet, head = camera.point(0, 8), camera.point(0, 8, 1.75)
    assert feet[0] == head[0] == 480
    assert feet[1] - head[1] == pytest.approx(1.75 * camera.scale(8))
    assert camera.point(camera.side(8), 8)[0] == pytest.approx(960)


def test_the_street_keeps_the_protocol_of_sources():
    check_source(lambda: SyntheticSource(SyntheticSourceConfig(frames=5, size=(160, 96))))


def test_streets_of_one_seed_are_equal():
    one, same, other = (SyntheticSource(SyntheticSourceConfig(seed=s, **SMALL)) for s in (1, 1, 2))
    assert [f.image.tobytes() for f in one] == [f.image.tobytes() for f in same]
    assert one.truth.xyxy.tolist() == same.truth.xyxy.tolist() != other.truth.xyxy.tolist()


def test_the_truth_of_the_street_is_where_pictures_change():
    config = SyntheticSourceConfig(noise=0, light=0, **SMALL)
    source, empty = (
        SyntheticSource(config),
        SyntheticSource(SyntheticSourceConfig(noise=0, light=0, **{**SMALL, "walkers": 0})),
    )
    bare = next(iter(empty)).image.astype(int)
    checked = 0
    for frame in list(source)[30:]:
        truth = source.truth.at(frame.index)
        changed = np.abs(frame.image.astype(int) - bare).max(axis=2) > 12
        for (x1, y1, x2, y2), part in zip(truth.xyxy.astype(int), truth.extra["visibility"], strict=True):
            assert 0 <= x1 < x2 <= 320
            assert 0 <= y1 < y2 <= 180
            if part > 0.95:
                inside = changed[y1:y2, x1:x2]
                assert inside.mean() > 0.15
                checked += 1
    assert checked > 50


def test_truth_is_known_without_iterating_first():
    source = SyntheticSource(SyntheticSourceConfig(**SMALL))
    truth = source.truth
    assert truth.sequence == "street"
    assert len(truth) > 100
    assert truth.track_id.min() >= 1
    assert ((truth.extra["visibility"] >= 0.25) & (truth.extra["visibility"] <= 1)).all()
    assert isinstance(next(iter(source)), Frame)


def test_boxes_need_no_opencv():
    code = (
        "import sys, trackforge.synthetic.world as w\n"
        "list(w.Crowd(w.CrowdConfig(frames=2))); print('cv2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("scene", ["room", "panning"])
def test_other_scenes_are_repeatable_and_their_truth_lies_in_the_picture(scene):
    settings = SyntheticSourceConfig(scene=scene, size=(320, 180), frames=70, seed=5)
    one, other = SyntheticSource(settings), SyntheticSource(settings)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
    assert one.name == one.truth.sequence == scene
    assert len(one.truth) > 5
    np.testing.assert_array_equal(one.truth.xyxy, other.truth.xyxy)
    assert (one.truth.xyxy >= 0).all()
    assert (one.truth.xyxy <= (320, 180, 320, 180)).all()
    assert (one.truth.xyxy[:, 2:] > one.truth.xyxy[:, :2]).all()
    if scene == "room":  # close by: the largest takes more than half of the height
        assert (one.truth.xyxy[:, 3] - one.truth.xyxy[:, 1]).max() > 90
    check_source(lambda: SyntheticSource(settings))
