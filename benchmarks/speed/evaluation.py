"""Evaluation against TrackEval: same files in, same numbers out, how long and with how much memory.

Inputs are the tracks of the ``bytetrack`` preset on MOT17 half-val, and on a crowd of 200 people in 1,000 frames. The
tools run in turns, each in a process of its own with its libraries already imported: what is timed is from the files to
the scores of HOTA, CLEAR and identity. Reported is the median of the rounds, and their ratio.

``python -m benchmarks.speed.evaluation`` writes ``results/speed-evaluation.json``; ``--no-save`` only prints.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import trackforge
from benchmarks.accuracy import steps
from benchmarks.context import data_dir, save
from trackforge import TrackTable
from trackforge.io.mot import read_mot, read_seqinfo, write_mot
from trackforge.runs import replay
from trackforge.synthetic.crowd import Crowd, CrowdConfig

ROUNDS = 5
TOOLS = ("trackforge", "trackforge without SciPy", "TrackEval")
CROWD = CrowdConfig(objects=200, frames=1000)


def write_half_val(folder: Path) -> int:
    """Store truth and tracks of half-val; return the number of track rows."""
    data, rows = data_dir() / "mot17-half-val", 0
    for sequence in sorted(path.parent for path in data.glob("gt/*/seqinfo.ini")):
        info = read_seqinfo(sequence)
        found = read_mot(data / "det" / f"{sequence.name}.txt", kind="detections")
        tracker = trackforge.tracker("bytetrack", track_thresh=0.6, match_thresh=0.9, track_buffer=30)
        tracks = TrackTable.from_steps(steps(tracker, found, info, 0.0))
        _write(folder, sequence.name, info.length, read_mot(sequence / "gt" / "gt.txt", kind="truth"), tracks)
        rows += len(tracks)
    return rows


def write_crowd(folder: Path) -> int:
    """Store truth and tracks of the crowd; return the number of track rows."""
    crowd = Crowd(CROWD)
    tracker = trackforge.tracker("bytetrack", track_thresh=0.6, match_thresh=0.9, track_buffer=30)
    tracks = TrackTable.from_steps(replay(crowd, tracker))
    truth = crowd.truth
    pedestrians = TrackTable(
        frame=truth.frame, xyxy=truth.xyxy, track_id=truth.track_id, class_id=truth.class_id * 0 + 1, extra=truth.extra
    )
    _write(folder, "crowd", len(crowd), pedestrians, tracks)
    return len(tracks)


def _write(folder: Path, name: str, length: int, truth: TrackTable, tracks: TrackTable) -> None:
    write_mot(folder / "gt" / name / "gt" / "gt.txt", truth, kind="truth")
    write_mot(folder / "tracks" / "ours" / "data" / f"{name}.txt", tracks)
    (folder / "gt" / name / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nseqLength={length}\nframeRate=30\nimDir=img1\nimExt=.jpg\nimWidth=1920\nimHeight=1080\n",
        encoding="utf-8",
    )


def measure(tool: str, folder: Path) -> dict[str, float]:
    """Run one tool once in a process of its own; return seconds, peak memory in MB, and scores."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    worker = Path(__file__).with_name("evaluation_worker.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", worker, tool, folder],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure every tool on both inputs, in turns."""
    inputs = {}
    for name, write in (("MOT17 half-val", write_half_val), ("crowd, 200 objects", write_crowd)):
        with tempfile.TemporaryDirectory() as text:
            rows = write(Path(text))
            found: dict[str, list[dict[str, float]]] = {tool: [] for tool in TOOLS}
            for _ in range(rounds):
                for tool in TOOLS:
                    found[tool].append(measure(tool, Path(text)))
        seconds = {tool: statistics.median(one["seconds"] for one in runs) for tool, runs in found.items()}
        scores = {tool: {k: runs[0][k] for k in ("HOTA", "MOTA", "IDF1", "IDSW")} for tool, runs in found.items()}
        inputs[name] = {
            "track_rows": rows,
            "seconds": {tool: round(value, 4) for tool, value in seconds.items()},
            "times_faster_than_trackeval": {
                tool: round(seconds["TrackEval"] / seconds[tool], 2) for tool in TOOLS if tool != "TrackEval"
            },
            "peak_memory_mb": {tool: round(max(one["memory_mb"] for one in runs)) for tool, runs in found.items()},
            "scores": {tool: {k: round(v, 6) for k, v in values.items()} for tool, values in scores.items()},
            "greatest_difference_of_scores": max(
                abs(scores[tool][k] - scores["TrackEval"][k]) for tool in TOOLS for k in scores[tool]
            ),
        }
    return {
        "name": "Evaluation: files to HOTA, CLEAR and identity scores",
        "unit": f"seconds, median of {rounds} interleaved runs; one process and thread; imports not counted",
        "peers": {"trackeval": "1.3.0"},
        "inputs": inputs,
    }


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-save", action="store_true", help="only print")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    result = run(arguments.rounds)
    for name, one in result["inputs"].items():
        print(f"{name}: {one['track_rows']} track rows, scores differ by {one['greatest_difference_of_scores']:.1e}")
        for tool in TOOLS:
            ratio = one["times_faster_than_trackeval"].get(tool)
            note = f"  {ratio:5.1f} times as fast" if ratio else ""
            print(f"  {tool:26} {one['seconds'][tool]:7.3f} s  {one['peak_memory_mb'][tool]:5.0f} MB{note}")
    if not arguments.no_save:
        print("wrote", save("speed-evaluation", result))


if __name__ == "__main__":
    main()
