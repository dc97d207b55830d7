"""A family of models that brings its own data, losses, identities and score is trained by the loop as it stands."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import toy_plugin  # noqa: E402

from trackforge import data, training  # noqa: E402
from trackforge.errors import ConfigError, StateError  # noqa: E402
from trackforge.registry import registry  # noqa: E402


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[data.Dataset]:
    """Two sets of stills, whose four identities each are eight together."""
    registry().register(toy_plugin, "toy")
    root = tmp_path_factory.mktemp("toy")
    for name in ("a", "b"):
        (root / f"{name}.shades").mkdir()
    yield data.concatenate([data.read(root / f"{name}.shades") for name in ("a", "b")])
    registry().unregister("toy")


def run(
    mixed: data.Dataset, out: Path, *, resume: bool = False, toy: dict[str, Any] | None = None, **given: Any
) -> Any:
    recipe = training.trainer("toy", **(toy or {}))
    settings = training.settings_for(recipe, workers=0, tensorboard=False, accelerator="cpu", **given)
    return training.fit(recipe, mixed, mixed, settings, out, resume=resume)


def test_a_toy_family_trains_resumes_to_the_bit_and_keeps_the_lowest(mixed: data.Dataset, tmp_path: Path) -> None:
    assert mixed.identities()[1] == 8
    assert len(Path(toy_plugin.__file__).read_text().splitlines()) < 150
    whole = run(mixed, tmp_path / "whole")

    def stop(step: int) -> None:
        if step == 4:  # three steps an epoch: in mid-epoch
            os.kill(os.getpid(), signal.SIGTERM)

    assert run(mixed, tmp_path / "run", toy={"on_step": stop}).stopped == "signal"
    run(mixed, tmp_path / "run", resume=True)
    one, other = (
        torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("run", "whole")
    )
    assert one.keys() == other.keys()
    assert "classifier.weight" in one
    assert all(torch.equal(one[name], value) for name, value in other.items())
    assert (tmp_path / "run/epochs.csv").read_text() == (tmp_path / "whole/epochs.csv").read_text()
    with (tmp_path / "whole/epochs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"where", "who", "val_loss", "val_where", "val_who", "ap", "rank1", "reid_map", "count_error"} <= rows[
        0
    ].keys()
    errors = [float(row["count_error"]) for row in rows]
    assert whole.best["count_error"] == min(errors)
    assert next(s for s in whole.scores if s.name == "count_error").better == "lower"

    with pytest.raises(StateError, match=r"trainer\.rate 0\.02, now it is 0\.5"):
        run(mixed, tmp_path / "run", resume=True, toy={"rate": 0.5})
    with pytest.raises(StateError, match=r"train\.ema_decay 0\.9998, now it is 0\.5.*start anew"):
        run(mixed, tmp_path / "run", resume=True, ema_decay=0.5)
    assert run(mixed, tmp_path / "run", resume=True, epochs=5, log_every=1, validate_batch=5).epochs == 5


def test_an_unknown_score_is_refused_before_the_first_step(mixed: data.Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'count_error'"):
        run(mixed, tmp_path, monitor="count_eror")
    with pytest.raises(ConfigError, match=r"set train\.validate_losses=true"):
        run(mixed, tmp_path, monitor="val_who", validate_losses=False)
    assert not any(tmp_path.iterdir())
