"""A detector on a labelled set: numbers of pycocotools, names of classes, the page."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import trackforge
from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, DataError, InvalidInputError
from trackforge.types import Detections, Frame
from trackforge.validation.naming import parse_map, share_classes

CLASSES = ("person", "traffic light", "dog")


class Blurred:
    """Finds what the set holds, moved about, with false boxes; classes are called and numbered otherwise."""

    classes = ("Dog", "Person", "Traffic_Light", "zebra")
    embedding_dim = None

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.seen: list[int] = []

    def detect(self, frames: list[Frame], /) -> list[Detections]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Detections:
        row = frame.index
        self.seen.append(row)
        boxes, chance = self.dataset.labels(row), np.random.default_rng(row)
        xyxy = boxes.xyxy + chance.integers(-5, 6, boxes.xyxy.shape)
        more = chance.integers(0, 60, (4, 2))
        xyxy = np.concatenate((xyxy, np.concatenate((more, more + 20), axis=1)))
        xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2] + 1)
        class_id = np.concatenate((np.array([1, 2, 0])[boxes.class_id], chance.integers(0, 4, 4)))
        return Detections(xyxy=xyxy, score=chance.integers(1, 50, len(xyxy)) / 50, class_id=class_id)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO set of pictures of several sizes, with areas of its own and a crowd."""
    folder = tmp_path_factory.mktemp("set")
    chance, paths, boxes, sizes = np.random.default_rng(7), [], [], []
    for row in range(8):
        size = (200 + 20 * row, 160)
        cv2.imwrite(str(folder / f"{row}.png"), chance.integers(0, 255, (size[1], size[0], 3), np.uint8))
        paths.append(f"{row}.png")
        sizes.append(size)
        low = chance.integers(0, 90, (5, 2))
        xyxy = np.concatenate((low, low + chance.integers(10, 70, (5, 2))), axis=1).astype(float)
        boxes.append(
            Boxes(
                image=np.full(5, row),
                xyxy=xyxy,
                class_id=chance.integers(0, 3, 5),
                ignore=np.arange(5) == 4,
                extra={"area": np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1) * 0.4},
            )
        )
    images = Images(path=paths, width=[w for w, _ in sizes], height=[h for _, h in sizes])  # type: ignore[arg-type]
    dataset = Dataset(images=images, boxes=Boxes.concatenate(boxes), classes=CLASSES, root=folder)
    data.write(dataset, folder / "set.json", images="none")
    return folder / "set.json"


def test_equals_pycocotools(labelled: Path) -> None:
    """AP and AR of every kind, areas of the file and crowds included, whatever the detector calls its classes."""
    dataset = data.read(labelled)
    report = trackforge.validate(dataset, Blurred(dataset))
    truth = json.loads(labelled.read_text())
    names = {c["name"]: c["id"] for c in truth["categories"]}
    order = [image["id"] for image in truth["images"]]
    results = [
        {
            "image_id": order[image],
            "category_id": names[report.classes[kind]],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for image, kind, (x1, y1, x2, y2), score in zip(
            report.found.image.tolist(),
            report.found.class_id.tolist(),
            report.found.xyxy.tolist(),
            report.found.score.tolist(),
            strict=True,
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(labelled)
        official = COCOeval(coco, coco.loadRes(results), "bbox")
        official.evaluate()
        official.accumulate()
        official.summarize()
    one = report.precision.mean
    ours = [
        one.ap, one.ap50, one.ap75, one.ap_small, one.ap_medium, one.ap_large,
        one.recall1, one.recall10, one.recall, one.recall_small, one.recall_medium, one.recall_large,
    ]  # fmt: skip
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), official.stats, rtol=0, atol=1e-12)
    assert 0.2 < one.ap50 < 1
    assert report.mean.average_precision == pytest.approx(one.ap50, abs=1e-12)
    assert sum(curve.truths for curve in report.curves.values()) == 32


def test_the_report_as_text_json_csv_and_page(labelled: Path, tmp_path: Path) -> None:
    dataset = data.read(labelled)
    detector = Blurred(dataset)
    report = trackforge.validate(dataset, detector, classes=["PERSON", "dog"], score=0.3, batch_size=3)
    assert detector.seen == list(range(8))
    assert report.table().splitlines()[0].split()[:3] == ["class", "AP", "AP50"]
    report.to_json(tmp_path / "val.json")
    told = json.loads((tmp_path / "val.json").read_text(), parse_constant=pytest.fail)
    assert set(told["classes"]) == {"person", "dog"}
    assert told["mistakes"]["score"] == 0.3
    confusion = np.array(told["confusion"]["counts"])
    assert confusion[:2].sum() == told["boxes"] == sum(one["truths"] for one in told["classes"].values())
    assert told["worst"]
    assert told["worst"][0]["picture"].endswith(".png")
    report.to_csv(tmp_path / "val.csv")
    assert (tmp_path / "val.csv").read_text().splitlines()[-1].startswith("ALL,")
    report.to_html(tmp_path / "val.html", worst=3)
    page = (tmp_path / "val.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert 'class="k-missed truth"' in page or 'class="k-false"' in page


def test_names_go_together_as_people_spell_them_and_no_further() -> None:
    theirs = ("person", "car", "bus", "traffic light")
    shared = share_classes(("Traffic_Light", "person", "tree"), theirs)
    assert shared.names == ("Traffic_Light", "person")
    assert shared.of_truth.tolist() == [0, 1, -1, -1]
    assert shared.of_found.tolist() == [1, -1, -1, 0, -1]
    assert "one class of the set is none of the detector's, and not scored: tree" in shared.notes[0]
    with pytest.raises(ConfigError, match="--map pedestrian=person; or score all boxes as one class: --one-class"):
        share_classes(("pedestrian",), theirs)
    mapped = share_classes(("pedestrian", "vehicle"), theirs, pairs=parse_map(["vehicle=car", "vehicle=bus"]))
    assert mapped.names == ("vehicle",)
    assert mapped.of_found.tolist() == [-1, 0, 0, -1, -1]
    merged = share_classes(("pedestrian", "rider"), theirs, pairs={"pedestrian": "person", "rider": "person"})
    assert merged.names == ("person",)
    assert merged.of_truth.tolist() == [0, 0, -1]
    alone = share_classes(("pedestrian",), ("object",))
    assert alone.names == ("pedestrian",)
    assert "is taken for" in alone.notes[0]
    assert share_classes(("a", "b"), theirs, one_class=True, only=["b"]).of_truth.tolist() == [-1, 0, -1]
    with pytest.raises(ConfigError, match="must read CLASS OF THE SET=CLASS OF THE DETECTOR"):
        parse_map(["pedestrian"])


def test_what_cannot_be_scored_is_said(labelled: Path) -> None:
    dataset = data.read(labelled)
    with pytest.raises(ConfigError, match="8 of 8 pictures belong to none"):
        trackforge.validate(dataset, "motion")
    with pytest.raises(DataError, match="8 of 8 pictures are missing"):
        trackforge.validate(dataset.replace(root=Path("/nowhere")), Blurred(dataset))
    with pytest.raises(DataError, match="must hold a picture"):
        trackforge.validate(dataset[:0], Blurred(dataset))
    with pytest.raises(InvalidInputError, match="score must be"):
        trackforge.validate(dataset, Blurred(dataset), score=2)


def test_films_are_shown_frame_by_frame_to_what_remembers(tmp_path: Path) -> None:
    """Two films whose frames stand in no order; the detector is reset before each."""

    class Remembers(Blurred):
        def __init__(self, dataset: Dataset) -> None:
            super().__init__(dataset)
            self.films: list[str] = []

        def reset(self, sequence: str = "", /) -> None:
            self.films.append(sequence)

        def _one(self, frame: Frame) -> Detections:
            self.seen.append(frame.index)
            return Detections(xyxy=[[0, 0, 9, 9]], score=[0.9], class_id=[1])  # type: ignore[arg-type]

    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((20, 20, 3), np.uint8))
    dataset = Dataset(
        images=Images(path=["p.png"] * 5, sequence=["b", "a", "b", "a", "b"], frame=[4, 1, 0, 0, 2]),  # type: ignore[arg-type]
        boxes=Boxes(image=np.arange(5), xyxy=np.tile([0.0, 0.0, 9.0, 9.0], (5, 1)), class_id=np.zeros(5, np.int64)),
        classes=("person",),
        root=tmp_path,
    )
    detector = Remembers(dataset)
    report = trackforge.validate(dataset, detector)
    assert (detector.films, detector.seen) == (["b", "a"], [0, 2, 4, 0, 1])
    assert report.precision.mean.ap == 1
    assert report.worst() == []
    assert any("no box below score 0.9" in note for note in report.notes)
