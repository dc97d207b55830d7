"""The component end to end: files of all kinds, batches, classes, devices, real pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
import torch

import trackforge
from trackforge.boxes import iou
from trackforge.errors import ConfigError, DeviceError, InvalidInputError, WeightsError
from trackforge.protocols import Detector
from trackforge.testing import check_detector
from trackforge.types import Frame
from trackforge_yolox.detector import YoloxDetector, YoloxDetectorConfig
from trackforge_yolox.export import ExportConfig, export

PETS_FRAMES = 795
STEP = 5


def make(**settings: object) -> YoloxDetector:
    return YoloxDetector(YoloxDetectorConfig(**{"threads": 1, **settings}))


@pytest.fixture(scope="module")
def weights(data_dir: Path) -> Path:
    return data_dir / "weights"


@pytest.fixture(scope="module")
def pets(data_dir: Path) -> list[Frame]:
    """Every fifth frame of a real street video."""

    def frames() -> Iterator[Frame]:
        with av.open(str(data_dir / "pets09-s2l1" / "vtest.avi")) as video:
            for index, picture in enumerate(video.decode(video=0)):
                if index % STEP == 0:
                    yield Frame(index=index, image=picture.to_ndarray(format="rgb24"))

    made = list(frames())
    assert len(made) == PETS_FRAMES // STEP
    return made


def rows(path: Path) -> dict[int, np.ndarray]:
    """Frame index -> x1, y1, x2, y2, score (or flag) of a MOT file."""
    table = np.loadtxt(path, delimiter=",")[:, :7]
    table[:, 4:6] += table[:, 2:4]
    return {int(frame) - 1: table[table[:, 0] == frame, 2:7] for frame in np.unique(table[:, 0])}


def test_detections_are_those_of_an_independent_run(weights: Path, pets: list[Frame], data_dir: Path) -> None:
    """Made elsewhere with person scores only, IoU limit .6, score .01, rounded to .1 px and .001."""
    detector = make(weights=weights / "yolox_nano_416x416.onnx", keep_classes=("person",), score=0.01, nms=0.6)
    wanted = rows(data_dir / "pets09-s2l1" / "det" / "det_yolox_nano416.txt")
    for frame in pets:
        found = detector.detect([frame])[0]
        true = wanted[frame.index]
        assert len(found) == len(true)
        assert not found.class_id.any()
        # Equal scores after rounding may come in another order: pair by place, then compare.
        pair = iou(found.xyxy, true[:, :4]).argmax(axis=1)
        assert len(set(pair.tolist())) == len(true)
        np.testing.assert_allclose(found.xyxy, true[pair, :4], atol=0.1 + 1e-3)  # x and width were rounded apart
        np.testing.assert_allclose(found.score, true[pair, 4], atol=0.0005 + 1e-5)


@pytest.mark.parametrize(
    ("name", "size", "least"), [("yolox_nano_416x416", None, 0.90), ("yolox_nano_dynamic_hw", (480, 640), 0.905)]
)
def test_people_of_the_street_are_found(weights, pets, data_dir, ap50, name: str, size, least: float) -> None:
    detector = make(weights=weights / f"{name}.onnx", keep_classes=("person",), score=0.01, nms=0.6, size=size)
    truth = rows(data_dir / "pets09-s2l1" / "gt" / "gt.txt")
    found = [detector.detect([frame])[0] for frame in pets]
    true = [truth.get(frame.index, np.zeros((0, 5)))[:, :4] for frame in pets]
    assert ap50(true, [d.xyxy for d in found], [d.score for d in found]) >= least


@pytest.mark.parametrize(("size", "least"), [((416, 416), 0.63), ((640, 640), 0.675)])
def test_people_of_coco_are_found(weights, data_dir, ap50, size, least: float) -> None:
    detector = make(weights=weights / "yolox_nano_dynamic_hw.onnx", keep_classes=(0,), score=0.001, size=size)
    true, found = [], []
    for path in sorted((data_dir / "coco128" / "images" / "val2017").glob("*.jpg")):
        image = cv2.imread(str(path))[..., ::-1]
        height, width = image.shape[:2]
        label = data_dir / "coco128" / "labels" / "val2017" / f"{path.stem}.txt"
        boxes = np.loadtxt(label, ndmin=2) if label.exists() and label.stat().st_size else np.zeros((0, 5))
        centre, half = boxes[boxes[:, 0] == 0][:, 1:3], boxes[boxes[:, 0] == 0][:, 3:5] / 2
        true.append(np.concatenate((centre - half, centre + half), axis=1) * [width, height, width, height])
        found.append(detector.detect([Frame(index=0, image=image)])[0])
    assert ap50(true, [d.xyxy for d in found], [d.score for d in found]) >= least


def test_backends_agree_on_real_pictures(weights: Path, pets: list[Frame], tmp_path: Path) -> None:
    checkpoint = weights / "yolox_nano_coco_torch.pth"
    own = export(ExportConfig(weights=checkpoint, output=tmp_path / "own.onnx"))
    frames = [pets[0], pets[80]]
    common = {"score": 0.05, "size": (416, 416)}
    reference = make(weights=weights / "yolox_nano_416x416.onnx", score=0.05).detect(frames)
    for other in (
        make(weights=own, **common),
        make(weights=checkpoint, **common),
        make(weights=weights / "yolox_nano_dynamic_hw.onnx", **common),
        make(weights=checkpoint, fuse=False, channels_last=False, **common),
    ):
        for a, b in zip(reference, other.detect(frames), strict=True):
            np.testing.assert_allclose(a.xyxy, b.xyxy, atol=0.02)
            np.testing.assert_allclose(a.score, b.score, atol=1e-4)
            np.testing.assert_array_equal(a.class_id, b.class_id)


def test_decoded_files_of_others_are_recognised(weights: Path, pets: list[Frame], tmp_path: Path) -> None:
    own = export(ExportConfig(weights=weights / "yolox_nano_coco_torch.pth", output=tmp_path / "own.onnx"))
    model = onnx.load(own)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    a = make(weights=own, size=(320, 416))
    b = make(weights=tmp_path / "bare.onnx", size=(320, 416))
    assert (a.card.variant, b.card.variant) == ("yolox-nano", "")
    assert len(a.detect([pets[0]])[0]) > 0
    np.testing.assert_array_equal(a.detect([pets[0]])[0].xyxy, b.detect([pets[0]])[0].xyxy)


def test_bfloat16_finds_the_same_people(weights: Path, pets: list[Frame]) -> None:
    settings = {"weights": weights / "yolox_nano_coco_torch.pth", "score": 0.4, "keep_classes": ("person",)}
    full, half = (make(**settings, precision=p).detect([pets[60]])[0] for p in ("fp32", "bf16"))
    assert len(full) >= 4
    sure = full.xyxy[full.score > 0.5]
    assert (iou(sure, half.xyxy).max(axis=1) > 0.85).all()


def test_a_batch_gives_what_single_frames_give_whatever_their_sizes(checkpoint, tmp_path: Path) -> None:
    path = checkpoint("yolox-nano")
    r = np.random.default_rng(0)
    frames = [
        Frame(index=i, image=r.integers(0, 256, (h, w, 3), dtype=np.uint8))
        for i, (h, w) in enumerate([(64, 64), (30, 100), (200, 31), (1, 900)])
    ]
    own = export(ExportConfig(weights=path, output=tmp_path / "x.onnx"))
    for file in (path, own):
        detector = make(weights=file, score=0.00005, size=(64, 96))
        together = detector.detect(frames)
        assert sum(map(len, together)) > 0
        assert detector.detect(frames[::-1])[-1].score.tolist() == pytest.approx(together[0].score.tolist(), rel=1e-4)
        for frame, found in zip(frames, together, strict=True):
            np.testing.assert_allclose(detector.detect([frame])[0].xyxy, found.xyxy, rtol=1e-3, atol=0.05)
    assert detector.detect([]) == []


def test_classes_by_name_and_number(weights: Path, pets: list[Frame]) -> None:
    path = weights / "yolox_nano_416x416.onnx"
    detector = make(weights=path, keep_classes=("person", "2"), score=0.02)
    assert isinstance(detector, Detector)
    assert detector.classes[2] == "car"
    assert set(detector.detect([pets[0]])[0].class_id.tolist()) <= {0, 2}
    for wrong in ("persn", 80, "-1"):
        with pytest.raises(ConfigError, match="keep_classes must name"):
            make(weights=path, keep_classes=(wrong,))
    with pytest.raises(WeightsError, match="got 2 names for the 80 classes"):
        make(weights=path, classes=("a", "b"))


def test_the_door_takes_strings(weights: Path, pets: list[Frame]) -> None:
    path = str(weights / "yolox_nano_dynamic_hw.onnx")
    detector = trackforge.detector(
        "yolox", weights=path, size="96x128", keep_classes="person,car", score="0.3", threads="1"
    )
    assert detector.card.preprocessing.size == (96, 128)
    assert len(detector.detect(pets[:2])) == 2


def test_defaults_of_the_family(checkpoint) -> None:
    assert make(weights=checkpoint("yolox-nano")).selection.limit == 0.65
    path = checkpoint("bytetrack-nano", name="bytetrack_nano_mot17.pth.tar")
    detector = make(weights=path)
    assert detector.selection.limit == 0.7
    assert detector.classes == ("person",)
    assert make(weights=path, nms=0.5).selection.limit == 0.5


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a CUDA that is not there")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_an_absent_gpu_is_an_error(checkpoint, weights: Path, device: str) -> None:
    with pytest.raises(DeviceError, match="sees 0 CUDA devices"):
        make(weights=checkpoint("yolox-nano"), device=device)
    with pytest.raises(DeviceError, match="ONNX Runtime with CUDA"):
        make(weights=weights / "yolox_nano_416x416.onnx", device=device)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"device": "gpu"}, ConfigError, "device must be"),
        ({"variant": "yolox-q"}, ConfigError, "no variant"),
        ({"size": (128, 128)}, ConfigError, "size must be 416,416"),
        ({"backend": "torch"}, ConfigError, "must get a checkpoint"),
        ({"precision": "bf16"}, ConfigError, "are for the torch backend"),
        ({"variant": "bytetrack-s", "classes": ("person",)}, WeightsError, "for the 80 classes"),
        ({"score": 1.5}, ConfigError, "<= 1"),
    ],
)
def test_settings_that_cannot_be(weights: Path, settings: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make(weights=weights / "yolox_nano_416x416.onnx", **settings)


def test_a_size_must_fit_the_strides(weights: Path) -> None:
    with pytest.raises(ConfigError, match=r"multiples of 32; got \(100, 100\). Take \(96, 96\)"):
        make(weights=weights / "yolox_nano_coco_torch.pth", size=(100, 100))


def test_files_that_are_no_yolox(weights: Path, tmp_path: Path, checkpoint) -> None:
    with pytest.raises(WeightsError, match="another model"):
        make(weights=weights / "person-reidentification-retail-0248.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no")
    with pytest.raises(WeightsError, match="readable ONNX"):
        make(weights=tmp_path / "bad.onnx")
    with pytest.raises(WeightsError, match="no file"):
        make(weights=tmp_path / "absent.onnx")
    with pytest.raises(ConfigError, match=r"must get an \.onnx file.*trackforge export yolox"):
        make(weights=checkpoint("yolox-nano"), backend="onnx")


def test_a_frame_without_image_is_an_error(weights: Path) -> None:
    with pytest.raises(InvalidInputError, match="frame 7 has none"):
        make(weights=weights / "yolox_nano_416x416.onnx").detect([Frame(index=7, size=(10, 10))])


def test_an_empty_picture_has_no_people(weights: Path) -> None:
    found = make(weights=weights / "yolox_nano_416x416.onnx", score=0.3).detect(
        [Frame(index=0, image=np.zeros((50, 50, 3), np.uint8))]
    )
    assert [len(d) for d in found] == [0]
    assert found[0].xyxy.shape == (0, 4)


@pytest.mark.parametrize("file", ["yolox_nano_416x416.onnx", "yolox_nano_dynamic_hw.onnx", "yolox_nano_coco_torch.pth"])
def test_the_detector_keeps_the_contract(weights: Path, pets: list[Frame], file: str) -> None:
    size = (416, 416) if "416" in file else (192, 256)
    settings = {"weights": weights / file, "size": size, "keep_classes": ("person",), "score": 0.2}
    check_detector(lambda: make(**settings), frames=pets[:2])


def test_a_wrong_name_is_told_before_a_missing_torch(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util, trackforge\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'torch' else find(name, *more)\n"
        "trackforge.detector('yolox', weights=sys.argv[1])\n"
    )
    there = tmp_path / "there.pth"
    there.touch()
    for weights, what in (
        ("yolox-q", "Did you mean 'yolox-"),
        (str(there), "run: pip install 'trackforge-yolox[torch]'"),
    ):
        done = subprocess.run([sys.executable, "-c", code, weights], capture_output=True, text=True, check=False)
        assert what in done.stderr.splitlines()[-1]


def test_onnx_runtime_alone_is_enough(weights: Path) -> None:
    """Neither torch nor onnx is imported where an .onnx file runs on the CPU."""
    code = (
        "import sys, trackforge\n"
        "trackforge.detector('yolox', weights=sys.argv[1], size='416x416', threads=1)\n"
        "heavy = sorted({'torch', 'onnx', 'scipy', 'matplotlib'} & set(sys.modules))\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    path = str(weights / "yolox_nano_dynamic_hw.onnx")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
