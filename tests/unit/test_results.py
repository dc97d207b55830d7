"""Results of other libraries, as stand-ins with the attributes that those document; supervision and torch are real."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame
from trackforge.errors import InvalidInputError
from trackforge.io.results import ResultsDetector, from_results
from trackforge.protocols import Detector

BOXES = [[10.0, 20, 50, 90], [100, 20, 160, 80]]
SCORES, LABELS = [0.9, 0.75], [2, 0]
NAMES = {0: "person", 1: "bicycle", 2: "car"}


class OnDevice:
    """A tensor that NumPy cannot read before it is detached and on the host."""

    def __init__(self, values, where="cuda:0"):
        self.values, self.where, self.dtype = np.asarray(values), where, "float32"

    def detach(self):
        return OnDevice(self.values, self.where)

    def cpu(self):
        return self.values

    def __array__(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def ultralytics(boxes=BOXES, ids=None, key="boxes"):
    found = SimpleNamespace(
        xyxy=OnDevice(np.reshape(boxes, (-1, 4))),
        conf=OnDevice(SCORES[: len(boxes)]),
        cls=OnDevice(np.array(LABELS[: len(boxes)], np.float32)),
        id=ids,
    )
    return SimpleNamespace(**({"boxes": None} | {key: found}), names=NAMES, orig_shape=(240, 320))


def torchvision():
    return {"boxes": OnDevice(BOXES), "labels": OnDevice(LABELS), "scores": OnDevice(SCORES)}


ROWS = np.column_stack((BOXES, SCORES, LABELS))
RESULTS = {
    "ultralytics": ultralytics,
    "ultralytics, a list of one": lambda: [ultralytics()],
    "ultralytics, turned": lambda: ultralytics(key="obb"),
    "ultralytics, its boxes": lambda: ultralytics().boxes,
    "yolov5": lambda: SimpleNamespace(xyxy=[OnDevice(ROWS)], names=NAMES),
    "torchvision": lambda: [torchvision()],
    "transformers": torchvision,
    "detectron2": lambda: {
        "instances": SimpleNamespace(
            pred_boxes=SimpleNamespace(tensor=OnDevice(BOXES)),
            scores=OnDevice(SCORES),
            pred_classes=OnDevice(LABELS),
        )
    },
    "mmdetection": lambda: SimpleNamespace(
        pred_instances=SimpleNamespace(bboxes=OnDevice(BOXES), scores=OnDevice(SCORES), labels=OnDevice(LABELS))
    ),
    "rows": lambda: ROWS,
    "rows as lists": ROWS.tolist,
    "a tensor of rows": lambda: OnDevice(ROWS),
    "ours": lambda: Detections(xyxy=BOXES, score=SCORES, class_id=LABELS),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_form_gives_the_same_boxes(name):
    found = from_results(RESULTS[name]())
    np.testing.assert_array_equal(found.xyxy, np.array(BOXES, np.float32))
    np.testing.assert_array_equal(found.score, np.array(SCORES, np.float32))
    assert found.class_id.tolist() == LABELS
    tracks = trackforge.tracker("byte").update(trackforge.from_results(RESULTS[name]()), Frame(index=0))
    assert tracks.track_id.tolist() == [1, 2]


def test_supervision_and_torch_are_taken_as_they_are():
    sv = pytest.importorskip("supervision")
    made = sv.Detections(
        xyxy=np.array(BOXES, np.float32),
        confidence=np.array(SCORES, np.float32),
        class_id=np.array(LABELS),
        data={"class_name": np.array(["car", "person"])},
    )
    assert from_results(made).class_id.tolist() == LABELS
    assert from_results(made, classes=["Car"]).class_id.tolist() == [0]
    torch = pytest.importorskip("torch")
    result = {
        "boxes": torch.tensor(BOXES, dtype=torch.bfloat16, requires_grad=True),
        "scores": torch.tensor(SCORES),
        "labels": torch.tensor(LABELS),
    }
    assert from_results(result).class_id.tolist() == LABELS
    assert from_results(torch.tensor(ROWS)).score.tolist() == pytest.approx(SCORES)


def pipeline(*labels):
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        {"score": score, "label": label, "box": dict(zip(sides, map(int, box), strict=True))}
        for score, label, box in zip(SCORES, labels, BOXES, strict=True)
    ]


def test_names_are_numbered_by_those_given_and_others_left_out():
    assert from_results(ultralytics(), classes=["Car", "person"]).class_id.tolist() == [0, 1]
    only = from_results(ultralytics(), classes=["person"])
    assert (only.class_id.tolist(), only.xyxy.tolist()) == ([0], [BOXES[1]])
    assert from_results(pipeline("traffic light", "cat"), classes=["cat", "traffic_light"]).class_id.tolist() == [1, 0]
    grounded = torchvision() | {"labels": ["cat", "dog"]}
    assert from_results(grounded, classes=["dog", "cat"]).class_id.tolist() == [1, 0]
    assert from_results(torchvision() | {"text_labels": ["dog", "cat"]}, classes=["dog"]).xyxy.tolist() == [BOXES[0]]


@pytest.mark.parametrize("labels", [("cat", "dog"), ("cat", "cat")])
def test_names_alone_need_an_order(labels):
    with pytest.raises(InvalidInputError, match=r"Classes must have numbers; the result names them: cat"):
        from_results(pipeline(*labels))


def test_numbers_stay_numbers_and_each_needs_a_name():
    assert from_results(torchvision(), classes=["background", "person", "bicycle"]).class_id.tolist() == LABELS
    with pytest.raises(InvalidInputError, match="there are 2, and the result has class 2"):
        from_results(torchvision(), classes=["background", "person"])


def test_ids_of_the_library_come_along():
    found = from_results(ultralytics(ids=OnDevice(np.array([7.0, 3.0], np.float32))))
    assert found.extra["tracker_id"].tolist() == [7, 3]


@pytest.mark.parametrize("empty", [[], np.empty((0, 6)), lambda: ultralytics([]), {"boxes": [], "scores": []}])
def test_nothing_found_is_no_error(empty):
    assert len(from_results(empty() if callable(empty) else empty)) == 0
    assert len(from_results(empty() if callable(empty) else empty, classes=["person"])) == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([torchvision(), torchvision()], "of one picture; got a list of 2. Pass them one by one"),
        (
            SimpleNamespace(boxes=None, probs=[0.1]),
            "has none. Was the model made for another task",
        ),
        ({"logits": 1, "pred_boxes": 2}, "this dict has logits, pred_boxes. Of a model's raw outputs"),
        (object(), "must be one of supervision, ultralytics.*; got object"),
        (None, "got NoneType"),
        ([{"box": {"xmin": 1}}], "Every box must have score, label and box"),
        (np.ones((2, 9)), "4 to 6 columns"),
    ],
)
def test_what_is_no_result_is_told(given, told):
    with pytest.raises(InvalidInputError, match=told):
        from_results(given)


def test_a_model_of_another_library_is_a_detector():
    seen = []

    def model(image):
        seen.append(image)
        return [ultralytics()]

    detector = ResultsDetector(model, ["car", "person"], order="bgr")
    assert isinstance(detector, Detector)
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[..., 0] = 200  # red
    frames = [Frame(index=index, image=picture) for index in range(3)]
    steps = list(trackforge.track(frames, detector, "byte"))
    assert steps[-1].tracks.visible.track_id.tolist() == [1, 2]
    assert steps[-1].tracks.class_id.tolist() == [0, 1]
    assert seen[0][0, 0].tolist() == [0, 0, 200]
    with pytest.raises(InvalidInputError, match="frame 4 has none"):
        detector.detect([Frame(index=4, size=(8, 8))])
    with pytest.raises(InvalidInputError, match="'rgb' or 'bgr'"):
        ResultsDetector(model, ["car"], order="RGB")


def pixels(kind=bool):
    """Masks of the two boxes, in a picture of 200 x 120."""
    found = np.zeros((2, 120, 200), kind)
    for mask, (x1, y1, x2, y2) in zip(found, np.array(BOXES, int), strict=True):
        mask[y1:y2, x1:x2] = 1
    return found


def shaped(outlines):
    masks = {"masks": SimpleNamespace(xy=outlines), "orig_shape": (120, 200)}
    return SimpleNamespace(**vars(ultralytics()) | masks)


OUTLINES = [np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) for x1, y1, x2, y2 in BOXES]


@pytest.mark.parametrize(
    "result",
    [
        torchvision() | {"masks": OnDevice(0.7 * pixels(float)[:, None])},
        {
            "instances": SimpleNamespace(
                pred_boxes=SimpleNamespace(tensor=OnDevice(BOXES)),
                scores=OnDevice(SCORES),
                pred_classes=OnDevice(LABELS),
                pred_masks=OnDevice(pixels()),
            )
        },
        SimpleNamespace(
            pred_instances=SimpleNamespace(
                bboxes=OnDevice(BOXES), scores=OnDevice(SCORES), labels=OnDevice(LABELS), masks=OnDevice(pixels())
            )
        ),
        shaped(OUTLINES),
    ],
    ids=["torchvision", "detectron2", "mmdetection", "ultralytics"],
)
def test_masks_come_along(result):
    from trackforge.io.masks import encode_mask

    assert from_results(result).mask.tolist() == [encode_mask(mask) for mask in pixels()]


def test_masks_that_do_not_fit_are_told():
    with pytest.raises(InvalidInputError, match=r"shape \(2, H, W\).*got \(2, 28\)"):
        from_results(torchvision() | {"masks": np.zeros((2, 28))})
    with pytest.raises(InvalidInputError, match="one outline a box, 2 in all; got 1"):
        from_results(shaped(OUTLINES[:1]))
    nothing = from_results(shaped([OUTLINES[0], np.empty((0, 2))])).mask[1]
    assert nothing["size"] == [120, 200]
