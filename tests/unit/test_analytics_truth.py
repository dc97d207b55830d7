"""Counts are those of worlds whose truth is known: exact, with the truth's own tracks and through a real tracker."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame, Step, Stream, Tracks, TrackState
from trackforge.synthetic.crowd import Crowd, CrowdConfig

MARGIN = 6.0


def crossings(truth, x):
    """Count who crosses an upright line, person by person, from where each certainly was to where each was next."""
    counts = {"in": 0, "out": 0}  # the line goes down: who goes to the right goes in
    for one in np.unique(truth.track_id):
        own = truth[truth.track_id == one]
        away = ((own.xyxy[:, 0] + own.xyxy[:, 2]) / 2)[np.argsort(own.frame)] - x
        side = np.sign(away[np.abs(away) > MARGIN])
        counts["in"] += int(((side[:-1] < 0) & (side[1:] > 0)).sum())
        counts["out"] += int(((side[:-1] > 0) & (side[1:] < 0)).sum())
    return counts


def presence(truth, low, high):
    """Return who is between two upright lines in how many frames, and how many are there in the last frame."""
    middle = (truth.xyxy[:, 0] + truth.xyxy[:, 2]) / 2
    return int(((middle > low) & (middle < high)).sum())


def upright(xs, size):
    made = trackforge.analytic("lines", lines={f"x{x}": [x, -size[1], x, 2 * size[1]] for x in xs}, margin=MARGIN)
    made.open(Stream(rate=20.0, size=size))
    return made


@pytest.mark.parametrize("seed", [0, 1])
def test_crowds_are_counted_exactly(seed):
    size, xs = (1920, 1080), (200, 777, 960, 1500)
    crowd = Crowd(CrowdConfig(objects=25, frames=250, seed=seed))
    made, tables = upright(xs, size), []
    zone = trackforge.analytic("zones", zones={"z": [[500, 0], [1100, 0], [1100, 1080], [500, 1080]]}, anchor="center")
    there = 0
    for frame, _, truth in crowd.scenes():
        n = len(truth)
        one = Step(
            frame=frame,
            detections=Detections(xyxy=truth.xyxy.astype(np.float32)),
            tracks=Tracks(
                track_id=truth.track_id,
                xyxy=truth.xyxy.astype(np.float32),
                score=np.ones(n, np.float32),
                class_id=np.zeros(n, np.int64),
                state=np.full(n, TrackState.CONFIRMED),
                age=np.ones(n, np.int64),
                time_since_update=np.zeros(n, np.int64),
                detection=np.arange(n),
            ),
        )
        counts = made.update(one)
        now = zone.update(one)["z"]["now"]
        assert now == presence(truth[(truth.xyxy[:, 3] >= 0) & (truth.xyxy[:, 1] <= 1080)], 500, 1100)
        there += now
        tables.append(truth)
    truth = trackforge.TrackTable.concatenate(tables)
    assert counts == {f"x{x}": crossings(truth, x) for x in xs}
    assert sum(sum(row.values()) for row in counts.values()) > 40
    assert there > 500


def test_a_street_is_counted_exactly_through_a_tracker():
    """Boxes tremble by a pixel and three of a hundred are missed; the lines stand where no tree hides anybody."""
    world = pytest.importorskip("trackforge.synthetic.world")
    pytest.importorskip("cv2")
    size, xs = (640, 360), (240, 320, 400, 480, 560)
    source = world.SyntheticSource(world.SyntheticSourceConfig(frames=300, size=size, walkers=10, seed=1))
    truth, random = source.truth, np.random.default_rng(1)
    made, tracker = upright(xs, size), trackforge.tracker("byte")
    for index in range(300):
        boxes = truth[truth.frame == index].xyxy
        boxes = (boxes + random.normal(0, 1, boxes.shape))[random.random(len(boxes)) > 0.03]
        frame = Frame(index=index, size=size, timestamp=index / 20)
        found = Detections(xyxy=boxes.astype(np.float32), score=np.full(len(boxes), 0.9, np.float32))
        counts = made.update(Step(frame=frame, detections=found, tracks=tracker.update(found, frame)))
    assert counts == {f"x{x}": crossings(truth, x) for x in xs}
    assert sum(sum(row.values()) for row in counts.values()) > 25
