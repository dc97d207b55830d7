"""Train SSD from nothing on sixteen pictures until it knows them by heart: whether targets, losses and rates are right.

The first sixteen labelled pictures of coco128's train part, all their objects of all their classes; a ResNet-50 of a
quarter of the width, pictures stretched to 256 x 256, no augmentation, batches of 8, Adam at .001, a tenth of that for
the last fifth. Scored on the same sixteen by VOC's rules: this measures memory, and nothing else.

Which pictures, how wide a network and how large an input were decided before the first run; epochs and rate were not
searched for either: the first run is what is reported.

    python -m benchmarks.overfit
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.context import data_dir, save
from trackforge import data, training
from trackforge.data import Dataset

PICTURES = 16
RECIPE = {
    "variant": "sagemaker-resnet50-256/4",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "lr_scheduler_step": (80,),
    "mini_batch_size": 8,
    "epochs": 100,
    "augmentation": "none",
}
LOOP = {"workers": 0, "tensorboard": False, "accelerator": "cpu", "validate_every": 10}


def pictures(root: Path) -> Dataset:
    """Return the first pictures with labels, and the classes that they show."""
    some = data.read(root / "coco128", split="train").only_labelled()[:PICTURES]
    shown = sorted(set(some.boxes.class_id.tolist()))
    return some.select_classes([some.classes[number] for number in shown])


def run(root: Path, out: Path) -> dict[str, Any]:
    """Train, and return the course."""
    import torch

    torch.set_num_threads(1)
    dataset, recipe = pictures(root), training.trainer("ssd", **RECIPE)
    course: list[dict[str, float]] = []

    def watch(row: Mapping[str, Any]) -> None:
        if "voc_ap" in row:
            course.append({name: float(row[name]) for name in ("epoch", "loss", "voc_ap", "voc_ap11", "ap50", "ap")})
            print(course[-1], flush=True)

    began = time.process_time()
    training.fit(recipe, dataset, dataset, training.settings_for(recipe, **LOOP), out, watch=watch)
    return {
        "pictures": len(dataset),
        "objects": len(dataset.boxes),
        "classes": len(dataset.classes),
        "settings": {**RECIPE, **LOOP},
        "course": [{k: v for k, v in row.items() if v == v} for row in course],  # the start has no loss
        "seconds of one core": round(time.process_time() - began),
    }


def main() -> None:
    """Run and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the run; a temporary one if left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(save("overfit", run(data_dir(), arguments.out or Path(temporary) / "run")))


if __name__ == "__main__":
    main()
