"""What is committed here against another revision of trackforge, in one run: association, pipeline, import, evaluation.

Each side works in processes of its own, in turns, on the same stored scenes. Reported are the best of the rounds, which
a busy machine disturbs least, and their ratio with the middle half of the ratios round by round. Each revision is a git
worktree in a temporary folder; its distributions are installed into a folder of their own, so that each side finds its
own plugins.

``python -m benchmarks.speed.revision [REVISION] [--rounds N]`` writes ``results/speed-revision.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import ROOT, save
from benchmarks.speed.association import OBJECTS, write_scenes
from trackforge.io.mot import write_mot
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.table import TrackTable

DEFAULT = "f3d5edf"
ROUNDS = 15
SEQUENCES = 7
"""As many as MOT17's half-val has; each of 300 frames with 25 people."""

IMPORT = """
import time
begin = time.process_time()
import trackforge
bare = time.process_time() - begin
trackforge.Detections, trackforge.tracker
names = time.process_time() - begin
import json, os
assert trackforge.__file__.startswith(os.environ["PYTHONPATH"]), trackforge.__file__
print(json.dumps({"import trackforge": bare, "with its first names, numpy among them": names}))
"""
"""Seconds of processor time, in an interpreter that has imported nothing yet."""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a folder of that revision's installed packages, core and every plugin without what they need."""
    with tempfile.TemporaryDirectory() as text:
        tree, site = Path(text) / "tree", Path(text) / "site"
        _git("worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            install(tree, site)
            yield site
        finally:
            _git("worktree", "remove", "--force", str(tree))


def install(tree: Path, site: Path) -> None:
    """Install a checkout's distributions into a folder, from what is here: no download, no environment."""
    projects = [tree, *(path.parent for path in sorted(tree.glob("plugins/*/pyproject.toml")))]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--disable-pip-version-check", "--target", site, *projects], check=True)


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True)


def write_inputs(folder: Path) -> dict[str, list[Path]]:
    """Store what both sides read; return the places that each task is given."""
    import cv2

    write_scenes(folder)
    crowd = Crowd(CrowdConfig(objects=20, frames=100, size=(640, 360)))
    (folder / "pictures").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    found = []
    for frame, detections in crowd:
        cv2.imwrite(str(folder / "pictures" / f"{frame.index + 1:06}.png"), picture)
        found.append((frame.index, detections))
    write_mot(folder / "det.txt", TrackTable.from_detections(found), kind="detections")
    for side in ("truth", "tracks"):
        (folder / side).mkdir()
    for number in range(SEQUENCES):
        truth = Crowd(CrowdConfig(objects=25, frames=300, seed=number)).truth
        shifted = truth.xyxy + np.random.default_rng(number).normal(0, 3, truth.xyxy.shape)
        write_mot(folder / "truth" / f"s{number}.txt", truth, kind="truth")
        tracks = TrackTable(
            frame=truth.frame, track_id=truth.track_id + truth.frame // 60 * 1000, xyxy=shifted, score=truth.score
        )
        write_mot(folder / "tracks" / f"s{number}.txt", tracks)
    scenes = {f"association, {n} people": [folder / f"{n}.npz"] for n in OBJECTS}
    return {**scenes, "pipeline": [folder], "evaluation": [folder], "import": []}


def measure(task: str, places: list[Path], site: Path, cwd: Path) -> dict[str, float]:
    """Do one task with the packages of a folder, in a process of its own; return seconds by name."""
    worker = Path(__file__).with_name("revision_worker.py")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # glibc gives the top of the heap back, or not, by where an array happens to lie: 20 % that belong to neither side
    heap = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
    work = ["-c", IMPORT] if task == "import" else [worker, task.partition(",")[0], *places]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *work],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **threads, **heap, "PYTHONPATH": str(site)},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{task} failed with {site}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(revision: str, rounds: int) -> dict[str, Any]:
    """Measure both sides in turns; the first one changes from round to round."""
    spent: dict[str, tuple[list[float], list[float]]] = {}
    with tempfile.TemporaryDirectory() as text, checked_out(revision) as other, checked_out("HEAD") as here:
        folder = Path(text)
        tasks = write_inputs(folder)
        for number in range(rounds + 1):
            for task, places in tasks.items():
                order = (0, 1) if number % 2 else (1, 0)
                found = {side: measure(task, places, (other, here)[side], folder) for side in order}
                for name in found[0]:
                    both = spent.setdefault(f"{task}: {name}", ([], []))
                    for side in order:
                        if number:  # the first round fills caches
                            both[side].append(found[side][name])
    return {
        "name": "This revision against another",
        "against": revision,
        "rounds": rounds,
        "unit": "milliseconds, best of rounds; ratio new / old, and the middle half of the ratios of the rounds",
        "rows": {name: _row(*both) for name, both in spent.items()},
    }


def _row(old: list[float], new: list[float]) -> dict[str, Any]:
    ratios = sorted(b / a for a, b in zip(old, new, strict=True))
    return {
        "old_ms": round(1e3 * min(old), 3),
        "new_ms": round(1e3 * min(new), 3),
        "ratio": round(min(new) / min(old), 3),
        "ratio_range": [round(ratios[len(ratios) // 4], 3), round(ratios[-1 - len(ratios) // 4], 3)],
    }


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", nargs="?", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--dry", action="store_true", help="print only; write no result")
    given = parser.parse_args()
    result = run(given.revision, given.rounds)
    for name, row in result["rows"].items():
        print(f"{name:45} {row['old_ms']:9.3f} -> {row['new_ms']:9.3f} ms  {row['ratio']:.3f} {row['ratio_range']}")
    if not given.dry:
        print("wrote", save("speed-revision", result))


if __name__ == "__main__":
    main()
