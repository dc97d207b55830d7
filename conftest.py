"""For every test: Hypothesis without a clock, and where the shared data and golden outputs lie."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent
collect_ignore_glob = ["**/fixtures/make_*.py"]
"""Scripts that need an older revision of the library; they are kept to say how the fixtures were made."""

# A slow machine is no bug: neither an example nor the making of one may be too slow. `timeout` in pyproject.toml ends
# what hangs.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
settings.register_profile("quick", settings.get_profile("unhurried"), max_examples=10)


def _shared(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable) or ROOT.parent / "shared" / folder)
    if path.is_dir():
        return path
    message = f"{variable} does not name a folder ({path}); it holds the data that this test needs."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real videos, detections, ground truth and weights (TRACKFORGE_DATA)."""
    return _shared("TRACKFORGE_DATA", "data")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Outputs of the official code (TRACKFORGE_GOLDEN)."""
    return _shared("TRACKFORGE_GOLDEN", "golden")


@pytest.fixture(scope="module")  # no longer: while it lives, no other event loop can run in this process
def browser() -> Iterator[Any]:
    """A headless Chromium (TRACKFORGE_CHROMIUM, or on the PATH), driven by Playwright, that reaches no network."""
    program = os.environ.get("TRACKFORGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program, missing = None, "Playwright (pip install playwright)"
    else:
        missing = "Chromium; put it on the PATH, or name it in TRACKFORGE_CHROMIUM"
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"this test needs {missing}")
        pytest.skip(f"this test needs {missing}")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"]
    switches += ["--disable-background-networking", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=switches)
        yield opened
        opened.close()
