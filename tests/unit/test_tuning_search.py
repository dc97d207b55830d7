"""The search: repeatable, resumable, in several processes; and what it leaves behind."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tuning_scenes import files, make_problem, write_scenes

from trackforge import tuning
from trackforge.errors import ConfigError, DataError, InvalidInputError
from trackforge.runs import TrackingRun
from trackforge.runs.layers import choose, from_toml
from trackforge.tuning import Component, Objective, Search, Trial
from trackforge.tuning.judging import best, steady

pytest.importorskip("optuna")
ASKED = ("tracker.high_score=0.2:0.9", "tracker.max_lost=1:60:int", "tracker.min_hits=1:4")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def ended(outcome: tuning.Outcome) -> list[tuple]:
    """Return what matters of the trials that count."""
    return [(t.state, t.value, t.values) for t in outcome.trials if t.state != "failed"]


@pytest.fixture(scope="module")
def outcome(scenes: Path, tmp_path_factory) -> tuning.Outcome:
    """One search of 16 trials that most tests look at."""
    study = tmp_path_factory.mktemp("whole") / "study.journal"
    return tuning.tune(make_problem(scenes, *ASKED), study, trials=16, search=Search(startup=5))


def test_a_search_begins_with_the_defaults_and_is_never_worse(outcome) -> None:
    assert outcome.trials[0].values == {"tracker.high_score": 0.65, "tracker.max_lost": 45, "tracker.min_hits": 2}
    assert outcome.trials[0].value == outcome.default_train.combined["HOTA"]
    assert outcome.luckiest.value == max(t.value for t in outcome.trials if t.value is not None)
    assert outcome.best_train.combined["HOTA"] == outcome.best.value
    assert outcome.gain(held_out=False) > 0.01, "the defaults are for street cameras, so there is something to find"
    assert len(outcome.trials) == 16
    assert not outcome.interrupted


def test_a_steady_trial_is_better_by_more_than_one_sequence_decides(outcome) -> None:
    default, others = outcome.trials[0], outcome.trials[1:]

    def margin(trial) -> float:
        gains = np.array([trial.left_out[name] - default.left_out[name] for name in "ab"])
        return trial.value - default.value - np.sqrt(((gains - gains.mean()) ** 2).sum() / 2)

    complete = [trial for trial in others if trial.value is not None]
    assert outcome.best == max(complete, key=margin)
    assert margin(outcome.best) > 0
    # without a sequence, the other one is left
    report = outcome.default_train
    assert default.left_out == {"a": report.sequences["b"]["HOTA"], "b": report.sequences["a"]["HOTA"]}


def test_a_lucky_trial_leaves_the_settings_as_they_are() -> None:
    untuned = Trial(0, "complete", 0.60, {}, {}, 1.0, {"a": 0.60, "b": 0.60, "c": 0.60})
    lucky = Trial(1, "complete", 0.62, {}, {}, 1.0, {"a": 0.66, "b": 0.60, "c": 0.60})  # all of the gain comes from a
    even = Trial(2, "complete", 0.61, {}, {}, 1.0, {"a": 0.61, "b": 0.61, "c": 0.61})
    refused = Trial(3, "refused", None, {}, {}, 1.0)
    assert best([untuned, lucky, refused]) is lucky
    assert steady([untuned, lucky, refused], untuned.value, untuned.left_out) is untuned
    assert steady([untuned, lucky, even, refused], untuned.value, untuned.left_out) is even
    assert steady([untuned, lucky, even], untuned.value, {}) is lucky, "a single sequence tells nothing about luck"
    assert steady([refused], untuned.value, untuned.left_out) is None


def test_only_the_best_is_scored_on_what_is_held_out(outcome, scenes: Path) -> None:
    (held,) = outcome.best_val.sequences
    assert held == "c"
    direct = make_problem(scenes, *ASKED)
    assert direct.score(outcome.best.values, direct.val).combined["HOTA"] == outcome.best_val.combined["HOTA"]
    assert outcome.gain(held_out=True) == (outcome.best_val.combined["HOTA"] - outcome.default_val.combined["HOTA"])


def test_scores_are_those_of_track_and_eval(outcome, scenes: Path) -> None:
    import trackforge
    from trackforge.io.mot import read_mot

    found = read_mot(scenes / "det" / "c.txt", kind="detections")
    tracker = outcome.setup.make_tracker()
    frames = (trackforge.Frame(index=i, size=(640, 480)) for i in range(40))
    steps = (
        trackforge.Step(frame=f, detections=(d := found.detections(f.index)), tracks=tracker.update(d, f))
        for f in frames
    )
    table = trackforge.TrackTable.from_steps(steps, sequence="c")
    report = trackforge.evaluate(scenes / "gt" / "c" / "gt" / "gt.txt", table)
    assert report.combined["HOTA"] == outcome.best_val.combined["HOTA"]


def test_the_same_seed_gives_the_same_trials_and_another_others(outcome, scenes: Path, tmp_path: Path) -> None:
    again = tuning.tune(make_problem(scenes, *ASKED), tmp_path / "a", trials=16, search=Search(startup=5))
    other = tuning.tune(make_problem(scenes, *ASKED), tmp_path / "b", trials=4, search=Search(startup=5, seed=1))
    assert ended(again) == ended(outcome)
    assert [t.values for t in other.trials[1:4]] != [t.values for t in outcome.trials[1:4]]


def test_an_interrupted_search_goes_on_as_if_nothing_had_been(outcome, scenes: Path, tmp_path: Path) -> None:
    problem, asked = make_problem(scenes, *ASKED), iter(range(1000))

    def stop_in_a_trial() -> bool:
        return next(asked) >= 14  # in the middle of one: two sequences and the loop ask for every trial

    study = tmp_path / "study.journal"
    first = tuning.tune(problem, study, trials=16, search=Search(startup=5), stop=stop_in_a_trial)
    assert first.interrupted
    assert first.best_val is None
    assert 2 < len(ended(first)) < 10
    assert any(t.state == "failed" for t in first.trials)
    more: list[int] = []
    second = tuning.tune(problem, study, trials=16, search=Search(startup=5), on_trial=lambda t: more.append(t.number))
    assert len(more) == 16 - len(ended(first))
    assert ended(second) == ended(outcome)
    assert tuning.facts(second)["scores"] == tuning.facts(outcome)["scores"]
    third = tuning.tune(problem, study, trials=16, stop=lambda: False, on_trial=more.append)
    assert len(more) == 16 - len(ended(first)), "a study that is complete only reports"
    assert third.best.values == outcome.best.values


def test_a_search_that_was_killed_goes_on(outcome, scenes: Path, tmp_path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from tuning_scenes import make_problem
from trackforge import tuning
def after(trial):
    if trial.number == 3:
        os.kill(os.getpid(), 9)
tuning.tune(make_problem(Path({str(scenes)!r}), *{ASKED!r}), {str(tmp_path / "s")!r},
            trials=16, search=tuning.Search(startup=5), on_trial=after)
"""
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, timeout=300, check=False)
    assert done.returncode == -9
    whole = tuning.tune(make_problem(scenes, *ASKED), tmp_path / "s", trials=16, search=Search(startup=5))
    assert ended(whole) == ended(outcome)


def test_two_processes_share_a_study(scenes: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    made = tuning.tune(
        make_problem(scenes, *ASKED), tmp_path / "s", trials=9, workers=2, on_trial=lambda t: seen.append(t.number)
    )
    assert len(made.trials) == 9
    assert sorted(seen) == list(range(9))
    assert made.best_val is not None
    assert len({json.dumps(dict(t.values)) for t in made.trials}) == 9, "no two processes try the same"


def test_what_goes_wrong_in_a_process_is_told(scenes: Path, tmp_path: Path) -> None:
    from trackforge.tuning.workers import run_workers

    problem = make_problem(scenes, *ASKED)
    study = tmp_path / "study"
    study.write_text("no journal\n")
    with pytest.raises(DataError, match="must be a journal"):
        list(run_workers(study, problem, Search(), trials=4, workers=2, stop=lambda: False))


def test_settings_that_do_not_go_together_are_refused_not_fatal(scenes: Path, tmp_path: Path) -> None:
    problem = make_problem(scenes, "tracker.high_score=0.2:0.5", "tracker.low_score=0.3:0.6")
    made = tuning.tune(problem, tmp_path / "s", trials=14, search=Search(startup=14))
    refused = [t for t in made.trials if t.state == "refused"]
    assert 0 < len(refused) < 14
    for trial in refused:
        assert trial.values["tracker.low_score"] > trial.values["tracker.high_score"]
        assert "low_score must be at most high_score" in trial.reason
    assert made.best.values["tracker.low_score"] <= made.best.values["tracker.high_score"]


def test_hopeless_trials_end_early(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path, "abcd", frames=20)
    problem = make_problem(folder, "tracker.birth_score=0.05:1.0", "tracker.high_score=0.2:0.99")
    made = tuning.tune(problem, tmp_path / "s", trials=20, search=Search(startup=4))
    pruned = [t for t in made.trials if t.state == "pruned"]
    assert pruned
    whole = tuning.tune(problem, tmp_path / "w", trials=20, search=Search(startup=4, pruning=False))
    assert all(t.state == "complete" for t in whole.trials)


def test_a_study_is_about_one_thing(outcome, scenes: Path, tmp_path: Path) -> None:
    study = tmp_path / "s"
    tuning.tune(make_problem(scenes, *ASKED), study, trials=1)
    for other, what in (
        (make_problem(scenes, *ASKED[:2]), "space"),
        (make_problem(scenes, *ASKED, val=2), "sequences"),
        (make_problem(scenes, *ASKED, objective=Objective.parse("IDF1")), "objective"),
        (make_problem(scenes, *ASKED, box="detected"), "box"),
    ):
        with pytest.raises(ConfigError, match=f"something else: .*{what}"):
            tuning.tune(other, study, trials=2)


def test_a_study_has_one_owner(scenes: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    problem = make_problem(scenes, *ASKED)

    def again(trial) -> None:
        with pytest.raises(ConfigError, match="one search at a time"):
            tuning.tune(problem, tmp_path / "s", trials=1)

    tuning.tune(problem, tmp_path / "s", trials=1, on_trial=again)


def test_a_misspelt_score_shows_at_once() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'HOTA'"):
        Objective.parse("HOTTA")


def test_a_study_without_a_trial_gives_way(scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tuning.tune(make_problem(scenes, *ASKED), tmp_path / "s", trials=1, stop=lambda: True)
    other = make_problem(scenes, *ASKED, objective=Objective.parse("IDF1"))
    assert len(tuning.tune(other, tmp_path / "s", trials=1).trials) == 1
    assert "this one takes its place" in caplog.text
    with pytest.raises(ConfigError, match="holds a study of something else"):
        tuning.tune(make_problem(scenes, *ASKED), tmp_path / "s", trials=1)


def test_objectives(outcome) -> None:
    report = outcome.default_train
    both = Objective.parse("HOTA + 0.5*IDF1-0.01*IDSW")
    combined = report.combined
    assert both(report) == pytest.approx(combined["HOTA"] + 0.5 * combined["IDF1"] - 0.01 * combined["IDSW"])
    assert str(both) == "HOTA+0.5*IDF1-0.01*IDSW"
    assert Objective.parse(str(both)) == both
    mean = Objective.parse("MOTA", "sequences")(report)
    assert mean == pytest.approx(sum(s["MOTA"] for s in report.sequences.values()) / 2)
    for wrong in ("", "HOTA IDF1", "0.5", "HOTA*2", "HOTA++IDF1"):
        with pytest.raises(ConfigError, match="must read like"):
            Objective.parse(wrong)


def test_files_of_a_search(outcome, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written = tuning.write(outcome, tmp_path)
    assert {path.name for path in written} == {
        "best.toml",
        "trials.csv",
        "tuning.json",
        "history.png",
        "slices.png",
        "importance.png",
    }
    assert all(path.stat().st_size for path in written)
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["value"]) for row in rows if row["value"]] == [t.value for t in outcome.trials if t.value]
    facts = json.loads((tmp_path / "tuning.json").read_text())
    assert facts["train"] == ["a", "b"]
    assert facts["val"] == ["c"]
    assert facts["gain"]["val"] == outcome.gain(held_out=True)
    assert sum(facts["importances"].values()) == pytest.approx(1)
    layer = from_toml(tmp_path / "best.toml", TrackingRun)
    choice = choose("tracker", [layer])
    assert choice.name == "byte"
    for name, value in outcome.best.values.items():
        assert choice.settings[name.partition(".")[2]] == value
    shown = tuning.text(outcome)
    assert "held out, best" in shown
    assert "tracker.max_lost" in shown


def test_settings_of_every_kind_come_back_from_toml(scenes: Path, tmp_path: Path) -> None:
    settings = {"max_lost": 12.0, "duplicate_iou": None, "fuse_score": False, "classes": "vote"}
    setup = tuning.Setup(Component("tracker", "byte", settings), files(scenes))
    problem = make_problem(scenes, *ASKED)
    problem = tuning.Problem(setup=setup, space=problem.space, train=problem.train, library=problem.library)
    made = tuning.tune(problem, tmp_path / "s", trials=1)
    (tmp_path / "best.toml").write_text(tuning.toml(made), encoding="utf-8")
    choice = choose("tracker", [from_toml(tmp_path / "best.toml", TrackingRun)])
    assert {key: choice.settings[key] for key in settings} == settings
    assert "Nothing was held out" in tuning.text(made)


def test_split() -> None:
    lengths = {"a": 100, "b": 300, "c": 200, "d": 400}
    assert tuning.split(lengths, ["c", "a"]) == (["b", "d"], ["a", "c"])
    assert tuning.split(lengths, 0) == (["a", "b", "c", "d"], [])
    train, val = tuning.split(lengths, 0.3, seed=3)
    assert sorted(train + val) == list(lengths)
    assert val
    assert (train, val) == tuning.split(lengths, 0.3, seed=3)
    assert len({tuple(tuning.split(lengths, 0.3, seed=seed)[1]) for seed in range(9)}) > 1
    with pytest.raises(InvalidInputError, match="'e' is not"):
        tuning.split(lengths, ["e"])
    with pytest.raises(InvalidInputError, match="all are held out"):
        tuning.split(lengths, list(lengths))
    with pytest.raises(InvalidInputError, match=">= 0 and < 1"):
        tuning.split(lengths, 1.5)


def test_the_example_of_the_page(scenes: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- executed by .*?-->\n```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(scenes / "gt", "MOT17/train")
    shutil.copytree(scenes / "det", "detections")
    exec(compile(found[1].replace("trials=50", "trials=3"), "tuning.md", "exec"), {})
    assert "held out, best" in capsys.readouterr().out
    assert (tmp_path / "tuned" / "best.toml").exists()


def test_tuning_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, trackforge, trackforge.tuning; assert not {'optuna', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
