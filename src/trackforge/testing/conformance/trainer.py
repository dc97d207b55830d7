"""The rules of `trackforge.training.Recipe`, and of the `Training` that it begins."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from trackforge.data import Boxes, Dataset, Images
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.training import Losses, Plan, Recipe, SampleKey, Training, settings_for
from trackforge.types import Detections

__all__ = ["check_trainer"]

Make: TypeAlias = Callable[[], Recipe]
PLAIN = (bool, int, float, str, type(None))
TOLERANCE = 1e-3
"""How far losses may differ between batches of different size: networks add up in another order."""


def check_trainer(make: Make, *, dataset: Dataset | None = None, skip: Iterable[str] = ()) -> None:
    """Try every rule of a trainer, on the CPU and without taking a step. Needs torch, Lightning and OpenCV.

    Args:
        make: Returns the recipe, always with the same settings; best the smallest network that it has, untrained.
        dataset: What is trained on, with something labelled in its first picture; where None, a few drawn pictures with
            boxes and identities.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(_drawn()) if dataset is None else dataset
        run("trainer", make, skip, dataset=given)


@contextlib.contextmanager
def _drawn() -> Iterator[Dataset]:
    """Draw five pictures in which two blocks, the same two, move; the last shows nothing."""
    import cv2

    random, boxes, count = np.random.default_rng(0), [], 5
    with tempfile.TemporaryDirectory() as folder:
        for k in range(count):
            image = random.integers(80, 96, (96, 128, 3)).astype(np.uint8)
            for x, y, colour in ((8 + 12 * k, 10, (220, 60, 40)), (90 - 10 * k, 44, (40, 90, 230))):
                if k < count - 1:
                    image[y : y + 40, x : x + 24] = colour
                    boxes.append((x, y, x + 24, y + 40))
            cv2.imwrite(f"{folder}/{k}.png", image)
        yield Dataset(
            images=Images(
                path=np.array([f"{k}.png" for k in range(count)]),
                width=np.full(count, 128),
                height=np.full(count, 96),
                sequence=np.full(count, "conformance"),
                frame=np.arange(count),
            ),
            boxes=Boxes(
                image=np.arange(len(boxes)) // 2, xyxy=np.array(boxes, float), track_id=1 + np.arange(len(boxes)) % 2
            ),
            classes=("thing",),
            root=Path(folder),
            name="conformance",
        )


def _begin(make: Make, dataset: Dataset) -> Training:
    """Begin as `fit` does: all random numbers are seeded."""
    import torch

    plan = Plan(
        dataset=dataset,
        validation=dataset,
        epochs=2,
        plain_epochs=1,
        batch_size=2,
        steps_per_epoch=math.ceil(len(dataset) / 2),
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return make().begin(plan)


def _keys(training: Training, dataset: Dataset) -> list[SampleKey]:
    """Return a key for every picture: strong and plain, in several sizes."""
    sizes = sorted(training.sizes)
    return [
        SampleKey(row, row % 2, row, sizes[-1 if row % 2 else 0], strong=row % 2 == 0) for row in range(len(dataset))
    ]


def _batch(training: Training, rows: Iterable[int]) -> Any:
    """Return a batch of pictures of one size, plainly augmented."""
    keys = [SampleKey(row, 1, row, training.middle_size, strong=False) for row in rows]
    return training.batching([training.train[key] for key in keys])


@rule("trainer")
def has_defaults_that_fit(make: Make) -> None:
    """A recipe has begin(), and defaults: settings of the loop by name (`FitSettings`), all of them valid."""
    recipe = make()
    require(isinstance(recipe, Recipe), f"{type(recipe).__name__} has not both defaults and begin().")
    require(isinstance(recipe.defaults, Mapping), f"defaults is a {type(recipe.defaults).__name__}.")
    settings_for(recipe)


@rule("trainer")
def begins_the_same_again(make: Make, *, dataset: Dataset) -> None:
    """Begun twice by one plan, a training has the same weights, sizes and identity, which is of plain values."""
    one, other = _begin(make, dataset), _begin(make, dataset)
    require(isinstance(one, Training), f"begin() returned a {type(one).__name__}.")
    strange = [name for name, value in one.identity.items() if not _plain(value)]
    require(not strange, f"identity has {', '.join(strange)}, which no file can hold and no resumed run compare.")
    for name in ("identity", "sizes", "size_every"):
        found = difference(getattr(other, name), getattr(one, name), name)
        require(not found, f"the second time {found}.")
    found = difference(_weights(other), _weights(one), "weights")
    require(not found, f"the second time {found}.")


@rule("trainer")
def names_sizes(make: Make, *, dataset: Dataset) -> None:
    """Sizes are (height, width) of whole pixels, each once."""
    sizes = list(_begin(make, dataset).sizes)
    whole = all(len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size) for size in sizes)
    require(whole and len(set(sizes)) == len(sizes), f"sizes are {sizes}.")


@rule("trainer")
def prepares_every_picture(make: Make, *, dataset: Dataset) -> None:
    """The same key gives the same sample: whatever was asked before, whoever asks, for validation too."""
    training, again = _begin(make, dataset), _begin(make, dataset)
    for name in ("train", "val"):
        source, other = getattr(training, name), getattr(again, name)
        if source is None:
            continue
        require(len(source) == len(dataset), f"{name} has {len(source)} of {len(dataset)} pictures.")
        keys = _keys(training, dataset)
        samples = [source[key] for key in keys]
        for key, sample in reversed(list(zip(keys, samples, strict=True))):
            for who, prepared in (("it", source[key]), ("another of its kind", other[key])):
                found = difference(prepared, sample, "the sample")
                require(not found, f"{name}, {key}: asked again, {who} gave another: {found}.")


@rule("trainer")
def travels_to_workers(make: Make, *, dataset: Dataset) -> None:
    """What prepares samples can be pickled, and the samples too, without a change."""
    training = _begin(make, dataset)
    key = _keys(training, dataset)[0]
    sample = training.train[key]
    for what, copy in (
        ("a pickled source gives another sample", _copied(training.train)[key]),
        ("a pickled sample is another", _copied(sample)),
    ):
        found = difference(copy, sample, "the sample")
        require(not found, f"{what}: {found}.")


@rule("trainer")
def losses_are_finite(make: Make, *, dataset: Dataset) -> None:
    """compute_losses() gives `Losses` with the terms that the module names, finite, also where nothing is labelled."""
    training = _begin(make, dataset)
    module = training.module.train()
    labelled = np.isin(np.arange(len(dataset)), dataset.boxes.image)
    for rows in (range(min(len(dataset), 3)), np.flatnonzero(~labelled)[:1].tolist()):
        if not rows:
            continue
        losses = module.compute_losses(_batch(training, rows))
        require(isinstance(losses, Losses), f"compute_losses() returned a {type(losses).__name__}.")
        terms, named = set(module.terms), set(losses.sums)
        require(not terms or terms == named, f"terms are {sorted(terms)}, the losses {sorted(named)}.")
        broken = [f"{what} {name} {value}" for what, name, value in _numbers(losses) if not math.isfinite(value)]
        require(not broken, f"{len(rows)} pictures, {'some' if labelled[rows[0]] else 'nothing'} labelled: {broken}.")


@rule("trainer")
def losses_teach(make: Make, *, dataset: Dataset) -> None:
    """The losses have a finite gradient; groups for the optimiser hold every parameter at most once, with a rate."""
    training = _begin(make, dataset)
    module = training.module.train()
    groups = module.parameter_groups()
    parameters = [p for group in groups for p in group["params"]]
    own = {id(p) for p in module.parameters()}
    require({id(p) for p in parameters} <= own, "a group holds parameters that are not the module's.")
    require(len({id(p) for p in parameters}) == len(parameters), "a parameter is in two groups, or twice in one.")
    require(all("lr" in group for group in groups), "a group has no lr.")
    losses = module.compute_losses(_batch(training, [0]))
    sum(losses.sums.values()).backward()  # type: ignore[union-attr]
    gradients = [p.grad for p in parameters if p.grad is not None]
    require(any(bool(g.any()) for g in gradients), "no parameter in the groups has a gradient.")
    require(all(bool(g.isfinite().all()) for g in gradients), "a gradient is not finite.")
    optimizer, schedule = module.make_optimizer(groups), module.make_schedule()
    require(len(optimizer.param_groups) == len(groups), "the optimiser does not have the groups it was given.")
    plan = module.plan
    factors = [schedule.factor(step, plan.steps_per_epoch, plan.epochs) for step in range(6)]
    require(all(math.isfinite(x) and x >= 0 for x in factors), f"the learning rate is multiplied by {factors}.")


@rule("trainer")
def losses_do_not_grow_with_the_batch(make: Make, *, dataset: Dataset) -> None:
    """Sums over their normalisers are the same where every picture of the batch comes twice: core adds up both.

    A mean in the place of a sum halves; a normaliser that does not count doubles.
    """
    import torch

    training = _begin(make, dataset)
    module = training.module.eval()  # dropout is off, and batch norm looks at no batch
    with torch.no_grad():
        once, twice = (_terms(module.compute_losses(_batch(training, rows))) for rows in ([0], [0, 0]))
    for name, value in once.items():
        near = math.isclose(twice[name], value, rel_tol=TOLERANCE, abs_tol=1e-6)
        require(near, f"{name} is {value:.6g} for a picture, {twice[name]:.6g} for it twice.")


@rule("trainer")
def detects(make: Make, *, dataset: Dataset) -> None:
    """detect() gives one Detections a picture, in order, for any number and sizes, with the classes of the data."""
    import torch

    random = np.random.default_rng(0)
    images = [random.integers(0, 256, shape, np.uint8) for shape in ((96, 128, 3), (61, 97, 3), (128, 64, 3))]
    for image in images:
        image.flags.writeable = False  # as pictures of a set are
    module = _begin(make, dataset).module.eval()
    with torch.no_grad():
        for part in (images, images[1:2]):
            found = module.detect(part)
            require(isinstance(found, list), f"detect() returned a {type(found).__name__}, not a list.")
            require(len(found) == len(part), f"{len(found)} answers came for {len(part)} pictures.")
            for one in found:
                require(isinstance(one, Detections), f"an answer is {type(one).__name__}, not Detections.")
                inside = ((one.class_id >= 0) & (one.class_id < len(dataset.classes))).all()
                require(inside, f"class ids are {np.unique(one.class_id).tolist()} of {len(dataset.classes)} classes.")


@rule("trainer")
def bundles_what_can_be_read_safely(make: Make, *, dataset: Dataset) -> None:
    """bundle() gives tensors and plain values by name, without "training", which core adds; nothing runs on reading."""
    import torch

    bundle = _begin(make, dataset).module.bundle()
    require(isinstance(bundle, Mapping) and len(bundle) > 0, f"bundle() returned {type(bundle).__name__}, or nothing.")
    require("training" not in bundle, "it has a key 'training', which core writes.")
    file = io.BytesIO()
    torch.save(dict(bundle), file)
    file.seek(0)
    try:
        again = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        require(holds=False, came=f"it holds more than tensors and plain values: {str(error).splitlines()[0]}")
    found = difference(again, dict(bundle), "the bundle")
    require(not found, f"read again, {found}.")


def _copied(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - what was pickled a moment ago, here


def _plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return isinstance(value, PLAIN)


def _weights(training: Training) -> dict[str, Any]:
    return dict(snapshot(dict(training.module.state_dict())))


def _numbers(losses: Losses) -> Iterator[tuple[str, str, float]]:
    for what, values in losses.numbers().items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            yield what, name, value


def _terms(losses: Losses) -> dict[str, float]:
    parts = losses.numbers()
    return {name: value / max(parts["counts"][name], losses.least) for name, value in parts["sums"].items()}
