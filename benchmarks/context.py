"""What a result needs to say about where it comes from, and where results go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

import trackforge
from trackforge.io.atomic import atomic_path

ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results"


def data_dir() -> Path:
    """Return the folder of real data (``TRACKFORGE_DATA``, else beside the checkout)."""
    path = Path(os.environ.get("TRACKFORGE_DATA") or ROOT.parents[1] / "shared" / "data")
    if not path.is_dir():
        raise SystemExit(f"TRACKFORGE_DATA must name the folder of benchmark data; {path} does not exist.")
    return path


def context() -> dict[str, Any]:
    """Describe revision, machine and versions."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "trackforge": trackforge.__version__,
        "revision": git.stdout.strip() or "unknown",
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def save(name: str, result: dict[str, Any]) -> Path:
    """Write ``results/<name>.json`` with the context of this run."""
    path = RESULTS / f"{name}.json"
    with atomic_path(path) as partial:
        partial.write_text(json.dumps({**result, "context": context()}, indent=1) + "\n", encoding="utf-8")
    return path
