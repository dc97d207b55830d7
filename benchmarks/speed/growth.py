"""Does a tracker get slower or larger the longer it runs?

Twenty objects at a time, each gone after five frames, for 20,000 frames: 80,000 tracks are born and retired. Many
trackers keep something of each for ever. ``python -m benchmarks.speed.growth`` writes ``results/speed-growth.json``.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np

import trackforge
from benchmarks.context import save
from trackforge.types import Detections, Frame

NAMES = ("byte", "bytetrack", "iou", "sort", "observation-centric", "ocsort")
FRAMES = 20_000
PART = 1000


def churn(frames: int) -> Iterator[tuple[Detections, Frame]]:
    """Yield twenty moving objects a frame, four of them new."""
    rng = np.random.default_rng(0)
    low, size = rng.uniform(0, 1900, (20, 2)), np.array([40.0, 100.0])
    for index in range(frames):
        low += 2
        newcomers = np.arange(20) % 5 == index % 5
        low[newcomers] = rng.uniform(0, 1900, (int(newcomers.sum()), 2))
        yield Detections(xyxy=np.concatenate((low, low + size), 1), score=np.full(20, 0.9)), Frame(index=index)


def seconds(name: str) -> list[float]:
    """Return the tenth percentile of the time a frame takes, for each thousand frames."""
    tracker = trackforge.tracker(name)
    spent = []
    for detections, frame in churn(FRAMES):
        start = time.perf_counter()
        tracker.update(detections, frame)
        spent.append(time.perf_counter() - start)
    return [float(np.quantile(part, 0.1)) for part in np.split(np.array(spent), FRAMES // PART)]


def growth(name: str) -> int:
    """Return how many bytes more the tracker holds after all frames than after the first thousand."""
    tracker, marks = trackforge.tracker(name), []
    tracemalloc.start()
    for detections, frame in churn(FRAMES):
        tracker.update(detections, frame)
        if frame.index + 1 in (PART, FRAMES):
            gc.collect()
            marks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return marks[1] - marks[0]


def run() -> dict[str, Any]:
    """Measure every tracker."""
    trackers = {}
    for name in NAMES:
        parts = seconds(name)
        trackers[name] = {
            "first_us": round(1e6 * parts[0], 1),
            "last_us": round(1e6 * parts[-1], 1),
            "worst_ratio": round(max(parts[1:]) / parts[0], 3),
            "last_ratio": round(parts[-1] / parts[0], 3),
            "grown_kb": round(growth(name) / 1024, 1),
        }
    return {
        "name": "Growth over 20,000 frames of churn",
        "unit": "microseconds a frame (tenth percentile of a thousand frames), kB of traced memory",
        "trackers": trackers,
    }


def main() -> None:
    """Run as a script."""
    result = run()
    for name, row in result["trackers"].items():
        print(
            f"{name:20} {row['first_us']:7.1f} -> {row['last_us']:7.1f} us a frame "
            f"({row['last_ratio']:.2f} x), {row['grown_kb']:+.0f} kB"
        )
    print("wrote", save("speed-growth", result))


if __name__ == "__main__":
    main()
