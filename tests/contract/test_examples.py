"""Every example of README and the pages runs as it stands (`doc_blocks` has the rules)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from doc_blocks import ROOT, blocks, check, run

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "plugins").glob("*/README.md"))
ELSEWHERE = {"migrate-from-supervision.md": "tests/unit/test_interop_docs.py"}
"""Pages that another test runs as a whole."""
SHORT = {
    "TRACKFORGE_TRACK_FRAMES": "12",
    "TRACKFORGE_ANALYZE_FRAMES": "12",
    "TRACKFORGE_TRAIN_TRAIN__EPOCHS": "1",
    "TRACKFORGE_TRAIN_TRAIN__BATCH_SIZE": "4",
    "TRACKFORGE_TRAIN_TRAIN__WORKERS": "0",
    "TRACKFORGE_TRAIN_TRAIN__TENSORBOARD": "false",
    "TRACKFORGE_TRAIN_TRAINER__SIZE": "96,96",
    "TRACKFORGE_TUNE_TRIALS": "3",
}
"""What makes long examples short without a word of theirs being changed: the environment is weaker than a flag."""
OTHERWISE: dict[str, dict[str, str | None]] = {
    "pictures-to-counts.md": {
        "TRACKFORGE_TRAIN_TRAINER__SIZE": None,
        "TRACKFORGE_TRAIN_TRAINER__IMAGE_SHAPE": "96",
    },
}
"""What takes the place of that on pages whose trainer has other settings."""
SETUP = {
    "sessions.md": """
import trackforge
from pathlib import Path
frames = list(trackforge.source("street.mp4"))[:5]
frame = frames[0]
""",
    "pictures-to-counts.md": """
import shutil
shutil.copytree("coco128", "harbour")
""",
}
"""What a page expects of its reader."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_valid(page: Path) -> None:
    for block in blocks(page):
        check(block)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    doc_world = pytest.importorskip("doc_world", reason="the examples need every package of requirements/dev.txt")
    return doc_world.build(tmp_path_factory.mktemp("examples") / "world")


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in ELSEWHERE and blocks(p)], ids=name)
def test_every_example_runs(page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    shutil.copytree(world, folder, copy_function=os.link)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TRACKFORGE_CACHE", str(folder / "cache"))
    for variable, value in {**SHORT, **OTHERWISE.get(page.name, {})}.items():
        if value is not None:
            monkeypatch.setenv(variable, value)
    names: dict[str, object] = {"__name__": "page"}
    exec(SETUP.get(page.name, ""), names)
    for block in blocks(page):
        run(block, names)


@pytest.mark.parametrize("page", ELSEWHERE)
def test_pages_that_another_test_runs_are_named_there(page: str) -> None:
    assert page in (ROOT / ELSEWHERE[page]).read_text(encoding="utf-8")
