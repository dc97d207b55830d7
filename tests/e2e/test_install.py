"""What a user gets: wheels, built here and installed into an empty environment without the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_MB = 90


def _run(*command: object, **options: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "plugins" / "trackforge-byte"):
        copy = tmp_path_factory.mktemp("source")
        names = ["pyproject.toml", "README.md", "src", *(n for n in ("LICENSE", "NOTICE") if (project / n).exists())]
        _run("cp", "-r", *(project / n for n in names), copy)
        _run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, copy)
    return folder


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    """An environment that holds the core, BYTE and what they need, and nothing else."""
    folder = tmp_path_factory.mktemp("env")
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    _run(*install, *wheels.glob("*.whl"))
    return python


def test_wheels_carry_licence_notice_and_types(wheels):
    import zipfile

    core = next(wheels.glob("trackforge_mot-*.whl"))
    names = zipfile.ZipFile(core).namelist()
    for wanted in ("LICENSE", "NOTICE", "py.typed", "entry_points.txt"):
        assert any(name.endswith(wanted) for name in names), wanted
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)


def test_the_core_install_is_small(python):
    packages = next((python.parents[1] / "lib").glob("python*")) / "site-packages"
    size = sum(f.stat().st_size for f in packages.rglob("*") if f.is_file() and f.suffix != ".pyc")
    assert size / 2**20 < LIMIT_MB
    distributions = {p.name.split("-")[0] for p in packages.glob("*.dist-info")}
    assert distributions == {"numpy", "pluggy", "lap", "trackforge_mot", "trackforge_byte"}


def test_the_core_tracks_and_scores_without_anything_else(python, tmp_path):
    code = """
import numpy as np, trackforge
from trackforge.synthetic.world import Crowd, CrowdConfig
crowd = Crowd(CrowdConfig(objects=8, frames=40))
for name in ("byte", "bytetrack", "sort", "ocsort"):
    tracker = trackforge.tracker(name)
    steps = [trackforge.Step(frame=f, detections=d, tracks=tracker.update(d, f)) for f, d in crowd]
    with trackforge.sink("mot", path=f"{name}.txt") as sink:
        for step in steps:
            sink.write(step)
    score = trackforge.evaluate(crowd.truth, trackforge.TrackTable.from_steps(steps)).combined["HOTA"]
    assert score > 0.3, (name, score)
print("fine")
"""
    assert _run(python, "-W", "error", "-c", code, cwd=tmp_path).strip() == "fine"


def test_the_command_line_says_what_it_needs(python, tmp_path):
    command = python.with_name("trackforge")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "trackforge-mot[cli]" in done.stderr
    assert "Traceback" not in done.stderr
