"""One library, one process: reads stored scenes, tracks them, prints microseconds a frame as JSON.

Run by `association.py` with the interpreter that has the library; imports nothing of the benchmarks package.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np


def trackforge_runner(name):
    import trackforge

    settings = {
        "bytetrack": {"track_thresh": 0.6, "match_thresh": 0.9},
        "byte": {},
        "sort": {},
        "ocsort": {"det_thresh": 0.6},
    }[name]
    least = 0.6 if name == "sort" else 0.0

    def make():
        tracker = trackforge.tracker(name, **settings)

        def step(index, rows):
            rows = rows[rows[:, 4] >= least]
            found = trackforge.Detections(xyxy=rows[:, :4], score=rows[:, 4])
            tracks = tracker.update(found, trackforge.Frame(index=index, size=(1920, 1080))).visible
            return tracks.xyxy, tracks.track_id

        return step

    return make


def supervision_runner(tracker, update, least=0.0):
    import supervision as sv

    def make():
        made = tracker()

        def step(_, rows):
            rows = rows[rows[:, 4] >= least]
            found = sv.Detections(xyxy=rows[:, :4], confidence=rows[:, 4], class_id=np.zeros(len(rows), int))
            out = update(made, found)
            return out.xyxy, out.tracker_id

        return step

    return make


def runner(name):
    library, _, method = name.partition(" ")
    if library == "trackforge":
        return trackforge_runner(method)
    if library == "supervision":
        import supervision as sv

        return supervision_runner(
            lambda: sv.ByteTrack(track_activation_threshold=0.6, minimum_matching_threshold=0.9),
            lambda made, found: made.update_with_detections(found),
        )
    import trackers

    make = {
        "ByteTrack": lambda: trackers.ByteTrackTracker(high_conf_det_threshold=0.6),
        "SORT": lambda: trackers.SORTTracker(lost_track_buffer=1, track_activation_threshold=0.6),
        "OC-SORT": lambda: trackers.OCSORTTracker(high_conf_det_threshold=0.6),
    }[method]
    return supervision_runner(make, lambda made, found: made.update(found), 0.6 if method == "SORT" else 0.0)


def main():
    name, folder, *scenes = sys.argv[1:]
    make = runner(name)
    medians = {}
    for scene in scenes:
        with np.load(Path(folder) / f"{scene}.npz") as stored:
            rows, starts = stored["rows"], stored["starts"]
        frames = [rows[a:b].copy() for a, b in itertools.pairwise(starts)]
        step = make()
        times = []
        for index, frame in enumerate(frames):
            begin = time.perf_counter()
            step(index, frame)
            times.append(time.perf_counter() - begin)
        medians[scene] = 1e6 * float(np.median(times[len(times) // 10 :]))
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
