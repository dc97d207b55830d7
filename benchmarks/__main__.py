"""Run every benchmark whose data are here, then write the tables: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

QUICK = (
    "accuracy",
    "appearance",
    "speed.evaluation",
    "speed.association",
    "speed.appearance",
    "speed.pipeline",
    "speed.joint",
    "speed.growth",
    "analytics",
)
ALL = (*QUICK, "finetune", "labelling", "overfit", "fairmot", "scaling", "serving", "tuning", "tables")


def main() -> None:
    """Run one after the other, each in a process of its own."""
    for name in ALL:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
