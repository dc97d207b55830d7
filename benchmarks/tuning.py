"""Does tuning help on sequences that it has not seen? And what does a trial cost?

``python -m benchmarks.tuning`` tunes each tracker three times on MOT17 half-val, each time without a third of the seven
sequences, and scores the best settings on those held out. Folds go by the order of names: sequence i is held out in
fold i mod 3. All held-out sequences together give one cross-validated score a tracker, to be compared with the same
tracker's defaults on the same sequences. Ranges are the default ones, the objective is HOTA; 100 trials, seed 0, one
worker a study, so that the numbers can be repeated. Writes ``results/tuning.json``.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.context import data_dir, save
from trackforge import tuning
from trackforge.metrics import Report, combine
from trackforge.tuning import Component

FOLDS = 3
SCORES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
BYTE = {"high_score": 0.65}
"""What the clean BYTE tracker sets other than the associator of the same name."""
LIFE = {"max_lost": 45.0, "birth_score": 0.7, "duplicate_iou": 0.85}
ROWS: dict[str, dict[str, Component]] = {
    "BYTE, clean": {"tracker": Component("tracker", "byte")},
    "BYTE, clean, with its motion model": {
        "tracker": Component("tracker", "online", LIFE),
        "associator": Component("associator", "byte", BYTE),
        "motion": Component("motion", "xywh"),
    },
    "ByteTrack, as published": {"tracker": Component("tracker", "bytetrack")},
    "OC-SORT, clean": {"tracker": Component("tracker", "observation-centric")},
    "SORT, clean": {"tracker": Component("tracker", "iou")},
}


def problem(label: str, train: Sequence[tuning.Footage], val: Sequence[tuning.Footage]) -> tuning.Problem:
    """Return what to search for one tracker."""
    files = Component("detector", "file", {"path": str(data_dir() / "mot17-half-val" / "det" / "{name}.txt")})
    setup = tuning.Setup(detector=files, **ROWS[label])
    return tuning.Problem(
        setup=setup, space=tuning.search_space(setup, {}), train=train, val=val, preprocessing="mot17",
        library=tuning.Library(files),
    )  # fmt: skip


def fold(label: str, number: int, trials: int) -> tuple[dict[str, Any], Report, Report]:
    """Tune without one part of the sequences; return facts, and the scores of that part without and with tuning."""
    footage = tuning.footage_of_folder(data_dir() / "mot17-half-val" / "gt")
    val = footage[number::FOLDS]
    train = [one for one in footage if one not in val]
    with tempfile.TemporaryDirectory() as folder:
        outcome = tuning.tune(problem(label, train, val), Path(folder) / "study.journal", trials=trials)
    if outcome.best is None or outcome.default_val is None or outcome.best_val is None:
        raise SystemExit(f"{label}, fold {number}: no trial was complete")
    facts = {
        "held_out": [one.name for one in val],
        "train": {"default": scores(outcome.default_train), "best": scores(outcome.best_train)},
        "val": {"default": scores(outcome.default_val), "best": scores(outcome.best_val)},
        "states": tuning.facts(outcome)["trials"],
        "best": {name: _short(value) for name, value in outcome.best.values.items()},
        "importances": {name: round(share, 3) for name, share in outcome.importances.items()},
    }
    return facts, outcome.default_val, outcome.best_val


def scores(report: Report | None) -> dict[str, float]:
    """Percent with two decimals; counts as they are."""
    if report is None:
        return {}
    return {n: int(report.combined[n]) if n == "IDSW" else round(100 * report.combined[n], 2) for n in SCORES}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def cost(trials: int) -> dict[str, Any]:
    """Measure CPU seconds of a search on all seven sequences, evaluation included, with and without pruning."""
    footage = tuning.footage_of_folder(data_dir() / "mot17-half-val" / "gt")
    seconds = {}
    for label, pruning in (("all trials whole", False), ("pruned", True)):
        asked = problem("BYTE, clean", footage, ())
        asked.score({})  # detections are read
        with tempfile.TemporaryDirectory() as folder:
            begin = time.process_time()
            search = tuning.Search(pruning=pruning)
            tuning.tune(asked, Path(folder) / "study.journal", trials=trials, search=search)
            seconds[label] = round(time.process_time() - begin, 1)
    begin = time.process_time()
    found = [asked.library.find(one, {}) for one in footage]
    for one in found:
        tracker = asked.setup.make_tracker()
        for frame, boxes in zip(one.frames, one.detections, strict=True):
            tracker.update(boxes, frame)
    tracking = time.process_time() - begin
    begin = time.process_time()
    asked.score({})
    whole = time.process_time() - begin
    return {
        "trials": trials, "frames_a_trial": sum(len(one.frames) for one in found), "cpu_seconds": seconds,
        "of_one_trial": {"tracking": round(tracking, 3), "all": round(whole, 3)},
    }  # fmt: skip


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2, help="studies at once; does not change the scores")
    options = parser.parse_args()
    jobs = [(label, number) for label in ROWS for number in range(FOLDS)]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        futures = {job: pool.submit(fold, *job, options.trials) for job in jobs}
        rows = []
        for label in ROWS:
            parts = [futures[label, number].result() for number in range(FOLDS)]
            default, best = (scores(combine([part[i] for part in parts])) for i in (1, 2))
            row = {"label": label, "default": default, "tuned": best, "folds": [part[0] for part in parts]}
            rows.append(row | {"gain": {n: round(best[n] - default[n], 2) for n in SCORES}})
            print(f"{label:36} held-out HOTA {default['HOTA']:.2f} -> {best['HOTA']:.2f}", flush=True)
    result = {
        "name": "MOT17 half-val, tuned and held out", "preprocessing": "mot17", "objective": "HOTA",
        "trials": options.trials, "seed": 0, "split": "three folds, sequence i by name held out in fold i mod 3",
        "rows": rows, "cost": cost(options.trials),
    }  # fmt: skip
    print("wrote", save("tuning", result))


if __name__ == "__main__":
    main()
