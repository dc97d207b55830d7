"""The motion detector: what it reaches on real video, and how it behaves."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge.detectors.figures import Blobs, GroundScale, join, split
from trackforge.detectors.motion import MotionDetector, MotionDetectorConfig
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.io.mot import read_mot
from trackforge.metrics.detection import average_precision
from trackforge.table import TrackTable
from trackforge.types import Frame


def _table(detections, sequence):
    rows = [(k, box, score) for k, d in enumerate(detections) for box, score in zip(d.xyxy, d.score, strict=True)]
    return TrackTable(
        frame=np.array([r[0] for r in rows]),
        xyxy=np.array([r[1] for r in rows]),
        score=np.array([r[2] for r in rows]),
        sequence=sequence,
    )


def _walkers(count=60, size=(320, 240), step=4, sequence="walk"):
    """Two dark blocks that cross a grey ground with noise, from frame 20 on."""
    random = np.random.default_rng(0)
    for index in range(count):
        image = random.integers(120, 128, (size[1], size[0], 3)).astype(np.uint8)
        way = step * (index - 20) - 21
        for x, y in ((way, 60), (size[0] - way - 22, 140)):
            image[y : y + 60, max(x, 0) : max(x + 22, 0)] = (20, 30, 90)
        yield Frame(index=index, image=image, sequence=sequence)


@pytest.mark.slow
def test_pets_ap50_is_at_least_060_and_in_fact_above_080(data_dir):
    folder = data_dir / "pets09-s2l1"
    truth = read_mot(folder / "gt" / "gt.txt", kind="truth")
    detector = MotionDetector()
    found = [detector.detect([frame])[0] for frame in trackforge.source(folder / "vtest.avi")]
    assert len(found) == 795
    report = average_precision({"pets": truth}, {"pets": _table(found, "pets")}, lengths=795)
    assert report.mean.ap50 >= 0.80


def test_blocks_that_cross_are_found_with_good_boxes_and_high_scores():
    found = MotionDetector(MotionDetectorConfig(margin=0)).detect(list(_walkers()))
    for index in range(30, 60):
        x = 4 * (index - 20) - 21
        best = (
            trackforge.boxes.iou([[x, 60, x + 22, 120]], found[index].xyxy) if len(found[index]) else np.zeros((1, 1))
        )
        assert best.max() > 0.7, index
        assert found[index].score[best.argmax()] > 0.5


def test_an_unchanging_scene_has_nothing_in_it():
    image = np.full((120, 160, 3), 90, np.uint8)
    assert [len(d) for d in MotionDetector().detect([Frame(index=i, image=image) for i in range(20)])] == [0] * 20


def test_boxes_lie_inside_the_image_and_scores_between_0_and_1():
    for detections in MotionDetector(MotionDetectorConfig(margin=0.5)).detect(list(_walkers(90))):
        assert (detections.xyxy >= 0).all()
        assert (detections.xyxy <= [320, 240, 320, 240]).all()
        assert ((detections.score >= 0) & (detections.score <= 1)).all()


def test_large_images_are_reduced_and_boxes_come_back_in_their_pixels():
    small = MotionDetector(MotionDetectorConfig(working_size=160)).detect(list(_walkers()))
    large = MotionDetector().detect(list(_walkers()))
    overlap = trackforge.boxes.iou(small[45].xyxy, large[45].xyxy)
    assert overlap.shape[0] >= 2
    assert overlap.max(axis=1).min() > 0.6


@pytest.mark.parametrize("change", ["sequence", "index"])
def test_a_new_sequence_starts_anew(change):
    frames = list(_walkers(40))
    detector = MotionDetector()
    first = detector.detect(frames)
    again = list(_walkers(40, sequence="other")) if change == "sequence" else frames
    for one, other in zip(first, detector.detect(again), strict=True):
        np.testing.assert_array_equal(one.xyxy, other.xyxy)
        np.testing.assert_array_equal(one.score, other.score)


def test_another_size_within_a_sequence_is_refused():
    detector = MotionDetector()
    detector.detect([Frame(index=0, image=np.zeros((40, 60, 3), np.uint8))])
    with pytest.raises(InvalidInputError, match="60x40"):
        detector.detect([Frame(index=1, image=np.zeros((40, 50, 3), np.uint8))])


def test_a_frame_without_image_is_refused():
    with pytest.raises(InvalidInputError, match="frame 3 has none"):
        MotionDetector().detect([Frame(index=3, size=(64, 48))])


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="shadow"):
        MotionDetectorConfig(shadow=1.5)


def test_the_class_has_the_name_that_was_asked_for():
    assert trackforge.detector("motion", class_name="cow").classes == ("cow",)


# -- figures ----------------------------------------------------------------------------------------------------------


def _scale(slope=0.3, offset=10.0, n=200):
    """Return a model that has seen figures on a known line, and fragments among them."""
    random = np.random.default_rng(1)
    feet = random.uniform(100, 400, n)
    height = slope * feet + offset
    height[::5] *= 0.5  # every fifth is half a figure
    x = random.uniform(0, 500, n)
    scale = GroundScale()
    for i in range(0, n, 4):
        rows = slice(i, i + 4)
        boxes = (x[rows], feet[rows] - height[rows], x[rows] + 0.38 * height[rows], feet[rows])
        scale.learn(np.stack(boxes, axis=1))
    return scale


def test_the_size_model_learns_the_line_in_spite_of_fragments():
    scale = _scale()
    for feet in (120.0, 250.0, 380.0):
        assert scale.height(feet) == pytest.approx(0.3 * feet + 10, rel=0.04)
    head = 250 - (0.3 * 250 + 10)
    assert scale.height_below(head) == pytest.approx(85, rel=0.04)


def test_the_size_model_says_nothing_before_it_has_seen_enough():
    scale = GroundScale()
    scale.learn(np.array([[0.0, 0, 20, 60]] * 10))
    assert not scale.known


def _mask(*boxes):
    mask = np.zeros((480, 640), np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = 1
    return Blobs.of(mask, least=10)


def test_head_torso_and_legs_become_one_figure():
    # a figure with its feet at 300 is 100 tall
    blobs = join(_mask((100, 200, 130, 215), (96, 222, 134, 255), (98, 262, 132, 300)), _scale())
    assert blobs.xyxy.tolist() == [[96, 200, 134, 300]]
    assert blobs.pixels.tolist() == [30 * 15 + 38 * 33 + 34 * 38]


def test_two_figures_one_behind_the_other_are_not_joined():
    assert len(join(_mask((100, 120, 128, 190), (102, 200, 138, 300)), _scale()).xyxy) == 2


def test_a_pair_is_split_at_its_heads():
    blobs = _mask((100, 200, 136, 300), (140, 203, 176, 303), (136, 240, 140, 260))  # holding hands
    assert len(blobs.xyxy) == 1
    found, pixels = split(blobs, 0, _scale())
    assert len(found) == 2
    overlap = trackforge.boxes.iou([[100, 200, 136, 300], [140, 203, 176, 303]], found)
    assert overlap.max(axis=1).min() > 0.75
    assert (pixels > 2500).all()
