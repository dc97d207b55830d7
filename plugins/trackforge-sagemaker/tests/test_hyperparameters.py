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


def _told(**variables):
    return {f"TRACKFORGE_TRAIN_{name}": value for name, value in variables.items()}


def test_a_variable_says_whatever_a_hyperparameter_says(tmp_path):
    """Options, our own, published names in small letters, devices; and what is said once is said in one way."""
    (tmp_path / "input/data/train").mkdir(parents=True)
    (tmp_path / "input/data/train/start.pth").write_bytes(b"weights")
    told = _told(
        RESUME="false", WEIGHTS="start.pth", DATA="train/labels.json", VAL_SHARE="0.2", K="7", ARTEFACT="onnx",
        TRAINER="fairmot", TRAIN__DEVICES="2", SERVE__CONF="0.25", ARCH="", VAL_INTERVALS="3",
    )  # fmt: skip
    job = _job(tmp_path, {"hm_weight": "2"}, environment=told)
    said = job.run
    assert (said.resume, said.val_share, said.val) == (False, 0.2, None)
    assert said.data == (tmp_path / "input/data/train/labels.json",)
    assert said.weights == str(tmp_path / "input/data/train/start.pth")
    assert dict(said.trainer.settings) == {"hm_weight": 2.0, "max_objects": 7}
    assert (job.ours.artefact, job.placement.processes, said.train["validate_every"]) == ("onnx", 2, 3)
    assert job.serving["serve"] == {"conf": 0.25}


@pytest.mark.parametrize("sent", [{"num_epochs": "5"}, {"train__epochs": "5"}, {"epochs": "5"}])
def test_hyperparameters_decide_whatever_they_are_called(tmp_path, sent):
    told = _told(TRAIN__EPOCHS="7", NUM_EPOCHS="8", VAL_SHARE="0.2", TRAIN__SEED="3", TRAIN__LOG_EVERY="4")
    more = {"trainer": "fairmot", "half_val": "1", "train__seed": "", **sent}
    job = _job(tmp_path, more, environment=told)
    assert (job.run.train["epochs"], job.run.half_val, job.run.val_share) == (5, 1, None)
    assert (job.run.train["seed"], job.run.train["log_every"]) == (3, 4)  # an empty text says nothing


def test_a_wrong_variable_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown: TRACKFORGE_TRAIN_EPOCS \(did you mean 'epochs'\?\)"):
        _job(tmp_path, {"trainer": "yolox"}, environment=_told(EPOCS="3"))
    with pytest.raises(ConfigError, match=r"TRACKFORGE_TRAIN_TRAIN__EPOCHS: .*'many'"):
        _job(tmp_path, {"trainer": "yolox"}, environment=_told(TRAIN__EPOCHS="many"))


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"tracker__high_scor": "0.5"}, r"tracker.high_scor of tracker 'byte': .*Did you mean 'high_score'"),
        ({"tracker__high_score": "much"}, r"tracker.high_score of tracker 'byte'"),
        ({"tracker__high_score": "0.2", "tracker__low_score": "0.9"}, r"tracker 'byte': low_score must be at most"),
        ({"tracker": "bytee"}, r"Hyperparameter tracker: There is no tracker 'bytee'"),
        ({"tracker__name": "bytee"}, r"Hyperparameter tracker.name: There is no tracker 'bytee'"),
        ({"serve__confx": "1"}, r"serve.confx of the server: .*Did you mean 'conf'"),
        ({"serve__conf": "7"}, r"serve.conf of the server: "),
        ({"serve__weights": "other.pth"}, "of the server a model may set conf.*got 'weights'"),
        ({"detector__scroe": "1"}, r"detector.scroe of detector 'yolox': .*Did you mean 'score'"),
        ({"detector__name": "motion"}, "the detector is what is trained"),
    ],
)
def test_what_the_model_is_served_with_is_checked_before_it_is_trained(tmp_path, hyperparameters, words):
    with pytest.raises((ConfigError, UnknownComponentError), match=words):
        _job(tmp_path, {"trainer": "yolox", **hyperparameters})


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
        ({"max_epoch": "3", "fp16": "maybe"}, ConfigError, "fp16 must be true or false; got 'maybe'"),
        ({"trainer": "yolox", "train__nodes": "2"}, ConfigError, "nodes must be the machines of the job, 1; got 2"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, hyperparameters, error, words):
    with pytest.raises(error, match=words):
        _job(tmp_path, hyperparameters)
