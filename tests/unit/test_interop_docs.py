"""The migration page works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from io_files import write_video

PAGE = Path(__file__).parents[2] / "docs" / "migrate-from-supervision.md"


def test_every_example_of_the_migration_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    assert len(blocks) >= 7
    write_video(tmp_path / "street.mp4", 30)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        line = PAGE.read_text(encoding="utf-8")[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.txt", "street.mp4"]
