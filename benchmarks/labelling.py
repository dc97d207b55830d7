"""The whole labelling loop on a real street: what work a model saves, and what people's work makes of the model.

YOLOX-nano (COCO weights) and BYTE label all 795 frames of PETS09-S2L1. People are simulated by the ground truth of one
half, handed over as a file, as from a label tool; a label that overlaps the true box by IoU .7 or more counts as left
alone, though what is handed over is the true one. The project measures what was changed, trains on that half (the last
quarter of it judges the training), and labels the other half anew, which nobody has labelled and nothing has looked at:
that is scored, before and after. Then the same with the halves exchanged, so that luck can be told from gain.

Three labels of the other half are scored: the first; those of the same model once people had checked, whose tracker got
its least score by that; and those of the trained model, likewise. So what training brings stands apart from what the
choice of a threshold brings.

Settings of the training are the recipe's own for fine-tuning, at the input size of the detector; epochs and batch are
what fits into minutes on a processor. No number was chosen by the scored frames, but they have been seen: in a short
run (every fourth frame, five epochs) average precision gained where it judged and the tracks of the other half did not,
since a trained model gives lower scores and the tracker's thresholds stayed; what other thresholds would have come to
there was looked at, too. That is why a project now chooses a least score by the checked frames, and judges a model by
the tracks that come of it.

    python -m benchmarks.labelling            # writes results/labelling.json; both halves at once, half an hour
    python -m benchmarks.labelling --quick    # every fourth frame, one epoch; prints JSON, saves nothing
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import data_dir, save
from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.io.mot import read_mot
from trackforge.labelling import LabelRun, Project, Tell, bring_in, go_on
from trackforge.labelling.documents import load_table
from trackforge.labelling.findings import Findings
from trackforge.labelling.measuring import measure
from trackforge.metrics import average_precision
from trackforge.table import TrackTable

LEFT_ALONE = 0.7
"""IoU with the true box from which a label counts as left alone."""
STRICTNESS = (0.5, 0.6, 0.7, 0.8)
"""The same of people who are easier or harder to please, whose effort is counted too."""
SIZE = "416x416"
FULL = {"stride": 1, "epochs": 4}
QUICK = {"stride": 4, "epochs": 1}
NAME = "vtest"


def project(root: Path, out: Path, *, stride: int, epochs: int) -> Project:
    """Declare the project."""
    weights = root / "weights" / "yolox_nano_coco_torch.pth"
    return Project.begin(
        LabelRun(
            sources=(str(root / "pets09-s2l1" / "vtest.avi"),),
            detector={"name": "yolox", "weights": str(weights), "size": SIZE, "score": 0.05},
            tracker="byte",
            same=LEFT_ALONE,
            classes=("person",),
            stride=stride,
            trainer={"name": "yolox", "size": SIZE, "size_steps": "0,0"},
            train={"epochs": epochs, "batch_size": 8, "workers": 0},
            out=out,
        )
    )


def as_set(table: TrackTable, frames: np.ndarray[Any, Any]) -> Dataset:
    """Return labels as a set that a label tool might give back."""
    n = len(frames)
    images = Images(path=np.full(n, ""), sequence=np.full(n, NAME), frame=frames)
    boxes = Boxes(image=np.searchsorted(frames, table.frame), xyxy=table.xyxy, track_id=table.track_id)
    return Dataset(images=images, boxes=boxes, classes=("person",), name=NAME)


def detector_precision(path: Path, truth: TrackTable, frames: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return AP50 and AP (.5 to .95) of what a detector found on some frames, before any tracking."""
    mark = json.loads(path.open().readline())
    findings = Findings(path, mark["mark"])
    person = findings.classes.index("person")
    boxes = {frame: findings.frames[frame].detections for frame in frames.tolist()}
    pairs = [(k, boxes[frame]) for k, frame in enumerate(frames.tolist())]
    found = TrackTable.from_detections([(k, one[one.class_id == person]) for k, one in pairs if one is not None])
    kept = truth[np.isin(truth.frame, frames)]
    true = TrackTable(frame=np.searchsorted(frames, kept.frame), xyxy=kept.xyxy)
    report = average_precision({NAME: true}, {NAME: found}, lengths={NAME: len(frames)})
    return float(report.mean.ap50), float(report.mean.ap)


def scored(made: Project, truth: TrackTable, frames: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Score the labels of a project on frames that nobody has labelled."""
    detected = json.loads((made.place(made.round().number) / "found.json").read_text())[NAME][0]
    table = load_table(made.place(made.round().number) / "tracks" / f"{NAME}.npz", NAME)
    result = measure({NAME: table}, {NAME: truth}, {NAME: frames}, ("person",), same=LEFT_ALONE)
    found = result.overall
    ap50, ap = detector_precision(made.folder / detected, truth, frames)
    return {
        "AP50 of the detector": round(ap50, 4),
        "AP of the detector": round(ap, 4),
        "AP50 of the labels": round(found.ap50, 4),
        "HOTA of the labels": round(found.hota, 4),
        "IDF1 of the labels": round(found.idf1, 4),
        "MOTA of the labels": round(found.mota, 4),
        "precision": round(found.precision, 4),
        "recall": round(found.recall, 4),
        "boxes touched per 100": round(result.effort.per_100, 1),
        "least score": made.round().conf,
    }


def half(
    begun: Path, folder: Path, truth: TrackTable, people: np.ndarray[Any, Any], rest: np.ndarray[Any, Any]
) -> dict[str, Any]:
    """Let people check one half, go on, and score the other."""
    shutil.copytree(begun, folder)
    made = Project.open(folder)
    before = scored(made, truth, rest)
    document = made.document(NAME)
    assert document is not None
    table = truth[np.isin(truth.frame, people)]
    shown, true = {NAME: document.table()}, {NAME: table}
    strict = {
        f"{least:g}": measure(shown, true, {NAME: people}, ("person",), same=least).effort.per_100
        for least in STRICTNESS
    }
    handed = folder / "exchange" / "back.json"
    data.write(as_set(table, people), handed)
    bring_in(made, handed, every=True)
    untrained = folder.with_name(f"{folder.name}-untrained")
    shutil.copytree(folder, untrained)
    plain = Project.open(untrained, LabelRun(trainer="none"))
    go_on(plain, ready=True, tell=_tell(folder.name))
    began = time.monotonic()
    stands, signal = go_on(made, ready=True, tell=_tell(folder.name))
    if signal:
        raise SystemExit(f"Stopped by signal {signal}; {folder} goes on with: trackforge label {folder}")
    seconds = time.monotonic() - began
    measured = json.loads((made.place(0) / "measure.json").read_text())
    judged = made.place(0) / "judged.json"
    return {
        "checked frames": len(people),
        "effort": measured["effort"],
        "boxes touched per 100, by the IoU from which people leave a box": {k: round(v, 1) for k, v in strict.items()},
        "labels of the first round, on the checked half": {
            name: round(value, 4) for name, value in measured["overall"].items() if value is not None
        },
        "training": stands.training,
        "judged": json.loads(judged.read_text()) if judged.is_file() else None,
        "least score": json.loads((made.place(0) / "settled.json").read_text()),
        "least score, untrained": json.loads((plain.place(0) / "settled.json").read_text()),
        "before": before,
        "untrained": scored(plain, truth, rest),
        "after": scored(made, truth, rest),
        "seconds": round(seconds, 1),
    }


def _tell(title: str) -> Tell:
    last = [0.0]

    def look(name: str, done: int, total: int | None) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(f"{title}: labelling {name}: {done}/{total}", flush=True)

    def epoch(row: Mapping[str, Any]) -> None:
        scores = {score.name: round(score.value, 4) for score in row["scores"]}
        print(f"{title}: epoch {row['epoch']}/{row['epochs']}  {scores}", flush=True)

    return Tell(look=look, line=lambda words: print(f"{title}: {words}", flush=True), epoch=epoch)


def run(root: Path, out: Path, settings: Mapping[str, int]) -> dict[str, Any]:
    """Label, then go through the loop with either half."""
    truth = read_mot(root / "pets09-s2l1" / "gt" / "gt.txt", kind="truth")
    truth = truth[truth.extra["flag"] != 0]
    truth = TrackTable(frame=truth.frame, track_id=truth.track_id, xyxy=truth.xyxy, sequence=NAME)
    made = project(root, out / "first", **settings)
    began = time.monotonic()
    print("labelling all frames with the COCO weights", flush=True)
    go_on(made, tell=_tell("first"))
    seconds = time.monotonic() - began
    document = made.document(NAME)
    assert document is not None
    frames = document.frames
    first, second = frames[: len(frames) // 2], frames[len(frames) // 2 :]
    os.environ["OMP_NUM_THREADS"] = str(max((os.cpu_count() or 2) // 2, 1))  # of each of the two processes
    sides = {"first": (first, second), "second": (second, first)}
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        running = {
            f"people checked the {title} half": pool.submit(half, made.folder, out / f"{title}-half", truth, *side)
            for title, side in sides.items()
        }
        results = {title: one.result() for title, one in running.items()}
    return {
        "film": "PETS09-S2L1, 795 frames",
        "detector": "YOLOX-nano, 416 x 416, COCO weights",
        "tracker": "byte",
        "people": f"ground truth of one half; a box counts as left alone from IoU {LEFT_ALONE} with the true one",
        "settings": dict(settings),
        "first labelling, seconds": round(seconds, 1),
        **results,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the short run; prints JSON, saves nothing")
    parser.add_argument("--out", type=Path, help="folder of the projects, new; a temporary one if left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = run(data_dir(), arguments.out or Path(temporary), QUICK if arguments.quick else FULL)
    print(json.dumps(result, indent=1))
    if not arguments.quick:
        print(save("labelling", result))


if __name__ == "__main__":
    main()
