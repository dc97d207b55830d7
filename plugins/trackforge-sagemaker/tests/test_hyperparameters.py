"""Four spellings of one value are one value; what each SDK sends is recorded in ``golden/hyperparameters.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sagemaker_run import tree

from trackforge.errors import ConfigError, UnknownComponentError
from trackforge.training.run import LOOP, TrainingRun
from trackforge_sagemaker.hyperparameters import UNSAID, converted, from_arguments, received
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.job import read_job

pytest.importorskip("trackforge_fairmot")

GOLDEN = json.loads((Path(__file__).parent / "golden/hyperparameters.json").read_text())
SENDERS = [name for name in GOLDEN if name != "recorded"]
MEANT = {"arch": "dla_34", "ltrb": True, "lr": 0.0001, "num_epochs": 30, "lr_step": [20, 27], "classes": ["car"]}


def _job(root, hyperparameters, **more):
    (root / "input/data/train").mkdir(parents=True, exist_ok=True)
    (root / "input/data/train/labels.json").write_text('{"images": [], "annotations": [], "categories": []}')
    there = OptMl(tree(root, hyperparameters), {})
    return read_job(there, **{"environment": {}, "scratch": root / "scratch", **more})


@pytest.mark.parametrize("sender", SENDERS)
def test_every_sender_gives_one_job(tmp_path, sender):
    job = _job(tmp_path, GOLDEN[sender])
    assert job.trainer == "fairmot"
    trainer = dict(job.run.trainer.settings)
    assert trainer == {"variant": "dla_34", "ltrb": True, "lr": 0.0001, "lr_step": (20, 27)}
    assert job.run.train["epochs"] == 30
    assert (job.run.classes, job.run.val) == (("car",), None)


@pytest.mark.sagemaker
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_recording_is_what_the_sdk_sends_today():
    from sagemaker.core.common_utils import to_string
    from sagemaker.train.model_trainer import safe_serialize

    values = {**MEANT, "val": None}
    assert {key: safe_serialize(value) for key, value in values.items()} == GOLDEN["v3 ModelTrainer"]
    sent = {key: to_string(value) for key, value in values.items()}
    assert sent == GOLDEN["v2 Estimator"]
    assert {**sent, "lr": ""} == {**{k: v for k, v in GOLDEN["tuner"].items() if k[0] != "_"}, "lr": ""}


def test_the_declared_type_decides():
    sent = received({"a": "2024", "b": "1e3", "c": "", "d": "None", "e": "bf16", "f": "32", "g": "[1", "h": "{'x': 1}"})
    loop = LOOP.load_config()
    assert converted(TrainingRun, "weights", sent["a"]) == "2024"
    assert converted(loop, "epochs", sent["a"]) == 2024
    assert converted(loop, "max_steps", sent["b"]) == 1000
    assert converted(loop, "epochs", sent["c"]) is UNSAID
    assert converted(TrainingRun, "weights", sent["c"]) == ""
    assert converted(TrainingRun, "split", sent["d"]) is None
    assert converted(loop, "epochs", sent["d"]) is UNSAID
    assert converted(loop, "precision", sent["e"]) == "bf16"
    assert converted(loop, "precision", sent["f"]) == "32"
    assert converted(TrainingRun, "weights", sent["g"]) == "[1"
    assert converted(TrainingRun, "weights", sent["h"]) == "{'x': 1}"
    with pytest.raises(ConfigError, match=r"Hyperparameter a of the loop.*epochs|must be"):
        converted(loop, "val_share", sent["a"], "the loop")
    with pytest.raises(ConfigError, match=r"Hyperparameter e: .*epochs must be int"):
        converted(loop, "epochs", sent["e"])


@pytest.mark.parametrize("text", ["[" * 5000, "1" * 3000, "'" * 2500, "\\", "\x00", "{'a': " * 900])
def test_no_text_breaks_the_reader(text):
    assert received({"a": text})["a"].text == text


def test_names_are_said_once():
    with pytest.raises(ConfigError, match="given once"):
        received({"train__epochs": "1", "train.epochs": "2"})
    with pytest.raises(ConfigError, match="--name value"):
        from_arguments(["epochs", "3"])


def test_arguments_add_to_what_the_job_says(tmp_path):
    """AWS's toolkits give a script every hyperparameter once more, in another spelling."""
    job = _job(tmp_path, {"trainer": "fairmot", "lr_step": "[3]"}, arguments=["--lr_step", "[9]", "--num_epochs", "5"])
    assert job.run.trainer.settings["lr_step"] == (3,)
    assert job.run.train["epochs"] == 5


def test_the_environment_stands_below_them(tmp_path):
    told = {
        "TRACKFORGE_TRAIN_TRAINER": "yolox",
        "TRACKFORGE_TRAIN_TRAIN__EPOCHS": "7",
        "TRACKFORGE_TRAIN_TRAIN__SEED": "3",
    }
    job = _job(tmp_path, {"train__epochs": "5"}, environment=told)
    assert (job.trainer, job.run.train["epochs"], job.run.train["seed"]) == ("yolox", 5, 3)


@pytest.mark.parametrize(
    ("hyperparameters", "error", "words"),
    [
        ({"trainer": "yolox", "epocs": "3"}, ConfigError, r"unknown: epocs \(did you mean 'epochs'\?\)"),
        ({"trainer": "fairmot", "lrr": "3", "xyz": "1"}, ConfigError, "lrr.*xyz"),
        ({"trainer": "fairmot", "train__epoch": "3"}, ConfigError, "no setting 'epoch'"),
        ({"trainer": "fairmot", "train__epochs": "many"}, ConfigError, "Hyperparameter train.epochs: .*'many'"),
        ({"trainer": "fairmt"}, UnknownComponentError, "fairmot"),
        ({"epochs": "3"}, ConfigError, "trainer must say what to train"),
        ({"data_name": "x", "max_epoch": "3"}, ConfigError, "the others do not tell"),
        ({"trainer": "fairmot", "out": "/tmp/x"}, ConfigError, "unknown: out"),
        ({"trainer": "fairmot", "monitor": "ap_50"}, ConfigError, "Did you mean 'ap50'"),
        ({"trainer": "fairmot", "input_h": "608"}, ConfigError, "input_w is missing"),
        ({"trainer": "fairmot", "reg_loss": "sl1"}, ConfigError, "reg_loss must be l1"),
        ({"trainer": "fairmot", "gpus": "0,x"}, ConfigError, "gpus must be numbers"),
        ({"depth": "0.5", "width": "0.5"}, ConfigError, "published network"),
        ({"basic_lr_per_img": "0.001/0"}, ConfigError, "must be a number"),
        ({"trainer": "fairmot", "train__bogus__x": "1"}, ConfigError, "no setting"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, hyperparameters, error, words):
    with pytest.raises(error, match=words):
        _job(tmp_path, hyperparameters)
