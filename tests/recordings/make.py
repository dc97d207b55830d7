"""Make the recordings beside this file: scenes of our own, and what the presets and TrackEval say to them.

``python tests/recordings/make.py scenes`` draws the scenes with this checkout; ``rows`` adds the rows of the presets as
the `trackforge` on the path gives them, through public names only. So a revision that is proven against the official
code is asked by putting its ``src`` folders on ``PYTHONPATH``. ``scores`` adds TrackEval's numbers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import trackforge

HERE = Path(__file__).parent
SCENES, ROWS, METRICS = (HERE / name for name in ("scenes.npz", "presets.npz", "metrics.npz"))
FRAMES = 110
RUNS = {
    "bytetrack": {
        "published": {},
        "low": {"track_thresh": 0.5, "match_thresh": 0.8},
        "mot20": {"mot20": True, "track_buffer": 5, "match_thresh": 0.7},
        "short": {"track_buffer": 5, "match_thresh": 0.7},
        "slow": {"frame_rate": 10.0},
        "skip": {"skip_empty": True, "track_buffer": 4},
    },
    "sort": {
        "published": {},
        "patient": {"max_age": 5},
        "eager": {"min_hits": 0, "max_age": 3},
        "strict": {"iou_threshold": 0.6, "min_hits": 1},
    },
    "ocsort": {
        "published": {},
        "byte": {"use_byte": True},
        "giou": {"asso_func": "giou", "iou_threshold": 0.5},
        "ciou": {"asso_func": "ciou", "iou_threshold": 0.45, "use_byte": True},
        "diou": {"asso_func": "diou", "iou_threshold": 0.45},
        "centres": {"asso_func": "ct_dist", "iou_threshold": 0.8},
        "bold": {"inertia": 0.8, "delta_t": 5, "min_hits": 1, "max_age": 8, "det_thresh": 0.3},
        "eager": {"min_hits": 0, "max_age": 5},
    },
}
"""Parameters by preset and name of the run."""


def scenes() -> dict[str, np.ndarray]:
    """Draw three crowds; rows are frame, x1, y1, x2, y2, score. The third is small and dense, seen by a poor detector.

    Scores come in steps of 0.05, so that they tie and fall on thresholds; some frames are empty, alone and five in a
    row; some numbers are left out; everybody is unseen for a while, and one box stands twice.
    """
    from trackforge.synthetic.crowd import Crowd, CrowdConfig

    found = {}
    for name, config in {
        "street": CrowdConfig(objects=9, frames=FRAMES, size=(640, 360), miss=0.12, false_positives=0.6, seed=5),
        "churn": CrowdConfig(objects=7, frames=FRAMES, size=(400, 300), lifetime=25, miss=0.2, jitter=0.06, seed=8),
        "crush": CrowdConfig(
            objects=12,
            frames=FRAMES,
            size=(200, 150),
            lifetime=40,
            miss=0.3,
            jitter=0.1,
            false_positives=1.0,
            seed=1,
        ),
    }.items():
        rows = []
        for frame, detections in Crowd(config):
            index = frame.index + 3 * (frame.index > 60)
            if index in (20, 21, 22, 23, 24, 41, 90):
                continue
            unseen = 30 <= index < 38
            seen = detections[(np.arange(len(detections)) % 2 == 0) | (not unseen)]
            score = np.round(seen.score * 20) / 20
            boxes = np.round(seen.xyxy * (1 if name == "crush" else 8)) / 8
            rows.append(np.column_stack((np.full(len(seen), index), boxes, score)))
            if index == 50 and len(seen):
                rows.append(rows[-1][:1])
        found[name] = np.concatenate(rows).astype(np.float32)
    return found


def frames(rows: np.ndarray):
    """Give each frame of a scene with its detections, empty ones too; the numbers 61, 62 and 63 are left out."""
    for index in range(FRAMES + 3):
        if index not in (61, 62, 63):
            here = rows[rows[:, 0] == index]
            yield trackforge.Frame(index=index), trackforge.Detections(xyxy=here[:, 1:5], score=here[:, 5])


def shown(preset: str, settings: dict, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Track a scene; return rows of frame, id, row of the detection, and their boxes, by frame and id."""
    tracker = trackforge.tracker(preset, **settings)
    keys, boxes = [np.empty((0, 3), np.int16)], [np.empty((0, 4), np.float32)]
    for frame, detections in frames(rows):
        tracks = tracker.update(detections, frame).visible
        order = np.argsort(tracks.track_id)
        columns = (np.full(len(tracks), frame.index), tracks.track_id[order], tracks.detection[order])
        keys.append(np.column_stack(columns).astype(np.int16))
        boxes.append(tracks.xyxy[order].astype(np.float32))
    return np.concatenate(keys), np.concatenate(boxes)


def rows() -> dict[str, np.ndarray]:
    """Ask the presets; boxes are kept for one run of those that filter them."""
    found = {}
    with np.load(SCENES) as stored:
        for scene in stored:
            for preset, runs in RUNS.items():
                for name, settings in runs.items():
                    keys, boxes = shown(preset, settings, stored[scene])
                    found[f"{scene}/{preset}/{name}"] = keys
                    if (scene, name) == ("street", "published") and preset != "ocsort":  # it shows detected boxes
                        found[f"{scene}/{preset}/boxes"] = boxes
    return found


def scores() -> dict[str, np.ndarray]:
    """Score a faulty tracking of a crowd by TrackEval, by each rule; both sides are kept with its numbers."""
    from trackeval_official import score_tables

    from trackforge.synthetic.crowd import Crowd, CrowdConfig
    from trackforge.table import TrackTable

    crowd = Crowd(CrowdConfig(objects=6, frames=80, size=(400, 300), miss=0.15, false_positives=0.5, seed=3))
    tracker = trackforge.tracker("iou", min_hits=1, max_lost=3)
    steps = [trackforge.Step(frame=f, detections=d, tracks=tracker.update(d, f)) for f, d in crowd]
    found = {}
    for side, table in {"truth": crowd.truth, "tracks": TrackTable.from_steps(steps)}.items():
        found[side] = np.column_stack((table.frame, table.track_id, np.round(table.xyxy * 4) / 4)).astype(np.float32)
    sides = {"crowd": (truth_of(found["truth"]), table_of(found["tracks"]), 80)}
    official = {
        "none": score_tables(sides, "MOT17", preprocess=False)[0]["crowd"],
        "mot17": score_tables(sides, "MOT17")[0]["crowd"],
    }
    found["scores"] = np.array(json.dumps(official, default=lambda value: value.tolist()))
    return found


def table_of(rows: np.ndarray):
    """Rows of frame, id, x1, y1, x2, y2 as a table."""
    from trackforge.table import TrackTable

    return TrackTable(frame=rows[:, 0].astype(int), track_id=rows[:, 1].astype(int), xyxy=rows[:, 2:])


def truth_of(rows: np.ndarray):
    """The same as a truth: every fifth id is a distractor, every seventh box is not counted."""
    import dataclasses

    table = table_of(rows)
    kind = np.where(table.track_id % 5 == 0, 8, 1)
    counted = (np.arange(len(table)) % 7 != 0).astype(np.int64)
    return dataclasses.replace(table, class_id=kind, extra={"flag": counted})


if __name__ == "__main__":
    path, make = {"scenes": (SCENES, scenes), "rows": (ROWS, rows), "scores": (METRICS, scores)}[sys.argv[1]]
    np.savez_compressed(path, **make())
