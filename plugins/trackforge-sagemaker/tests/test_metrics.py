"""Metric lines and the expressions that find them: ours, and those of the published requests."""

from __future__ import annotations

import dataclasses
import re

import pytest
from sagemaker_run import metrics

from trackforge.errors import UnknownComponentError
from trackforge.training.progress import Progress
from trackforge.training.scores import metric_definitions, metric_line
from trackforge_sagemaker.metrics import definitions
from trackforge_sagemaker.metrics.lines import Lines, bytetrack_line, coco_lines, fairmot_lines

pytest.importorskip("trackforge_fairmot")
pytest.importorskip("trackforge_yolox")
pytest.importorskip("trackforge_ssd")

TRAINERS = ("fairmot", "yolox", "ssd")
ROW = {
    "epoch": 3, "step": 30, "loss": 3.14159, "hm_loss": 0.9, "wh_loss": 1.5, "off_loss": 0.25, "id_loss": 7.0,
    "val_loss": 3.3, "val_hm_loss": 1.0, "val_wh_loss": 1.6, "val_off_loss": 0.3, "val_id_loss": float("nan"),
    "ap": 0.512, "ap50": 0.75, "ap75": 0.5, "recall": 0.6, "hota": 0.41, "voc_ap11": 0.199,
}  # fmt: skip
STEP = Progress(
    stage="training", done=57, total=117, epoch=2, epochs=3, loss=9.1, rate=1.2e-06, left=600, epoch_steps=39,
    terms={"box": 2.2, "l1": 0.0, "objectness": 5.4, "class": 1.4},
)  # fmt: skip
FAIRMOT = {
    name: rf"\|{name}\s*(\S+).*"
    for part in ("train", "val")
    for name in (f"{part}_loss", *(f"{part}_{one}_loss" for one in ("hm", "wh", "id", "off")))
}
"""As the published request has them."""
BYTETRACK = {name: f"{name}: (.*?)," for name in ("total_loss", "iou_loss", "l1_loss", "conf_loss", "cls_loss", "lr")}
PYCOCOTOOLS = """\
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.512
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.750
 Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ] = 0.500
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.100
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.200
 Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.300
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.050
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ] = 0.060
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.600
"""
"""As pycocotools prints it."""
OBJECT_DETECTION = """\
[06/08/2021 00:23:45 INFO 139] #quality_metric: host=algo-1, epoch=0, batch=1035 train cross_entropy <loss>=(1.159)
[06/08/2021 00:23:45 INFO 139] #quality_metric: host=algo-1, epoch=0, batch=1035 train smooth_l1 <loss>=(0.54)
[06/08/2021 00:23:45 INFO 139] #quality_metric: host=algo-1, epoch=0, validation mAP <score>=(0.199)
[06/08/2021 00:23:45 INFO 139] #progress_metric: host=algo-1, completed 20.0 % of epochs
"""
"""As published logs have it."""


def _searched(expressions, text):
    defined = [{"Name": name, "Regex": expression} for name, expression in expressions.items()]
    return metrics(text, defined)


def test_published_expressions_find_fairmot_lines():
    found = _searched(FAIRMOT, "\n".join(fairmot_lines(ROW)))
    assert found["train_loss"] == [pytest.approx(3.14159)]
    assert (found["train_id_loss"], found["val_off_loss"], found["val_loss"]) == ([7.0], [0.3], [3.3])
    assert "val_id_loss" not in found  # a loss that is no number is not said
    assert len(found) == 9


def test_published_expressions_find_bytetrack_lines():
    line = bytetrack_line(STEP, 0.5)
    assert line.startswith("epoch: 2/3, iter: 18/39, iter_time: 0.500s, total_loss: 9.1, iou_loss: 2.2, l1_loss: 0")
    assert line.endswith("ETA: 0:10:00")
    assert _searched(BYTETRACK, line) == {
        "total_loss": [9.1], "iou_loss": [2.2], "l1_loss": [0.0], "conf_loss": [5.4], "cls_loss": [1.4], "lr": [1.2e-6]
    }  # fmt: skip


def test_our_coco_lines_are_those_of_pycocotools():
    assert all(line in PYCOCOTOOLS.splitlines() for line in coco_lines(ROW))
    found = metrics(PYCOCOTOOLS, definitions("yolox"))
    assert found == {"AP": [0.512], "AP50": [0.75], "AP75": [0.5], "AR": [0.6]}


def test_shipped_expressions_find_the_lines_of_the_built_in_algorithm():
    assert metrics(OBJECT_DETECTION, definitions("ssd")) == {
        "train:cross_entropy": [1.159], "train:smooth_l1": [0.54], "validation:mAP": [0.199], "train:progress": [20.0]
    }  # fmt: skip


@pytest.mark.parametrize("trainer", TRAINERS)
def test_shipped_definitions_keep_the_limits_and_find_our_lines(trainer):
    shipped = definitions(trainer)
    names = [one["Name"] for one in shipped]
    assert len(names) == len(set(names)) <= 40
    assert all(len(one["Regex"]) <= 500 and re.compile(one["Regex"]).groups == 1 for one in shipped)
    ours = [one for one in shipped if "(?:^|\\s)" in one["Regex"]]
    assert ours == metric_definitions([one["Name"] for one in ours])
    found = metrics(metric_line(ROW), shipped)
    assert {name: values for name, values in found.items() if name in ("ap", "hota")} == {"ap": [0.512], "hota": [0.41]}
    if trainer == "fairmot":
        assert {name: one["Regex"] for name, one in zip(names, shipped, strict=True) if name in FAIRMOT} == FAIRMOT


def test_a_trainer_of_somebody_else_has_definitions_too():
    with pytest.raises(UnknownComponentError):
        definitions("nobody")


def test_lines_come_as_often_as_asked():
    said: list[str] = []
    lines = Lines("yolox", 20, said.append)
    for done in range(1, 40):
        lines.step(Progress(stage="training", done=done, total=117, epoch=1, epochs=3, epoch_steps=39, loss=1.0))
    assert [line.split(", ")[1] for line in said] == ["iter: 20/39", "iter: 39/39"]
    at_once: list[str] = []
    first = Lines("yolox", 1, at_once.append)
    first.step(dataclasses.replace(STEP, step_time=2.5))  # as after a resume: nothing was seen before
    first.step(dataclasses.replace(STEP, done=58, step_time=2.5))
    assert "iter_time: 2.500s" in at_once[0]
    assert "iter_time: 0.000s" in at_once[1]
    quiet: list[str] = []
    other = Lines("ssd", 20, quiet.append)
    for done in range(1, 40):
        other.step(Progress(stage="training", done=done, total=117, epoch=1, epochs=3, epoch_steps=39, loss=1.0))
    assert len(quiet) == 1  # then after half a minute
    other.epoch({**ROW, "epoch": 0})
    assert len(quiet) == 1
