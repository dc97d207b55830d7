"""The folder in which the examples of the pages run: small films, labels, results, weights, all made here."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tuning_scenes import write_scenes

import trackforge
from trackforge import data
from trackforge.io.mot import read_mot, write_mot
from trackforge.models.coco_names import COCO_CLASSES
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.table import TrackTable

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "plugins" / "trackforge-yolox" / "tests" / "fixtures"
FRAMES = 40
SIZE = (320, 192)


def build(folder: Path) -> Path:
    """Make everything that pages speak of; returns the folder."""
    folder.mkdir(parents=True)
    _street(folder / "demo")
    for name in ("street.mp4", "film.mp4", "gate.mp4", "yard.mp4"):
        shutil.copy(folder / "demo" / "street.mp4", folder / name)
    shutil.copy(folder / "demo" / "gt" / "gt.txt", folder / "gt.txt")
    _benchmark(folder)
    _sets(folder)
    _weights(folder)
    return folder


def _street(folder: Path) -> None:
    """What ``make demo`` leaves, smaller."""
    from trackforge.synthetic import demo

    source = SyntheticSource(SyntheticSourceConfig(frames=FRAMES, size=SIZE, walkers=6))
    sinks = [
        demo._film(folder / "street.mp4"),
        trackforge.sink("overlay", path=folder / "demo.mp4"),
        trackforge.sink("mot", path=folder / "tracks.txt"),
    ]
    for _ in trackforge.track(source, trackforge.detector("motion"), trackforge.tracker("byte"), sinks=sinks):
        pass
    write_mot(folder / "gt" / "gt.txt", _as_pedestrians(source.truth), kind="truth")


def _as_pedestrians(truth: TrackTable) -> TrackTable:
    """Number the one class as MOTChallenge files do."""
    return replace(truth, class_id=np.ones(len(truth), np.int64))


def _benchmark(folder: Path) -> None:
    """A benchmark of three small sequences with pictures, detections beside it, and results."""
    import cv2

    made = write_scenes(folder / "scenes", names="abc", frames=20, objects=4)
    names = {"a": "MOT17-02-FRCNN", "b": "MOT17-04-FRCNN", "c": "MOT17-10-FRCNN"}
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    for short, name in names.items():
        sequence = folder / "MOT17" / "train" / name
        shutil.copytree(made / "gt" / short, sequence)
        truth = read_mot(sequence / "gt" / "gt.txt", kind="truth")
        write_mot(sequence / "gt" / "gt.txt", _as_pedestrians(truth), kind="truth")
        about = (sequence / "seqinfo.ini").read_text().replace(f"name={short}", f"name={name}\nimDir=img1\nimExt=.jpg")
        (sequence / "seqinfo.ini").write_text(about)
        (sequence / "img1").mkdir()
        for k in range(20):
            cv2.imwrite(str(sequence / "img1" / f"{k + 1:06d}.jpg"), np.roll(noise, k, axis=1))
        found = folder / "detections" / f"{name}.txt"
        found.parent.mkdir(exist_ok=True)
        shutil.copy(made / "det" / f"{short}.txt", found)
        (sequence / "det").mkdir()
        shutil.copy(found, sequence / "det" / "det.txt")
        tracker = trackforge.tracker("byte")
        steps = trackforge.track(sequence, trackforge.detector("file", path=found), tracker, sinks=[])
        table = TrackTable.from_steps(steps)
        write_mot(folder / "results" / f"{name}.txt", table, kind="tracks")
    shutil.rmtree(made)


def _sets(folder: Path) -> None:
    """Labelled pictures: a COCO file, a YOLO folder with several classes, and a folder of pictures."""
    import cv2
    import format_samples
    from labelled import stills

    people = stills(folder / "pictures-of-people", count=8, classes=("person", "car"))
    data.write(people.select_classes(["person"]), folder / "people.json")
    _opinions(people, folder)
    data.write(people, folder / "coco128", format="yolo")
    shutil.copytree(folder / "MOT17" / "train" / "MOT17-02-FRCNN", folder / "PETS09-S2L1")
    format_samples.kitti(folder / "KITTI")
    format_samples.visdrone(folder)
    format_samples.cvat(folder / "task_export")
    shutil.copytree(folder / "MOT17" / "train", folder / "result")
    (folder / "pictures").mkdir()
    for path in sorted((folder / "MOT17/train/MOT17-02-FRCNN/img1").iterdir())[:3]:
        shutil.copy(path, folder / "pictures" / path.name)
    shutil.copy(path, folder / "photo.jpg")
    cv2.imwrite(str(folder / "satellite.tif"), cv2.imread(str(path)))


def _opinions(people: data.Dataset, folder: Path) -> None:
    """Labels of three people who differ a little, and of two models for tasks of their own."""
    for name, shift in (("anna", 0.0), ("bert", 1.5), ("carla", -1.0)):
        boxes = people.boxes.replace(xyxy=people.boxes.xyxy + shift)
        data.write(people.replace(boxes=boxes), folder / f"{name}.json")
    only = people.select_classes(["person"])
    data.write(only.rename_classes({"person": "pedestrian"}), folder / "walkers.json")
    data.write(only[:2].rename_classes({"person": "cyclist"}), folder / "bikes.json")


def _weights(folder: Path) -> None:
    """Networks with small random weights: published ones in the cache, trained ones, one of another family."""
    import torch

    from trackforge_fairmot.model import FairMOT
    from trackforge_yolox.model import YOLOX
    from trackforge_yolox.variants import VARIANTS

    (folder / "runs" / "people").mkdir(parents=True)
    shutil.copy(FIXTURES / "people-format1.pth", folder / "runs" / "people" / "model.pth")
    shutil.copy(FIXTURES / "people-format1.onnx", folder / "people.onnx")
    cache = folder / "cache" / "yolox"
    cache.mkdir(parents=True)
    _yolox(cache / "yolox_s.onnx")
    for name in ("nano", "tiny", "m", "l", "x"):
        shutil.copy(cache / "yolox_s.onnx", cache / f"yolox_{name}.onnx")
    _yolov8(folder / "helmets.onnx")
    _ssd(folder / "model.tar.gz")
    torch.save({"model": YOLOX(VARIANTS["yolox-nano"], len(COCO_CLASSES)).state_dict()}, cache / "yolox_nano.pth")
    shutil.copy(cache / "yolox_nano.pth", folder / "yolox_s.pth")
    torch.save({"state_dict": FairMOT("fairmot-yolov5n").state_dict()}, folder / "fairmot_dla34.pth")


def _ssd(path: Path) -> None:
    """An artefact as SageMaker's built-in Object Detection leaves it, of a narrow network with random weights."""
    import torch

    from trackforge_ssd.cards import make_card
    from trackforge_ssd.export import write_sagemaker
    from trackforge_ssd.model import SSD, initialise
    from trackforge_ssd.preprocess import preprocessing

    torch.manual_seed(0)
    network = SSD("sagemaker-resnet50-300/16", 2)
    initialise(network)
    write_sagemaker(path, network, make_card(network.variant, ["class 0", "class 1"], preprocessing("raw", (300, 300))))


def _yolox(path: Path) -> None:
    """A network of any size with YOLOX's layout: means of cells, once through random weights."""
    rng, columns = np.random.default_rng(0), 5 + len(COCO_CLASSES)
    weight = rng.normal(0, 0.02, (columns, 3, 1, 1)).astype(np.float32)
    bias = np.full(columns, -1.5, np.float32)
    bias[:4] = 0
    constants = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    constants.append(numpy_helper.from_array(np.array([0, columns, -1]), "shape"))
    constants.append(numpy_helper.from_array(np.float32(1 / 128), "unit"))
    nodes = [helper.make_node("Mul", ["images", "unit"], ["values"])]
    for stride in (8, 16, 32):
        one = str(stride)
        nodes += [
            helper.make_node("AveragePool", ["values"], ["p" + one], kernel_shape=[stride] * 2, strides=[stride] * 2),
            helper.make_node("Conv", ["p" + one, "weight", "bias"], ["c" + one]),
            helper.make_node("Sigmoid", ["c" + one], ["s" + one]),
            helper.make_node("Reshape", ["s" + one, "shape"], ["r" + one]),
        ]
    nodes.append(helper.make_node("Concat", ["r8", "r16", "r32"], ["all"], axis=2))
    nodes.append(helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]))
    _save(path, nodes, constants, ["n", 3, "h", "w"], ["n", "cells", columns])


def _yolov8(path: Path) -> None:
    """What exporters of YOLOv8 write: (1, 4 + classes, cells), names and size in the metadata."""
    cells = 40 * 40 + 20 * 20 + 10 * 10
    value = np.zeros((1, 6, cells), np.float32)
    value[0, :, 0], value[0, :, 1] = [100, 100, 40, 80, 0.9, 0.1], [200, 120, 40, 80, 0.1, 0.8]
    constants = [numpy_helper.from_array(value, "value"), numpy_helper.from_array(np.float32(0), "nought")]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nought"], ["nothing"]),
        helper.make_node("Add", ["value", "nothing"], ["output"]),
    ]
    said = {"names": "{0: 'helmet', 1: 'head'}", "imgsz": "[320, 320]", "task": "detect"}
    _save(path, nodes, constants, [1, 3, 320, 320], list(value.shape), said)


def _save(path: Path, nodes: list, constants: list, taken: list, given: list, said: dict | None = None) -> None:
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, taken)]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, given)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, said or {})
    onnx.save(made, path)
