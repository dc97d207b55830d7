"""The documents say what is true: tables equal the results, links lead somewhere, examples are valid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_tables_equal_the_committed_results():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tables", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_relative_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_examples_compile(page):
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
        compile(block, f"{page.name}, example {number + 1}", "exec")


def test_versions_are_in_lock_step():
    import trackforge

    pattern = re.compile(r'^version = "(.+)"$', re.MULTILINE)
    core = re.compile(r'"trackforge-mot(?:\[[^\]]*\])?==([^"]+)"')
    for project in [ROOT / "pyproject.toml", *(ROOT / "plugins").glob("*/pyproject.toml")]:
        text = project.read_text(encoding="utf-8")
        assert pattern.findall(text) == [trackforge.__version__], project
        assert set(core.findall(text)) <= {trackforge.__version__}, project


def test_every_method_of_a_component_is_credited():
    """What a component names as its source is in NOTICE."""
    from trackforge.registry import registry

    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for spec, _ in registry().specs():
        author = spec.source.split(" ", 1)[0].rstrip(",")
        assert author in notice, f"{spec.kind} {spec.name}: {spec.source}"
