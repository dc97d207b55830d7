"""``trackforge detect`` and ``trackforge val``, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_runs import run, run_json

import trackforge
from trackforge.io.coco import read_coco
from trackforge.io.mot import read_mot
from trackforge.runs.detecting import DetectionRun, plan_detection


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """Four pictures of different sizes, two of one stem."""
    folder = tmp_path_factory.mktemp("shots")
    source = sorted((data_dir / "coco128" / "images" / "val2017").glob("*.jpg"))[:4]
    for k, name in enumerate(("a.png", "a.jpg", "b.bmp", "c.jpg")):
        cv2.imwrite(str(folder / name), cv2.imread(str(source[k])))
    return folder


def weights(data_dir: Path) -> Path:
    return data_dir / "weights" / "yolox_nano_416x416.onnx"


def test_pictures_of_any_size(shots: Path, data_dir: Path, tmp_path: Path) -> None:
    """A folder gives a COCO file without identities, and each picture in its own size; a run can be repeated."""
    before = {path: path.read_bytes() for path in shots.iterdir() if path.is_file()}
    done = run("detect", shots, "--weights", weights(data_dir), "--conf", ".4", "-o", tmp_path / "out")
    assert "ids" not in done.stdout
    assert "4 frames" in done.stdout
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "a.jpg", "a.png.jpg" if (out / "a.png.jpg").exists() else "a.jpg.jpg", "b.jpg", "c.jpg", "run.toml",
        f"{shots.name}.json", "summary.json",
    ]  # fmt: skip
    for name, original in (("b.jpg", "b.bmp"), ("c.jpg", "c.jpg")):
        drawn, plain = cv2.imread(str(out / name)), cv2.imread(str(shots / original))
        assert drawn.shape == plain.shape
        assert np.abs(drawn.astype(int) - plain).max() > 60  # something is drawn
    document = json.loads((out / f"{shots.name}.json").read_text())
    assert document["annotations"]
    assert all("track_id" not in one for one in document["annotations"])
    assert min(one["score"] for one in document["annotations"]) >= 0.4
    assert "trackforge detect --config run.toml" in (out / "run.toml").read_text()
    run("detect", "--config", out / "run.toml", "-o", tmp_path / "again.json", "-q")
    table = next(iter(read_coco(tmp_path / "again.json").values()))
    assert (table.track_id == -1).all()
    assert len(table) == len(document["annotations"])
    assert before == {path: path.read_bytes() for path in before}
    refused = run("detect", f"{shots}/*", "--weights", weights(data_dir), "-o", shots, code=2)
    assert "must not replace its source" in refused.stderr


def test_a_film_gives_boxes_without_identity(tmp_path: Path) -> None:
    run("detect", "synthetic", "--set", "source.frames=12", "--set", "source.size=320x240", "--detector", "motion",
        "-o", tmp_path / "out/", "-o", tmp_path / "det.jsonl")  # fmt: skip
    (text,) = (path for path in (tmp_path / "out").glob("*.txt") if "label" not in path.name)
    assert next(iter((tmp_path / "out").glob("*.mp4"))).stat().st_size > 1000
    table = read_mot(text, kind="detections")
    lines = [json.loads(line) for line in (tmp_path / "det.jsonl").read_text().splitlines()]
    assert len(lines) == 12
    scored = run(
        "eval", tmp_path / "det.jsonl", tmp_path / "det.jsonl", "--detections"
    ).stdout  # what is written is read
    assert scored.splitlines()[-1].split()[1] == "100.00"
    assert sum(len(line["tracks"]) for line in lines) == len(table)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["sequences"][0]["ids"] in (0, [])
    assert summary["tracker"]["name"] == "none"


def test_what_needs_films_is_refused_for_pictures(shots: Path) -> None:
    refused = run("detect", shots, "--detector", "motion", code=2).stderr
    assert "are taken to have no order" in refused
    assert "--set source.rate=25" in refused
    plan_detection(DetectionRun(sources=(str(shots),), source={"rate": 25}, detector="motion"))
    assert "detect needs a source" in run("detect", code=2).stderr


def test_from_python(shots: Path, data_dir: Path, tmp_path: Path) -> None:
    detector = trackforge.detector(weights(data_dir))
    steps = list(trackforge.detect(shots, detector, sinks=[tmp_path / "det.txt"]))
    assert [len(step.tracks.visible) for step in steps] == [len(step.detections) for step in steps]
    rows = [line.split(",") for line in (tmp_path / "det.txt").read_text().splitlines()]
    assert rows
    assert {row[1] for row in rows} == {"-1"}


def test_val_on_coco128(data_dir: Path, tmp_path: Path) -> None:
    """The number that the data's README expects is .634, of a detector that leaves out the lowest scores."""
    told = run_json("val", data_dir / "coco128", "--weights", weights(data_dir), "--classes", "person", "-o", tmp_path)
    assert told["mean"]["ap50"] == pytest.approx(0.634, abs=0.004)
    assert told["detector"]["settings"]["score"] == 0.001
    assert told["pictures"] == 256
    assert json.loads((tmp_path / "val.json").read_text())["mean"] == told["mean"]
    assert (tmp_path / "val.html").stat().st_size < 4_000_000
    assert "trackforge val --config run.toml" in (tmp_path / "run.toml").read_text()


def test_val_says_what_is_wrong(data_dir: Path, tmp_path: Path) -> None:
    model = weights(data_dir)
    assert "--map pedestrian=person" in run("val", data_dir / "pets09-s2l1", "--weights", model, code=2).stderr
    assert "val needs a labelled set" in run("val", code=2).stderr
    assert ".html, .json, .csv" in run("val", tmp_path, "--weights", model, "-o", "a.pdf", code=2).stderr
    assert "nothing here" in run("val", tmp_path / "no", "--weights", model, code=1).stderr
    assert (
        "trackforge eval" in run("val", tmp_path, "--detector", "file", "--set", "detector.path=a.txt", code=2).stderr
    )
