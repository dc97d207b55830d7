"""One revision, one task, one process: prints seconds as JSON. Public names only, for the revisions' modules differ.

Run by `revision.py` with the revision's ``src`` folders on the path; imports nothing of the benchmarks package.
"""

import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np


def association(scene):
    import trackforge

    with np.load(scene) as stored:
        rows, starts = stored["rows"], stored["starts"]
    found = {}
    for name in ("byte", "bytetrack", "sort", "observation-centric", "ocsort"):
        tracker, spent = trackforge.tracker(name), []
        for index, (a, b) in enumerate(itertools.pairwise(starts)):
            begin = time.perf_counter()
            detections = trackforge.Detections(xyxy=rows[a:b, :4], score=rows[a:b, 4])
            tracker.update(detections, trackforge.Frame(index=index, size=(1920, 1080)))
            spent.append(time.perf_counter() - begin)
        found[name] = statistics.median(spent[len(spent) // 5 :])
    return found


def pipeline(folder):
    import trackforge

    def run():
        pictures = trackforge.source("images", path=folder / "pictures")
        detector = trackforge.detector("file", path=folder / "det.txt")
        steps = trackforge.track(pictures, detector, trackforge.tracker("byte"), sinks=[folder / f"{name}.txt"])
        return sum(1 for _ in steps)

    name = f"tracks-{time.time_ns()}"
    run()
    begin = time.perf_counter()
    count = run()
    return {"a frame": (time.perf_counter() - begin) / count}


def evaluation(folder):
    import trackforge

    sides = [{path.stem: path for path in sorted((folder / side).glob("*.txt"))} for side in ("truth", "tracks")]
    trackforge.evaluate(*sides, preprocessing="none")
    begin = time.perf_counter()
    trackforge.evaluate(*sides, preprocessing="none")
    return {"files to scores": time.perf_counter() - begin}


if __name__ == "__main__":
    task, *places = sys.argv[1:]
    work = {"association": association, "pipeline": pipeline, "evaluation": evaluation}[task]
    seconds = work(*map(Path, places))
    used = {Path(module.__file__) for name, module in sys.modules.items() if name in ("trackforge", "trackforge_byte")}
    assert all(file.is_relative_to(os.environ["PYTHONPATH"]) for file in used), f"not the revision asked for: {used}"
    print(json.dumps(seconds))
