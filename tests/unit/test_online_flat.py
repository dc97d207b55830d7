"""A long stream with much coming and going must cost no more time or memory at its end than at its start."""

from __future__ import annotations

import gc
import time
import tracemalloc

import numpy as np
import pytest

import trackforge
from trackforge.types import Detections, Frame

SIZE = np.array([40.0, 100.0])


def churn(frames: int, seed: int = 0):
    """Twenty objects at a time; each lives for five frames, then another appears elsewhere."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 1900, (20, 2))
    for index in range(frames):
        low += 2
        newcomers = np.arange(20) % 5 == index % 5
        low[newcomers] = rng.uniform(0, 1900, (int(newcomers.sum()), 2))
        yield Frame(index=index), Detections(xyxy=np.concatenate((low, low + SIZE), 1), score=np.full(20, 0.9))


@pytest.mark.parametrize("name", ["byte", "bytetrack", "iou", "sort"])
def test_time_stays_flat(name):
    tracker = trackforge.tracker(name)
    tracker_time, ids = [], 0
    for frame, detections in churn(4000):
        start = time.perf_counter()
        tracks = tracker.update(detections, frame)
        tracker_time.append(time.perf_counter() - start)
        ids = max(ids, int(tracks.track_id.max(initial=0)))
    assert ids > 10_000, "the stream must really churn"
    # The fastest tenth of each thousand: what the work costs, without what else the machine was doing
    first, *_, last = (np.quantile(part, 0.1) for part in np.split(np.array(tracker_time), 4))
    assert last < 1.5 * first  # a tracker that keeps its dead doubles here; benchmarks/speed/growth.py measures closely


@pytest.mark.parametrize("name", ["byte", "bytetrack", "iou", "sort"])
def test_memory_stays_flat(name):
    tracker = trackforge.tracker(name)
    marks = []
    tracemalloc.start()
    try:
        for frame, detections in churn(1500):
            tracker.update(detections, frame)
            if frame.index in (500, 1499):
                gc.collect()
                marks.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert marks[1] - marks[0] < 100_000
