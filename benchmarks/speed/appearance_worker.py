"""One tracker, one process: reads stored scenes with embeddings, prints microseconds of processor time a frame."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]


def stepper(name: str) -> Callable[[int, Rows], Any]:
    """Return what takes a frame number and rows, and gives boxes and ids."""
    if name.startswith("plain"):
        from benchmarks.speed.plain_fairmot import PlainFairmot

        plain = PlainFairmot()

        def theirs(_: int, rows: Rows) -> Any:
            shown = plain.update(rows[:, :4], rows[:, 4], rows[:, 5:])
            return np.array([t.corners for t in shown]), np.array([t.track_id for t in shown])

        return theirs

    import trackforge

    tracker = trackforge.tracker(name)

    def ours(index: int, rows: Rows) -> Any:
        found = trackforge.Detections(xyxy=rows[:, :4], score=rows[:, 4], embedding=rows[:, 5:])
        tracks = tracker.update(found, trackforge.Frame(index=index, size=(1920, 1080))).visible
        return tracks.xyxy, tracks.track_id

    return ours


def main() -> None:
    """Run as a script: name, folder, scenes."""
    name, folder, *scenes = sys.argv[1:]
    medians = {}
    for scene in scenes:
        with np.load(Path(folder) / f"{scene}.npz") as stored:
            rows, starts = stored["rows"], stored["starts"]
        frames = [rows[a:b].copy() for a, b in itertools.pairwise(starts)]
        step = stepper(name)
        times = []
        for index, frame in enumerate(frames):
            begin = time.process_time()
            step(index, frame)
            times.append(time.process_time() - begin)
        medians[scene] = 1e6 * float(np.median(times[len(times) // 10 :]))
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
