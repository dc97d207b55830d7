"""What a run says about a result that nobody hoped for, and that it is silent about others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge.runs.advice import MOST, advise
from trackforge.runs.component import Component
from trackforge.runs.tally import Tally
from trackforge.types import Detections, Frame, Step

YOLOX = Component("detector", "yolox")
CLASSES = ("person", "bicycle", "car", "motorcycle")


def walk(scores: Sequence[Sequence[float]], tracker: Component, *, rate: float = 25, pace: float = 2) -> Tally:
    """Track people who walk side by side, each frame with the scores given, and count."""
    made, tally = tracker.create(), Tally()
    for index, row in enumerate(scores):
        left = np.arange(len(row)) * 120.0 + index * pace
        xyxy = np.stack((left, np.full(len(row), 20.0), left + 40, np.full(len(row), 120.0)), axis=1)
        frame = Frame(index=index, size=(640, 480), timestamp=index / rate)
        found = Detections(xyxy=xyxy.astype(np.float32), score=np.array(row, np.float32))
        tally.see(Step(frame=frame, detections=found, tracks=made.update(found, frame)))
    return tally


def tell(tally: Tally, tracker: Component, detector: Component = YOLOX, **more: Any) -> list[str]:
    return advise(tally, detector, tracker, classes=CLASSES, made=tracker.create(), **more)


def tracker(name: str = "byte", **settings: Any) -> Component:
    return Component("tracker", name, settings)


@pytest.mark.parametrize("name", ["byte", "bytetrack", "iou", "sort", "observation-centric", "ocsort"])
def test_a_good_result_needs_no_words(name: str) -> None:
    tally = walk([[0.9, 0.8, 0.2, 0.15]] * 60, tracker(name))
    assert 2 <= len(tally.lives) <= 4
    assert tell(tally, tracker(name)) == []


def test_scores_below_the_threshold_are_told_with_one_that_would_do() -> None:
    tally = walk([[0.58, 0.48, 0.12]] * 40 + [[0.58, 0.48]] * 10, tracker())
    [line] = tell(tally, tracker())
    assert line == "140 detections, all below birth_score (0.7); try --conf 0.45"
    better = tracker(birth_score=0.45, high_score=0.45)
    assert tell(walk([[0.58, 0.48, 0.12]] * 40, better), better) == []


def test_motion_is_not_judged_while_it_learns() -> None:
    motion, learning = Component("detector", "motion"), [[0.55, 0.5]] * 60
    some = tracker(birth_score=0.54, high_score=0.54)
    assert tell(walk([*learning, *[[0.5]] * 30], some), some, motion) == []
    [line] = tell(walk(learning, tracker()), tracker(), motion)
    assert "no tracks in 60 frames" in line
    assert "--conf" not in line
    [line] = tell(walk(learning * 2, tracker()), tracker(), motion)
    assert "--conf 0." in line


def test_who_says_the_camera_moves_is_not_answered_with_a_lower_threshold() -> None:
    said = ["the camera seems to move; take a network"]
    assert tell(walk([[0.5, 0.4]] * 120, tracker()), tracker(), Component("detector", "motion"), noticed=said) == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            tracker("bytetrack", track_thresh=0.8),
            "120 detections, all below 0.9, from which on bytetrack begins",
        ),
        (tracker("ocsort", det_thresh=0.8), "120 detections, all below det_thresh (0.8)"),
        (tracker("observation-centric", birth_score=0.9), "120 detections, all below birth_score (0.9)"),
        (tracker("iou", birth_score=0.9), "120 detections, all below birth_score (0.9)"),
    ],
)
def test_every_trackers_own_threshold_is_named(chosen: Component, said: str) -> None:
    [line] = tell(walk([[0.75, 0.7]] * 60, chosen), chosen)
    assert line.startswith(said)
    assert line.endswith("; try --conf 0.7")


def test_few_are_told_as_well_as_none() -> None:
    rows = [[0.9, 0.45, 0.45, 0.45, 0.5]] * 40
    [line] = tell(walk(rows, tracker()), tracker())
    assert line.startswith(
        "200 detections, 160 below birth_score (0.7), and few were tracked (40 boxes); try --conf 0.4"
    )


def test_only_noise_is_offered_its_own_best() -> None:
    [line] = tell(walk([[0.12, 0.17]] * 30, tracker()), tracker())
    assert line == "60 detections, all below birth_score (0.7); try --conf 0.15"


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (
            YOLOX,
            "by yolox, which looks for person, bicycle, car and 1 more; try a lower --conf (score is 0.1)",
        ),
        (
            Component("detector", "yolox", {"keep_classes": ("car",)}),
            "looks for car; try a lower --conf",
        ),
        (
            Component("detector", "motion"),
            "it sees what moves before a static camera; a network sees",
        ),
        (Component("detector", "file", {"path": "a.txt"}), "does a.txt belong to this sequence"),
    ],
)
def test_where_nothing_is_found_it_says_what_was_looked_for(detector: Component, said: str) -> None:
    [line] = tell(walk([[]] * 10, tracker()), tracker(), detector)
    assert line.startswith("no detections in 10 frames")
    assert said in line


def test_no_frames_are_told() -> None:
    assert tell(Tally(), tracker()) == ["no frames came from the source; is it the right file?"]


def test_what_comes_too_seldom_to_be_trusted_is_told() -> None:
    flicker: list[list[float]] = [[], [0.9], []] * 20
    chosen = tracker("byte", warm_up=0, tentative_patience=0)
    [line] = tell(walk(flicker, chosen), chosen)
    assert line.startswith(
        "20 detections could have begun a track, but hardly any had 2 in a row (min_hits); try --set"
    )
    assert tell(walk([[0.9]], chosen), chosen) == [
        "a track is shown from its frame 2 on (min_hits), and there were 1; give more frames"
    ]


def test_frames_too_far_apart_are_told_before_anything_else() -> None:
    chosen = tracker()
    [line] = tell(walk([[0.9, 0.9]] * 30, chosen, rate=0.5, pace=200), chosen)
    assert line.startswith(
        "frames are 2.0 s apart, in which things move too far to be followed; take a smaller --stride"
    )
    assert tell(walk([[0.9, 0.9]] * 30, chosen, rate=25, pace=2), chosen) == []


@pytest.mark.parametrize(
    ("detector", "poor", "said"),
    [
        (Component("detector", "motion"), 0.9, "what moves comes apart here; a network finds whole things"),
        (YOLOX, 0.9, "things are lost and found again; --set tracker.min_hits=5 shows only what lasts"),
        (YOLOX, 0.15, "detections score below 0.3, and iou takes them all; try --conf 0.4"),
    ],
)
def test_far_too_many_ids_are_told_with_the_likeliest_cure(detector: Component, poor: float, said: str) -> None:
    chosen = tracker("iou", max_lost=1, min_score=0, birth_score=0)
    tally = walk([[poor, poor]] * 200, chosen, pace=0)
    assert tell(tally, chosen, detector) == []
    tally = Tally()
    made = chosen.create()
    random = np.random.default_rng(0)
    for index in range(400):  # nothing stays for more than four frames
        if index % 4 == 0:
            corner = random.uniform(0, 400, (2, 2))
        box = np.concatenate((corner, corner + 30), axis=1).astype(np.float32)
        found = Detections(xyxy=box, score=np.full(2, poor, np.float32))
        frame = Frame(index=index, size=(640, 480), timestamp=index / 25)
        tally.see(Step(frame=frame, detections=found, tracks=made.update(found, frame)))
    [line] = tell(tally, chosen, detector)
    assert line.startswith(f"{len(tally.lives)} ids, though at most {tally.most} at once")
    assert said in line
    assert len(tally.lives) > 100


def test_what_a_component_noticed_comes_first_and_no_other_cure_beside_it() -> None:
    tally = walk([[0.5, 0.5]] * 40, tracker())
    assert tell(tally, tracker(), noticed=["the camera moves; hold it still"]) == []
    assert tell(walk([[]] * 9, tracker()), tracker(), noticed=["none is a cat"]) == []
    assert tell(Tally(), tracker(), noticed=["a"] * MOST) == []


def test_counts_are_those_of_the_steps() -> None:
    tally = Tally()
    random = np.random.default_rng(1)
    scores = [random.uniform(0, 1, random.integers(0, 6)).astype(np.float32) for _ in range(50)]
    made, boxes, ids = trackforge.tracker("iou", min_score=0, birth_score=0, min_hits=1), 0, set()
    for index, score in enumerate(scores):
        corner = np.stack((100.0 * np.arange(len(score)), np.zeros(len(score))), axis=1)
        found = Detections(
            xyxy=np.concatenate((corner, corner + 50), axis=1), score=score, class_id=np.arange(len(score)) % 2
        )
        frame = Frame(index=2 * index + 3, size=(600, 100), timestamp=0.08 * index)
        tracks = made.update(found, frame)
        boxes, ids = boxes + len(tracks.visible), ids | set(tracks.visible.track_id.tolist())
        tally.see(Step(frame=frame, detections=found, tracks=tracks))
    every = np.concatenate(scores)
    assert (tally.frames, tally.first, tally.last, tally.size) == (50, 3, 101, (600, 100))
    assert tally.rate == pytest.approx(12.5)
    assert (tally.detections, tally.boxes, set(tally.lives)) == (len(every), boxes, ids)
    for limit in (0, 0.05, 0.3, 0.55, 1):
        assert tally.below(limit) == int((every < np.float32(limit)).sum())
    assert sum(tally.by_score().values()) == len(every)
    assert tally.greatest == pytest.approx(float(every.max()))
    named = tally.by_class(("cat", "dog"))
    assert sum(kind["detections"] for kind in named.values()) == len(every)
    assert sum(kind["ids"] for kind in named.values()) == len(ids)


@pytest.mark.parametrize("apart", [False, True])
def test_one_thing_of_two_classes_is_told_with_the_cure(apart: bool) -> None:
    made, tally = trackforge.tracker("byte"), Tally()
    for index in range(20):
        car = np.array([100.0 + index, 50, 260 + index, 150])
        boxes = np.stack((car, car + (40 if apart else 2), car + 300))
        frame = Frame(index=index, size=(640, 480), timestamp=index / 25)
        found = Detections(xyxy=boxes.astype(np.float32), score=np.full(3, 0.9, np.float32), class_id=[2, 3, 0])
        tally.see(Step(frame=frame, detections=found, tracks=made.update(found, frame)))
    told = tell(tally, tracker())
    if apart:
        assert told == []
    else:
        [line] = told
        assert line.startswith(
            "in 20 of 20 frames one thing is both car and motorcycle, a track each; --class-agnostic"
        )
