"""Train a small FairMOT from nothing on one street, and see what comes of its boxes and of its embeddings.

The network is YOLOv5n's body with FairMOT's heads at 288 x 384, trained from random weights on PETS09-S2L1: of its
frames 1 to 400, every fifth is held out. What is scored:

* AP50 on the frames that it was trained on, on those held out between them, and on frames 401 to 795.
* Whether embeddings of one person are more alike than those of two: the area under the curve over all pairs of true
  boxes, of the frames held out (people that it was trained on, frames that it was not), and of frames 401 to 795, where
  most people are strangers to it.
* Tracks of these detections in both halves: one tracker with embeddings and without, and the published presets.

The weights are those of the epoch with the least loss of training. The weight of identities and the number of epochs
were chosen after three runs that were scored on the same frames.

    python -m benchmarks.fairmot                    # five to ten minutes on one core; writes results/fairmot.json
    python -m benchmarks.fairmot --model model.pth  # scores weights that were trained before
    python -m benchmarks.fairmot --quick            # the short run of the tests; prints JSON, saves nothing
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import trackforge
from benchmarks.context import data_dir, save
from benchmarks.finetune import street
from trackforge import training
from trackforge.data import Dataset, Samples
from trackforge.metrics import average_precision, evaluate
from trackforge.runs.replaying import replay
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

FIRST, EVERY = 400, 5
"""Frames to train on; every fifth of them is held out."""
RECIPE: dict[str, Any] = {
    "variant": "fairmot-yolov5n",
    "size": (288, 384),
    "lr": 1e-3,
    "id_weight": 1.0,
    "zoom": (0.8, 1.2),
    "degrees": 0.0,
    "shear": 0.0,
    "channels_last": True,
    "cache_mb": 2000.0,
}
LOOP = {"batch_size": 8, "workers": 0, "tensorboard": False, "accelerator": "cpu", "monitor": "loss"}
FULL: dict[str, Any] = {"every": 1, "epochs": 12, "validate_every": 4, "precision": "bf16"}
QUICK: dict[str, Any] = {"every": 8, "epochs": 9, "validate_every": 9, "precision": "bf16", "batch_size": 2}
"""Small batches: so many steps need the running means of batch norm, which move by 3% a step, to arrive."""
SCORE = 0.1
"""Least score of a detection; trackers have their own."""
TRACKERS: dict[str, dict[str, Any]] = {
    "appearance": {},
    "appearance, without embeddings": {"appearance": False},
    "fairmot": {},
    "fairmot-byte": {},
    "fairmot-byte-reid": {},
}
CURVES = ("val_loss", "val_hm_loss", "val_wh_loss", "val_off_loss", "val_id_loss")


def parts(root: Path) -> dict[str, Dataset]:
    """Return the frames to train on, those held out between them, and the later ones."""
    whole = street(root)
    number = np.arange(len(whole))
    held = (number < FIRST) & (number % EVERY == EVERY - 1)
    later = number >= FIRST
    return {"trained on": whole[~held & ~later], "held out": whole[held], "later": whole[later]}


def learn(root: Path, out: Path, *, every: int, **settings: Any) -> dict[str, Any]:
    """Train; return what was set and how the losses went."""
    import torch

    torch.set_num_threads(1)
    given = parts(root)
    recipe = training.trainer("fairmot", **RECIPE)
    fit = training.settings_for(recipe, **{**LOOP, **settings})
    began = time.process_time()
    done = training.fit(recipe, given["trained on"][::every], given["held out"][:: 2 if every == 1 else 8], fit, out)
    with (out / "epochs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val_loss"]]
    return {
        "settings": {**{k: v for k, v in RECIPE.items() if k != "cache_mb"}, "every": every, **settings},
        "pictures": len(given["trained on"][::every]),
        "steps": done.steps,
        "processor seconds": round(time.process_time() - began, 1),
        "held-out losses": {name: [round(float(row[name]), 4) for row in (rows[0], rows[-1])] for name in CURVES},
    }


def area(vectors: npt.NDArray[np.float32], who: npt.NDArray[np.int64], pairs: npt.NDArray[np.bool_]) -> float:
    """Return how often a pair of one person is more alike than a pair of two, over the pairs ``(N, N)`` that count."""
    rows, columns = np.nonzero(np.triu(pairs, 1))
    alike = (vectors @ vectors.T)[rows, columns]
    same = who[rows] == who[columns]
    rank = np.empty(len(alike))
    rank[np.argsort(alike, kind="stable")] = np.arange(1, len(alike) + 1)
    ones, others = int(same.sum()), int((~same).sum())
    return float((rank[same].sum() - ones * (ones + 1) / 2) / (ones * others))


def embeddings(module: Any, dataset: Dataset) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Describe every true box; return the vectors and who it is, by track id."""
    import torch

    samples, vectors, who = Samples(dataset), [], []
    with torch.no_grad():
        for row in range(len(samples)):
            sample = samples[row]
            known = sample.identity >= 0
            (one,) = module.embed([sample.image], [sample.boxes.xyxy[known]])
            vectors.append(one)
            who.append(sample.boxes.track_id[known])
    return np.concatenate(vectors), np.concatenate(who)


def looks(root: Path, model: Path, *, every: int) -> dict[str, Any]:
    """Score embeddings."""
    given = parts(root)
    people = given["trained on"]
    plan = training.Plan(dataset=people, epochs=1, batch_size=1, steps_per_epoch=1, weights=str(model))
    module = training.trainer("fairmot").begin(plan).module.eval()
    known = set(people.boxes.track_id[~people.boxes.ignore].tolist())
    out: dict[str, Any] = {}
    for name, step in [("held out", 1), ("later", 4)][: 2 if every == 1 else 1]:
        vectors, who = embeddings(module, given[name][::step])
        met = np.isin(who, list(known))
        everybody = np.ones((len(who), len(who)), bool)
        out[name] = {
            "people": len(set(who.tolist())),
            "of whom trained on": len(set(who[met].tolist())),
            "boxes": len(who),
            "AUC": round(area(vectors, who, everybody), 4),
        }
        if not met.all():
            strangers = ~met[:, None] & ~met[None]
            out[name]["AUC among strangers"] = round(area(vectors, who, strangers), 4)
    return out


def see(root: Path, model: Path, *, every: int) -> dict[str, Any]:
    """Score boxes and tracks; of the short run, boxes in the frames up to the later ones."""
    detector = trackforge.detector(model, score=SCORE, threads=1)
    boxes: dict[str, Any] = {}
    seen: dict[int, Detections] = {}
    for name, dataset in parts(root).items():
        if name == "later" and every > 1:  # the short run has no time for it
            return {"boxes": boxes}
        dataset = dataset[::every]
        samples = Samples(dataset)
        found = [detector.detect([Frame(index=row, image=samples[row].image)])[0] for row in range(len(samples))]
        seen |= zip(dataset.images.frame.tolist(), found, strict=True)
        truth = _truth(dataset)
        table = TrackTable.from_detections(enumerate(found), sequence="street")
        scores = average_precision({"street": truth}, {"street": table}, lengths={"street": len(dataset)})
        boxes[name] = {"frames": len(dataset), "AP": round(scores.mean.ap, 4), "AP50": round(scores.mean.ap50, 4)}
    found = [seen[number] for number in sorted(seen)]
    whole = street(root)
    return {
        "boxes": boxes,
        "tracks": {
            f"1-{FIRST}": _tracks(whole[:FIRST], found[:FIRST]),
            f"{FIRST + 1}-{len(whole)}": _tracks(whole[FIRST:], found[FIRST:]),
        },
    }


def _tracks(dataset: Dataset, found: Sequence[Detections]) -> dict[str, Any]:
    size = int(dataset.images.width[0]), int(dataset.images.height[0])
    frames = [Frame(index=row, size=size, sequence="street") for row in range(len(dataset))]
    truth, out = _truth(dataset), {}
    for label, settings in TRACKERS.items():
        tracker = trackforge.tracker(label.partition(",")[0], **settings)
        steps = replay(zip(frames, found, strict=True), tracker)
        table = TrackTable.from_steps(steps, sequence="street")
        scores = evaluate({"street": truth}, {"street": table}, lengths={"street": len(frames)}).combined
        out[label] = {name: round(float(scores[name]), 4) for name in ("MOTA", "IDF1", "HOTA", "IDSW")}
    return out


def _truth(dataset: Dataset) -> TrackTable:
    boxes = dataset.boxes
    return TrackTable(
        frame=boxes.image,
        track_id=boxes.track_id,
        xyxy=boxes.xyxy,
        extra={"flag": (~boxes.ignore).astype(np.int64)},
        sequence="street",
    )


def run(root: Path, out: Path, settings: dict[str, Any], model: Path | None = None) -> dict[str, Any]:
    """Train where no model is given, and score."""
    told: dict[str, Any] = {}
    if model is None:
        told["training"] = learn(root, out, **settings)
        model = out / "model.pth"
    every = settings["every"]
    return {
        "network": "fairmot-yolov5n, 288 x 384, from random weights",
        "trained on": "PETS09-S2L1, frames 1-400 but every fifth",
        **told,
        **see(root, model, every=every),
        "looks": looks(root, model, every=every),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the short run of the tests; prints JSON, saves nothing")
    parser.add_argument("--model", type=Path, help="score these weights, train nothing, save nothing")
    parser.add_argument("--out", type=Path, help="folder of the run; a temporary one if left out")
    arguments = parser.parse_args()
    settings = QUICK if arguments.quick else FULL
    with tempfile.TemporaryDirectory() as temporary:
        result = run(data_dir(), arguments.out or Path(temporary) / "run", settings, arguments.model)
    print(json.dumps(result, indent=None if arguments.quick else 1))
    if not (arguments.quick or arguments.model):
        print(save("fairmot", result))


if __name__ == "__main__":
    main()
