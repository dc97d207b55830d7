"""Small pictures with people in them, and training on them, here or in a process of its own that is killed."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from training_apart import apart, kill_in_step

from trackforge.data import Boxes, Dataset, Images

SIZE = (64, 96)
COLOURS = ((230, 60, 40), (40, 90, 230), (60, 200, 80))


def walkers(root: Path, *, count: int = 8, name: str = "walk", still: bool = False) -> Dataset:
    """Pictures of 96 x 64 with three people of 16 x 32, each of a colour, who walk; the third leaves in the middle."""
    rng = np.random.default_rng(0)
    image_of, boxes, ids = [], [], []
    (root / name).mkdir(parents=True, exist_ok=True)
    for k in range(count):
        image = rng.integers(90, 110, (64, 96, 3)).astype(np.uint8)
        for person, (x, y) in enumerate(((4 + 5 * k, 6), (76 - 6 * k, 24), (30, 30))):
            if person < 2 or k < count // 2:
                image[y : y + 32, max(x, 0) : x + 16] = COLOURS[person]
                image_of.append(k)
                boxes.append((x, y, x + 16, y + 32))
                ids.append(person + 1)
        cv2.imwrite(str(root / name / f"{k:02d}.png"), image[..., ::-1])
    where = {} if still else {"sequence": [name] * count, "frame": np.arange(count)}
    return Dataset(
        images=Images(
            path=[f"{name}/{k:02d}.png" for k in range(count)], width=[96] * count, height=[64] * count, **where
        ),
        boxes=Boxes(image=image_of, xyxy=np.array(boxes, float), track_id=ids),
        classes=("pedestrian",),
        root=root,
        name=name,
    )


def train(folder: Path, **options: Any) -> Any:
    """Train the smallest network in ``folder`` and return the FitResult; ``kill_at`` is a step."""
    import torch

    from trackforge import training

    recipe = training.trainer("fairmot", **{"variant": "fairmot-yolov5n", "size": SIZE, **options.get("config", {})})
    if "kill_at" in options:
        kill_in_step(type(recipe), options["kill_at"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of sums
    try:
        data = walkers(Path(options["data"]))
        if options.get("half_known"):  # in every second picture nobody is known
            track_id = np.where(data.boxes.image % 2, -1, data.boxes.track_id)
            data = data.replace(boxes=data.boxes.replace(track_id=track_id))
        settings = {"epochs": 2, "batch_size": 4, "workers": 0, "log_every": 1, "tensorboard": False}
        settings |= {"accelerator": "cpu", "validate_start": False, **options.get("settings", {})}
        return training.fit(
            recipe,
            data,
            data if options.get("validate", True) else None,
            training.settings_for(recipe, **settings),
            folder,
            resume=options.get("resume", False),
        )
    finally:
        torch.set_num_threads(threads)


train_apart = functools.partial(apart, __file__)
"""Train in another process, whatever becomes of it."""


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    train(Path(given.pop("folder")), **given)
