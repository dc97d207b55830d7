"""Training on real pictures: from random weights a network learns to find people and to tell them apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_half_a_minute_on_a_street_teaches_boxes_and_people(data_dir: Path) -> None:
    """The benchmark's short run: 40 frames of PETS09-S2L1; losses are those of frames that are held out."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.fairmot", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
        env={**os.environ, "TRACKFORGE_DATA": str(data_dir.resolve()), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    for name in ("val_loss", "val_hm_loss", "val_wh_loss", "val_off_loss", "val_id_loss"):
        first, last = result["training"]["held-out losses"][name]
        assert last < 0.8 * first, name
    assert result["boxes"]["trained on"]["AP50"] > 0.4
    assert result["looks"]["held out"]["AUC"] > 0.65
