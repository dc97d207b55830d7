"""`make new-plugin` in a copy of the checkout: the plugin passes lint, contracts, types and its tests as it is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    copy = tmp_path_factory.mktemp("checkout") / "trackforge"
    leave = shutil.ignore_patterns(".git*", ".venv*", "__pycache__", "*.egg-info", "_build", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=leave)
    _run(copy, sys.executable, "workshop/new_plugin.py", "juggler", "Three balls at once")
    return copy


def _run(checkout, *command, **environment):
    done = subprocess.run(
        list(map(str, command)), cwd=checkout, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _tool(name):
    return Path(sys.executable).with_name(name)


def test_it_has_everything(checkout):
    plugin = checkout / "plugins/trackforge-juggler"
    written = {str(path.relative_to(plugin)) for path in plugin.rglob("*") if path.is_file()}
    package = {f"src/trackforge_juggler/{name}" for name in ("__init__.py", "hooks.py", "associator.py", "py.typed")}
    assert written == {"pyproject.toml", "README.md", "tests/test_juggler_plugin.py", *package}
    assert not [path for path in plugin.rglob("*") if path.is_file() and "ewcomer" in path.read_text()]


def test_a_bad_name_writes_nothing(checkout):
    before = (checkout / "setup.cfg").read_text()
    for name in ("Juggler", "jug-gler", "juggler", ""):
        done = subprocess.run(
            [sys.executable, "workshop/new_plugin.py", name], cwd=checkout, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "NAME must be" in done.stderr
    assert (checkout / "setup.cfg").read_text() == before


def test_it_passes_style(checkout):
    _run(checkout, _tool("ruff"), "check", ".")
    _run(checkout, _tool("ruff"), "format", "--check", ".")


@pytest.mark.nightly
def test_it_passes_contracts_types_tests_and_docs(checkout, tmp_path):
    site = tmp_path / "site"
    _run(checkout, sys.executable, "-m", "pip", "install", *OFFLINE, "--target", site, "plugins/trackforge-juggler")
    sources = [checkout / "src", *sorted(checkout.glob("plugins/*/src"))]
    path = os.pathsep.join(map(str, (*sources, site)))
    _run(checkout, _tool("lint-imports"), PYTHONPATH=path)
    _run(checkout, _tool("mypy"), "src", *checkout.glob("plugins/*/src"))
    tests = ("plugins/trackforge-juggler", "tests/contract/test_house_rules.py", "tests/contract/test_documents.py")
    _run(checkout, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, PYTHONPATH=path)
    listed = _run(checkout, sys.executable, "-m", "trackforge", "plugins", "--json", PYTHONPATH=path)
    assert "juggler" in listed
    _run(
        checkout,
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-n",
        "-q",
        "-b",
        "html",
        "docs",
        tmp_path / "html",
        PYTHONPATH=path,
    )
