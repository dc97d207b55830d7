"""TrackEval itself, run on tables or files, for the tests that compare with it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trackeval

from trackforge.metrics import Report, Scores
from trackforge.metrics.hota import THRESHOLDS
from trackforge.table import TrackTable

Results = dict[str, dict[str, Any]]
FAMILIES = ("HOTA", "CLEAR", "Identity", "Count")


def metrics() -> list[Any]:
    quiet = {"PRINT_CONFIG": False}
    return [
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR(quiet),
        trackeval.metrics.Identity(quiet),
        trackeval.metrics.Count(),
    ]


def score_files(
    folder: Path, sequences: Mapping[str, tuple[Path, Path, int]], benchmark: str, *, preprocess: bool = True
) -> tuple[dict[str, Results], Results]:
    """Return its scores of (truth file, track file, length) by sequence, and combined; reads the files itself."""
    for name, (truth, tracks, _) in sequences.items():
        (folder / "gt" / name / "gt").mkdir(parents=True)
        (folder / "results" / "ours" / "data").mkdir(parents=True, exist_ok=True)
        shutil.copy(truth, folder / "gt" / name / "gt" / "gt.txt")
        shutil.copy(tracks, folder / "results" / "ours" / "data" / f"{name}.txt")
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(folder / "gt"),
            "TRACKERS_FOLDER": str(folder / "results"),
            "SKIP_SPLIT_FOL": True,
            "BENCHMARK": benchmark,
            "DO_PREPROC": preprocess,
            "PRINT_CONFIG": False,
            "SEQ_INFO": {name: length for name, (_, _, length) in sequences.items()},
        }
    )
    return _score(dataset, {name: dataset.get_raw_seq_data("ours", name) for name in sequences})


def score_tables(
    sequences: Mapping[str, tuple[TrackTable, TrackTable, int]], benchmark: str, *, preprocess: bool = True
) -> tuple[dict[str, Results], Results]:
    """Return its scores of (truth, tracks, length) by sequence, and combined."""
    dataset = object.__new__(trackeval.datasets.MotChallenge2DBox)
    dataset.benchmark, dataset.do_preproc = benchmark, preprocess
    dataset.class_name_to_class_id = {
        "pedestrian": 1,
        "person_on_vehicle": 2,
        "car": 3,
        "bicycle": 4,
        "motorbike": 5,
        "non_mot_vehicle": 6,
        "static_person": 7,
        "distractor": 8,
        "occluder": 9,
        "occluder_on_ground": 10,
        "occluder_full": 11,
        "reflection": 12,
        "crowd": 13,
    }
    dataset.valid_class_numbers = list(range(1, 14))
    return _score(dataset, {name: _raw(dataset, name, *given) for name, given in sequences.items()})


def _raw(dataset: Any, name: str, truth: TrackTable, tracks: TrackTable, length: int) -> dict[str, Any]:
    gt, tr = [truth.at(f) for f in range(length)], [tracks.at(f) for f in range(length)]
    raw = {
        "seq": name,
        "num_timesteps": length,
        "gt_ids": [t.track_id for t in gt],
        "gt_classes": [t.class_id for t in gt],
        "gt_dets": [_xywh(t) for t in gt],
        "gt_extras": [{"zero_marked": t.extra["flag"]} for t in gt],
        "tracker_ids": [t.track_id for t in tr],
        "tracker_classes": [t.class_id + 1 for t in tr],
        "tracker_dets": [_xywh(t) for t in tr],
        "tracker_confidences": [t.score for t in tr],
    }
    raw["similarity_scores"] = [
        dataset._calculate_similarities(a, b) for a, b in zip(raw["gt_dets"], raw["tracker_dets"], strict=True)
    ]
    return raw


def _xywh(table: TrackTable) -> Any:
    return np.concatenate((table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]), axis=1)


def _score(dataset: Any, raw: Mapping[str, Any]) -> tuple[dict[str, Results], Results]:
    families = dict(zip(FAMILIES, metrics(), strict=True))
    scores = {}
    for name, data in raw.items():
        ready = dataset.get_preprocessed_seq_data(data, "pedestrian")
        scores[name] = {family: metric.eval_sequence(ready) for family, metric in families.items()}
    combined = {
        family: metric.combine_sequences({name: scores[name][family] for name in scores})
        for family, metric in families.items()
    }
    return scores, combined


def worst_difference(ours: Scores, official: Results) -> tuple[float, str]:
    """Return the greatest difference of any number, relative where it is above 1, and its name."""
    worst = (0.0, "")
    for fields in official.values():
        for name, value in fields.items():
            mine = ours.curve(name) if np.ndim(value) else np.asarray(ours[name])
            assert np.shape(mine) == np.shape(value), name
            scale = np.maximum(1.0, np.abs(np.asarray(value, np.float64)))
            worst = max(worst, (float((np.abs(mine - value) / scale).max()), name))
    return worst


def assert_equal(report: Report, official: tuple[dict[str, Results], Results], tolerance: float = 1e-9) -> None:
    """Assert that every number of the official evaluator is in the report, and equal."""
    scores, combined = official
    assert set(report.sequences) == set(scores)
    assert np.array_equal(report.thresholds, THRESHOLDS)
    for name, ours, theirs in [*((n, report.sequences[n], scores[n]) for n in scores), ("", report.combined, combined)]:
        difference, field = worst_difference(ours, theirs)
        assert difference <= tolerance, f"{field} of {name or 'all together'} differs by {difference}"
