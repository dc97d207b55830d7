"""Average precision from files: the numbers of pycocotools, class by class, whatever the files call things."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runs import run, run_json
from labelled import write_picture
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trackforge.errors import DataError, InvalidInputError
from trackforge.io.coco import read_coco, write_coco
from trackforge.metrics import DetectionReport, average_precision
from trackforge.table import TrackTable

CASE = Path(__file__).parent / "detection-ap"
NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def official(truth: Path, found: Path) -> Any:
    """Return pycocotools' numbers, -1 where there is no truth."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(truth)
        evaluator = COCOeval(coco, coco.loadRes(str(found)), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats


def equal(report: DetectionReport, stats: Any) -> None:
    ours = [getattr(report.mean, name) for name in NAMES] + [report.mean.recall]
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), [*stats[:6], stats[8]], rtol=0, atol=1e-12)


def test_the_command_tells_classes_apart() -> None:
    truth, found = CASE / "gt.json", CASE / "det.json"
    shown = run("eval", truth, found, "--detections").stdout.splitlines()
    assert [line.split()[:4] for line in shown[1:]] == [
        ["person", "34.90", "56.24", "36.82"],
        ["car", "11.02", "21.57", "9.69"],
        ["train", "5.46", "7.67", "7.67"],
        ["ALL", "17.13", "28.49", "18.06"],
    ]
    exact = run_json("eval", truth, found, "--detections")["mean"]
    assert [exact[name] for name in NAMES[:3]] == pytest.approx(official(truth, found)[:3], abs=1e-12)


def scene(folder: Path, seed: int, *, extra: dict[str, Any] | None = None) -> tuple[Path, Path]:
    """Write truth with areas and crowds of its own, ids in no order, and results with ties."""
    chance = random.Random(seed)
    ids, kinds = chance.sample(range(1, 900), 12), chance.sample(range(1, 90), 4)
    images = [{"id": number, "file_name": f"{number}.jpg", "width": 640, "height": 480} for number in ids]
    boxes, found = [], []
    for image in ids:
        for _ in range(chance.randrange(6)):
            left, top, width, height = (chance.uniform(0, most) for most in (400, 300, 200, 150))
            kind = chance.choice(kinds[:3])
            boxes.append(
                {"id": len(boxes) + 1, "image_id": image, "category_id": kind, "bbox": [left, top, width, height]}
            )
            boxes[-1] |= {"area": width * height * chance.uniform(0.2, 1), "iscrowd": int(chance.random() < 0.2)}
            for _ in range(2):
                moved = [v + chance.uniform(-9, 9) for v in (left, top)] + [width, height]
                score = round(chance.random(), 1)
                kind = kind if chance.random() < 0.8 else chance.choice(kinds)
                found.append({"image_id": image, "category_id": kind, "bbox": moved, "score": score})
    chance.shuffle(found)
    categories = [{"id": kind, "name": f"kind {kind}"} for kind in kinds]
    truth, results = folder / "truth.json", folder / "results.json"
    truth.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories} | (extra or {})))
    results.write_text(json.dumps(found))
    return truth, results


@pytest.mark.parametrize("seed", range(5))
def test_equals_pycocotools_to_the_last_digit(tmp_path: Path, seed: int) -> None:
    truth, found = scene(tmp_path, seed)
    report = average_precision(truth, found)
    equal(report, official(truth, found))
    assert len(report.classes) == 4
    assert sum(np.isnan(one.ap) for one in report.classes.values()) == 1  # a category without truth


def test_results_of_other_categories_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth, found = scene(tmp_path, 1)
    entries = json.loads(found.read_text())
    found.write_text(json.dumps(entries + [entry | {"category_id": 999} for entry in entries]))
    equal(average_precision(truth, found), official(truth, found))
    assert f"{len(entries)} detections are of classes that the truth does not have" in caplog.text


def test_ids_of_both_files_meet_however_they_are_written(tmp_path: Path) -> None:
    truth, found = scene(tmp_path, 2)
    stats = official(truth, found)
    entries = json.loads(found.read_text())
    words = [
        entry | {"image_id": f"{entry['image_id']:06d}", "category_id": str(entry["category_id"])} for entry in entries
    ]
    found.write_text(json.dumps(words))
    equal(average_precision(truth, found), stats)


def test_a_malformed_result_is_named(tmp_path: Path) -> None:
    truth, found = scene(tmp_path, 3)
    for entry, message in (
        ({"bbox": [0, 0, -1, 1]}, r"must have width and height >= 0"),
        ({"image_id": 100_000}, r"must belong to an image"),
        ({"score": "high"}, r"must have bbox"),
    ):
        first = json.loads(found.read_text())[0]
        (tmp_path / "bad.json").write_text(json.dumps([first, first | entry]))
        with pytest.raises(DataError, match=rf"bad\.json: results\[1\] {message}"):
            average_precision(truth, tmp_path / "bad.json")


def test_another_file_of_the_same_classes_meets_by_name(tmp_path: Path) -> None:
    truth, found = scene(tmp_path, 4)
    ids = [category["id"] for category in json.loads(truth.read_text())["categories"]]
    (table,) = read_coco(found, reference=truth).values()
    order = np.array([2, 0, 3, 1])  # this file lists its classes in another order
    moved = TrackTable(frame=table.frame, xyxy=table.xyxy, score=table.score, class_id=order[table.class_id])
    names = [f"kind {number}" for number in sorted(ids)]
    write_coco(
        tmp_path / "own.json",
        {"truth": moved},
        classes=[names[int(k)] for k in np.argsort(order)],
        lengths={"truth": 12},
    )
    report, direct = average_precision(truth, tmp_path / "own.json"), average_precision(truth, found)
    assert report.classes.keys() == direct.classes.keys()
    assert report.mean.ap == pytest.approx(direct.mean.ap, abs=0.01)  # equal scores come in another order
    write_coco(tmp_path / "strange.json", {"truth": moved}, classes=["a", "b", "c", "d"], lengths={"truth": 12})
    with pytest.raises(InvalidInputError, match="must be called the same on both sides"):
        average_precision(truth, tmp_path / "strange.json")


def test_swapped_files_are_told(tmp_path: Path) -> None:
    truth, found = scene(tmp_path, 0)
    for more in ((), ("--detections",)):
        assert "swapped?" in run("eval", found, truth, *more, code=1).stderr


def test_one_class_is_the_other_whatever_it_is_called(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = TrackTable(frame=[0, 1], xyxy=[[0, 0, 40, 40], [5, 5, 50, 50]], score=[1, 1])  # type: ignore[arg-type]
    write_coco(tmp_path / "truth.json", {"s": table[:1]}, classes=["pedestrian"])
    write_coco(tmp_path / "found.json", {"s": table}, classes=["person"])
    report = average_precision(tmp_path / "truth.json", tmp_path / "found.json")
    assert (report.mean.ap, report.images, report.detections) == (1, 1, 1)
    assert "1 detections lie in frames of which the truth has no image" in caplog.text


def test_some_sequences_only(tmp_path: Path) -> None:
    boxes = [[0, 0, 40, 40], [100, 100, 150, 150]]
    table = TrackTable(frame=[0, 0], xyxy=boxes, class_id=[0, 1], score=[1, 1])  # type: ignore[arg-type]
    write_coco(tmp_path / "truth.json", {"a": table, "b": table}, classes=["x", "y"])
    entries = [
        {"image_id": image, "category_id": k + 1, "bbox": [left, top, right - left, bottom - top], "score": 1}
        for image in (1, 2)
        for k, (left, top, right, bottom) in enumerate(boxes)
    ]
    (tmp_path / "found.json").write_text(json.dumps(entries[:3]))
    for names, ap in ((["a"], 1), (["b"], 0.5)):
        report = average_precision(tmp_path / "truth.json", tmp_path / "found.json", sequences=names)
        assert (report.mean.ap, report.images) == (ap, 1)
    with pytest.raises(InvalidInputError, match="no truth for sequence 'c'"):
        average_precision(tmp_path / "truth.json", tmp_path / "found.json", sequences=["c"])


def text(path: Path, rows: list[tuple[int, ...]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def test_text_with_classes_on_both_sides_is_told_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = text(
        tmp_path / "truth/s/gt/gt.txt",
        [(1, 1, 0, 0, 40, 40, 1, 4, 1), (1, 2, 100, 0, 40, 40, 1, 9, 1), (1, 3, 300, 0, 80, 80, 0, 0, 1)],
    )
    found = [(1, -1, 0, 0, 40, 40, 0.9, 4, -1, -1), (1, -1, 100, 0, 40, 40, 0.8, 4, -1, -1)]
    found += [(1, -1, 310, 10, 30, 30, 0.99, 9, -1, -1), (1, -1, 310, 10, 30, 30, 0.99, 2, -1, -1)]
    report = average_precision(truth, text(tmp_path / "found/s.txt", found))
    assert {name: one.ap for name, one in report.classes.items()} == {"class 4": 1, "class 9": 0}
    assert (report.mean.ap, report.ignored, report.detections) == (0.5, 1, 3)
    assert "1 detections are of classes that the truth does not have" in caplog.text
    merged = average_precision(truth, tmp_path / "found/s.txt", classes=["object"])
    assert (list(merged.classes), merged.mean.truths) == (["object"], 2)


def test_text_without_classes_is_one_class(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = text(tmp_path / "gt.txt", [(1, 1, 0, 0, 40, 40, 1, 1, 1), (1, 2, 100, 0, 40, 40, 1, 2, 1)])
    found = text(tmp_path / "det.txt", [(1, -1, 0, 0, 40, 40, 0.9), (1, -1, 100, 0, 40, 40, 0.8)])
    assert average_precision(truth, found).mean.ap == 1
    table = read_coco(_as_coco(tmp_path / "gt.json"))["gt"]
    assert len(table) == 2
    report = average_precision(tmp_path / "gt.json", found)
    assert (list(report.classes), report.mean.ap) == (["object"], 1)
    assert "the detections state no classes" in caplog.text


def _as_coco(path: Path) -> Path:
    table = TrackTable(frame=[0, 0], xyxy=[[0, 0, 40, 40], [100, 0, 140, 40]], class_id=[0, 1])  # type: ignore[arg-type]
    write_coco(path, {"gt": table}, classes=["person", "rider"])
    return path


def test_a_run_tells_the_classes_of_its_detections_apart_too(tmp_path: Path) -> None:
    for number in range(2):
        write_picture(tmp_path / f"street/{number + 1:06d}.png", (64, 48), number)
    boxes = [[0, 0, 20, 20], [30, 0, 50, 20]]
    columns: Any = {"frame": [0, 0, 1, 1], "xyxy": boxes * 2, "score": [0.9] * 4}
    truth = TrackTable(**columns, track_id=[1, 2, 1, 2], class_id=[0, 1, 0, 1])
    write_coco(tmp_path / "gt.json", {"street": truth}, classes=["person", "car"])
    found = TrackTable(**columns, class_id=[2, 2, 2, 0])  # cars are called persons once, and a dog
    write_coco(tmp_path / "det.json", {"street": found}, classes=["dog", "car", "person"])
    words = ("track", tmp_path / "street", "--detector", "file", "--set", f"detector.path={tmp_path / 'det.json'}")
    score = run_json(*words, "--truth", tmp_path / "gt.json", "-o", tmp_path / "a.txt")["scores"]["detections"]
    persons = (51 + 50 * 2 / 3) / 101  # right, wrong, right
    assert score["ap"] == pytest.approx(persons / 2)  # of cars none is found
    assert score["truths"] == 4
