"""The plugin of docs/write-a-plugin.md, installed from its own folder and used as its author would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "plugin-example"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Install a copy of the example into an empty folder, and put that on the path of a subprocess."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--disable-pip-version-check",
        "--target",
        folder / "site",
        folder / "source",
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return {**os.environ, "PYTHONPATH": str(folder / "site"), "COLUMNS": "200"}, folder


def _run(environment, *arguments):
    env, folder = environment
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=300)


def test_it_is_listed(environment):
    done = _run(environment, "-m", "trackforge", "plugins")
    assert done.returncode == 0, done.stderr
    assert "nearest" in done.stdout
    assert "bright" in done.stdout
    assert "trackforge-example" in done.stdout


def test_its_own_tests_pass(environment):
    tests = environment[1] / "source" / "tests"
    done = _run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tests, tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_command_line_tracks_with_it(environment):
    folder = environment[1]
    from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig

    cv2 = pytest.importorskip("cv2")
    pictures = folder / "pictures"
    pictures.mkdir()
    for frame in SyntheticSource(SyntheticSourceConfig(frames=8, size=(320, 180))):
        picture = frame.image.copy()
        picture[60:100, 20 + 8 * frame.index : 44 + 8 * frame.index] = 255
        cv2.imwrite(str(pictures / f"{frame.index:03}.png"), picture)
    out = folder / "tracks.txt"
    done = _run(
        environment,
        "-m",
        "trackforge",
        "track",
        pictures,
        "--detector",
        "bright",
        "--tracker",
        "online",
        "--set",
        "tracker.associator=nearest",
        "-o",
        out,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert len(rows) >= 6
    moving = [row for row in rows if abs(float(row[4]) - 24) < 3 and abs(float(row[5]) - 40) < 3]
    assert len({row[1] for row in moving}) == 1
    assert len(moving) >= 6


def test_disabled_it_is_gone(environment):
    env, folder = environment
    code = "import trackforge; trackforge.associator('nearest')"
    off = ({**env, "TRACKFORGE_DISABLE_PLUGINS": "example"}, folder)
    assert _run(environment, "-c", code).returncode == 0
    done = _run(off, "-c", code)
    assert done.returncode == 1
    assert "UnknownComponentError" in done.stderr
