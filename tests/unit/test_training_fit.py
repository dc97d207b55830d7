"""The loop: what a run leaves behind, how it ends, and what it says when something is wrong."""

from __future__ import annotations

import csv
import dataclasses
import logging
import math
import re
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from tiny_training import TinyConfig, TinyModule, TinyRecipe, squares  # noqa: E402

from trackforge.data import Dataset  # noqa: E402
from trackforge.errors import (  # noqa: E402
    ConfigError,
    DataError,
    DeviceError,
    StateError,
    TrainingError,
    UnknownComponentError,
    WeightsError,
)
from trackforge.io.owned import owned  # noqa: E402
from trackforge.training import FitResult, FitSettings, Losses, Plan, Steps, fit, settings_for  # noqa: E402
from trackforge.training.checkpoints import ADVICE, FREEDOM  # noqa: E402
from trackforge.training.progress import Progress  # noqa: E402
from trackforge.training.provenance import FREE  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return squares(tmp_path_factory.mktemp("data"), count=8, sequence=True)


def settings(**changes: Any) -> FitSettings:
    plain = {"epochs": 2, "batch_size": 4, "workers": 0, "ema_ramp": 5, "log_every": 1, "tensorboard": False}
    return FitSettings(**{**plain, **changes})


def train(
    data: Dataset, out: Path, *, val: Dataset | None = None, config: dict[str, Any] | None = None, **changes: Any
) -> tuple[FitResult, TinyRecipe]:
    resume = changes.pop("resume", False)
    recipe = TinyRecipe(TinyConfig(**(config or {})))
    return fit(recipe, data, val, settings(**changes), out, resume=resume), recipe


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_runs_in_one_folder_are_refused(data: Dataset, tmp_path: Path) -> None:
    with (
        owned(tmp_path / ".owner", "another run"),
        pytest.raises(ConfigError, match="for one training run at a time; another process works at"),
    ):
        train(data, tmp_path)
    result, _ = train(data, tmp_path)
    assert result.model is not None


def test_it_learns_and_leaves_everything_behind(data: Dataset, tmp_path: Path) -> None:
    epochs = 80
    result, _ = train(
        data,
        tmp_path,
        val=data,
        config={"rate": 0.02, "width": 16, "adam": True},
        epochs=epochs,
        tracker="byte",
        validate_every=40,
        tensorboard=True,
        ema_decay=0.9,
    )
    assert result.best["ap50"] > 0.9
    assert result.best["mota"] > 0.5
    assert (result.epochs, result.steps, result.stopped, result.rank) == (epochs, epochs * 2, "", 0)
    assert {p.name for p in tmp_path.iterdir()} == {
        "checkpoints",
        "model.pth",
        "losses.csv",
        "epochs.csv",
        "training.png",
        "predictions.jpg",
        "tensorboard",
    }
    assert {p.name for p in (tmp_path / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    losses = rows(tmp_path / "losses.csv")
    assert list(losses[0]) == ["step", "epoch", "lr", "loss", "box", "objectness"]
    assert [int(row["step"]) for row in losses] == [*range(1, epochs * 2 + 1)]
    assert float(losses[-1]["loss"]) < 0.2 * float(losses[0]["loss"])
    first = losses[0]
    assert float(first["loss"]) == pytest.approx(2 * float(first["box"]) + float(first["objectness"]), rel=1e-5)
    assert [row["epoch"] for row in rows(tmp_path / "epochs.csv") if row["ap"]] == ["0", "40", "80"]
    for name in ("training.png", "predictions.jpg"):
        assert cv2.imread(str(tmp_path / name)).std() > 5
    assert any((tmp_path / "tensorboard").iterdir())


def test_the_bundle_is_the_averaged_model_and_says_where_it_comes_from(data: Dataset, tmp_path: Path) -> None:
    train(data, tmp_path, config={"width": 4})
    bundle = torch.load(tmp_path / "model.pth", weights_only=True)
    checkpoint = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    average = checkpoint["callbacks"]["average"]["state"]
    assert average.keys() == bundle["model"].keys()
    assert all(torch.equal(bundle["model"][name], value) for name, value in average.items())
    raw = {name.removeprefix("model."): value for name, value in checkpoint["state_dict"].items()}
    assert not torch.equal(raw["0.weight"], average["0.weight"])
    origin = bundle["training"]
    assert origin["recipe_settings"]["width"] == 4
    assert origin["data"] == {"name": "squares", "pictures": 8, "boxes": 8}
    assert origin["scores"]["step"] == 4
    assert {"trackforge", "torch", "python"} <= origin["versions"].keys()


def test_the_best_epoch_is_kept_and_patience_ends_the_run(data: Dataset, tmp_path: Path) -> None:
    """Nothing is learned at rate 0: an epoch as good as the start is the result, and the run says what it is worth."""
    result, _ = train(data, tmp_path, val=data, config={"rate": 0.0}, epochs=20, patience=3, ema_decay=0.0)
    assert (result.stopped, result.epochs, result.best["epoch"]) == ("early", 3, 1)
    assert result.verdict.startswith("training made it no better: AP ")
    assert result.start["ap"] == result.best["ap"]
    again, _ = train(data, tmp_path, val=data, config={"rate": 0.0}, epochs=20, patience=3, ema_decay=0.0, resume=True)
    assert (again.stopped, again.steps) == ("early", result.steps)


def test_steps_end_the_run_in_mid_epoch(data: Dataset, tmp_path: Path) -> None:
    result, _ = train(data, tmp_path, val=data, epochs=5, max_steps=3)
    assert (result.steps, result.stopped) == (3, "steps")
    assert rows(tmp_path / "epochs.csv")[-1]["step"] == "3"


def test_plain_epochs_are_known_to_the_module(data: Dataset, tmp_path: Path) -> None:
    _, recipe = train(data, tmp_path, epochs=3, plain_epochs=1, max_steps=3)
    assert recipe.module is not None
    assert recipe.module.plain_seen == [(0, False), (1, False), (2, False)]
    _, recipe = train(data, tmp_path, epochs=3, plain_epochs=1, resume=True)
    assert recipe.module.plain_seen == [(3, False), (4, True), (5, True)]


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"clip": 0.1}, {"workers": 1, "accumulate": 2}])
def test_variants_of_the_loop_train(data: Dataset, tmp_path: Path, changes: dict[str, Any]) -> None:
    result, _ = train(data, tmp_path, val=data, **changes)
    assert result.steps == 4
    assert all(math.isfinite(float(row["loss"])) for row in rows(tmp_path / "losses.csv"))


def test_clipping_limits_the_step(data: Dataset, tmp_path: Path) -> None:
    """SGD with Nesterov's momentum moves by at most rate x (1 + momentum) x norm in its first moving step."""

    def moved(out: Path, **changes: Any) -> float:
        _, recipe = train(data, out, epochs=1, config={"norm": False}, **changes)
        trained = torch.cat([p.detach().flatten() for p in recipe.module.parameters()])
        torch.manual_seed(0)
        plan = recipe.module.plan
        first = torch.cat([p.detach().flatten() for p in TinyRecipe(recipe.config).build(plan).parameters()])
        return float((trained - first).norm())

    # 2 steps, the first at rate 0: velocity .9 g0 + g1, then Nesterov adds g1 + .9 v
    rate, norm = 0.05, 1e-3
    assert 0 < moved(tmp_path / "a", clip=norm) <= rate * (norm + 0.9 * (norm + 0.9 * norm)) * 1.01
    assert moved(tmp_path / "b") > 10 * rate * norm


def test_one_seed_one_result(data: Dataset, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(data, tmp_path / name, seed=seed, config={"dropout": 0.3})
    one, same, other = ((tmp_path / name / "losses.csv").read_text() for name in "abc")
    assert one == same != other


class Loaded(TinyRecipe):
    """A recipe whose network comes as a detector loads it: in eval mode."""

    def build(self, plan: Plan) -> TinyModule:
        module = super().build(plan)
        module.model.eval()
        return module


def test_validation_does_not_change_training(data: Dataset, tmp_path: Path) -> None:
    for name, val in (("with", data), ("without", None)):
        fit(Loaded(TinyConfig(dropout=0.2)), data, val, settings(epochs=3), tmp_path / name)
    assert (tmp_path / "with/losses.csv").read_text() == (tmp_path / "without/losses.csv").read_text()
    bundle = torch.load(tmp_path / "without/model.pth", weights_only=True)["model"]
    assert int(bundle["1.num_batches_tracked"]) == 6  # batch norm was learning from the first step


class Frozen(TinyModule):
    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.model[1].eval()
        return self


class FrozenRecipe(TinyRecipe):
    def build(self, plan: Plan) -> TinyModule:
        return Frozen(plan, self.config)


def test_a_frozen_norm_stays_frozen(data: Dataset, tmp_path: Path) -> None:
    fit(FrozenRecipe(TinyConfig()), data, data, settings(validate_start=False), tmp_path)
    bundle = torch.load(tmp_path / "model.pth", weights_only=True)["model"]
    assert int(bundle["1.num_batches_tracked"]) == 0 < int(bundle["4.num_batches_tracked"])


def test_settings_of_a_recipe() -> None:
    class Published(TinyRecipe):
        @property
        def defaults(self) -> dict[str, Any]:
            return {"epochs": 300, "plain_epochs": 15, "batch_size": 64}

    recipe = Published(TinyConfig())
    assert settings_for(recipe) == FitSettings(epochs=300, plain_epochs=15, batch_size=64)
    assert settings_for(recipe, epochs=20).plain_epochs == 1
    assert settings_for(recipe, epochs="2", plain_epochs=2).plain_epochs == 2


class FairLike(TinyModule):
    """What FairMOT needs: a classifier that only training has, learned loss weights, a normaliser for each loss."""

    terms = ("box", "objectness", "identity")

    def __init__(self, plan: Plan, config: TinyConfig) -> None:
        super().__init__(plan, config)
        self.classifier = torch.nn.Linear(5, plan.dataset.identities()[1] + 1)
        self.s_det = torch.nn.Parameter(torch.tensor(-1.85))
        self.s_id = torch.nn.Parameter(torch.tensor(-1.05))

    def compute_losses(self, batch: Any) -> Losses:
        found = super().compute_losses(batch)
        known = batch.targets[batch.targets.identity >= 0]
        maps = self.model(batch.images.float() / 128 - 1).mean((2, 3))
        logits = self.classifier(maps[known.image])
        identity = torch.nn.functional.cross_entropy(logits, known.identity, reduction="sum")
        det, own = 0.5 * torch.exp(-self.s_det), 0.5 * torch.exp(-self.s_id)
        return Losses(
            {**found.sums, "identity": identity},
            {"box": len(batch.targets), "objectness": len(batch.targets), "identity": len(known)},
            weights={"box": 0.1 * det, "objectness": det, "identity": own},
            constant=(self.s_det + self.s_id) / 2,
        )

    def make_schedule(self) -> Any:
        return Steps(drops=(1,))


class FairLikeRecipe(TinyRecipe):
    def build(self, plan: Plan) -> TinyModule:
        self.module = FairLike(plan, self.config)
        return self.module


def test_four_losses_learned_weights_and_a_classifier(data: Dataset, tmp_path: Path) -> None:
    recipe = FairLikeRecipe(TinyConfig(adam=True, rate=1e-2))
    fit(recipe, data, data, settings(epochs=1, max_steps=1), tmp_path)
    fit(recipe, data, data, settings(), tmp_path, resume=True)
    losses = rows(tmp_path / "losses.csv")
    assert [float(row["lr"]) for row in losses] == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3])
    first = {name: float(value) for name, value in losses[0].items()}
    det = 0.5 * math.exp(1.85) * (0.1 * first["box"] + first["objectness"])
    assert first["loss"] == pytest.approx(det + 0.5 * math.exp(1.05) * first["identity"] + (-1.85 - 1.05) / 2, rel=1e-5)
    saved = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert float(saved["s_det"]) != pytest.approx(-1.85)
    assert "classifier.weight" in saved
    assert not any("classifier" in name for name in torch.load(tmp_path / "model.pth", weights_only=True)["model"])


def test_a_progress_bar_does_no_harm(data: Dataset, tmp_path: Path) -> None:
    assert train(data, tmp_path, val=data, progress=True)[0].steps == 4


# ---- what is wrong


def test_a_loss_that_is_no_number_names_step_and_pictures(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"finite; in step 5 .* nan .*objectness nan.*pictures .*\.png") as caught:
        train(data, tmp_path, epochs=5, config={"poison": 5}, checkpoint_steps=1)
    assert str(caught.value).count(".png") == 4
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 5
    assert all(torch.isfinite(v).all() for v in last["state_dict"].values() if v.is_floating_point())
    result, _ = train(data, tmp_path, epochs=5, resume=True)  # the cause is gone
    assert result.steps == 10


def test_what_an_error_advises_a_resumed_run_may_do_and_the_log_says_it(
    data: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """But a lower learning rate, which the advice calls another run, and which is refused."""
    with pytest.raises(TrainingError, match=re.escape(ADVICE)):
        train(data, tmp_path, epochs=2, config={"poison": 3}, checkpoint_steps=1)
    advised = set(re.findall(r"train\.(\w+)=", ADVICE))
    assert advised == {"clip", "precision"}
    assert advised <= FREE
    with pytest.raises(StateError, match=r"trainer\.rate 0\.05, now it is 0\.01"):
        train(data, tmp_path, config={"rate": 0.01}, resume=True)
    caplog.set_level(logging.INFO, "trackforge.training")
    result, _ = train(data, tmp_path, clip=10, precision="bf16", accumulate=2, resume=True)
    assert result.steps == 4
    told = [record.message for record in caplog.records if "other settings" in record.message]
    assert len(told) == 1
    assert told[0].startswith("going on with other settings; the checkpoint was made with ")
    for words in (
        "train.precision 32, now it is bf16",
        "train.clip 0.0, now it is 10.0",
        "train.accumulate 1, now it is 2",
    ):
        assert words in told[0]
    caplog.clear()
    train(data, tmp_path, clip=10, precision="bf16", accumulate=2, epochs=2, resume=True)
    assert not [record for record in caplog.records if "other settings" in record.message]


def test_checkpoints_that_do_not_say_what_may_change_go_on(data: Dataset, tmp_path: Path) -> None:
    train(data, tmp_path, epochs=1)
    last = tmp_path / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    del content[FREEDOM]
    torch.save(content, last)
    assert train(data, tmp_path, resume=True, clip=5)[0].steps == 4


def test_broken_weights_are_not_saved(data: Dataset, tmp_path: Path) -> None:
    """At a rate beyond all bounds the weights overflow while the loss of that step was still a number."""
    with pytest.raises(TrainingError, match="finite"):
        train(data, tmp_path, epochs=5, config={"rate": 1e38, "norm": False}, checkpoint_steps=1)
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert all(torch.isfinite(v).all() for v in last["state_dict"].values() if v.is_floating_point())


def test_an_empty_set(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold a picture"):
        train(data[[]], tmp_path)
    with pytest.raises(DataError, match="must hold a picture"):
        train(data, tmp_path, val=data[[]])
    with pytest.raises(DataError, match="labelled box"):
        train(data.keep_boxes(np.zeros(8, bool)), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [({"xyxy": [[3.0, 4, 3, 9]] * 8}, "no area"), ({"class_id": [1] * 8}, r"class not in 0\.\.0")],
)
def test_faulty_labels(data: Dataset, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        train(data.replace(boxes=data.boxes.replace(**change)), tmp_path)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_vanishes_or_breaks(tmp_path: Path, workers: int) -> None:
    own = squares(tmp_path / "own", count=8)
    victim = tmp_path / "own/img/005.png"
    victim.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"005\.png") as caught:
        train(own, tmp_path / "run", workers=workers)
    assert "Traceback" not in str(caught.value)
    with pytest.raises(DataError, match=r"005\.png"):
        train(own[:4], tmp_path / "other", val=own[4:], workers=workers)
    victim.unlink()
    with pytest.raises(DataError, match=r"missing; the first is .*005\.png"):
        train(own, tmp_path / "run")


def test_a_folder_that_is_in_use(data: Dataset, tmp_path: Path) -> None:
    train(data, tmp_path, epochs=1)
    with pytest.raises(ConfigError, match="must be new"):
        train(data, tmp_path, epochs=1)


def test_checkpoints_of_something_else(data: Dataset, tmp_path: Path) -> None:
    train(data, tmp_path, epochs=1)
    last = tmp_path / "checkpoints/last.ckpt"
    good = last.read_bytes()
    for wrong, message in ((good[:-300], "cannot be read"), (b"", "cannot be read"), (b"text\n", "cannot be read")):
        last.write_bytes(wrong)
        with pytest.raises(WeightsError, match=message):
            train(data, tmp_path, resume=True)
    last.write_bytes((tmp_path / "model.pth").read_bytes())
    with pytest.raises(WeightsError, match="weights alone"):
        train(data, tmp_path, resume=True)
    last.write_bytes(good)
    with pytest.raises(StateError, match="pictures 8, now it is 6"):
        train(data[:6], tmp_path, resume=True)
    with pytest.raises(StateError, match="batch_size 4, now it is 8"):
        train(data, tmp_path, batch_size=8, resume=True)
    with pytest.raises(StateError, match="model must be the same"):
        train(data, tmp_path, config={"width": 5}, resume=True)
    with pytest.raises(StateError, match="classes"):
        train(data.rename_classes({"square": "box"}), tmp_path, resume=True)
    assert last.read_bytes() == good


def test_settings_that_contradict(data: Dataset, tmp_path: Path) -> None:
    for changes, message in (
        ({"plain_epochs": 3}, "plain_epochs must be at most"),
        ({"batch_size": 4, "accumulate": 3}, "multiple of .* 3; got 4"),
        ({"monitor": "hota"}, r"monitor must be one of .* set train\.tracker"),
        ({"precision": "fp16", "accelerator": "cpu"}, "fp16 needs a GPU"),
    ):
        with pytest.raises(ConfigError, match=message):
            train(data, tmp_path, val=data, **changes)
    with pytest.raises(UnknownComponentError, match="byte"):
        train(data, tmp_path, val=data, tracker="bite")
    with pytest.raises(DataError, match="sequence with identities"):
        train(data, tmp_path, val=squares(tmp_path / "stills", count=4), tracker="byte")
    with pytest.raises(DataError, match="classes of the training set"):
        train(data, tmp_path, val=data.rename_classes({"square": "box"}))
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="gpu needs a GPU"):
            train(data, tmp_path, accelerator="gpu")


def test_lightning_stays_silent(data: Dataset, tmp_path: Path, capfd: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        train(data, tmp_path, val=data)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_watchers_see_every_epoch(data: Dataset, tmp_path: Path) -> None:
    seen: list[Any] = []
    fit(TinyRecipe(TinyConfig()), data, data, settings(), tmp_path, watch=seen.append)
    assert [(row["epoch"], row["epochs"], row["step"]) for row in seen] == [(0, 2, 0), (1, 2, 2), (2, 2, 4)]
    assert all({"loss", "ap", "ap50", "seconds"} <= row.keys() for row in seen)


def test_scoring_the_start_changes_nothing_of_the_training(data: Dataset, tmp_path: Path) -> None:
    """Dropout and all: the same bits with and without epoch 0; whoever watches is told of each step."""
    told: list[Progress] = []
    weights = []
    for name, start in (("with", True), ("without", False)):
        recipe = TinyRecipe(TinyConfig(dropout=0.3))
        out = tmp_path / name
        done = fit(recipe, data, data, settings(validate_start=start), out, tell=told.append)
        assert bool(done.start) == bool(done.verdict) == start
        weights.append(torch.load(out / "checkpoints/last.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())
    assert [row["epoch"] for row in rows(tmp_path / "with/epochs.csv")] == ["0", "1", "2"]
    first = told[: len(told) // 2 + 1]
    assert [one.stage for one in first[:3]] == ["loading", "start", "training"]
    steps = [one for one in first if one.stage == "training"]
    assert [(one.done, one.total, one.epoch) for one in steps] == [(1, 4, 1), (2, 4, 1), (3, 4, 2), (4, 4, 2)]
    assert steps[-1].left == 0


def test_a_run_that_goes_on_in_mid_epoch_knows_how_long_steps_take(data: Dataset, tmp_path: Path) -> None:
    fit(TinyRecipe(TinyConfig()), data, None, settings(checkpoint_steps=1, max_steps=3), tmp_path)
    told: list[Progress] = []
    began = time.monotonic()
    fit(TinyRecipe(TinyConfig()), data, None, settings(checkpoint_steps=1, max_steps=0), tmp_path, resume=True,
        tell=told.append)  # fmt: skip
    steps = [one for one in told if one.stage == "training"]
    assert [one.done for one in steps] == [4]
    assert steps[0].step_time is not None
    assert 0 < steps[0].step_time < time.monotonic() - began  # and not since the machine was started


def test_a_run_that_made_it_worse_keeps_the_start(data: Dataset, tmp_path: Path) -> None:
    good, _ = train(data, tmp_path / "good", val=data, config={"rate": 0.02, "width": 16, "adam": True}, epochs=40,
                    validate_every=40, ema_decay=0.9)  # fmt: skip
    assert good.verdict.startswith("training made it better: AP ")
    start = torch.load(good.model, weights_only=True)["model"]  # type: ignore[arg-type]

    class Continued(TinyRecipe):
        def build(self, plan: Plan) -> TinyModule:
            module = super().build(plan)
            module.model.load_state_dict(start)
            return module

    recipe = Continued(TinyConfig(rate=5.0, width=16, adam=True))
    out = tmp_path / "bad"
    bad = fit(recipe, data, data, settings(ema_decay=0.0, max_steps=3), out)
    assert bad.verdict.startswith("training made it worse: AP ")
    assert bad.verdict.endswith("Try a lower learning rate, more data, or more epochs.")
    assert bad.best["epoch"] == 0
    kept = torch.load(out / "model.pth", weights_only=True)["model"]
    assert all(torch.equal(kept[name], value) for name, value in start.items())
    again = fit(recipe, data, data, settings(ema_decay=0.0), out, resume=True)
    assert (again.start, again.best["epoch"]) == (bad.start, 0)
    assert [row["epoch"] for row in rows(out / "epochs.csv")] == ["0", "1", "2", "2"]


def test_settings_are_plain_dataclasses() -> None:
    assert dataclasses.replace(FitSettings(), epochs=3).epochs == 3
    with pytest.raises(ConfigError, match="epochs"):
        FitSettings(epochs=0)
