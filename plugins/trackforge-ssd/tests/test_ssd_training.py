"""Training of SSD: settings by the built-in algorithm's names, what it begins with, what comes out, what is refused."""

from __future__ import annotations

import csv
import json
import logging
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ssd_run import KINDS, shapes, train, train_apart  # noqa: E402

import trackforge  # noqa: E402
from trackforge import data, training  # noqa: E402
from trackforge.config import build  # noqa: E402
from trackforge.data import Dataset  # noqa: E402
from trackforge.errors import ConfigError, DataError, StateError, WeightsError  # noqa: E402
from trackforge.io.image_records import ImageRecord, encode_image_record  # noqa: E402
from trackforge.io.model_archive import read_artefact  # noqa: E402
from trackforge.io.mxnet_params import write_params  # noqa: E402
from trackforge.io.recordio import RecordWriter  # noqa: E402
from trackforge.testing import check_trainer  # noqa: E402
from trackforge.training.augment import Draw, LabelledImage, collate  # noqa: E402
from trackforge.types import Frame  # noqa: E402
from trackforge_ssd.backbones import BACKBONES  # noqa: E402
from trackforge_ssd.conversion import to_dialect  # noqa: E402
from trackforge_ssd.export import ExportConfig, export  # noqa: E402
from trackforge_ssd.model import SSD  # noqa: E402
from trackforge_ssd.names import dialect_names  # noqa: E402
from trackforge_ssd.training.config import SsdTrainConfig  # noqa: E402
from trackforge_ssd.training.module import SsdModule  # noqa: E402
from trackforge_ssd.training.recipe import SsdTrainer, augmentation  # noqa: E402

TINY = "sagemaker-resnet50-64/16"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("shapes"))


def begun(dataset: Dataset, *, weights: str = "", val: Dataset | None = None, **changes: Any) -> training.Training:
    if not {"base_network", "image_shape", "weights"} & changes.keys() and not weights:
        changes = {"variant": TINY, **changes}
    plan = training.Plan(dataset=dataset, validation=val, epochs=3, batch_size=2, steps_per_epoch=4, weights=weights)
    return SsdTrainer(SsdTrainConfig(**changes)).begin(plan)


def module_of(made: training.Training) -> SsdModule:
    assert isinstance(made.module, SsdModule)
    return made.module


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- settings


def test_defaults_are_those_of_the_algorithm_and_decide_the_loop() -> None:
    settings = training.settings_for(training.trainer("ssd"))
    assert (settings.epochs, settings.batch_size, settings.patience, settings.ema_decay) == (30, 32, 0, 0)
    config = SsdTrainConfig()
    assert (config.learning_rate, config.lr_scheduler_step, config.lr_scheduler_factor) == (0.001, (), 0.1)
    assert (config.optimizer, config.momentum, config.weight_decay) == ("sgd", 0.9, 0.0005)
    assert (config.overlap_threshold, config.use_pretrained_model, config.freeze_layer_pattern) == (0.5, 0, "")
    assert config.usual_variant == "sagemaker-vgg16-300"
    said = training.trainer("ssd", mini_batch_size=8, epochs=5, early_stopping=True, early_stopping_tolerance=0.01)
    stopping = training.settings_for(said, epochs=7)
    assert (stopping.epochs, stopping.batch_size) == (7, 8)  # what is said of the loop goes before
    assert (stopping.patience, stopping.min_epochs, stopping.tolerance) == (5, 10, 0.01)


def test_hyperparameters_as_the_service_sends_them_are_taken() -> None:
    """All values are texts there."""
    sent = {"base_network": "resnet-50", "num_classes": "2", "mini_batch_size": "16", "learning_rate": "0.004",
            "lr_scheduler_step": "80,160", "optimizer": "sgd", "early_stopping": "False", "image_shape": "512",
            "label_width": "350", "use_pretrained_model": "1", "kv_store": "device", "num_training_samples": "16551",
            "nms_threshold": "0.45"}  # fmt: skip
    config = build(SsdTrainConfig, sent)
    assert config.lr_scheduler_step == (80, 160)
    assert config.usual_variant == "sagemaker-resnet50-512"
    assert (config.use_pretrained_model, config.early_stopping) == (1, False)
    schedule = training.Steps(drops=config.lr_scheduler_step, by=config.lr_scheduler_factor)
    factors = [schedule.factor(epoch * 10, 10, 240) for epoch in (0, 79, 80, 159, 160, 239)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_network": "resnet-101"}, "base_network"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"image_shape": 10}, "image_shape"),
        ({"image_shape": 64, "base_network": "vgg-16"}, "too small for its 6 maps"),
        ({"freeze_layer_pattern": "conv(1"}, "must be a regular expression"),
        (
            {"variant": "sagemaker-vgg16-300", "image_shape": 512},
            "image_shape must agree with variant sagemaker-vgg16-300",
        ),
        ({"variant": "sagemaker-vgg19-300"}, "There is no variant"),
        ({"optimizer": "lamb"}, "optimizer"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SsdTrainConfig(**settings)


def test_it_keeps_the_promises_of_a_trainer() -> None:
    check_trainer(lambda: SsdTrainer(SsdTrainConfig(variant=TINY)))


def test_augmentation_is_that_of_mxnet_ssd(pictures: Dataset) -> None:
    steps = {type(step).__name__: step for step in augmentation(SsdTrainConfig()).steps}
    assert list(steps) == ["Hsv", "Contrast", "Expand", "IouCrop", "Stretch", "Flip"]
    assert (steps["Hsv"].hue, steps["Hsv"].saturation, steps["Hsv"].value) == (18, 32, 32)
    assert (steps["Contrast"].amount, steps["Contrast"].probability) == (0.5, 0.5)
    assert (steps["Expand"].probability, steps["Expand"].fill) == (0.5, (127, 127, 127))
    crop = steps["IouCrop"]
    assert (crop.overlaps, crop.trials, crop.free, crop.scale, crop.aspect) == (
        (0.1, 0.3, 0.5, 0.7, 0.9), 25, False, (0.3, 1.0), (0.5, 2.0)
    )  # fmt: skip
    assert (steps["Stretch"].interpolation, steps["Flip"].probability) == ("random", 0.5)
    sample = begun(pictures).train[training.SampleKey(0, 0, 0, (64, 64))]
    assert sample.image.shape == (3, 64, 64)


# ---- what it begins with


def test_optimiser_and_rates_are_those_of_mxnet_ssd(pictures: Dataset) -> None:
    module = module_of(begun(pictures, base_network="vgg-16", image_shape=300, learning_rate=0.01))
    module.prepare(1, sync=True, native=False)
    groups = module.parameter_groups()
    of = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    wanted = {
        "backbone.conv1_1.weight": (0.01, 5e-4),
        "backbone.conv1_1.bias": (0.01, 0),
        "backbone.norm.scale": (0.01, 5e-5),
        "extras.0.conv1.bias": (0.02, 0),
        "class_heads.0.bias": (0.02, 0),
        "box_heads.5.bias": (0.02, 0),
        "box_heads.5.weight": (0.01, 5e-4),
    }
    for key, (rate, decay) in wanted.items():
        assert of[id(module.model.get_parameter(key))] == pytest.approx((rate, decay)), key
    assert len(of) == len(list(module.model.parameters()))
    kinds = {
        name: module_of(begun(pictures, optimizer=name)).make_optimizer(groups).defaults
        for name in ("sgd", "adam", "rmsprop", "adadelta")
    }
    assert (kinds["sgd"]["momentum"], kinds["sgd"]["nesterov"]) == (0.9, False)
    assert (kinds["rmsprop"]["alpha"], kinds["rmsprop"]["momentum"]) == (0.9, 0.9)
    assert {g["lr"] for g in module_of(begun(pictures, optimizer="adadelta")).parameter_groups()} == {1.0}


def test_layers_are_frozen_by_the_names_that_mxnet_gives_them(pictures: Dataset) -> None:
    module = module_of(begun(pictures, freeze_layer_pattern="^(conv0|stage1_).*"))
    names = dialect_names(module.model.variant)
    learnt = {names[k]: p.requires_grad for k, p in module.model.named_parameters()}
    learnt.pop("bn_data_gamma", None)
    assert {name for name, learns in learnt.items() if not learns} - {"bn_data_gamma"} == {
        name for name in learnt if name.startswith(("conv0", "stage1_"))
    }
    with pytest.raises(ConfigError, match=r"fits none of .*: .*bn_data"):
        begun(pictures, freeze_layer_pattern="layer1")
    with pytest.raises(ConfigError, match="leave something to learn"):
        begun(pictures, freeze_layer_pattern=".*")


@pytest.mark.parametrize("name", ["gluoncv-resnet50-512-coco/32", "torchvision-vgg16-300/16"])
def test_other_dialects_are_trained_with_their_anchors_and_found_by_their_rule(
    name: str, pictures: Dataset, tmp_path: Path
) -> None:
    made = begun(pictures, variant=name, validate_score=0.05)
    module = module_of(made)
    size = module.card.preprocessing.size
    losses = module.compute_losses(collate([made.train[training.SampleKey(row, 0, row, size)] for row in (1, 2)]))
    sum(losses.sums.values()).backward()
    assert all(p.grad is not None for p in module.model.parameters() if p.requires_grad)
    torch.save(module.bundle(), tmp_path / "model.pth")
    image = data.Samples(pictures)[1].image
    with torch.no_grad():
        [mine] = module.eval().detect([image])
    [found] = trackforge.detector(tmp_path / "model.pth", score=0.05).detect([Frame(index=0, image=image)])
    assert len(found) == len(mine) > 0
    np.testing.assert_allclose(np.sort(mine.score), np.sort(found.score), atol=1e-4)


def test_classes_are_checked_against_the_data(pictures: Dataset) -> None:
    more = module_of(begun(pictures, num_classes=4))
    assert more.model.classes == 4
    assert more.card.classes == (*KINDS, "class 2", "class 3")
    assert any("2 more than the data have" in note for note in more.notes)
    with torch.no_grad():
        [found] = more.eval().detect([data.Samples(pictures)[1].image])
    assert set(found.class_id.tolist()) <= {0, 1}
    with pytest.raises(DataError, match=r"Classes must be 0 to 0.* first class 1 \(block\)") as caught:
        begun(pictures, num_classes=1)
    assert str(caught.value).startswith(str(pictures.image_path(1)))


def test_what_means_nothing_is_taken_and_told(pictures: Dataset, caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        begun(pictures, label_width=350, kv_store="dist_sync", num_training_samples=100, early_stopping=True)
    for said in ("label_width", "kv_store", "says 100 pictures; the data have 8", "early_stopping", "at random"):
        assert said in caplog.text


def test_a_backbone_of_imagenet_is_taken_by_name_or_from_a_file_and_told(
    pictures: Dataset, tmp_path: Path, seeded: Callable[..., SSD], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = seeded("sagemaker-resnet50-300/16", 2)
    arrays = {k: v for k, v in to_dialect(source).items() if "multi_feat" not in k and "_pred_" not in k}
    file = tmp_path / "resnet-50-0000.params"
    write_params(file, {f"arg:{k}": v for k, v in arrays.items()})
    given = module_of(begun(pictures, weights=str(file), variant=TINY))
    monkeypatch.setattr(type(BACKBONES), "resolve", lambda *_: file)
    usual = module_of(begun(pictures, use_pretrained_model=1))
    for module in (given, usual):
        assert torch.equal(module.model.get_parameter("backbone.conv0.weight"), source.backbone.conv0.weight)
        assert re.search(r"starts from the backbone .*SHA-256 [0-9a-f]{64}", " ".join(module.notes))
    assert "http" in " ".join(usual.notes)
    assert "backbone_source" in usual.card.provenance
    monkeypatch.undo()
    monkeypatch.setattr("trackforge_ssd.training.beginning.usual_backbone", lambda _: "resnet50-v3")
    with pytest.raises(WeightsError, match="resnet50-v2"):
        begun(pictures, use_pretrained_model=1)


def test_training_goes_on_from_an_artefact_with_its_network(
    pictures: Dataset, artefact: Callable[..., Path], tmp_path: Path
) -> None:
    """Nothing has to be said of it; another shape of input may be."""
    path = artefact("sagemaker-vgg16-300/16", 2)
    module = module_of(begun(pictures, weights=str(path)))
    assert module.model.variant.name == "sagemaker-vgg16-300/16"
    assert "starts from" in " ".join(module.notes)
    larger = module_of(begun(pictures, weights=str(path), image_shape=320))
    assert larger.model.variant.name == "sagemaker-vgg16-320/16"
    with pytest.raises(WeightsError, match="must be of the backbone that is trained"):
        begun(pictures, weights=str(path), base_network="resnet-50")


# ---- what comes in


def test_regions_to_ignore_are_skipped_or_learnt(tmp_path: Path) -> None:
    some = shapes(tmp_path, ignored=True)
    row = int(some.boxes.image[some.boxes.ignore][0])
    key = training.SampleKey(row, 0, row, (64, 64))
    counts = []
    for how in ("skip", "learn"):
        made = begun(some, ignore_regions=how, augmentation="none")
        losses = module_of(made).compute_losses(collate([made.train[key]]))
        counts.append(int(losses.normaliser["smooth_l1"]))  # type: ignore[index,call-overload]
    assert 0 < counts[0] < counts[1]


def test_three_forms_of_a_set_give_the_same_batches(pictures: Dataset, tmp_path: Path) -> None:
    """Files, RecordIO and an augmented manifest; RecordIO keeps shares of the picture in float32."""
    keys = [training.SampleKey(row, 1, row, (64, 64)) for row in range(len(pictures))]
    wanted = collate([begun(pictures).train[key] for key in keys])
    for form in ("recordio", "sagemaker-json", "augmented-manifest"):
        data.write(pictures, tmp_path / form, form)
        again = data.read(tmp_path / form)
        assert again.classes == pictures.classes
        batch = collate([begun(again).train[key] for key in keys])
        assert torch.equal(batch.images, wanted.images)
        for name in ("class_id", "image", "ignore"):
            assert torch.equal(getattr(batch.targets, name), getattr(wanted.targets, name))
        torch.testing.assert_close(batch.targets.xyxy, wanted.targets.xyxy, rtol=0, atol=4e-5)
        assert not wanted.targets.ignore.any()


def records(path: Path, *labels: list[float]) -> Path:
    import cv2

    content = cv2.imencode(".png", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    with path.open("wb") as out:
        writer = RecordWriter(out)
        for number, label in enumerate(labels):
            writer.write(encode_image_record(ImageRecord(np.array(label, np.float32), number, content)))
    return path


def test_faults_of_data_are_told_with_file_and_record(pictures: Dataset, tmp_path: Path) -> None:
    objects = [[2, 5, kind, 0.1, 0.1, 0.6, 0.7] for kind in (0, 1, 3)]
    whole = data.read(records(tmp_path / "train.rec", *objects))
    with pytest.raises(DataError, match=r"train\.rec#2: Classes must be 0 to 2, as num_classes is 3") as caught:
        begun(whole, num_classes=3)
    assert "first class 3" in str(caught.value)

    cut = tmp_path / "cut.rec"
    cut.write_bytes((tmp_path / "train.rec").read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cut\.rec: .*[Rr]ecord 2"):
        data.read(cut)

    data.write(pictures, tmp_path / "set", "augmented-manifest")
    [manifest] = (tmp_path / "set").rglob("*.manifest")
    missing = json.loads(manifest.read_text().splitlines()[4])["source-ref"]
    [gone] = (tmp_path / "set").rglob(Path(missing).name)
    gone.unlink()
    with pytest.raises(DataError, match=rf"{re.escape(manifest.name)}:5: .*{re.escape(gone.name)}"):
        begun(data.read(tmp_path / "set"))


# ---- a run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training from nothing that learns: eight pictures, a narrow network."""
    folder = tmp_path_factory.mktemp("run")
    config = {"optimizer": "adam", "learning_rate": 0.003, "augmentation": "flip", "nms_threshold": 0.4}
    config |= {"lr_scheduler_step": [30], "algorithm_log": False}
    settings = {"epochs": 40, "monitor": "mAP", "validate_every": 10, "validate_start": True}
    return train(folder / "one", data=str(folder / "data"), config=config, settings=settings)


def test_it_learns_from_nothing(run: Any) -> None:
    rows = rows_of(run.out / "epochs.csv")
    assert run.best["voc_ap"] > 0.6
    assert run.best["voc_ap11"] > 0.6
    assert run.start["voc_ap"] < 0.2
    assert {"cross_entropy", "smooth_l1", "ap", "ap50", "voc_ap disc"} <= rows[-1].keys()
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[1]["loss"])
    for row in rows[1:]:
        assert float(row["loss"]) == pytest.approx(float(row["cross_entropy"]) + float(row["smooth_l1"]), rel=1e-5)


def test_the_file_that_comes_out_is_a_detector_and_an_artefact(run: Any, tmp_path: Path) -> None:
    detector = trackforge.detector(run.model, score=0.01)
    assert detector.classes == KINDS
    assert detector.rule.limit == 0.4
    sample = data.Samples(shapes(tmp_path))[1]
    frame = Frame(index=0, image=sample.image)
    [found] = detector.detect([frame])
    module = module_of(begun(shapes(tmp_path), weights=str(run.model))).eval()
    with torch.no_grad():
        [mine] = module.detect([sample.image])
    np.testing.assert_allclose(mine.xyxy, found.xyxy, atol=1e-2)
    np.testing.assert_allclose(mine.score, found.score, atol=1e-4)

    path = export(ExportConfig(weights=run.model, to="sagemaker", output=tmp_path / "model.tar.gz"))
    said = read_artefact(path).hyperparameters
    assert (said["num_classes"], said["num_training_samples"], said["optimizer"]) == ("2", "8", "adam")
    assert (said["nms_threshold"], said["lr_scheduler_step"], said["epochs"]) == ("0.4", "30", "40")
    again = trackforge.detector(path, score=0.01)
    assert again.classes == KINDS
    [other] = again.detect([frame])
    np.testing.assert_allclose(other.xyxy, found.xyxy, atol=1e-3)
    onward = module_of(begun(shapes(tmp_path), weights=str(path)))
    assert onward.model.variant.name == TINY
    before = torch.load(run.model, weights_only=True)["model"]
    for key, value in onward.model.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_it_stops_early_by_the_algorithms_names_and_logs_its_lines(tmp_path: Path, capfd: Any) -> None:
    """Nothing is learnt, so nothing gets better; before the third epoch that is no reason to stop."""
    config = {"learning_rate": 1e-12, "early_stopping": True, "early_stopping_min_epochs": 3, "algorithm_log": True}
    config |= {"early_stopping_patience": 1, "early_stopping_tolerance": 0.5, "augmentation": "none"}
    options = {"data": str(tmp_path / "data"), "config": config, "settings": {"epochs": 5}}
    result = train(tmp_path / "run", **options)
    assert (result.stopped, result.epochs) == ("early", 3)
    lines = [line for line in capfd.readouterr().err.splitlines() if "#" in line]
    assert len(lines) == 12
    head = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] "
    metric = head + r"#quality_metric: host=algo-1, epoch=2"
    for pattern, line in zip(
        (
            metric + r", batch=2 train cross_entropy <loss>=\((\S+)\)",
            metric + r", batch=2 train smooth_l1 <loss>=\((\S+)\)",
            metric + r", validation mAP <score>=\((\S+)\)",
            head + r"#progress_metric: host=algo-1, completed 60\.0 % of epochs",
        ),
        lines[-4:],
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line
    assert train(tmp_path / "run", **options, resume=True).epochs == 3  # it stays stopped


# ---- stop and go on, alone and in company

COURSE = {"epochs": 3, "checkpoint_steps": 1, "batch_size": 3, "validate_every": 3}
"""8 pictures in steps of 3: 3 steps an epoch."""


def state(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    return {"weights": content["state_dict"], "optimizer": content["optimizer_states"][0]["state"]}


def differing(one: Any, other: Any, where: str = "") -> list[str]:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return [name for key in one for name in differing(one[key], other[key], f"{where}.{key}")]
    return [] if torch.equal(torch.as_tensor(one), torch.as_tensor(other)) else [where]


def test_killed_in_mid_epoch_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": str(tmp_path / "data"), "settings": COURSE}
    train(tmp_path / "whole", **options)
    killed = train_apart(tmp_path / "killed", **options, kill_at=5)
    assert killed.returncode == -9, killed.stderr
    assert train(tmp_path / "killed", **options, resume=True).steps == 9
    assert differing(state(tmp_path / "killed"), state(tmp_path / "whole")) == []
    mine, its = (rows_of(tmp_path / name / "losses.csv") for name in ("killed", "whole"))
    assert [row["loss"] for row in mine] == [row["loss"] for row in its]
    with pytest.raises(StateError, match="momentum"):
        train(tmp_path / "whole", **options, config={"momentum": 0.8}, resume=True)


def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Norms of fixed gain included, whose statistics are of both processes, too.

    At a low rate: so deep a network on so small pictures goes far in a step, and sums in another order go elsewhere.
    """
    options: dict[str, Any] = {"data": str(tmp_path / "data"), "config": {"learning_rate": 1e-6}}
    options["settings"] = {"epochs": 2, "batch_size": 4}
    train(tmp_path / "one", **options)
    settings = {**options["settings"], "devices": 2}
    done = train_apart(tmp_path / "two", **{**options, "settings": settings})
    assert done.returncode == 0, done.stderr
    for name in ("losses.csv", "epochs.csv"):
        mine, its = (rows_of(tmp_path / who / name) for who in ("two", "one"))
        assert len(mine) == len(its) > 1
        for row, wanted in zip(mine, its, strict=True):
            for column in ("loss", "cross_entropy", "smooth_l1"):
                assert float(row[column]) == pytest.approx(float(wanted[column]), rel=1e-3), (name, column)
    mine, its = (state(tmp_path / who)["weights"] for who in ("two", "one"))
    for key, value in its.items():
        torch.testing.assert_close(mine[key], value, rtol=1e-3, atol=1e-4, msg=key)
    begun_with = {f"model.{k}": p for k, p in module_of(begun(shapes(tmp_path))).model.named_parameters()}
    way = sum(float((its[key] - p.detach()).norm() ** 2) for key, p in begun_with.items())
    apart = sum(float((its[key] - mine[key]).norm() ** 2) for key in begun_with)
    assert apart < 0.02**2 * way


def test_a_picture_is_learnt_from_where_it_lies() -> None:
    """Boxes move with the pixels through the whole augmentation: what is red there is the object."""
    image = np.full((60, 90, 3), 40, np.uint8)
    image[20:50, 30:70] = (250, 30, 30)
    labelled = LabelledImage(
        image=image, xyxy=np.array([[30.0, 20, 70, 50]]), class_id=np.zeros(1, np.int64),
        identity=np.full(1, -1), ignore=np.zeros(1, bool),
    )  # fmt: skip
    pipeline = augmentation(SsdTrainConfig())
    for seed in range(40):
        draw = Draw(rng=np.random.default_rng(seed), size=(64, 64), strong=True, another=types.SimpleNamespace())
        out = pipeline(labelled, draw)
        assert out.count == 1
        x1, y1, x2, y2 = out.xyxy[0]
        rows, columns = np.nonzero(out.image[..., 0].astype(int) - out.image[..., 1] > 60)
        if len(rows):
            seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            np.testing.assert_allclose(seen, (x1, y1, x2, y2), atol=4)
