"""Real runs of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("TRACKFORGE_")},
    "COLUMNS": "100",
    "TRACKFORGE_CACHE": "/dev/null/nothing",  # weights that this machine has must not become anybody's detector
}


def command(*words: object) -> list[str]:
    """Return the words with which the command line starts."""
    return [sys.executable, "-m", "trackforge", *map(str, words)]


def run(
    *words: object, code: int = 0, cwd: Path | None = None, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end and check its exit code."""
    done = subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run_json(*words: object, **more: Any) -> Any:
    """Run it with ``--json`` and return what it prints."""
    return json.loads(run(*words, "--json", **more).stdout)
