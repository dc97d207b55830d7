"""Stands for a training in a process of its own where only the search is tested: no torch, tens of milliseconds.

It reads its job and tells of itself as `trackforge.training.apart` does; its scores are a formula of its settings.
"""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


def value(lr: float, epoch: int, seed: int = 0) -> float:
    """Return a loss that is least at a rate of .01, falls with the epochs, and differs a little with the seed."""
    return abs(math.log10(lr) + 2) + 1 / epoch + 0.01 * math.sin(1000 * seed * lr)


def main() -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job = json.loads(os.environ["TRACKFORGE_APART_JOB"])
    folder, trainer, train = Path(job["out"]), job["trainer"], job["train"]
    lr, kind, epochs = trainer.get("lr", 0.005), trainer.get("id_loss", "ce"), int(train.get("epochs", 4))
    checkpoint = folder / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(exist_ok=True)
    (folder / "model.pth").touch()
    seen = {name: os.environ.get(name, "") for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
    (folder / "environment.json").write_text(json.dumps(seen))
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    with (folder / "trial.jsonl").open("a", buffering=1) as file:

        def tell(**facts: Any) -> None:
            file.write(json.dumps(facts) + "\n")

        if kind == "crash":
            os.kill(os.getpid(), signal.SIGKILL if lr > 0.3 else signal.SIGABRT)
        if kind == "greedy":
            tell(error="MemoryError", message="out of memory: too much")
            return 1
        if trainer.get("disk"):
            tell(error="SinkError", message="The disk is full.")
            return 1
        rows = []
        begin = int(checkpoint.read_text()) if checkpoint.is_file() else 0
        if begin < 0:
            tell(error="StateError", message="another run's")
            return 1
        for epoch in range(1, epochs + 1):
            loss = value(lr, epoch, int(train.get("seed", 0)))
            rows.append({"epoch": epoch, "val_loss": loss, "ap50": 1 - loss / 10})
            if epoch <= begin:
                continue
            time.sleep(trainer.get("pause", 0.0))
            if stopped:
                tell(stopped="signal")
                return 128 + stopped[0]
            scores = {
                "val_loss": {"value": loss, "better": "lower", "unit": "loss", "title": "val loss"},
                "ap50": {"value": 1 - loss / 10, "better": "higher", "unit": "share", "title": "AP50"},
            }
            with (folder / "epochs.csv").open("w", newline="") as table:
                writer = csv.DictWriter(table, rows[0])
                writer.writeheader()
                writer.writerows(rows)
            tell(epoch=epoch, epochs=epochs, scores=scores)
            (folder / "partial").write_text(str(epoch))
            (folder / "partial").replace(checkpoint)
        tell(stopped="")
    return 0


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
