"""Every family's real output layout, with known boxes in it: they must come back in pixels of the picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import trackforge
from trackforge.errors import ConfigError, WeightsError
from trackforge.testing import check_detector
from trackforge.types import Frame
from trackforge_onnx.detector import OnnxDetector, OnnxDetectorConfig, probe
from trackforge_onnx.heads import HEADS

SIZE = (320, 320)
CELLS = 40 * 40 + 20 * 20 + 10 * 10
PICTURE = np.zeros((120, 160, 3), np.uint8)  # letterboxed: twice as large, 40 px above and below
BOX = np.array([40.0, 30, 80, 90])
"""In pixels of the picture."""
LETTERBOXED = BOX * 2 + [0, 40, 0, 40]
CORNER = BOX * 2
STRETCHED = BOX * [2, 320 / 120, 2, 320 / 120]


def cxcywh(xyxy: np.ndarray) -> np.ndarray:
    return np.concatenate(((xyxy[:2] + xyxy[2:]) / 2, xyxy[2:] - xyxy[:2]))


def model(
    path: Path,
    outputs: dict[str, np.ndarray],
    *,
    shape: tuple[Any, ...] = (1, 3, *SIZE),
    kind: int = TensorProto.FLOAT,
    metadata: dict[str, str] | None = None,
    second: bool = False,
) -> Path:
    """Write a model that gives these outputs for every picture."""
    nodes, infos = [], []
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    nodes.append(helper.make_node("Cast", ["images"], ["seen"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("ReduceMean", ["seen"], ["mean"], keepdims=0))
    nodes.append(helper.make_node("Mul", ["mean", "nought"], ["nothing"]))
    constants = [numpy_helper.from_array(np.float32(0), "nought")]
    if second:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, ["n", 2]))
    for name, value in outputs.items():
        constants.append(numpy_helper.from_array(value, f"{name}_value"))
        kind_out = helper.np_dtype_to_tensor_dtype(value.dtype)
        nodes.append(helper.make_node("Cast", ["nothing"], [f"{name}_nothing"], to=kind_out))
        nodes.append(helper.make_node("Add", [f"{name}_value", f"{name}_nothing"], [name]))
        infos.append(helper.make_tensor_value_info(name, kind_out, value.shape))
    graph = helper.make_graph(nodes, "g", inputs, infos, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in (metadata or {}).items():
        entry = made.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(made, path)
    return path


def grid(
    columns: int, rows: int, box: np.ndarray, class_id: int, *, objectness: bool, fill: float = 100.0
) -> np.ndarray:
    out = np.zeros((1, rows, columns), np.float32)
    out[0, :, :4] = [fill, fill * 1.5, 20, 20]
    out[0, :, 4:] = np.linspace(0, 0.01, rows)[:, None]
    for k, score in ((7, 0.9), (8, 0.8)):  # the second is suppressed by the first
        out[0, k, :4] = cxcywh(box)
        out[0, k, 4 + objectness + class_id] = score
        if objectness:
            out[0, k, 4] = 1.0
    return out


def raw_yolox() -> np.ndarray:
    out = np.zeros((1, CELLS, 85), np.float32)
    c = cxcywh(CORNER)
    column, row = 12, 15
    k = row * 40 + column
    out[0, k, :4] = [c[0] / 8 - column, c[1] / 8 - row, np.log(c[2] / 8), np.log(c[3] / 8)]
    out[0, k, 4], out[0, k, 5 + 2] = 1, 0.9
    return out


def listed(box: np.ndarray, class_id: float, *, rows: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes, scores, classes = (
        np.zeros((1, rows, 4), np.float32),
        np.zeros((1, rows), np.float32),
        np.zeros((1, rows), np.float32),
    )
    boxes[0, 0], scores[0, 0], classes[0, 0] = box, 0.9, class_id
    return boxes, scores, classes


def end_to_end() -> np.ndarray:
    out = np.zeros((1, 300, 6), np.float32)
    out[0, 0] = [*LETTERBOXED, 0.9, 2]
    return out


def queries(columns: int, score: float, class_id: int) -> tuple[np.ndarray, np.ndarray]:
    logits = np.full((1, columns[0], columns[1]), -9.0, np.float32) if isinstance(columns, tuple) else np.zeros(0)
    boxes = np.zeros((1, logits.shape[1], 4), np.float32)
    logits[0, 3, class_id] = score
    boxes[0, 3] = cxcywh(STRETCHED) / 320
    return logits, boxes


def yolov5() -> dict[str, np.ndarray]:
    return {"output0": grid(85, 3 * CELLS, LETTERBOXED, 2, objectness=True)}


def yolov6() -> dict[str, np.ndarray]:
    out = grid(85, CELLS, LETTERBOXED, 2, objectness=True)
    out[..., 4] = 1
    return {"outputs": out}


def yolox() -> dict[str, np.ndarray]:
    return {"output": grid(85, CELLS, CORNER, 2, objectness=True)}


def yolov8(**more: Any) -> dict[str, np.ndarray]:
    return {"output0": grid(84, CELLS, LETTERBOXED, 2, objectness=False).transpose(0, 2, 1).copy(), **more}


def segment() -> dict[str, np.ndarray]:
    out = grid(84 + 32, CELLS, LETTERBOXED, 2, objectness=False).transpose(0, 2, 1).copy()
    out[:, 84:] = 5  # coefficients of masks are no scores
    return {"output0": out, "output1": np.zeros((1, 32, 80, 80), np.float32)}


def in_shares() -> dict[str, np.ndarray]:
    out = yolov8()["output0"]
    out[:, :4] /= 320
    return {"output0": out}


def suppressed() -> dict[str, np.ndarray]:
    boxes, scores, classes = listed(LETTERBOXED, 2)
    scores[0, 1] = 0.99  # behind the number that counts
    return {
        "num_dets": np.array([[1]], np.int32),
        "det_boxes": boxes,
        "det_scores": scores,
        "det_classes": classes.astype(np.int32),
    }


def batched() -> dict[str, np.ndarray]:
    return {"output": np.array([[0, *LETTERBOXED, 2, 0.9]], np.float32)}


def detr() -> dict[str, np.ndarray]:
    logits, boxes = queries((100, 92), 9.0, 3)
    logits[0, [k for k in range(100) if k != 3], 91] = 9
    return {"logits": logits, "pred_boxes": boxes}


def rt_detr() -> dict[str, np.ndarray]:
    logits, boxes = queries((300, 80), 4.0, 2)
    return {"logits": logits, "pred_boxes": boxes}


def joined() -> dict[str, np.ndarray]:
    logits, boxes = queries((300, 80), 4.0, 2)
    return {"output0": np.concatenate((boxes, 1 / (1 + np.exp(-logits))), axis=2).astype(np.float32)}


def sized() -> dict[str, np.ndarray]:
    boxes, scores, classes = listed(STRETCHED, 2)
    return {"labels": classes.astype(np.int64), "boxes": boxes, "scores": scores}


def torchvision() -> dict[str, np.ndarray]:
    boxes, scores, classes = listed(CORNER, 3)
    return {"boxes": boxes[0], "labels": classes[0].astype(np.int64), "scores": scores[0]}


def ssd() -> dict[str, np.ndarray]:
    boxes, scores, classes = listed(STRETCHED / 320, 3)
    return {"bboxes": boxes, "labels": classes.astype(np.int64), "scores": scores}


def tensorflow() -> dict[str, np.ndarray]:
    boxes, scores, classes = listed((STRETCHED / 320)[[1, 0, 3, 2]], 3)
    return {
        "detection_boxes": boxes,
        "detection_classes": classes,
        "detection_scores": scores,
        "num_detections": np.array([5], np.float32),
    }


FAMILIES: list[tuple[str, str, Callable[[], dict[str, np.ndarray]], dict[str, Any]]] = [
    ("YOLOv5, v7", "yolov5", yolov5, {}),
    ("YOLOv6", "yolov5", yolov6, {}),
    ("YOLOX decoded", "yolox", yolox, {}),
    ("YOLOX raw", "yolox-raw", lambda: {"output": raw_yolox()}, {}),
    ("YOLOv8, v9, 11, 12", "yolov8", yolov8, {}),
    ("YOLOv8 in shares", "yolov8", in_shares, {}),
    ("YOLOv8 segment", "yolov8", segment, {"metadata": {"task": "segment"}}),
    ("YOLOv10, YOLO26", "yolov10", lambda: {"output0": end_to_end()}, {}),
    ("YOLOv7 end to end", "yolov7-end2end", batched, {}),
    ("suppression plugin", "nms", suppressed, {}),
    ("DETR", "detr", detr, {}),
    ("RT-DETR of transformers", "rt-detr", rt_detr, {}),
    ("RT-DETR in one output", "queries", joined, {}),
    ("RT-DETR, D-FINE with sizes", "sized", sized, {"second": True}),
    ("torchvision", "torchvision", torchvision, {"shape": (3, *SIZE)}),
    ("SSD", "ssd", ssd, {}),
    ("TensorFlow", "tensorflow", tensorflow, {"shape": (1, *SIZE, 3), "kind": TensorProto.UINT8}),
]


@pytest.mark.parametrize(("family", "head", "make", "more"), FAMILIES, ids=[f[0] for f in FAMILIES])
def test_known_boxes_come_back(
    tmp_path: Path, family: str, head: str, make: Callable[[], dict[str, np.ndarray]], more: dict[str, Any]
) -> None:
    detector = trackforge.detector("onnx", weights=model(tmp_path / "m.onnx", make(), **more), score=0.3)
    assert detector.understanding.head == head
    found = detector.detect([Frame(index=0, image=PICTURE)])[0]
    assert len(found) == 1, family
    assert np.allclose(found.xyxy[0], BOX, atol=0.02)
    assert detector.classes[found.class_id[0]] == "car"
    assert found.score[0] == pytest.approx(0.9, abs=0.1)
    only = trackforge.detector("onnx", weights=tmp_path / "m.onnx", score=0.3, keep_classes=("dog",))
    assert len(only.detect([Frame(index=0, image=PICTURE)])[0]) == 0
    told = trackforge.detector("onnx", weights=tmp_path / "m.onnx", head=head, score=0.3)
    assert np.allclose(told.detect([Frame(index=0, image=PICTURE)])[0].xyxy, found.xyxy)


def test_every_head_has_a_family() -> None:
    assert {head for _, head, *_ in FAMILIES} | {"yolov8-obb"} == set(HEADS)


def test_turned_boxes(tmp_path: Path) -> None:
    out = np.zeros((1, 4 + 2 + 1, CELLS), np.float32)
    out[0, :4, 0], out[0, 4, 0], out[0, 6, 0] = [160, 160, 40, 20], 0.9, np.pi / 2
    out[0, :4, 1:] = 100
    file = model(tmp_path / "o.onnx", {"output0": out}, metadata={"task": "obb", "names": "{0: 'plane', 1: 'ship'}"})
    detector = OnnxDetector(OnnxDetectorConfig(weights=file, score=0.3))
    found = detector.detect([Frame(index=0, image=np.zeros((320, 320, 3), np.uint8))])[0]
    assert np.allclose(found.xyxy, [[150, 140, 170, 180]], atol=1e-3)


@pytest.mark.parametrize("head", ["yolov10", "YOLOv10"])
def test_a_thing_of_two_classes_can_become_one_box_whatever_the_head(tmp_path: Path, head: str) -> None:
    out = np.array([[[50, 50, 150, 150, 0.8, 2], [52, 49, 151, 152, 0.9, 7], [200, 200, 250, 260, 0.7, 2]]], np.float32)
    file = model(tmp_path / "m.onnx", {"output0": out})
    picture = np.zeros((320, 320, 3), np.uint8)
    [both] = OnnxDetector(OnnxDetectorConfig(weights=file, head=head)).detect([Frame(index=0, image=picture)])
    assert sorted(both.class_id.tolist()) == [2, 2, 7]
    one = OnnxDetector(OnnxDetectorConfig(weights=file, head=head, class_agnostic=True))
    assert one.detect([Frame(index=0, image=picture)])[0].class_id.tolist() == [7, 2]


def test_names_and_size_are_read_from_the_file(tmp_path: Path) -> None:
    out = grid(6, CELLS, LETTERBOXED, 1, objectness=False).transpose(0, 2, 1).copy()
    said = {"names": "{0: 'helmet', 1: 'vest'}", "task": "detect", "imgsz": "[320, 320]", "stride": "32"}
    file = model(tmp_path / "m.onnx", {"output0": out}, metadata=said, shape=("b", 3, "h", "w"))
    detector = OnnxDetector(OnnxDetectorConfig(weights=file, score=0.3))
    assert detector.classes == ("helmet", "vest")
    assert detector.understanding.size == (320, 320)
    assert detector.detect([Frame(index=0, image=PICTURE)])[0].class_id.tolist() == [1]
    text = str(probe(file))
    assert "yolov8" in text
    assert "helmet, vest" in text


@pytest.mark.parametrize("names", ["__import__('os').system('x')", "{0: 'a', 2: 'b'}", "[" * 5000, "{'a': 1}"])
def test_names_that_are_nonsense_are_left_out(tmp_path: Path, names: str) -> None:
    file = model(tmp_path / "m.onnx", yolov8(), metadata={"names": names})
    assert OnnxDetector(OnnxDetectorConfig(weights=file)).classes[2] == "car"


def test_it_keeps_the_protocol(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", yolov8())
    check_detector(lambda: OnnxDetector(OnnxDetectorConfig(weights=file, score=0.3)))


def test_a_foreign_file_is_opened_by_its_path(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", yolov8())
    assert isinstance(trackforge.detector(file), OnnxDetector)


def test_info_says_what_was_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trackforge.cli import main

    file = model(tmp_path / "m.onnx", yolov8())
    assert main(["info", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "yolov8: (4 + C, A)" in shown
    assert "320 high, 320 wide" in shown


def test_info_draws_what_is_found_in_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2

    from trackforge.cli import main

    file, photo, drawn = model(tmp_path / "m.onnx", yolov8()), tmp_path / "photo.png", tmp_path / "drawn.png"
    cv2.imwrite(str(photo), PICTURE)
    assert main(["info", str(file), "--picture", str(photo), "-o", str(drawn), "--set", "score=0.2"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 car from score 0.3 on" in shown
    changed = (cv2.imread(str(drawn)) != cv2.imread(str(photo))).any(axis=2)
    x1, y1, x2, y2 = (round(float(value)) for value in BOX)
    assert changed[y1 : y2 + 1, x1].mean() > 0.9
    assert changed[y2, x1 : x2 + 1].mean() > 0.9
    assert not changed[(y1 + y2) // 2 + 10, (x1 + x2) // 2]
    assert main(["info", str(file), "--picture", "demo", "-o", str(tmp_path / "demo.jpg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["picture"] == str(tmp_path / "demo.jpg")
    for wrong, told in (
        (["--picture", str(photo), "-o", "a.gif"], "must be written as .png"),
        (["--set", "head"], "--set takes KEY=VALUE; got 'head'"),
        (["--set", "heads=yolov8"], "Did you mean 'head'"),
        (["--picture", str(tmp_path / "none.jpg")], "does not exist"),
    ):
        assert main(["info", str(file), *wrong]) != 0
        assert told in " ".join(capsys.readouterr().err.split())
    assert main(["info", "tracker", "--picture", str(photo)]) != 0
    assert "go with a file of weights" in " ".join(capsys.readouterr().err.split())


def test_what_is_unknown_is_said(tmp_path: Path) -> None:
    unknown = model(tmp_path / "u.onnx", {"logits": np.zeros((1, 1000), np.float32)})
    with pytest.raises(
        WeightsError, match=r"must have outputs of a known layout; it has logits \(1, 1000\)[\s\S]*yolov8"
    ):
        OnnxDetector(OnnxDetectorConfig(weights=unknown))
    text = model(tmp_path / "t.onnx", {"y": np.zeros((1, 2), np.float32)}, shape=(1, 128))
    with pytest.raises(WeightsError, match="must take pictures"):
        OnnxDetector(OnnxDetectorConfig(weights=text))
    fine = model(tmp_path / "m.onnx", yolov8())
    with pytest.raises(WeightsError, match="2 names for 80 columns"):
        OnnxDetector(OnnxDetectorConfig(weights=fine, classes=("a", "b")))
    with pytest.raises(ConfigError, match="Did you mean 'yolov8'"):
        OnnxDetector(OnnxDetectorConfig(weights=fine, head="yolo8"))
    with pytest.raises(ConfigError, match=r"320,320, which m\.onnx was exported for"):
        OnnxDetector(OnnxDetectorConfig(weights=fine, size=(640, 640)))
    with pytest.raises(WeightsError, match="there is no file"):
        OnnxDetector(OnnxDetectorConfig(weights=tmp_path / "none.onnx"))
    (tmp_path / "broken.onnx").write_bytes(b"\0\1\2")
    with pytest.raises(WeightsError, match="readable ONNX"):
        OnnxDetector(OnnxDetectorConfig(weights=tmp_path / "broken.onnx"))
