"""Association speed against the trackers that people install today.

Every library runs in a process of its own on the same scenes, in turns; what is timed is one frame from NumPy arrays to
NumPy arrays, each library's own containers included. Reported is the best of the rounds' per-frame medians, and its
ratio to ours.

``python -m benchmarks.speed.association`` makes an environment for the peers beside the project's own (``.venv-peers``,
from ``requirements/peers.txt``) and writes ``results/speed-association.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import ROOT, save
from trackforge.synthetic.crowd import Crowd, CrowdConfig

OBJECTS = (10, 50, 200)
FRAMES = {10: 600, 50: 400, 200: 150}
ROUNDS = 3
PEERS = ROOT.parent / ".venv-peers"
OURS = ("trackforge bytetrack", "trackforge byte", "trackforge sort", "trackforge ocsort")
THEIRS = ("trackers ByteTrack", "supervision ByteTrack", "trackers SORT", "trackers OC-SORT")
PAIRS = {
    "trackforge bytetrack": ("trackers ByteTrack", "supervision ByteTrack"),
    "trackforge sort": ("trackers SORT",),
    "trackforge ocsort": ("trackers OC-SORT",),
}


def peers_python() -> Path:
    """Make the peers' environment where it is not there yet; return its interpreter."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
        wanted = ROOT.parent / "requirements" / "peers.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
    return python


def write_scenes(folder: Path) -> dict[str, float]:
    """Store crowds as arrays that every library can read: frame starts, and x1, y1, x2, y2, score.

    Returns:
        Detections a frame, by the number of people; fewer, since people hide each other and detectors miss some.
    """
    density = {}
    for objects in OBJECTS:
        rows, starts = [], [0]
        for _, found in Crowd(CrowdConfig(objects=objects, frames=FRAMES[objects])):
            found = found[found.score >= 0.1]
            rows.append(np.column_stack((found.xyxy, found.score)).astype(np.float32))
            starts.append(starts[-1] + len(found))
        np.savez(folder / f"{objects}.npz", rows=np.concatenate(rows), starts=np.array(starts))
        density[str(objects)] = round(starts[-1] / FRAMES[objects], 1)
    return density


def measure(name: str, python: Path, folder: Path) -> dict[str, float]:
    """Run one library over all scenes in a process of its own; return microseconds a frame by objects."""
    worker = Path(__file__).with_name("association_worker.py")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [python, "-W", "ignore", worker, name, folder, *map(str, OBJECTS)],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run() -> dict[str, Any]:
    """Measure every library in turns."""
    python = peers_python()
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        density = write_scenes(folder)
        for _ in range(ROUNDS):
            for name in (*OURS, *THEIRS):
                found = measure(name, Path(sys.executable) if name in OURS else python, folder)
                best[name] = {n: min(found[n], best.get(name, found)[n]) for n in found}
    ratios = {
        theirs: {n: round(best[theirs][n] / best[ours][n], 2) for n in best[ours]}
        for ours, others in PAIRS.items()
        for theirs in others
    }
    versions = subprocess.run(
        [python, "-c", "from importlib.metadata import version as v; print(v('trackers'), v('supervision'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {
        "name": "Association per frame",
        "unit": "microseconds a frame, best of rounds of the median; one thread",
        "objects": list(OBJECTS),
        "detections_a_frame": density,
        "microseconds": {name: {n: round(t, 1) for n, t in times.items()} for name, times in best.items()},
        "times_slower_than_ours": ratios,
        "peers": dict(zip(("trackers", "supervision"), versions, strict=True)),
    }


def main() -> None:
    """Run as a script."""
    result = run()
    for name, times in result["microseconds"].items():
        print(f"{name:24}", *(f"{n:>4} objects {t:9.1f} us" for n, t in times.items()))
    print(json.dumps(result["times_slower_than_ours"], indent=1))
    print("wrote", save("speed-association", result))


if __name__ == "__main__":
    main()
