"""Training on real pictures: fine-tuning brings something, and a network can learn from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trackforge import data, training

ROOT = Path(__file__).resolve().parents[3]
THREADS = "1"  # tests run side by side; more threads than cores wait for each other


@pytest.mark.slow
def test_fine_tuning_on_people_improves_detection_and_tracking(data_dir: Path) -> None:
    """On 100 frames of a street and 61 pictures of COCO; scored on later frames of the same street."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.finetune", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
        env={**os.environ, "TRACKFORGE_DATA": str(data_dir.resolve()), "OMP_NUM_THREADS": THREADS},
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    before, after = result["before"], result["after"]
    assert before["ap50"] == pytest.approx(0.902, abs=0.005)  # the weights untouched, as known
    assert after["ap50"] > before["ap50"] + 0.005
    assert after["ap"] > before["ap"] + 0.02
    assert after["HOTA"] > before["HOTA"] + 0.005


@pytest.mark.slow
def test_eight_pictures_are_learnt_from_random_weights(data_dir: Path, tmp_path: Path) -> None:
    import torch

    torch.set_num_threads(int(THREADS))
    people = data.read(data_dir / "coco128", split="train").select_classes(["person"]).only_labelled()
    small = np.zeros(len(people), bool)  # at 160 pixels, others cannot be seen
    small[people.boxes.image[people.boxes.size.min(axis=1) < 64]] = True
    eight = people[~small][:8]
    recipe = training.trainer(
        "yolox",
        recipe="coco",
        variant="yolox-nano",
        size=(160, 160),
        size_steps=(0, 0),
        mosaic=0.0,
        hsv=0.0,
        flip=0.0,
        l1="always",
        warmup=1.5,
        learning_rate=0.0015,
        channels_last=True,
        cache_mb=100.0,
    )
    settings = training.settings_for(
        recipe,
        epochs=20,
        plain_epochs=0,
        batch_size=8,
        ema_decay=0.95,
        ema_ramp=10.0,
        clip=30.0,
        validate_every=5,
        workers=0,
        tensorboard=False,
        accelerator="cpu",
    )
    many = eight[np.tile(np.arange(8), 20)]  # an epoch of twenty passes: fewer ends of epochs
    assert training.fit(recipe, many, eight, settings, tmp_path / "run").best["ap50"] > 0.9
