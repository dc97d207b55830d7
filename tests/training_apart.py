"""A training in a process of its own, and one that is killed in the middle of a step: for runners of every family."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def apart(
    script: str, folder: Path, *, timeout: float = 300, environment: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a runner such as ``ssd_run.py`` in another process, whatever becomes of it."""
    return subprocess.run(
        [sys.executable, script, json.dumps({"folder": str(folder), **options})],
        check=False,
        timeout=timeout,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )


def kill_in_step(recipe: type[Any], step: int) -> None:
    """Let this process die as its training computes the losses of a step."""
    begin = recipe.begin

    def begin_and_watch(self: Any, plan: Any) -> Any:
        made = begin(self, plan)
        losses = made.module.compute_losses

        def watched(batch: Any) -> Any:
            if made.module.training and made.module.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return losses(batch)

        made.module.compute_losses = watched
        return made

    recipe.begin = begin_and_watch
