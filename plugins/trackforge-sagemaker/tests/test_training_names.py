"""The published jobs' hyperparameters mean here what they meant there."""

from __future__ import annotations

import pytest
from sagemaker_run import tree

from trackforge.errors import ConfigError
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.job import Job, read_job
from trackforge_sagemaker.training.machine import Placement, gpus_here, placed, started_elsewhere

pytest.importorskip("trackforge_fairmot")
pytest.importorskip("trackforge_yolox")
pytest.importorskip("trackforge_ssd")

FAIRMOT = {
    "data_name": "mot17", "load_model": "ctdet_coco_dla_2x.pth", "arch": "dla_34", "input_h": "608", "input_w": "1088",
    "lr": "0.0001", "lr_step": "20", "num_epochs": "30", "batch_size": "12", "val_intervals": "5",
    "batch_size_val": "2", "num_workers": "8", "num_workers_val": "2", "reg_loss": "l1", "hm_weight": "1",
    "off_weight": "1", "wh_weight": "0.1", "id_loss": "focal", "id_weight": "1", "reid_dim": "128", "K": "500",
    "gpus": "0,1,2,3",
}  # fmt: skip
BYTETRACK = {
    "batch_size": "48", "fp16": "True", "occupy": "True", "pretrained_model": "yolox_x.pth", "num_classes": "1",
    "depth": "1.33", "width": "1.25", "input_size_h": "800", "input_size_w": "1440", "test_size_h": "800",
    "test_size_w": "1440", "random_size_h": "18", "random_size_w": "32", "max_epoch": "80", "print_interval": "20",
    "eval_interval": "5", "test_conf": "0.001", "nmsthre": "0.7", "basic_lr_per_img": "0.001/64", "no_aug_epochs": "10",
    "warmup_epochs": "1", "infer_device": "cuda:0",
}  # fmt: skip
OBJECT_DETECTION = {
    "base_network": "resnet-50", "use_pretrained_model": "1", "num_classes": "2", "num_training_samples": "16",
    "mini_batch_size": "16", "epochs": "240", "learning_rate": "0.0005", "lr_scheduler_step": "80,160",
    "lr_scheduler_factor": "0.1", "optimizer": "sgd", "momentum": "0.9", "weight_decay": "0.0005",
    "overlap_threshold": "0.5", "nms_threshold": "0.45", "image_shape": "512", "label_width": "350",
    "freeze_layer_pattern": "^(conv1_|conv2_).*", "kv_store": "device", "early_stopping": "False", "nms_topk": "400",
    "_begin_epoch": "0", "_num_kv_servers": "auto", "_tuning_objective_metric": "validation:mAP",
}  # fmt: skip


def _job(root, hyperparameters, *, gpus=0, hosts=("algo-1",), **channels):
    there = OptMl(tree(root, hyperparameters, hosts=hosts, **channels), {})
    told = {"SM_NUM_GPUS": str(gpus)}
    return read_job(there, environment=told, scratch=root / "scratch")


def _coco(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.json").write_text('{"images": [], "annotations": [], "categories": []}')


def test_fairmot_as_published_on_four_gpus(tmp_path):
    """Rate and batch are those of one GPU; the sixth argument of the published job says which GPUs."""
    channel = tmp_path / "input/data/train"
    _coco(channel / "mot17", "labels")
    (channel / "pretrained-models").mkdir()
    (channel / "pretrained-models/ctdet_coco_dla_2x.pth").write_bytes(b"weights")
    job = _job(tmp_path, FAIRMOT, gpus=8)
    assert job.placement == Placement(processes=4, gpus=True, ids=("0", "1", "2", "3"), interface="eth0")
    assert dict(job.run.trainer.settings) == {
        "variant": "dla_34", "size": (608, 1088), "lr": 0.0004, "lr_step": (20,), "hm_weight": 1.0, "off_weight": 1.0,
        "wh_weight": 0.1, "id_loss": "focal", "id_weight": 1.0, "reid_dim": 128, "max_objects": 500,
    }  # fmt: skip
    train = dict(job.run.train)
    assert (train["batch_size"], train["epochs"], train["validate_every"], train["validate_batch"]) == (48, 30, 5, 2)
    assert (train["workers"], train["devices"], train["nodes"], train["accelerator"]) == (8, 4, 1, "gpu")
    assert job.run.data == (channel / "mot17",)
    assert job.run.weights == str(channel / "pretrained-models/ctdet_coco_dla_2x.pth")
    assert job.run.resume
    assert any("multiplied by 4" in note for note in job.notes)
    assert any("num_workers_val means nothing" in note for note in job.notes)
    again = Job.from_json(job.to_json())
    assert (again.placement, again.ours, again.run.trainer, again.run.data) == (
        job.placement, job.ours, job.run.trainer, job.run.data
    )  # fmt: skip
    assert again.run.resume


def test_fairmot_without_a_gpu_keeps_the_numbers_of_one(tmp_path):
    channel = tmp_path / "input/data/train"
    _coco(channel / "mot17", "labels")
    (channel / "ctdet_coco_dla_2x.pth").write_bytes(b"weights")
    job = _job(tmp_path, {**FAIRMOT, "processes": "2", "half_val": "1"})
    assert job.placement == Placement(processes=2, interface="eth0")
    assert (job.run.trainer.settings["lr"], job.run.train["batch_size"], job.run.half_val) == (0.0001, 12, 1)


@pytest.mark.parametrize(
    ("gpus", "here", "used"), [("4", 8, 4), ("0", 8, 1), ("-1", 8, 0), ("[0, 1]", 2, 2), ("0,5", 8, 2), ("0,1", 0, 0)]
)
def test_gpus_are_names_or_how_many(tmp_path, gpus, here, used):
    _coco(tmp_path / "input/data/train", "labels")
    job = _job(tmp_path, {"trainer": "fairmot", "gpus": gpus, "lr": "0.001"}, gpus=here)
    assert (job.placement.processes if job.placement.gpus else 0) == used
    assert job.run.trainer.settings["lr"] == pytest.approx(0.001 * max(used, 1))


def test_bytetrack_as_published(tmp_path):
    """The channels of the published job: ``mot`` with ByteTrack's folder, ``pretrain`` with the weights."""
    _coco(tmp_path / "input/data/mot/annotations", "train", "train_half", "val_half", "test")
    (tmp_path / "input/data/pretrain").mkdir()
    (tmp_path / "input/data/pretrain/yolox_x.pth").write_bytes(b"weights")
    config = tmp_path / "input/config"
    tree(tmp_path, BYTETRACK)
    (config / "inputdataconfig.json").write_text('{"mot": {}, "pretrain": {}, "log": {}}')
    job = read_job(OptMl(tmp_path, {}), environment={"SM_NUM_GPUS": "8"}, scratch=tmp_path / "scratch")
    assert dict(job.run.trainer.settings) == {
        "recipe": "bytetrack", "variant": "bytetrack-x", "size": (800, 1440), "size_steps": (-7, 7),
        "learning_rate": 0.001 / 64, "warmup": 1.0, "validate_score": 0.001, "validate_nms": 0.7,
    }  # fmt: skip
    train = dict(job.run.train)
    assert (train["batch_size"], train["epochs"], train["plain_epochs"], train["log_every"]) == (48, 80, 10, 20)
    assert (train["validate_every"], train["precision"], train["devices"]) == (5, "fp16", 8)
    assert (job.run.split, job.run.val_split) == ("train_half", "val_half")
    assert job.run.weights.endswith("pretrain/yolox_x.pth")


def test_bytetrack_on_a_cpu_is_in_32_bits_and_says_so(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    job = _job(tmp_path, {"fp16": "true", "max_epoch": "2"})
    assert "precision" not in job.run.train
    assert any("fp16 needs a GPU" in note for note in job.notes)


def test_the_built_in_algorithm_as_published(tmp_path):
    """Its four channels are one data set of two parts; rates are of the batch, and nothing is multiplied."""
    for part in ("train", "validation"):
        (tmp_path / f"input/data/{part}").mkdir(parents=True)
        (tmp_path / f"input/data/{part}_annotation").mkdir()
    channels = {name: {} for name in ("validation", "train_annotation", "validation_annotation")}
    job = _job(tmp_path, OBJECT_DETECTION, gpus=2, hosts=("algo-1", "algo-2"), **channels)
    settings = dict(job.run.trainer.settings)
    assert (settings["base_network"], settings["lr_scheduler_step"], settings["learning_rate"]) == (
        "resnet-50", (80, 160), 0.0005
    )  # fmt: skip
    assert (settings["use_pretrained_model"], settings["freeze_layer_pattern"]) == (1, "^(conv1_|conv2_).*")
    assert settings["algorithm_log"]
    assert (job.run.data, job.run.format, job.run.split, job.run.val_split) == (
        (tmp_path / "input/data",), "sagemaker-json", "train", "validation"
    )  # fmt: skip
    assert (job.placement.world, job.run.train["nodes"]) == (4, 2)


def test_our_names_go_before_theirs(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    job = _job(
        tmp_path,
        {
            "trainer": "fairmot", "num_epochs": "30", "train__epochs": "2", "lr": "1", "trainer__lr": "2",
            "tracker": "byte", "tracker__high_score": "0.7", "detector__score": "0.3", "serve__waiting": "4",
        },
    )  # fmt: skip
    assert (job.run.train["epochs"], job.run.trainer.settings["lr"]) == (2, 2.0)
    assert job.ours.tracker == "byte"
    assert job.serving == {
        "tracker": {"name": "byte", "high_score": 0.7},
        "detector": {"score": 0.3},
        "serve": {"waiting": 4},
    }


def test_what_a_model_has_no_say_in_is_told_before_it_is_trained(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    with pytest.raises(ConfigError, match=r"a model may set conf, .*got 'films_dir'"):
        _job(tmp_path, {"trainer": "fairmot", "serve__films_dir": "/tmp/x"})


def test_more_gpus_than_there_are_is_an_error(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    with pytest.raises(ConfigError, match="at most what a machine has, 2; got 4"):
        _job(tmp_path, {"trainer": "fairmot", "gpus": "0,1,2,3"}, gpus=2)


def test_gpus_that_are_not_there_are_an_error(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    with pytest.raises(ConfigError, match="gpus must name GPUs that a machine has, 0,1; got 5,6"):
        _job(tmp_path, {"trainer": "fairmot", "gpus": "5,6"}, gpus=2)
    there = OptMl(tree(tmp_path, {"trainer": "fairmot", "gpus": "5,6"}), {})
    told = {"SM_NUM_GPUS": "2", "CUDA_VISIBLE_DEVICES": "5,6"}
    assert read_job(there, environment=told, scratch=tmp_path / "scratch").placement.ids == ("5", "6")


@pytest.mark.parametrize("name", ["accelerator", "train__accelerator"])
def test_what_to_train_on_is_believed_or_refused(tmp_path, name):
    _coco(tmp_path / "input/data/train", "labels")
    job = _job(tmp_path, {"trainer": "fairmot", "lr": "1", name: "cpu"}, gpus=2)
    assert (job.placement.gpus, job.placement.world, job.run.train["accelerator"]) == (False, 1, "cpu")
    assert job.run.trainer.settings["lr"] == 1.0
    assert _job(tmp_path, {"trainer": "fairmot", name: "gpu"}, gpus=2).placement.world == 2
    with pytest.raises(ConfigError, match="accelerator=gpu must have a GPU"):
        _job(tmp_path, {"trainer": "fairmot", name: "gpu"})
    with pytest.raises(ConfigError, match="accelerator=gpu must have a GPU"):
        _job(tmp_path, {"trainer": "fairmot", "gpus": "-1", name: "gpu"}, gpus=2)


def test_devices_are_the_gpus_that_rates_are_multiplied_by(tmp_path):
    _coco(tmp_path / "input/data/train", "labels")
    job = _job(tmp_path, {"trainer": "fairmot", "lr": "1", "devices": "2"}, gpus=8)
    assert (job.placement.world, job.run.trainer.settings["lr"]) == (2, 2.0)


def test_machines_find_each_other_by_resourceconfig(tmp_path):
    there = OptMl(tree(tmp_path, {}, hosts=("algo-2", "algo-1"), host="algo-2"), {})
    place = placed(there.resources, "0123", asked=None, ids=(), processes=1)
    told = place.variables(3, 7777)
    assert (told["MASTER_ADDR"], told["MASTER_PORT"], told["NODE_RANK"]) == ("algo-1", "7777", "1")
    assert (told["RANK"], told["LOCAL_RANK"], told["WORLD_SIZE"], told["LOCAL_WORLD_SIZE"]) == ("7", "3", "8", "4")


def test_what_a_launcher_says_is_believed():
    told = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "SM_NUM_GPUS": "4"}
    place = started_elsewhere(told)
    assert place is not None
    assert (place.processes, place.machines, place.rank, place.gpus) == (4, 2, 1, True)
    assert started_elsewhere({"RANK": "0"}) is None
    assert gpus_here({"CUDA_VISIBLE_DEVICES": "0, 2"}) == ("0", "2")
    assert gpus_here({"CUDA_VISIBLE_DEVICES": ""}) == ()
