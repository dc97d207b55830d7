"""What training starts from, what it optimises, and the file that comes out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import trackforge
from trackforge import training
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, DataError, TrainingError, WeightsError
from trackforge.models import InputValues
from trackforge.models.checkpoints import read_checkpoint
from trackforge.testing import check_trainer
from trackforge.types import Frame
from trackforge_yolox.blocks import ConvBlock
from trackforge_yolox.export import ExportConfig, export
from trackforge_yolox.model import YOLOX, Predictor
from trackforge_yolox.preprocess import preprocessing
from trackforge_yolox.training.config import YoloxTrainConfig
from trackforge_yolox.training.module import YoloxModule
from trackforge_yolox.training.norms import norms_are_folded, revive_norms
from trackforge_yolox.training.recipe import YoloxTrainer, augmentation
from trackforge_yolox.training.start import begin
from trackforge_yolox.variants import VARIANTS

SIZE = (64, 96)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(6):
        image = rng.integers(0, 60, (80, 120, 3), np.uint8)
        image[20:60, 20 + 10 * i : 40 + 10 * i] = (0, 200, 255)
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def labelled(folder: Path, *, classes: tuple[str, ...] = ("person",), class_id: int = 0) -> Dataset:
    count = len(list(folder.glob("*.png")))
    left = 20.0 + 10 * np.arange(count)
    xyxy = np.stack((left, np.full(count, 20.0), left + 20, np.full(count, 60.0)), axis=1)
    return Dataset(
        images=Images(path=[f"{i}.png" for i in range(count)], width=np.full(count, 120), height=np.full(count, 80)),
        boxes=Boxes(image=np.arange(count), xyxy=xyxy, class_id=np.full(count, class_id)),
        classes=classes,
        root=folder,
        name="yellow",
    )


@pytest.fixture
def people(pictures: Path) -> Dataset:
    return labelled(pictures)


def plan(dataset: Dataset, *, weights: str = "", **changes: int) -> training.Plan:
    return training.Plan(dataset=dataset, epochs=4, batch_size=2, steps_per_epoch=3, weights=weights, **changes)


def built(dataset: Dataset, config: YoloxTrainConfig, weights: str = "", **changes: int) -> YoloxModule:
    module = YoloxTrainer(config).begin(plan(dataset, weights=weights, **changes)).module
    assert isinstance(module, YoloxModule)
    return module


def random_start(**settings: object) -> YoloxTrainConfig:
    return YoloxTrainConfig(**{"weights": "random", "variant": "yolox-nano", "size": SIZE, **settings})  # type: ignore[arg-type]


# ---- settings


def test_sizes_are_those_of_the_published_recipes() -> None:
    def heights(recipe: str, variant: str) -> tuple[int, int, int]:
        config = YoloxTrainConfig(recipe=recipe).filled(VARIANTS[variant])  # type: ignore[arg-type]
        sizes = config.sizes(VARIANTS[variant].size)
        assert all(n % 32 == 0 for size in sizes for n in size)
        assert VARIANTS[variant].size in sizes
        return sizes[0][0], sizes[-1][0], len(sizes)

    assert heights("coco", "yolox-s") == (480, 800, 11)
    assert heights("coco", "yolox-nano") == (320, 640, 11)
    assert heights("bytetrack", "bytetrack-x") == (576, 1024, 15)
    assert heights("bytetrack", "bytetrack-s") == (384, 832, 15)


def test_the_user_goes_before_the_recipe_and_the_recipe_knows_small_networks() -> None:
    config = YoloxTrainConfig(recipe="coco", mixup=0.25)
    small, large = config.filled(VARIANTS["yolox-nano"]), config.filled(VARIANTS["yolox-x"])
    assert (small.mosaic, small.mixup, small.zoom) == (0.5, 0.25, (0.5, 1.5))
    assert (large.mosaic, large.mixup, large.zoom) == (1.0, 0.25, (0.1, 2.0))
    assert large.learning_rate == pytest.approx(0.01 / 64)
    for recipe, rule in (("finetune", "yolox"), ("coco", "yolox"), ("bytetrack", "bytetrack")):
        filled = YoloxTrainConfig(recipe=recipe).filled(VARIANTS["yolox-s"])  # type: ignore[arg-type]
        assert filled.assignment == rule
        assert augmentation(filled).steps
        assert training.FitSettings(**YoloxTrainer(filled).defaults).epochs >= filled.warmup


def test_what_training_starts_from_if_nothing_is_said() -> None:
    assert YoloxTrainConfig().start() == "yolox-s"
    assert YoloxTrainConfig(variant="yolox-m").start("mine.pth") == "mine.pth"
    assert YoloxTrainConfig(recipe="coco").start() == ""
    assert YoloxTrainConfig(recipe="bytetrack").start() == "yolox-x"
    assert YoloxTrainConfig(recipe="bytetrack", weights="random").start() == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (100, 96)}, "multiples of 32"),
        ({"zoom": (1.5, 0.5)}, "least,greatest"),
        ({"variant": "yolox-q"}, "no variant"),
        ({"recipe": "cocoa"}, "recipe"),
        ({"learning_rate": -1.0}, ">= 0"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        YoloxTrainConfig(**settings)  # type: ignore[arg-type]


def test_the_trainer_is_offered_by_name() -> None:
    recipe = training.trainer("yolox", recipe="bytetrack", variant="bytetrack-nano")
    assert isinstance(recipe, YoloxTrainer)
    assert isinstance(recipe, training.Recipe)
    assert recipe.defaults["epochs"] == 80


# ---- the start


def folded(images: torch.Tensor) -> YOLOX:
    """A network whose norms have seen the images and were then folded into the convolutions, as exporters do."""
    torch.manual_seed(0)
    network = YOLOX("yolox-nano", 1).to(images.dtype)
    norms = {m.bn: m.conv for m in network.modules() if isinstance(m, ConvBlock)}
    for norm in norms:
        norm.momentum = 1.0
        torch.nn.init.uniform_(norm.weight, 0.1, 3)
        torch.nn.init.normal_(norm.bias)
    with torch.no_grad():
        network.train()(images)
        for norm, convolution in norms.items():
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            convolution.weight *= factor[:, None, None, None]
            norm.bias -= norm.running_mean * factor
            norm.weight.fill_(1)
            norm.running_mean.fill_(0)
            norm.running_var.fill_(1 - norm.eps)
    return network.eval()


def test_reviving_norms_changes_no_result_and_fits_their_statistics() -> None:
    images = torch.rand((4, 3, 64, 96), generator=torch.Generator().manual_seed(1)).double() * 255
    network = folded(images)
    assert norms_are_folded(network)
    before = Predictor(network).eval()(images)
    revive_norms(network, [images[:2], images[2:]])
    assert not norms_are_folded(network)
    assert not network.training
    torch.testing.assert_close(Predictor(network).eval()(images), before, rtol=1e-9, atol=1e-9)
    for block in network.modules():
        if isinstance(block, ConvBlock):
            torch.testing.assert_close(
                block.conv.weight.flatten(1).norm(dim=1), torch.full((len(block.conv.weight),), 3**-0.5).double()
            )
    wanted = network(images)
    for found, one in zip(network.train()(images), wanted, strict=True):  # by statistics of this very batch
        torch.testing.assert_close(found, one, rtol=1e-6, atol=1e-6)


def test_norms_that_have_seen_data_are_left_alone(people: Dataset, tmp_path: Path) -> None:
    network = YOLOX("yolox-nano", 1)
    network.train()(torch.rand(2, 3, 64, 64) * 255)
    torch.save({"model": network.state_dict()}, tmp_path / "w.pth")
    config = YoloxTrainConfig(size=SIZE, preprocessing="yolox")
    start = begin(config, people, str(tmp_path / "w.pth"))
    assert start.notes == ()
    for key, value in network.state_dict().items():
        torch.testing.assert_close(start.network.state_dict()[key], value, rtol=0, atol=0)


def test_other_classes_keep_what_is_known_and_say_what_is_new(
    pictures: Path, checkpoint: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = checkpoint("yolox-nano")
    old = read_checkpoint(path).state
    data = labelled(pictures, classes=("rocket", "Person", "dog"))
    with caplog.at_level(logging.INFO):
        start = begin(YoloxTrainConfig(size=SIZE), data, str(path))
    (note,) = [n for n in start.notes if "classes" in n]
    assert "80 classes, the data 3" in note
    assert "keep Person, dog" in note
    assert "anew for rocket" in note
    assert note in caplog.text
    for level in range(3):
        for part in ("weight", "bias"):
            key = f"head.cls_preds.{level}.{part}"
            new = start.network.state_dict()[key]
            torch.testing.assert_close(new[1], old[key][0])  # person
            torch.testing.assert_close(new[2], old[key][16])  # dog
        assert not torch.equal(
            start.network.state_dict()[f"head.cls_preds.{level}.weight"][0], old[f"head.cls_preds.{level}.weight"][0]
        )
    assert start.card.classes == data.classes
    assert start.card.variant == "yolox-nano"
    assert start.card.provenance["started_from"] == path.name
    kept_nothing = begin(YoloxTrainConfig(size=SIZE, transfer_classes=False), data, str(path))
    assert "keep nothing" in " ".join(kept_nothing.notes)
    key = "head.cls_preds.0.weight"
    assert not torch.equal(kept_nothing.network.state_dict()[key][1], old[key][0])


def test_the_same_seed_starts_from_the_same_weights(people: Dataset) -> None:
    one, again = (begin(random_start(), people, "", seed=3).network.state_dict() for _ in range(2))
    other = begin(random_start(), people, "", seed=4).network.state_dict()
    assert all(torch.equal(one[k], again[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)


def test_weights_of_another_network_are_refused(
    people: Dataset, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    path = checkpoint("yolox-nano", classes=80)
    with pytest.raises(WeightsError, match="is of yolox-nano, variant says yolox-tiny"):
        begin(YoloxTrainConfig(variant="yolox-tiny"), people, str(path))
    torch.save({"model": {"layer1.weight": torch.zeros(3)}}, tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match="another model"):
        begin(YoloxTrainConfig(), people, str(tmp_path / "resnet.pth"))
    with pytest.raises(WeightsError, match="Did you mean 'yolox-s'"):
        begin(YoloxTrainConfig(), people, "yolox-ss")


def test_weights_that_are_no_numbers_are_refused(people: Dataset, tmp_path: Path) -> None:
    state = YOLOX("yolox-nano", 1).state_dict()
    state["head.stems.0.conv.weight"][0] = torch.nan
    torch.save({"model": state}, tmp_path / "broken.pth")
    with pytest.raises(WeightsError, match=r"finite.*head\.stems\.0\.conv\.weight"):
        begin(YoloxTrainConfig(preprocessing="yolox"), people, str(tmp_path / "broken.pth"))


def test_bytetrack_may_start_from_weights_of_coco(people: Dataset, checkpoint: Callable[..., Path]) -> None:
    config = YoloxTrainConfig(recipe="bytetrack", variant="bytetrack-nano", size=SIZE)
    start = begin(config, people, str(checkpoint("yolox-nano")))
    assert start.card.variant == "bytetrack-nano"
    assert start.card.preprocessing == preprocessing("yolox", SIZE)  # what the weights are used to
    assert any("as the weights are used to" in note for note in start.notes)


# ---- the trainer


@pytest.mark.parametrize("recipe", ["finetune", "coco", "bytetrack"])
def test_it_keeps_the_promises_of_a_trainer(recipe: str) -> None:
    check_trainer(
        lambda: training.trainer(
            "yolox", recipe=recipe, weights="random", variant="yolox-nano", size=SIZE, size_steps=(0, 1)
        )
    )


# ---- the module


@pytest.mark.parametrize("name", ["yolox", "bytetrack", "legacy"])
def test_pictures_become_the_input_that_the_detector_makes(name: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    make = preprocessing(name, SIZE)
    wanted = np.empty((3, *SIZE), np.float32)
    make.planes(image, wanted)
    found = InputValues(make)(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])[0]
    np.testing.assert_array_equal(found, wanted)


def test_every_parameter_is_in_one_group_and_only_weights_decay(people: Dataset) -> None:
    module = built(people, random_start(learning_rate=0.01, weight_decay=0.1))
    scales, weights, biases = module.parameter_groups()
    names = {id(p): name for name, p in module.named_parameters()}
    everything = [p for group in (scales, weights, biases) for p in group["params"]]
    assert sorted(names[id(p)] for p in everything) == sorted(names.values())
    assert [group["weight_decay"] for group in (scales, weights, biases)] == [0.0, 0.1, 0.0]
    assert {group["lr"] for group in (scales, weights, biases)} == {0.02}  # for each of two pictures
    assert all(names[id(p)].endswith(".bn.weight") for p in scales["params"])
    assert all(p.ndim == 4 for p in weights["params"])
    assert all(names[id(p)].endswith(".bias") for p in biases["params"])


def test_fine_tuning_keeps_norms_that_have_statistics(people: Dataset, checkpoint: Callable[..., Path]) -> None:
    known = built(people, YoloxTrainConfig(size=SIZE), str(checkpoint("yolox-nano")))
    assert known.config.freeze_norms
    assert not built(people, random_start()).config.freeze_norms
    assert not built(people, random_start(recipe="coco")).config.freeze_norms


def test_frozen_parts_neither_learn_nor_count(people: Dataset) -> None:
    module = built(people, random_start(freeze="backbone"))
    chosen = {id(p) for group in module.parameter_groups() for p in group["params"]}
    backbone = {id(p) for p in module.model.backbone.backbone.parameters()}
    assert chosen == {id(p) for p in module.model.parameters()} - backbone
    module.train()
    assert not module.model.backbone.backbone.training
    assert module.model.head.training
    norms = built(people, random_start(freeze_norms=True)).train().model.modules()
    assert not any(m.training for m in norms if isinstance(m, torch.nn.BatchNorm2d))


def a_batch(module: YoloxModule, dataset: Dataset, rows: tuple[int, ...] = (0, 1)) -> object:
    from trackforge.training.augment import AugmentedSamples, collate, validation_pipeline

    samples = AugmentedSamples(trackforge.data.Samples(dataset), validation_pipeline())
    return collate([samples[training.SampleKey(row, 0, row, SIZE)] for row in rows])


def test_l1_comes_with_the_plain_epochs_always_or_never(people: Dataset) -> None:
    def term(l1: str | None, plain_epochs: int) -> float:
        module = built(people, random_start(l1=l1, recipe="coco"), plain_epochs=plain_epochs)
        return float(module.compute_losses(a_batch(module, people)).sums["l1"].detach())

    assert term(None, 0) == term("plain", 0) == term("never", 4) == 0
    assert term(None, 4) == term("plain", 4) == term("always", 0) > 0


def test_ignore_regions_are_skipped_or_background(people: Dataset) -> None:
    hidden = people.replace(boxes=people.boxes.replace(ignore=people.boxes.image == 1))

    def objectness(choice: str) -> float:
        module = built(hidden, random_start(ignore_regions=choice))
        return float(module.compute_losses(a_batch(module, hidden)).sums["objectness"].detach())

    assert objectness("skip") < objectness("background")


def test_the_bundle_says_everything_and_detector_export_and_module_agree(
    pictures: Path, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    data = labelled(pictures, classes=("rocket", "person"))
    module = built(data, YoloxTrainConfig(size=SIZE, validate_score=0.0), str(checkpoint("yolox-nano"))).eval()
    torch.save(module.bundle(), tmp_path / "model.pth")
    detector = trackforge.detector(tmp_path / "model.pth", fuse=False, channels_last=False, score=0.0)
    assert detector.classes == ("rocket", "person")
    assert detector.card.preprocessing == preprocessing("yolox", SIZE)
    assert detector.card.variant == "yolox-nano"
    assert detector.card.provenance["trained_on"] == "yellow"
    assert "rocket" in detector.card.provenance["start"]
    image = cv2.imread(str(pictures / "0.png"))[..., ::-1].copy()
    with torch.no_grad():
        (mine,) = module.detect([image])
    (found,) = detector.detect([Frame(index=0, image=image)])
    np.testing.assert_array_equal(mine.xyxy, found.xyxy)
    np.testing.assert_array_equal(mine.score, found.score)
    np.testing.assert_array_equal(mine.class_id, found.class_id)
    file = export(ExportConfig(weights=tmp_path / "model.pth", output=tmp_path / "model.onnx"))
    (exported,) = trackforge.detector("yolox", weights=file, score=0.0).detect([Frame(index=0, image=image)])
    np.testing.assert_allclose(exported.score[:20], found.score[:20], rtol=1e-3)


# ---- a run


QUICK = {"epochs": 1, "batch_size": 2, "workers": 0, "tensorboard": False, "accelerator": "cpu"}


def test_a_run_gives_one_file_that_the_detector_reads(people: Dataset, tmp_path: Path) -> None:
    recipe = YoloxTrainer(random_start(size_steps=(-1, 1)))
    done = training.fit(recipe, people, people, training.FitSettings(**QUICK), tmp_path / "run")
    assert done.steps == 3
    detector = trackforge.detector("yolox", weights=done.model, score=0.0)
    assert detector.classes == ("person",)
    assert detector.card.preprocessing.size == SIZE
    content = torch.load(done.model, weights_only=True)
    assert content["training"]["recipe_settings"]["variant"] == "yolox-nano"


class BothRules(YoloxTrainer):
    """Scored by COCO's and by VOC's rules."""

    def begin(self, plan: training.Plan, /) -> training.Training:
        return dataclasses.replace(super().begin(plan), scorers=[training.CocoAP(), training.VocAP()])


def test_a_bundle_of_an_earlier_revision_goes_on_learning(people: Dataset, tmp_path: Path) -> None:
    """Scored by boxes and by losses, the lowest of which is kept."""
    weights = Path(__file__).parent / "fixtures" / "people-format1.pth"
    recipe = BothRules(YoloxTrainConfig(weights=str(weights), size_steps=(0, 0), learning_rate=1e-4, warmup=0.0))
    settings = {"epochs": 3, "validate_losses": True, "monitor": "val_loss", "validate_batch": 4}
    seen: list[dict[str, float]] = []
    done = training.fit(
        recipe,
        people,
        people,
        training.FitSettings(**QUICK | settings),
        tmp_path / "run",
        watch=lambda r: seen.append(dict(r)),
    )
    assert done.best["val_loss"] == min(row["val_loss"] for row in seen)
    assert {"ap", "ap50", "voc_ap", "voc_ap11", "val_box", "val_objectness", "val_class", "val_l1"} <= done.best.keys()
    assert all(np.isfinite(row[name]) for row in seen[1:] for name in done.best if name in row)
    assert np.isnan(seen[0]["loss"])
    detector = trackforge.detector(tmp_path / "run" / "model.pth")
    assert detector.card.variant == "bytetrack-nano"
    assert detector.card.preprocessing == preprocessing("bytetrack", (96, 160))
    assert detector.classes == ("person",)
    assert detector.card.provenance["started_from"] == weights.name


def test_a_rate_that_explodes_names_step_and_pictures(people: Dataset, tmp_path: Path) -> None:
    recipe = YoloxTrainer(random_start(learning_rate=1e12, warmup=0.0, size_steps=(0, 0)))
    with pytest.raises(TrainingError, match=r"finite; in step 1 .*box .*pictures .*\d\.png"):
        training.fit(recipe, people, None, training.FitSettings(**QUICK | {"epochs": 5}), tmp_path / "run")
    assert not (tmp_path / "run" / "model.pth").exists()


@pytest.mark.parametrize("fault", ["class", "empty", "unlabelled"])
def test_data_that_cannot_be_trained_on_is_refused_before_weights_are_read(
    people: Dataset, fault: str, tmp_path: Path
) -> None:
    faulty = {
        "class": lambda: people.replace(boxes=people.boxes.replace(class_id=np.full(len(people), 5))),
        "empty": lambda: people[:0],
        "unlabelled": lambda: people.keep_boxes(np.zeros(len(people.boxes), bool)),
    }[fault]()
    recipe = YoloxTrainer(YoloxTrainConfig(weights=str(tmp_path / "not there.pth")))
    with pytest.raises(DataError):
        training.fit(recipe, faulty, None, training.FitSettings(**QUICK), tmp_path / "run")


def test_half_precision_trains(people: Dataset, tmp_path: Path) -> None:
    settings = training.FitSettings(**QUICK | {"precision": "bf16"})
    done = training.fit(YoloxTrainer(random_start(channels_last=True)), people, None, settings, tmp_path / "run")
    assert all(v.isfinite().all() for v in read_checkpoint(done.model).state.values())
