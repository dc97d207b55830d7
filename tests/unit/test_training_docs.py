"""The trainer of docs/training.md is trained as it stands there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tiny_training import squares

from trackforge import training

PAGE = Path(__file__).parents[2] / "docs/training.md"


def test_the_trainer_of_the_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"<!-- executed by .*?-->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "centres_of_the_page.py").write_text(found[1], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    page = importlib.import_module("centres_of_the_page")
    data = squares(tmp_path / "set", count=8)
    recipe = page.CentresTrainer(page.CentresConfig())
    settings = training.settings_for(recipe, workers=0, tensorboard=False, ema_decay=0.5)
    assert (settings.epochs, settings.batch_size) == (10, 4)
    seen: list[float] = []
    result = training.fit(recipe, data, data, settings, tmp_path / "run", watch=lambda row: seen.append(row["loss"]))
    assert result.steps == 20
    assert seen[-1] < 0.5 * seen[1]  # before the first step there is no loss
    assert isinstance(recipe, training.Recipe)
