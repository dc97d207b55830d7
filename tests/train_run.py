"""Trains the tiny detector, here or in a process of its own that is killed: ``python train_run.py '{...}'``."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "INT": signal.SIGINT}


def train(folder: Path, **options: Any) -> Any:
    """Train the tiny detector, or the toy family, in ``folder`` and return the FitResult."""
    import torch
    from tiny_training import TinyConfig, TinyRecipe, squares
    from toy_plugin import ToyConfig, ToyTrainer, read_shades

    from trackforge.training import fit, settings_for

    pieces: list[int] = []

    def on_step(step: int) -> None:
        pieces.append(step)
        mine = int(os.environ.get("LOCAL_RANK", "0")) == options.get("signal_rank", 0)
        if step == options.get("signal_at") and pieces.count(step) == 1 and mine:
            os.kill(os.getpid(), SIGNALS[options["signal"]])
        if step == options.get("full_at"):  # from here on, no file may become larger than this
            resource.setrlimit(resource.RLIMIT_FSIZE, (options["room"], resource.RLIM_INFINITY))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of sums
    try:
        root, config = Path(options["data"]), options.get("config", {})
        settings = {"epochs": 3, "batch_size": 4, "workers": 0, "ema_ramp": 5, "log_every": 1, "tensorboard": False}
        recipe: Any
        if options.get("toy"):
            root.mkdir(exist_ok=True)
            data, recipe = read_shades(root, findings=None), ToyTrainer(ToyConfig(**config))
        else:
            data = squares(root, count=options.get("count", 10))
            recipe = TinyRecipe(TinyConfig(**{"dropout": 0.2, **config}), on_step)
        return fit(
            recipe,
            data,
            data if options.get("validate", True) else None,
            settings_for(recipe, **{**settings, **options.get("settings", {})}),
            folder,
            resume=options.get("resume", False),
        )
    finally:
        torch.set_num_threads(threads)


def train_apart(
    folder: Path, *, timeout: float = 300, environment: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Train in another process, whatever becomes of it."""
    usual = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", __file__, json.dumps({"folder": str(folder), **options})],
        check=False,
        timeout=timeout,
        capture_output=True,
        text=True,
        env={**os.environ, **usual, **(environment or {})},
    )


def main(options: dict[str, Any]) -> None:
    from trackforge.errors import TrackforgeError

    try:
        train(Path(options.pop("folder")), **options)
    except TrackforgeError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
