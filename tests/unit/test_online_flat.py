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
    old, young = trackforge.tracker(name), trackforge.tracker(name)
    spent, ids = [], 0
    for frame, detections in churn(4000):
        if frame.index < 3000:
            ids = max(ids, int(old.update(detections, frame).track_id.max(initial=0)))
        else:  # in turns, and in processor time: whatever slows the machine down slows both
            spent.append([_seconds(tracker, detections, frame) for tracker in (old, young)])
    assert ids > 8_000, "the stream must really churn"
    aged, fresh = np.quantile(spent, 0.1, axis=0)
    assert aged < 1.5 * fresh  # a tracker that keeps its dead doubles here; benchmarks/speed/growth.py measures closely


def _seconds(tracker, detections, frame):
    start = time.thread_time()
    tracker.update(detections, frame)
    return time.thread_time() - start


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
