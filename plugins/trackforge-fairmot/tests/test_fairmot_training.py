"""What training starts from, who is who, what is logged, and the file that comes out."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from fairmot_run import SIZE, train, train_apart, walkers  # noqa: E402

import trackforge  # noqa: E402
from trackforge import data, training  # noqa: E402
from trackforge.data import Boxes, Dataset, Images  # noqa: E402
from trackforge.errors import ConfigError, StateError  # noqa: E402
from trackforge.models import KEY  # noqa: E402
from trackforge.testing import check_trainer  # noqa: E402
from trackforge.training.augment import AugmentedSamples, collate, validation_pipeline  # noqa: E402
from trackforge.types import Frame  # noqa: E402
from trackforge_fairmot.training.config import TERMS, FairMotTrainConfig  # noqa: E402
from trackforge_fairmot.training.identities import numbered, shared_numbers  # noqa: E402
from trackforge_fairmot.training.module import FairMotModule  # noqa: E402
from trackforge_fairmot.training.recipe import FairMotTrainer  # noqa: E402
from trackforge_fairmot.variants import VARIANTS  # noqa: E402


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return walkers(tmp_path_factory.mktemp("people"))


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(**changes: Any) -> FairMotTrainConfig:
    return FairMotTrainConfig(**{"variant": "fairmot-yolov5n", "size": SIZE, **changes})


def begun(dataset: Dataset, val: Dataset | None = None, **changes: Any) -> training.Training:
    plan = training.Plan(dataset=dataset, validation=val, epochs=3, batch_size=2, steps_per_epoch=4)
    return FairMotTrainer(small(**changes)).begin(plan)


def module_of(made: training.Training) -> FairMotModule:
    assert isinstance(made.module, FairMotModule)
    return made.module


def a_batch(made: training.Training, rows: tuple[int, ...] = (0, 5)) -> Any:
    return collate([made.train[training.SampleKey(row, 0, row, SIZE)] for row in rows])


# ---- settings


def test_numbers_are_those_of_the_publication() -> None:
    large, small_ = (FairMotTrainConfig().filled(VARIANTS[f"fairmot-{name}"]) for name in ("dla34", "yolov5s"))
    assert (large.lr, large.multi_loss, large.wh_weight) == (1e-4, "uncertainty", 0.1)
    assert (small_.lr, small_.multi_loss, small_.wh_weight) == (5e-4, "fix", 0.5)
    assert FairMotTrainConfig(lr=2e-4).filled(VARIANTS["fairmot-yolov5s"]).lr == 2e-4
    recipe = training.trainer("fairmot")
    settings = training.settings_for(recipe)
    assert (settings.epochs, settings.batch_size, settings.ema_decay) == (30, 12, 0)
    schedule = {"drops": FairMotTrainConfig().drops(30), "by": 0.1}
    assert [training.Steps(**schedule).factor(step, 10, 30) for step in (0, 199, 200, 299)] == pytest.approx(
        [1, 1, 0.1, 0.1]
    )
    assert FairMotTrainConfig(lr_step=(50,)).drops(60) == (50,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (100, 96)}, "multiples of 32"),
        ({"zoom": (1.5, 0.5)}, "least,greatest"),
        ({"zoom": (0.5, float("inf"))}, "finite number"),
        ({"id_weight": float("inf")}, "finite number"),
        ({"variant": "fairmot-dla35"}, "Did you mean"),
        ({"id_loss": "triplet"}, "id_loss"),
        ({"lr": -1.0}, ">= 0"),
        ({"lr_step": (0,)}, ">= 1"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FairMotTrainConfig(**settings)


@pytest.mark.parametrize("changes", [{}, {"id_loss": "focal", "ltrb": False}], ids=["published", "other"])
def test_it_keeps_the_promises_of_a_trainer(changes: dict[str, Any]) -> None:
    check_trainer(lambda: FairMotTrainer(small(**changes)))


# ---- who is who


def test_the_classifier_tells_apart_everybody_of_all_sets(people: Dataset, tmp_path: Path) -> None:
    """The same ids in three sets are different people; sequences keep theirs apart, stills too."""
    others = [walkers(tmp_path, count=4, name="street"), *(walkers(tmp_path / f"{k}", still=True) for k in range(2))]
    mixed = data.concatenate([people, *others])
    joint = module_of(begun(mixed)).joint
    assert joint.classifier is not None
    assert joint.classifier.out_features == 12
    assert joint.embedding_scale == pytest.approx(np.sqrt(2) * np.log(11))
    samples = data.Samples(mixed)
    firsts = [set(samples[row].identity.tolist()) for row in (0, 8, 12, 20)]
    assert len(set.union(*firsts)) == 12


def test_every_box_may_be_its_own_identity(people: Dataset) -> None:
    count = len(people.boxes)
    assert numbered(people, "boxes").identities()[1] == count
    some = people.replace(boxes=people.boxes.replace(track_id=np.where(people.boxes.track_id == 2, -1, 7)))
    assert some.identities()[1] == 1
    missing = numbered(some, "missing")
    assert missing.identities()[1] == 1 + (people.boxes.track_id == 2).sum()
    assert (missing.identities()[0] >= 0).all()
    made = begun(people, identities="boxes")
    assert module_of(made).joint.classifier.out_features == count  # type: ignore[union-attr]
    numbers = a_batch(made, tuple(range(8))).targets.identity
    assert len(numbers.unique()) == len(numbers)


def test_people_of_a_validation_set_are_known_by_folder_sequence_and_id(people: Dataset, tmp_path: Path) -> None:
    train_, val = data.half_split(people, rule="fairmot")
    later = val.keep_boxes(val.boxes.track_id != 1)
    numbers = shared_numbers(train_, later)
    known, asked = train_.identities()[0], later.identities()[0]
    for box, own in enumerate(asked.tolist()):
        (same,) = set(known[train_.boxes.track_id == later.boxes.track_id[box]].tolist())
        assert numbers[own] == same
    unlabelled = train_.replace(boxes=train_.boxes.replace(track_id=np.where(train_.boxes.track_id == 1, -1, 2)))
    for how, wanted in (("missing", {2}), ("boxes", set())):  # what gets a number of its own is nobody of val's
        prepared = begun(unlabelled, later, identities=how).val
        assert prepared is not None
        numbers_now = {n for row in range(4) for n in prepared[training.SampleKey(row, 0, row, SIZE)].identity.tolist()}
        labelled = numbered(unlabelled, how).identities()[0][unlabelled.boxes.track_id == 2]
        assert numbers_now - {-1} == ({labelled[0]} if wanted else set())
    elsewhere = walkers(tmp_path)  # the same names in another folder
    assert shared_numbers(train_, elsewhere).tolist() == [-1, -1, -1]
    source = begun(train_, later).val
    assert source is not None
    assert source[training.SampleKey(0, 0, 0, SIZE)].identity.tolist() == [1]


def test_people_are_known_in_a_mixed_set_with_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of several roots get absolute paths when they are mixed; the validation set alone keeps its own."""
    monkeypatch.chdir(tmp_path)
    first, val = data.half_split(walkers(Path()), rule="fairmot")
    mixed = data.concatenate([first, walkers(Path("more"), name="yard")])
    assert Path(mixed.images.path[0]).is_absolute()
    numbers = shared_numbers(mixed, val)
    assert numbers.tolist() == shared_numbers(first, val).tolist()  # "walk" is before "yard"
    assert (numbers >= 0).all()


def test_a_validation_set_of_strangers_is_told(people: Dataset, tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        begun(people, walkers(tmp_path))
    assert "val_id_loss is no number" in caplog.text


@pytest.mark.parametrize("how", ["no label", "no weight", "one person"])
def test_without_identities_detection_is_trained_alone_and_told(people: Dataset, how: str, caplog: Any) -> None:
    track_id = {"no label": -1, "one person": 4}.get(how)
    boxes = people.boxes if track_id is None else people.boxes.replace(track_id=np.full(len(people.boxes), track_id))
    with caplog.at_level(logging.INFO):
        made = begun(people.replace(boxes=boxes), id_weight=0.0 if how == "no weight" else 0.1)
    module = module_of(made)
    assert "embeddings mean nothing" in caplog.text.lower()
    assert "mean nothing" in str(module.bundle()[KEY])
    losses = module.compute_losses(a_batch(made))
    assert float(losses.sums["id_loss"].detach()) == 0
    if how != "one person":
        assert module.joint.classifier is None
        assert not any(p.requires_grad for p in module.model.get_submodule("id").parameters())


# ---- what comes in


def test_narrow_pictures_and_ignore_regions_are_trained_on(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "narrow.png"), np.full((60, 3, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((2, 300, 3), 90, np.uint8))
    odd = Dataset(
        images=Images(path=["narrow.png", "flat.png"], width=[3, 300], height=[60, 2]),
        boxes=Boxes(
            image=[0, 0, 1], xyxy=[[0, 5, 3, 30], [0, 30, 3, 60], [10, 0, 40, 2]], track_id=[1, 2, 3], ignore=[0, 1, 0]
        ),
        classes=("pedestrian",),
        root=tmp_path,
    )
    made = begun(odd)
    losses = module_of(made).compute_losses(a_batch(made, (0, 1)))
    assert all(torch.isfinite(value) for value in losses.sums.values())
    plain = AugmentedSamples(data.Samples(odd), validation_pipeline(module_of(made).card.preprocessing))
    batch = collate([plain[training.SampleKey(row, 0, row, SIZE)] for row in (0, 1)])
    found = module_of(made).compute_losses(batch)
    assert isinstance(found.normaliser, dict)
    assert int(found.normaliser["hm_loss"]) == 2  # the region is no object
    with torch.no_grad():
        assert len(module_of(made).eval().detect([data.Samples(odd)[0].image])) == 1


def test_embeddings_are_those_of_the_map_at_the_centres(people: Dataset) -> None:
    module = module_of(begun(people, reid_dim=9)).eval()
    sample = data.Samples(people)[0]
    with torch.no_grad():
        (found,) = module.embed([sample.image], [sample.boxes.xyxy])
        calls: list[int] = []
        module.model.register_forward_hook(lambda *_: calls.append(1))
        module.detect([sample.image])
        module.embed([sample.image], [sample.boxes.xyxy])
        assert calls == []  # the same picture, the same weights
        maps = module.model(torch.from_numpy(module.planes.fill([sample.image])[0]))
    for vector, (x1, y1, x2, y2) in zip(found, sample.boxes.xyxy.tolist(), strict=True):
        wanted = maps.id[0, :, int((y1 + y2) / 8), int((x1 + x2) / 8)]
        np.testing.assert_allclose(vector, wanted / wanted.norm(), rtol=1e-5, atol=1e-6)
    module.train()
    module.eval()
    with torch.no_grad():
        module.embed([sample.image], [sample.boxes.xyxy])
    assert calls == [1, 1]  # weights may be others now


# ---- a run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two epochs, with everything that is logged, and a tracking score."""
    folder = tmp_path_factory.mktemp("run")
    settings = {"monitor": "val_offset_loss", "tracker": "byte"}
    return train(folder / "one", data=str(folder / "data"), settings=settings)


def test_every_epoch_logs_losses_of_training_and_validation_and_scores(run: Any) -> None:
    rows = rows_of(run.out / "epochs.csv")
    names = {"loss", "val_loss", *TERMS, *(f"val_{term}" for term in TERMS)}
    scores = {"ap50", "reid_map", "rank1", "tpr", "hota", "mota", "idf1"}
    assert names | scores <= rows[0].keys()
    assert all(np.isfinite(float(row[name])) for row in rows for name in names | scores)
    assert run.best["val_off_loss"] == pytest.approx(
        min(float(row["val_off_loss"]) for row in rows)
    )  # monitored by another name


def test_losses_put_together_are_the_total(run: Any) -> None:
    for row in rows_of(run.out / "losses.csv"):
        hm, wh, off, who = (float(row[term]) for term in TERMS)
        assert float(row["loss"]) == pytest.approx(hm + 0.5 * wh + off + 0.1 * who, rel=1e-4)


def test_the_file_that_comes_out_is_a_detector_with_embeddings(run: Any, tmp_path: Path) -> None:
    detector = trackforge.detector(run.model, score=0.0)
    assert detector.classes == ("pedestrian",)
    assert detector.card.component == "fairmot"
    assert detector.card.variant == "fairmot-yolov5n"
    assert detector.card.preprocessing.size == SIZE
    assert detector.embedding_dim == 64
    assert detector.card.provenance["trained_on"] == "walk"
    image = data.Samples(walkers(tmp_path))[3].image
    (found,) = detector.detect([Frame(index=0, image=image)])
    plan = training.Plan(dataset=walkers(tmp_path), epochs=1, batch_size=2, steps_per_epoch=4, weights=str(run.model))
    module = module_of(FairMotTrainer(FairMotTrainConfig(validate_score=0.0)).begin(plan)).eval()
    with torch.no_grad():
        (mine,) = module.detect([image])
    np.testing.assert_allclose(mine.score[:20], found.score[:20], rtol=1e-3)
    near = np.abs(mine.xyxy[:20, None] - found.xyxy[None]).max(axis=2)
    same = near.min(axis=1) < 0.05
    assert same.mean() >= 0.7  # so early the map is nearly flat: rounding decides what is a peak
    assert mine.embedding is not None
    np.testing.assert_allclose(mine.embedding[:20][same], found.embedding[near.argmin(axis=1)][same], atol=1e-3)


def test_classifier_and_weights_of_losses_are_in_the_checkpoint_only(run: Any) -> None:
    content = torch.load(run.out / "checkpoints/last.ckpt", weights_only=True)
    assert content["state_dict"]["joint.classifier.weight"].shape == (3, 64)
    assert not any("classifier" in key for key in torch.load(run.model, weights_only=True)["model"])


def test_fine_tuning_on_other_people_makes_the_classifier_anew_and_says_so(
    run: Any, tmp_path: Path, caplog: Any
) -> None:
    others = walkers(tmp_path, count=4, name="others").keep_boxes(np.arange(10) % 2 == 0)
    plan = training.Plan(dataset=others, epochs=1, batch_size=2, steps_per_epoch=2, weights=str(run.model))
    with caplog.at_level(logging.INFO):
        made = FairMotTrainer(FairMotTrainConfig()).begin(plan)
    module = module_of(made)
    assert module.model.variant.name == "fairmot-yolov5n"
    assert module.card.preprocessing.size == SIZE
    assert "classifier" in caplog.text
    before = torch.load(run.model, weights_only=True)["model"]
    for key, value in module.model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)
    assert module.card.provenance["started_from"] == "model.pth"


def test_a_run_goes_on_only_with_the_same_people(run: Any, tmp_path: Path) -> None:
    recipe = FairMotTrainer(small())
    fewer = walkers(tmp_path)
    fewer = fewer.replace(boxes=fewer.boxes.replace(track_id=np.minimum(fewer.boxes.track_id, 2)))
    settings = training.settings_for(
        recipe, epochs=3, batch_size=4, workers=0, tensorboard=False, tracker="byte", monitor="off_loss"
    )
    with pytest.raises(StateError, match=r"identities 3, now it is 2.*val_off_loss, now it is off_loss"):
        training.fit(recipe, fewer, fewer, settings, run.out, resume=True)
    recipe = FairMotTrainer(small(deform="grid"))  # whose gradients differ from those of "gather" at whole places
    with pytest.raises(StateError, match=r"trainer\.deform auto, now it is grid"):
        training.fit(recipe, fewer, fewer, settings, run.out, resume=True)


def test_mixed_precision_and_learned_weights(tmp_path: Path) -> None:
    config = {"multi_loss": "uncertainty", "id_loss": "focal"}
    settings = {"precision": "bf16", "epochs": 1}
    train(tmp_path / "run", data=str(tmp_path / "data"), config=config, settings=settings, validate=False)
    content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert content["joint.s_det"] != -1.85
    assert content["joint.s_id"] != -1.05
    assert all(value.isfinite().all() for value in content.values())
    last = rows_of(tmp_path / "run/losses.csv")[-1]
    assert all(np.isfinite(float(last[name])) for name in ("loss", *TERMS))


# ---- stop and go on, alone and in company

COURSE = {"epochs": 3, "checkpoint_steps": 1, "batch_size": 3, "validate_every": 3}
"""8 pictures in steps of 3: 3 steps an epoch."""
WEIGHTED = {"multi_loss": "uncertainty"}


def state(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    return {"weights": content["state_dict"], "optimizer": content["optimizer_states"][0]["state"]}


def differing(one: Any, other: Any, where: str = "") -> list[str]:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return [name for key in one for name in differing(one[key], other[key], f"{where}.{key}")]
    return [] if torch.equal(torch.as_tensor(one), torch.as_tensor(other)) else [where]


def test_killed_in_mid_epoch_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": str(tmp_path / "data"), "config": WEIGHTED, "settings": COURSE}
    train(tmp_path / "whole", **options)
    killed = train_apart(tmp_path / "killed", **options, kill_at=5)
    assert killed.returncode == -9, killed.stderr
    assert train(tmp_path / "killed", **options, resume=True).steps == 9
    assert differing(state(tmp_path / "killed"), state(tmp_path / "whole")) == []
    mine, its = (rows_of(tmp_path / name / "losses.csv") for name in ("killed", "whole"))
    assert [row["loss"] for row in mine] == [row["loss"] for row in its]


def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Also in steps in which nobody is known in the one picture of a process.

    At a low rate: Adam's first steps take the sign of a gradient, and where that is nothing but rounding, steps of
    another order of sums go another way.
    """
    options: dict[str, Any] = {"data": str(tmp_path / "data"), "config": {**WEIGHTED, "lr": 1e-5}, "half_known": True}
    settings = {"batch_size": 2, "epochs": 2}
    train(tmp_path / "one", **options, settings=settings)
    done = train_apart(tmp_path / "two", **options, settings={**settings, "devices": 2})
    assert done.returncode == 0, done.stderr
    for name in ("losses.csv", "epochs.csv"):
        mine, its = (rows_of(tmp_path / who / name) for who in ("two", "one"))
        assert len(mine) == len(its) > 1
        for row, wanted in zip(mine, its, strict=True):
            for column in [c for c in wanted if "loss" in c]:
                assert float(row[column]) == pytest.approx(float(wanted[column]), rel=1e-3), (name, column)
    steps = rows_of(tmp_path / "one/losses.csv")
    assert "0" in {row["id_loss"].rstrip(".0") or "0" for row in steps}  # nobody was known at all
    mine, its = (state(tmp_path / who)["weights"] for who in ("two", "one"))
    for key in ("joint.classifier.weight", "joint.s_det", "joint.s_id", "model.hm.2.bias"):
        torch.testing.assert_close(mine[key], its[key], rtol=1e-4, atol=2e-6, msg=key)
