"""Run a tracker over the detection files of a benchmark, as the published evaluators do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trackforge.io.mot import read_mot, read_seqinfo
from trackforge.protocols import Tracker
from trackforge.table import TrackTable
from trackforge.types import Frame, Step


def track_file(
    tracker: Tracker, detections: Path, length: int, *, min_score: float = -np.inf, box: str = "filtered"
) -> TrackTable:
    """Track one sequence from scratch; ``box`` says which one is kept, ``"filtered"`` or ``"detected"``."""
    tracker.reset()
    table = read_mot(detections, kind="detections")
    table = table[table.score >= min_score]
    steps = []
    for index in range(length):
        frame, found = Frame(index=index), table.detections(index)
        steps.append(Step(frame=frame, detections=found, tracks=tracker.update(found, frame)))
    return TrackTable.from_steps(steps, box=box)


def official_filter(table: TrackTable) -> TrackTable:
    """Keep what the evaluator of ByteTrack writes: larger than 100 square pixels, and not wider than 1.6 heights."""
    width, height = (table.xyxy[:, 2:] - table.xyxy[:, :2]).T
    return table[(width * height > 100) & ~(width / height > 1.6)]


def track_half_val(tracker: Tracker, data: Path, *, min_score: float = -np.inf, box: str = "filtered"):
    """Track the seven validation halves of MOT17 from ByteTrack's own detections; tables by sequence name."""
    root = data / "mot17-half-val"
    out = {}
    for folder in sorted((root / "gt").iterdir()):
        length = read_seqinfo(folder / "seqinfo.ini").length
        detections = root / "det" / f"{folder.name}.txt"
        out[folder.name] = official_filter(track_file(tracker, detections, length, min_score=min_score, box=box))
    return out
