"""What a run that goes on must share with the one that was begun, and what is said of a score that is no number."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from tiny_training import TinyConfig, TinyModule, TinyRecipe, squares  # noqa: E402

from trackforge.data import Dataset  # noqa: E402
from trackforge.errors import StateError  # noqa: E402
from trackforge.training import FitResult, FitSettings, Losses, Plan, fit  # noqa: E402
from trackforge.training.checkpoints import HEADER  # noqa: E402
from trackforge.training.provenance import labels_digest  # noqa: E402
from trackforge.training.scores import Monitor, Score  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return squares(tmp_path_factory.mktemp("data"), count=8, sequence=True)


class ByName(TinyModule):
    """Has a normaliser for each loss, and one loss to which nothing ever falls."""

    terms: Sequence[str] = ("box", "objectness", "identity")

    def compute_losses(self, batch: Any) -> Losses:
        found = super().compute_losses(batch)
        count = float(found.normaliser)  # type: ignore[arg-type]
        sums = {**found.sums, "identity": found.sums["box"].new_zeros(())}
        return Losses(sums, {"box": count, "objectness": count, "identity": 0}, weights=found.weights)


class ByNameRecipe(TinyRecipe):
    def build(self, plan: Plan) -> TinyModule:
        self.module = ByName(plan, self.config)
        return self.module


def train(
    data: Dataset, out: Path, val: Dataset | None = None, *, by_name: bool = False, resume: bool = False, **changes: Any
) -> FitResult:
    recipe = (ByNameRecipe if by_name else TinyRecipe)(TinyConfig())
    plain = {"epochs": 2, "batch_size": 4, "workers": 0, "tensorboard": False, "validate_start": False}
    return fit(recipe, data, val, FitSettings(**{**plain, **changes}), out, resume=resume)


def column(out: Path, name: str) -> list[float]:
    with (out / "epochs.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def changed(data: Dataset, **columns: Any) -> Dataset:
    return data.replace(boxes=data.boxes.replace(**columns))


# ---- the same data


def test_a_digest_is_of_labels_wherever_they_lie(data: Dataset, tmp_path: Path) -> None:
    assert labels_digest(squares(tmp_path, count=8, sequence=True)) == labels_digest(data)
    assert labels_digest(data.replace(name="another", root=tmp_path)) == labels_digest(data)
    numbered = data.images.replace(frame=data.images.frame[::-1])
    others = [
        changed(data, xyxy=data.boxes.xyxy + 1e-9),
        changed(data, track_id=np.full(8, 2)),
        changed(data, ignore=np.arange(8) == 3),
        data.rename_classes({"square": "box"}),
        data.replace(images=data.images.replace(sequence=["walk"] * 7 + ["run"])),
        data.replace(images=data.images.replace(sequence=["walkw"] + ["alk"] * 7)),
        data.replace(images=numbered),
        data[::-1],
    ]
    assert len({labels_digest(data), *map(labels_digest, others)}) == len(others) + 1


def test_a_run_goes_on_with_the_same_labels_only(data: Dataset, tmp_path: Path) -> None:
    """As many pictures, boxes and identities as there were are not enough: class 0 could be another person."""
    train(data, tmp_path, data, epochs=1)
    moved = changed(data, xyxy=data.boxes.xyxy + 1)
    with pytest.raises(StateError, match=r"labels \w{16}, now it is \w{16}\. Give"):
        train(moved, tmp_path, data, resume=True)
    with pytest.raises(StateError, match=r"with validation \w{16}, now it is \w{16}\. Give"):
        train(data, tmp_path, moved, resume=True)
    with pytest.raises(StateError, match=r"with validation \w{16}, now it is None\. Give"):
        train(data, tmp_path, resume=True)
    assert train(data, tmp_path, data, resume=True).steps == 4


def test_checkpoints_of_an_earlier_release_go_on(data: Dataset, tmp_path: Path) -> None:
    """They do not say all that is compared now."""
    train(data, tmp_path, data, epochs=1)
    last = tmp_path / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    for name in ("labels", "validation"):
        del content[HEADER][name]
    torch.save(content, last)
    assert train(data, tmp_path, data, resume=True).steps == 4
    assert {"labels", "validation"} <= torch.load(last, weights_only=True)[HEADER].keys()


# ---- the same steps


def test_pieces_of_a_step_stay_where_normalisers_are_by_name(data: Dataset, tmp_path: Path) -> None:
    """One normaliser is exact over pieces, so their number may change; by name the mean over pieces is optimised."""
    for by_name in (False, True):
        out = tmp_path / f"{by_name}"
        train(data, out, by_name=by_name, accumulate=2, epochs=1)
        assert train(data, out, by_name=by_name, accumulate=2, resume=True, epochs=1).steps == 2  # saves nothing new
        header = torch.load(out / "checkpoints/last.ckpt", weights_only=True)[HEADER]
        assert header.get("train.accumulate") == (2 if by_name else None)
    assert train(data, tmp_path / "False", accumulate=1, resume=True).steps == 4
    with pytest.raises(StateError, match=r"with train\.accumulate 2, now it is 1\. Give"):
        train(data, tmp_path / "True", by_name=True, accumulate=1, resume=True)


# ---- scores that are no number


def test_a_loss_to_which_nothing_falls_is_no_number(data: Dataset, tmp_path: Path) -> None:
    train(data, tmp_path, data, by_name=True, validate_losses=True)
    assert all(map(math.isnan, column(tmp_path, "val_identity")))
    wanted = 2 * np.array(column(tmp_path, "val_box")) + column(tmp_path, "val_objectness")
    np.testing.assert_allclose(column(tmp_path, "val_loss"), wanted)


@pytest.mark.parametrize("start", [False, True])
def test_monitoring_what_is_no_number_is_said(data: Dataset, tmp_path: Path, start: bool, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "trackforge.training"):
        more = {"validate_losses": True, "validate_start": start, "monitor": "val_identity"}
        done = train(data, tmp_path, data, by_name=True, **more)
    (told,) = caplog.messages
    assert f"val_identity is not a number in epoch {0 if start else 1}" in told
    assert "val_identity is not a number up to epoch 2" in done.verdict
    assert done.best["epoch"] == 2, "the first epoch is no better than the last"


def test_a_score_that_becomes_a_number_is_better_than_none() -> None:
    monitor = Monitor("ap", [Score("ap")])
    values = [math.nan, math.nan, 0.25, math.nan, 0.25, 0.5]
    kept = [monitor.offer({"epoch": k, "ap": value}) for k, value in enumerate(values, 1)]
    assert kept == [True, True, True, False, False, True]
