"""The kit knows a good trainer from a bad one, each by the rule that it breaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from toy_plugin import ToyConfig, ToyModule, ToyTrainer  # noqa: E402

from trackforge.testing import BrokenRule, check_trainer, rules  # noqa: E402
from trackforge.training import Losses, Training  # noqa: E402


def with_module(**methods: Any) -> type[ToyTrainer]:
    """A toy whose module does some things otherwise."""
    kind = type("Other", (ToyModule,), methods)

    class Trainer(ToyTrainer):
        def begin(self, plan: Any, /) -> Training:
            return dataclasses.replace(super().begin(plan), module=kind(plan, self.config))

    return Trainer


def begun(**changes: Any) -> type[ToyTrainer]:
    """A toy that begins with something else."""

    class Trainer(ToyTrainer):
        def begin(self, plan: Any, /) -> Training:
            training = super().begin(plan)
            return dataclasses.replace(training, **{name: make(training) for name, make in changes.items()})

    return Trainer


class Moody:
    """Samples that are different each time."""

    def __init__(self, training: Training) -> None:
        self.source, self.rng = training.train, np.random.default_rng()

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: Any) -> Any:
        sample = self.source[key]
        return dataclasses.replace(sample, image=self.rng.integers(0, 256, sample.image.shape, np.uint8))


class Rooted(Moody):
    """Cannot leave its process."""

    def __init__(self, training: Training) -> None:
        self.source, self.handle = training.train, lambda: None

    def __getitem__(self, key: Any) -> Any:
        return self.source[key]


def changed(change: Callable[[Losses], Losses]) -> type[ToyTrainer]:
    return with_module(compute_losses=lambda self, batch: change(ToyModule.compute_losses(self, batch)))


def means(losses: Losses) -> Losses:
    counts: Any = losses.normaliser
    return dataclasses.replace(losses, sums={k: v / max(counts[k], 1) for k, v in losses.sums.items()})


def undefined(losses: Losses) -> Losses:
    counts: Any = losses.normaliser
    return dataclasses.replace(losses, sums={k: v * counts[k] / counts[k] for k, v in losses.sums.items()})


class Misnamed(ToyTrainer):
    defaults: Mapping[str, Any] = {"epoch": 4}


BAD = {
    "has_defaults_that_fit": Misnamed,
    "begins_the_same_again": begun(identity=lambda training: {"weights": training.module.model}),
    "names_sizes": begun(sizes=lambda training: [*training.sizes, *training.sizes]),
    "prepares_every_picture": begun(train=Moody),
    "travels_to_workers": begun(train=Rooted),
    "losses_are_finite": changed(lambda losses: undefined(losses) if 0 in losses.normaliser.values() else losses),
    "losses_teach": with_module(
        parameter_groups=lambda self: [{"params": list(part.parameters()), "lr": 1} for part in (self, self.model)]
    ),
    "losses_do_not_grow_with_the_batch": changed(means),
    "detects": with_module(detect=lambda self, images: ToyModule.detect(self, images)[:1]),
    "bundles_what_can_be_read_safely": with_module(bundle=lambda self: {"model": self.config}),
}


def test_a_good_one_passes() -> None:
    check_trainer(lambda: ToyTrainer(ToyConfig()))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_told(name: str) -> None:
    with pytest.raises(BrokenRule, match=name):
        check_trainer(lambda: BAD[name](ToyConfig()), skip=[r.__name__ for r in rules("trainer") if r.__name__ != name])


def test_every_rule_has_one_that_breaks_it() -> None:
    assert set(BAD) == {rule.__name__ for rule in rules("trainer")}
