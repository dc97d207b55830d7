"""Association by looks against the official implementation's arithmetic in plain NumPy and SciPy.

Crowds of 10, 50 and 200 people, each with an embedding of 128 numbers that is noisy in every frame. Ours and
`plain_fairmot` run in processes of their own on the same stored scenes, in turns, on one thread; what is timed is one
frame from NumPy arrays to NumPy arrays, in processor time, since machines are shared. That both name the same ids in
every frame is checked first.

``python -m benchmarks.speed.appearance`` writes ``results/speed-appearance.json``.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import trackforge
from benchmarks.context import save
from benchmarks.speed.plain_fairmot import PlainFairmot
from trackforge.synthetic.crowd import Crowd, CrowdConfig

FRAMES = {10: 400, 50: 300, 200: 120}
ROUNDS = 3
WIDTH = 128
NOISE = 0.05
"""Standard deviation of each number of an embedding of length 1; two pictures of one person are then .24 apart."""
OURS = ("fairmot", "fairmot-byte-reid", "appearance", "fairmot-byte")
PLAIN = "plain NumPy and SciPy, as FairMOT"


def scene(objects: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Make a crowd: rows of x1, y1, x2, y2, score and an embedding, and where frames begin."""
    random = np.random.default_rng(objects)
    rows, starts = [], [0]
    looks: dict[int, npt.NDArray[np.float64]] = {}
    for _, found in Crowd(CrowdConfig(objects=objects, frames=FRAMES[objects])):
        found = found[found.score >= 0.2]
        mine = np.array(
            [
                looks.setdefault(i, _unit(random.normal(size=WIDTH))) if i >= 0 else _unit(random.normal(size=WIDTH))
                for i in found.extra["truth_id"].tolist()
            ]
        ).reshape(-1, WIDTH)
        noisy = _unit(mine + random.normal(0, NOISE, mine.shape))
        rows.append(np.column_stack((found.xyxy, found.score, noisy)).astype(np.float32))
        starts.append(starts[-1] + len(found))
    return np.concatenate(rows), np.array(starts)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return out


def same_ids(rows: npt.NDArray[np.float32], starts: npt.NDArray[np.int64]) -> int:
    """Compare the ids of ours and of the plain one in every frame; return how many rows were compared.

    Raises:
        SystemExit: They differ.
    """
    ours, plain, compared = trackforge.tracker("fairmot"), PlainFairmot(), 0
    for index, (first, last) in enumerate(itertools.pairwise(starts.tolist())):
        here = rows[first:last]
        found = trackforge.Detections(xyxy=here[:, :4], score=here[:, 4], embedding=here[:, 5:])
        shown = ours.update(found, trackforge.Frame(index=index)).visible.track_id.tolist()
        theirs = sorted(t.track_id for t in plain.update(here[:, :4], here[:, 4], here[:, 5:]))
        if shown != theirs:
            raise SystemExit(f"ids differ in frame {index}: {shown} and {theirs}")
        compared += len(shown)
    return compared


def measure(name: str, folder: Path) -> dict[str, float]:
    """Run one contestant over all scenes in a process of its own; return microseconds a frame by objects."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    worker = [sys.executable, "-m", "benchmarks.speed.appearance_worker", name, str(folder), *map(str, FRAMES)]
    done = subprocess.run(worker, capture_output=True, text=True, env={**os.environ, **threads}, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run() -> dict[str, Any]:
    """Measure all in turns."""
    best: dict[str, dict[str, float]] = {}
    density, compared = {}, 0
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for objects, frames in FRAMES.items():
            rows, starts = scene(objects)
            compared += same_ids(rows, starts)
            np.savez(folder / f"{objects}.npz", rows=rows, starts=starts)
            density[str(objects)] = round(len(rows) / frames, 1)
        for _ in range(ROUNDS):
            for name in (*OURS, PLAIN):
                found = measure(name, folder)
                best[name] = {n: min(found[n], best.get(name, found)[n]) for n in found}
    return {
        "name": "Association by looks per frame",
        "unit": "microseconds of processor time a frame, best of rounds of the median; one thread",
        "objects": list(FRAMES),
        "embedding": WIDTH,
        "detections_a_frame": density,
        "rows_with_the_same_id": compared,
        "microseconds": {name: {n: round(t, 1) for n, t in times.items()} for name, times in best.items()},
        "times_slower_than_ours": {PLAIN: {n: round(t / best["fairmot"][n], 2) for n, t in best[PLAIN].items()}},
    }


def main() -> None:
    """Run as a script."""
    result = run()
    for name, times in result["microseconds"].items():
        print(f"{name:34}", *(f"{n:>4} objects {t:9.1f} us" for n, t in times.items()))
    print(json.dumps(result["times_slower_than_ours"], indent=1))
    print("wrote", save("speed-appearance", result))


if __name__ == "__main__":
    main()
