"""The search over trainings: repeatable, resumable, several at a time, honest about luck; and what it leaves behind.

Trials are processes, but quick ones (`quick_trials`); `tests/e2e/test_cli_tune_train.py` searches real trainings.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")
pytest.importorskip("torch")
pytest.importorskip("lightning")

import quick_trials
import tuned_toy

from trackforge.errors import ConfigError, DataError, SinkError, TrackforgeError, TrainingError
from trackforge.registry import registry
from trackforge.runs.layers import from_toml
from trackforge.training import apart
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge.training.scores import Score
from trackforge.tuning import training
from trackforge.tuning.training import TrainingTrial
from trackforge.tuning.training.judging import steady
from trackforge.tuning.training.repeating import Repeat
from trackforge.tuning.training.run import SearchPlan, TrainingSearch
from trackforge.tuning.training.tuning import slots

LR = {"lr": "1e-4:0.5:log"}
EPOCHS = 6


@pytest.fixture(scope="module", autouse=True)
def plugin() -> Iterator[None]:
    registry().register(tuned_toy, "tuned-toy")
    yield
    registry().unregister("tuned-toy")


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tuned_toy.labels(tmp_path_factory.mktemp("set"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MODULE", quick_trials.__name__)


def run_of(labels: Path, *, train: dict[str, Any] | None = None, **toy: Any) -> TrainingRun:
    loop = {"epochs": EPOCHS, "batch_size": 5, **(train or {})}
    return TrainingRun(
        trainer={"name": tuned_toy.NAME, **toy}, train=loop, data=(labels / "train.json",), val=labels / "val.json"
    )


def problem_of(
    labels: Path, asked: dict[str, Any] | None = None, objective: str = "val_loss", **more: Any
) -> training.Problem:
    return training.Problem.of(run_of(labels, **more), asked=LR if asked is None else asked, objective=objective)


def ended(outcome: training.Outcome) -> list[tuple[Any, ...]]:
    return [(t.number, t.state, t.value, t.values, t.course) for t in outcome.trials]


@pytest.fixture(scope="module")
def outcome(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[training.Outcome]:
    """One search of 16 trials that several tests look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart, "MODULE", quick_trials.__name__)
        found = training.tune(problem_of(labels), tmp_path_factory.mktemp("search"), trials=16, keep=2)
        training.write(found)
        yield found


def test_a_search_begins_with_the_defaults_and_finds_what_is_better(outcome: training.Outcome) -> None:
    first, best = outcome.trials[0], outcome.best
    assert first.default
    assert first.values == {"trainer.lr": 0.005}
    assert first.value == pytest.approx(quick_trials.value(0.005, EPOCHS))
    assert outcome.default == first
    assert best is not None
    assert best.value == min(t.value for t in outcome.trials if t.value is not None)
    assert outcome.gain(over=first) == pytest.approx(first.value - best.value)
    assert outcome.gain(over=outcome.second) >= 0
    assert (best.epoch, outcome.epoch, outcome.epochs) == (EPOCHS, EPOCHS, EPOCHS)
    assert len(outcome.trials) == 16
    assert not outcome.interrupted


def test_poor_trials_are_stopped_early(outcome: training.Outcome, labels: Path, tmp_path: Path, quick: None) -> None:
    pruned = [t for t in outcome.trials if t.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.value is None
        assert EPOCHS / 3 <= max(trial.course) < EPOCHS, "not before a third of the epochs, and never at the end"
        at = max(trial.course)
        others = sorted(t.course[at] for t in outcome.trials if t.state == "complete" and t.number < trial.number)
        assert trial.course[at] > others[len(others) // 2 - 1]
    space = {**LR, "train.epochs": "2:6:int"}  # trials of another length cannot be compared on the way
    for problem, search in ((problem_of(labels, space), None), (problem_of(labels), training.Search(pruning=False))):
        found = training.tune(problem, tmp_path / str(search is None), trials=9, search=search)
        assert {t.state for t in found.trials} == {"complete"}
    training.write(found)
    assert (found.folder / "importance.png").stat().st_size > 5000


def test_only_the_best_keep_what_is_heavy(outcome: training.Outcome) -> None:
    heavy = {t.number for t in outcome.trials if (outcome.place(t) / "checkpoints").exists()}
    ranked = sorted((t.value, t.number) for t in outcome.trials if t.value is not None)
    assert heavy == {number for _, number in ranked[:2]}
    assert heavy == {t.number for t in outcome.trials if (outcome.place(t) / "model.pth").exists()}
    assert all((outcome.place(t) / "epochs.csv").exists() for t in outcome.trials)


def test_what_is_left_behind(outcome: training.Outcome, labels: Path) -> None:
    out, best = outcome.folder, outcome.best
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(16))
    assert float(rows[best.number]["val_loss"]) == float(rows[best.number]["value"]) == best.value
    facts = json.loads((out / "tuning.json").read_text())
    assert facts["better"] == "lower"
    assert facts["gain"]["over_default"] == pytest.approx(outcome.gain(over=outcome.default))
    assert facts["pictures"] == {"train": 12, "validation": 12, "whole": 24}
    for name in ("history", "slices", "curves"):
        assert (out / f"{name}.png").stat().st_size > 5000
    again = TrainingTask.of(from_toml(out / "best.toml", TrainingRun))
    assert again.trainer.settings["lr"] == best.values["trainer.lr"]
    assert again.loop["monitor"] == "val_loss"
    again.check()
    said = training.text(outcome)
    assert "the default settings" in said
    assert "One run each" in said
    assert "optimistic" in said
    assert f"trackforge train --config {out / 'retrain.toml'}" in said
    assert "The best epoch is the last one" in said


def test_the_same_seed_gives_the_same_trials(outcome: training.Outcome, labels: Path, tmp_path: Path, quick) -> None:
    again = training.tune(problem_of(labels), tmp_path / "a", trials=9)
    other = training.tune(problem_of(labels), tmp_path / "b", trials=2, search=training.Search(seed=1))
    assert ended(again) == ended(outcome)[:9]
    assert other.trials[1].values != outcome.trials[1].values


def test_interrupted_it_goes_on_as_if_nothing_had_been(outcome, labels: Path, tmp_path: Path, quick) -> None:
    """A stop in the middle of a trial leaves it unfinished; it keeps number, values and folder, and goes on."""
    epochs = itertools.count()
    stopped: list[bool] = []

    def watch(name: str, fact: Any) -> None:
        if next(epochs) == 15:  # in the third trial
            stopped.append(True)

    problem = problem_of(labels, pause=0.1)
    first = training.tune(problem, tmp_path, trials=4, stop=lambda: bool(stopped), watch=watch)
    assert first.interrupted
    assert [t.state for t in first.trials] == ["complete", "complete", "unfinished"]
    assert "stopped" not in training.text(first)
    begun = max(first.trials[2].course)
    assert 0 < begun < EPOCHS
    numbers: list[int] = []
    again = problem_of(labels, pause=0.1)
    second = training.tune(again, tmp_path, trials=4, on_trial=lambda t: numbers.append(t.number))
    assert numbers == [2, 3]
    assert ended(second) == ended(outcome)[:4]
    lines = [json.loads(x) for x in (tmp_path / "trials/0002/trial.jsonl").read_text().splitlines() if x]
    assert [x["epoch"] for x in lines if "epoch" in x] == list(range(1, EPOCHS + 1)), "no epoch was made twice"
    third = training.tune(again, tmp_path, trials=4, on_trial=lambda t: numbers.append(t.number))
    assert numbers == [2, 3], "a study that is complete only reports"
    assert third.best == second.best


def test_a_search_that_is_killed_goes_on(outcome, labels: Path, tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import quick_trials, tuned_toy
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_tuning_training import problem_of
from trackforge.registry import registry
from trackforge.training import apart
from trackforge.tuning import training
registry().register(tuned_toy, "tuned-toy")
apart.MODULE = "quick_trials"
def watch(name, fact):
    if name == "0001" and fact["epoch"] == 3:
        os.kill(os.getpid(), 9)
training.tune(problem_of(Path({str(labels)!r}), pause=0.1), {str(tmp_path)!r}, trials=3, watch=watch)
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=300, check=False)
    assert done.returncode == -9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart, "MODULE", quick_trials.__name__)
        found = training.tune(problem_of(labels, pause=0.1), tmp_path, trials=3)
    assert ended(found) == ended(outcome)[:3]


def test_what_fails_does_not_end_the_search(labels: Path, tmp_path: Path, quick) -> None:
    asked = {"lr": "0.2:0.5", "id_loss": "ce,half,crash,greedy"}
    random = training.Search(startup=24)  # so that values do not depend on the order in which trials end
    found = training.tune(problem_of(labels, asked), tmp_path, trials=24, workers=3, search=random)
    reasons = {(t.state, t.reason) for t in found.trials if t.reason}
    assert ("failed", "out of memory: too much") in reasons
    assert any(state == "failed" and "its process ended with -6; see" in reason for state, reason in reasons)
    assert any(state == "failed" and "killed, perhaps for want of memory; see" in reason for state, reason in reasons)
    assert any(state == "refused" and "half takes a rate of .3" in reason for state, reason in reasons)
    assert len(found.trials) == 24
    assert found.best.values["trainer.id_loss"] in ("ce", "half")
    assert found.default.values == {"trainer.id_loss": "ce"}, "a rate that is not searched has no place in the space"


def test_the_default_settings_may_fail_but_not_be_wrong(labels: Path, tmp_path: Path, quick) -> None:
    found = training.tune(problem_of(labels, {"id_loss": "greedy,ce"}, id_loss="greedy"), tmp_path / "a", trials=4)
    assert found.default.state == "failed"
    assert found.gain(over=found.default) is None
    assert "The default settings have no score to compare with: out of memory" in training.text(found)
    with pytest.raises(TrainingError, match="have failed, the settings as they are among them: out of memory"):
        training.tune(problem_of(labels, LR, id_loss="greedy"), tmp_path / "b", trials=9)
    with pytest.raises(SinkError, match="The disk is full"):
        training.tune(problem_of(labels, LR, disk=True), tmp_path / "c", trials=9)
    with pytest.raises(ConfigError, match="half takes a rate"):
        training.tune(problem_of(labels, {"lr": "0.4:0.5"}, lr=0.45, id_loss="half"), tmp_path / "d", trials=9)


def test_a_full_disk_leaves_the_trial_for_later(labels: Path, tmp_path: Path, quick) -> None:
    with pytest.raises(SinkError):
        training.tune(problem_of(labels, {"disk": "false,true"}, pause=0.01), tmp_path, trials=9)
    study = (tmp_path / "study.journal").read_text()
    assert '"state":2' not in study, "no trial counts as failed for it"


def test_a_checkpoint_that_cannot_be_gone_on_with_is_begun_anew(labels: Path, tmp_path: Path, quick) -> None:
    stopped: list[bool] = []
    problem = problem_of(labels, pause=0.05)
    training.tune(
        problem, tmp_path, trials=1, stop=lambda: bool(stopped), watch=lambda name, fact: stopped.append(True)
    )
    (tmp_path / "trials/0000/checkpoints/last.ckpt").write_text("-1")
    found = training.tune(problem, tmp_path, trials=1)
    assert [(t.number, t.state, t.default) for t in found.trials] == [(1, "complete", True)]
    assert sorted(found.best.course) == list(range(1, EPOCHS + 1))


def test_other_seeds_tell_what_is_luck(labels: Path, tmp_path: Path, quick) -> None:
    found = training.tune(problem_of(labels), tmp_path, trials=6, repeats=2, workers=2)
    assert found.default.number in found.repeats
    assert len(found.repeats) == 4
    for number, some in found.repeats.items():
        lr = next(t for t in found.trials if t.number == number).values["trainer.lr"]
        assert [one.value for one in some] == [pytest.approx(quick_trials.value(lr, EPOCHS, seed)) for seed in (1, 2)]
        assert not (tmp_path / f"trials/{number:04d}-seed1/checkpoints").exists()
    assert found.gain(over=found.default, repeated=True) is not None
    assert "with other seeds" in training.text(found)
    told: list[str] = []
    again = training.tune(problem_of(labels), tmp_path, trials=6, repeats=2, watch=lambda name, fact: told.append(name))
    assert (again.repeats, told) == (found.repeats, [])


def test_a_lucky_trial_leaves_the_settings_as_they_are() -> None:
    def trial(number: int, value: float) -> TrainingTrial:
        return TrainingTrial(number, "complete", value, {}, {}, 1.0, epoch=1, course={1: value}, default=number == 0)

    score, trials = Score("ap50"), [trial(0, 0.60), trial(1, 0.70), trial(2, 0.66)]
    seeds = {
        0: [Repeat(1, 0.60), Repeat(2, 0.58), Repeat(3, 0.62)],
        1: [Repeat(1, 0.52), Repeat(2, 0.75), Repeat(3, 0.55)],  # good by luck
        2: [Repeat(1, 0.65), Repeat(2, 0.62), Repeat(3, 0.67)],
    }
    assert steady(trials, score, seeds) == trials[2]
    assert steady(trials[:2], score, seeds) == trials[0]
    assert steady(trials, score, {}) == trials[1], "one run each tells nothing about luck"
    lower = Score("val_loss", better="lower")
    assert steady(trials, lower, seeds) == trials[0]
    failed = {**seeds, 2: [Repeat(1, None, reason="out of memory")]}
    assert steady(trials, score, failed) == trials[0]


def test_retraining_stops_after_the_best_epoch_on_all_pictures(labels: Path, tmp_path: Path, quick) -> None:
    found = training.tune(problem_of(labels, objective="ap50"), tmp_path, trials=2)
    object.__setattr__(found.best, "epoch", 4)
    job = found.retraining()
    assert (job.whole, job.train["epochs"], job.train["max_steps"]) == (True, EPOCHS, 4 * 5)  # 24 pictures in fives
    assert found.score.better == "higher"
    task = TrainingTask.of(job)
    train, val = task.sets()
    assert (len(train), val) == (24, None)
    assert train.identities()[1] == 8, "two sets that have nothing to do with each other"


@pytest.mark.parametrize(
    ("given", "pictures"),
    [
        ({"val_share": 0.5}, 24),
        ({"val_sequences": ("a",)}, 24),
        ({"halves": "fairmot"}, 24),
        ({"val_split": "b"}, 24),
        ({"split": "a", "val_split": "b"}, 24),
    ],
)
def test_the_whole_is_what_is_trained_and_validated_on(tmp_path: Path, given: dict[str, Any], pictures: int) -> None:
    import numpy as np
    import toy_plugin

    from trackforge import data

    (tmp_path / "a").mkdir()
    made = toy_plugin.read_shades(tmp_path / "a", findings=None)
    twice = data.concatenate([made, made.replace(boxes=made.boxes.replace(track_id=made.boxes.track_id + 10))])
    names = np.repeat(["a", "b"], 12)
    images = twice.images.replace(sequence=names, frame=np.tile(np.arange(12), 2), split=names)
    data.write(twice.replace(images=images), tmp_path / "set.json")
    run = TrainingRun(trainer=tuned_toy.NAME, data=(tmp_path / "set.json",), **given)
    train, val = TrainingTask.of(run).sets()
    assert val is not None
    whole, nothing = TrainingTask.of(TrainingRun(**{**vars(run), "whole": True})).sets()
    assert nothing is None
    assert len(whole) == pictures
    assert whole.identities()[1] == twice.identities()[1]
    problem = training.Problem.of(run, asked=LR)
    assert problem.pictures == (len(train), len(val), pictures)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"lr": "1e-5:1e-3:log"}, "trainer.lr=1e-05:0.001:log"),
        ({"trainer.lr": None}, "trainer.lr=1e-05:0.005:log"),  # the usual range, and what it is without tuning
        ({"id-loss": None}, "trainer.id_loss=ce,half,crash,greedy"),
        ({"train.batch_size": "4,8"}, "train.batch_size=4,8"),
        ({"epochs": "3:9"}, "train.epochs=3:9:int"),
        ({"clip": "1e1,2e1"}, "train.clip=10.0,20.0"),
    ],
)
def test_what_is_searched_may_be_named_short(labels: Path, asked: dict[str, Any], found: str) -> None:
    (one,) = training.search_space(TrainingTask.of(run_of(labels)), asked)
    assert f"{one.name}={one}" == found


@pytest.mark.parametrize(
    ("asked", "objective", "message"),
    [
        ({}, "", "Say what to search"),
        ({"learning_rat": "0:1"}, "", "nor the loop has a setting 'learning_rat'"),
        ({"trainer.lrr": "0:1"}, "", "has no setting 'lrr'. Did you mean 'lr'"),
        ({"detector.lr": "0:1"}, "", "must be named trainer.setting or train.setting"),
        ({"lr": "0:2"}, "", "must be >= 0 and <= 1; got 2"),
        ({"lr": "1:0"}, "", "from less to more"),
        ({"id_loss": "ce,arc"}, "", "must be ce | half | crash | greedy; got 'arc'"),
        ({"lr": "0:1", "trainer.lr": "0:1"}, "", "trainer.lr must be given once"),
        ({"device": "here"}, "", "two different values"),
        ({"train.monitor": "a,b"}, "", "cannot be searched: it is the objective"),
        ({"seed": "1:9"}, "", "--repeats tells how much seeds decide"),
        ({"batch_size": "2.5:9"}, "", "whole numbers need whole bounds"),
        (LR, "hota", "For tracking scores, set train.tracker"),
    ],
)
def test_what_is_wrong_is_refused_before_any_work(
    labels: Path, asked: dict[str, Any], objective: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_toy.TunedConfig, "monitors", ("where", "who", "ap", "ap50", "count_error"), raising=False)
    with pytest.raises(ConfigError) as caught:
        problem_of(labels, asked, objective)
    assert message in str(caught.value)


def test_what_cannot_be_searched_on_is_refused(labels: Path, tmp_path: Path) -> None:
    run = run_of(labels)
    with pytest.raises(ConfigError, match="needs pictures to validate on"):
        training.Problem.of(TrainingRun(**{**vars(run), "val": None}), asked=LR)
    with pytest.raises(ConfigError, match=r"got --objective ap and train\.monitor=ap50"):
        problem_of(labels, train={"monitor": "ap50"}, objective="ap")
    with pytest.raises(ConfigError, match=r"train\.nodes must be 1"):
        problem_of(labels, train={"nodes": 2})
    with pytest.raises(TrackforgeError, match="nothing here"):
        training.Problem.of(TrainingRun(**{**vars(run), "data": (tmp_path / "none.json",)}), asked=LR)
    with pytest.raises(ConfigError, match="workers must be >= 1"):
        training.tune(problem_of(labels), tmp_path, workers=0)


def test_an_objective_brings_what_gives_it(labels: Path) -> None:
    assert problem_of(labels, objective="val_who").task.loop["validate_losses"] is True
    assert problem_of(labels, objective="").objective == "count_error", "what the trainer monitors"


def test_a_study_is_of_one_question(labels: Path, tmp_path: Path, quick) -> None:
    training.tune(problem_of(labels), tmp_path, trials=1)
    with pytest.raises(ConfigError, match="study of something else: space, train differ"):
        training.tune(problem_of(labels, {"lr": "0.1:0.2"}, train={"epochs": 3}), tmp_path, trials=2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.journal").write_text("not one\n")
    with pytest.raises(DataError, match="must be a journal"):
        training.tune(problem_of(labels), tmp_path / "other", trials=2)
    faster = problem_of(labels, train={"workers": 5, "log_every": 1})  # which decides nothing
    assert len(training.tune(faster, tmp_path, trials=2).trials) == 2


def test_a_study_is_of_the_same_labels(tmp_path: Path, quick) -> None:
    """Edited between two searches, or another set to validate on of the same size: what is compared would differ."""
    labels = tuned_toy.labels(tmp_path / "set")
    training.tune(problem_of(labels), tmp_path / "search", trials=1)
    for name in ("train", "val"):
        path = labels / f"{name}.json"
        before = json.loads(path.read_text(encoding="utf-8"))
        edited = json.loads(path.read_text(encoding="utf-8"))
        edited["annotations"][0]["bbox"][0] += 1
        path.write_text(json.dumps(edited), encoding="utf-8")
        with pytest.raises(ConfigError, match="study of something else: labels differ"):
            training.tune(problem_of(labels), tmp_path / "search", trials=2)
        path.write_text(json.dumps(before), encoding="utf-8")
    assert len(training.tune(problem_of(labels), tmp_path / "search", trials=2).trials) == 2


def test_an_objective_may_have_another_name(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_toy.TunedConfig, "other_names", {"whereabouts": "where"}, raising=False)
    for said, objective in (("val_whereabouts", "val_where"), ("val_where", "val_whereabouts")):
        more = {"monitor": said, "validate_losses": True}
        assert problem_of(labels, objective=objective, train=more).objective == "val_where"
    with pytest.raises(ConfigError, match=r"got --objective val_who and train\.monitor=val_whereabouts"):
        problem_of(labels, objective="val_who", train={"monitor": "val_whereabouts", "validate_losses": True})


def test_threads_and_gpus_are_shared_out(labels: Path, tmp_path: Path, quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    problem = problem_of(labels, pause=0.2)
    assert [one.gpus for one in slots(2, problem)] == [("4",), ("5",)]
    assert [one.gpus for one in slots(4, problem)] == [("4",), ("5",), ("7",), ("4",)]
    assert [one.gpus for one in slots(1, problem)] == [None], "one alone has all"
    assert [one.gpus for one in slots(2, problem_of(labels, train={"devices": 2}))] == [("4", "5"), ("7", "4")]
    assert [one.gpus for one in slots(2, problem_of(labels, train={"accelerator": "cpu"}))] == [None, None]
    found = training.tune(problem, tmp_path, trials=2, workers=2)
    seen = [json.loads((found.place(t) / "environment.json").read_text()) for t in found.trials]
    assert {one["OMP_NUM_THREADS"] for one in seen} == {"4"}
    assert {one["CUDA_VISIBLE_DEVICES"] for one in seen} == {"4", "5"}


def test_a_search_as_data(labels: Path, tmp_path: Path) -> None:
    """A file of a training is one of a search; [search] and --tune say what varies, and run.toml repeats it."""
    file = tmp_path / "people.toml"
    file.write_text(
        f'data = "{labels.as_posix()}/train.json"\nval = "{labels.as_posix()}/val.json"\ntrials = 7\nrepeats = 1\n'
        f'[trainer]\nname = "{tuned_toy.NAME}"\n[train]\nepochs = 3\n[search.trainer]\nid_loss = ["ce", "half"]\n'
        '[search.train]\nbatch_size = "4:8"\n'
    )
    more = TrainingSearch(tune=("lr=0.01:0.1",), out=tmp_path / "out", objective="ap")
    plan = SearchPlan.of(from_toml(file, TrainingSearch), more_layer(more))
    assert {one.name: str(one) for one in plan.space()} == {
        "trainer.id_loss": "ce,half",
        "train.batch_size": "4:8:int",
        "trainer.lr": "0.01:0.1",
    }
    plan.write()
    again = SearchPlan.of(from_toml(tmp_path / "out" / "run.toml", TrainingSearch))
    assert again.space() == plan.space()
    assert again.options.trials == 7
    assert again.problem().identity() == plan.problem().identity()
    (tmp_path / "out" / "checkpoints").mkdir()
    with pytest.raises(ConfigError, match="must not be that of a training"):
        plan.problem()
    with pytest.raises(ConfigError, match="tune train needs the name of a trainer"):
        SearchPlan.of(TrainingSearch(data=(labels,))).problem()
    with pytest.raises(ConfigError, match="whole=true leaves none"):
        SearchPlan.of(TrainingSearch(data=(labels,), whole=True))


def test_the_example_of_the_page(labels: Path, tmp_path: Path, quick, monkeypatch, capsys) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    (text,) = re.findall(
        r"<!-- executed by tests/unit/test_tuning_training.py -->\n```python\n(.*?)```", page, re.DOTALL
    )
    for old, new in (
        ("trials=20", "trials=3"),
        ('{"name": "yolox", "variant": "yolox-nano"}', '{"name": "tuned-toy"}'),
        ("people.json", str(labels / "train.json")),
        ("learning_rate", "lr"),
        ("1e-6:1e-3", "1e-3:1e-1"),
    ):
        assert old in text
        text = text.replace(old, new)
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "tuning.md", "exec"), {})
    assert "trackforge train --config tuned-training/retrain.toml\n" in capsys.readouterr().out
    assert (tmp_path / "tuned-training" / "retrain.toml").exists()


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    code = "import sys, trackforge.tuning.training.run; assert not {'optuna', 'matplotlib', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def more_layer(search: TrainingSearch) -> Any:
    from trackforge.runs.layers import from_job

    return from_job(search, "flags")
