"""Small pictures with two kinds of shapes, and SSD trained on them, here or in a process of its own that is killed."""

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

SIZE = (96, 64)
"""Width and height of the pictures."""
KINDS = ("disc", "block")


def shapes(root: Path, *, count: int = 8, ignored: bool = False) -> Dataset:
    """Pictures with a red disc and a blue block each, of any size and place; every third shows one of them only.

    With ``ignored`` the block of the first is an ignore region.
    """
    rng = np.random.default_rng(0)
    image_of, boxes, kinds = [], [], []
    (root / "pictures").mkdir(parents=True, exist_ok=True)
    for k in range(count):
        image = rng.integers(90, 110, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
        for kind in range(2 if k % 3 else 1):
            w, h = rng.integers(20, 36, 2).tolist()
            x, y = int(rng.integers(2, 14)) + 44 * kind, int(rng.integers(0, SIZE[1] - h))
            if kind:
                image[y : y + h, x : x + w] = (40, 90, 230)
            else:
                cv2.ellipse(image, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, (230, 60, 40), -1)
            image_of.append(k)
            boxes.append((x, y, x + w, y + h))
            kinds.append(kind)
        cv2.imwrite(str(root / f"pictures/{k:02d}.png"), image[..., ::-1])
    ignore = np.zeros(len(boxes), bool)
    ignore[np.flatnonzero(np.array(kinds) == 1)[0]] = ignored
    return Dataset(
        images=Images(
            path=[f"pictures/{k:02d}.png" for k in range(count)], width=[SIZE[0]] * count, height=[SIZE[1]] * count
        ),
        boxes=Boxes(image=image_of, xyxy=np.array(boxes, float), class_id=kinds, ignore=ignore),
        classes=KINDS,
        root=root,
        name="shapes",
    )


def train(folder: Path, **options: Any) -> Any:
    """Train a small network in ``folder`` and return the FitResult; ``kill_at`` is a step."""
    import torch

    from trackforge import training

    recipe = training.trainer("ssd", **{"variant": "sagemaker-resnet50-64/16", **options.get("config", {})})
    if "kill_at" in options:
        kill_in_step(type(recipe), options["kill_at"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of sums
    try:
        data = shapes(Path(options["data"]))
        settings = {"epochs": 2, "batch_size": 4, "workers": 0, "log_every": 1, "tensorboard": False}
        settings |= {"accelerator": "cpu", "validate_start": False, **options.get("settings", {})}
        return training.fit(
            recipe,
            data,
            data if options.get("validate", True) else None,
            training.settings_for(recipe, **settings),
            folder,
            weights=options.get("weights", ""),
            resume=options.get("resume", False),
        )
    finally:
        torch.set_num_threads(threads)


train_apart = functools.partial(apart, __file__)
"""Train in another process, whatever becomes of it."""


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    train(Path(given.pop("folder")), **given)
