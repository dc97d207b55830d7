"""``trackforge count``, as somebody types it: the counting of the third seed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_runs import run

RED, YELLOW = (20, 20, 230), (0, 221, 255)
BOATS = [[0.0, 0.9, 0.1, 0.1, 0.4, 0.6], [0.0, 0.1, 0.5, 0.5, 0.9, 0.9], [1.0, 0.2, 0.5, 0.2, 0.9, 0.8]]
"""Class, score, corners: the second is below the score from which things count."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "harbour"
    folder.mkdir()
    for name in ("east", "west"):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((200, 300, 3), 90, np.uint8))
    return folder


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "east.png.out").write_text(json.dumps({"prediction": BOATS}))
    (folder / "west.png.out").write_text(json.dumps({"prediction": []}))
    return folder


def test_stored_answers_counted_and_drawn(pictures: Path, answers: Path, tmp_path: Path) -> None:
    """CSV, JSON and numbered boxes; the default score is the seed's, and includes what equals it."""
    given = ("--detector", "response", "--weights", answers, "--set", "detector.classes=boat,buoy")
    done = run("count", pictures, *given, "-o", tmp_path / "out")
    assert "1  boat" in done.stdout
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "east.jpg", "harbour.csv", "harbour.json", "run.toml", "summary.json", "west.jpg",
    ]  # fmt: skip
    with (out / "harbour.csv").open() as file:
        rows = [(row["file"], row["class"], row["count"]) for row in csv.DictReader(file)]
    assert rows == [("east.png", "boat", "1"), ("east.png", "buoy", "1"), ("west.png", "", "0")]
    document = json.loads((out / "harbour.json").read_text())
    assert [one["total"] for one in document["pictures"]] == [2, 0]
    assert [(o["number"], o["class"]) for o in document["pictures"][0]["objects"]] == [(1, "boat"), (2, "buoy")]
    assert document["classes"] == {"boat": {"total": 1, "most": 1}, "buoy": {"total": 1, "most": 1}}
    drawn = cv2.imread(str(out / "east.jpg")).astype(int)
    assert np.abs(drawn[20:120, 30] - RED).sum(axis=1).min() < 60  # the left edge of the first box
    middle = drawn[55:85, 60:90].reshape(-1, 3)
    assert np.abs(middle - YELLOW).sum(axis=1).min() < 60
    assert np.abs(cv2.imread(str(out / "west.jpg")).astype(int) - 90).max() < 5
    again = run("count", "--config", out / "run.toml", "-o", "-", "-q")
    assert again.stdout == (out / "harbour.csv").read_text()
    empty = run("count", pictures / "west.png", "--detector", "response", "--weights", answers / "west.png.out")
    assert "\n  nothing\n" in empty.stdout


def test_answers_written(pictures: Path, answers: Path, tmp_path: Path) -> None:
    """What is found becomes answers again, which count the same."""
    config = tmp_path / "c.toml"
    config.write_text(
        f'[detector]\nname = "response"\npath = "{answers}"\n[[sink]]\nname = "responses"\npath = "{tmp_path}/w"'
    )
    run("detect", pictures, "--config", config, "-q")
    for name in ("east.png.out", "west.png.out"):
        written = json.loads((tmp_path / "w" / name).read_text())["prediction"]
        np.testing.assert_allclose(written, json.loads((answers / name).read_text())["prediction"], atol=1e-6)


def test_a_film(data_dir: Path, tmp_path: Path) -> None:
    """Frame by frame, with a video of numbered boxes."""
    film, weights = data_dir / "pets09-s2l1" / "vtest.avi", data_dir / "weights" / "yolox_nano_416x416.onnx"
    run("count", film, "--weights", weights, "--classes", "person", "--frames", 3, "-o", tmp_path / "out/", "-q")
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {"vtest.csv", "vtest.json", "vtest.mp4", "run.toml", "summary.json"}
    document = json.loads((out / "vtest.json").read_text())
    assert [one["frame"] for one in document["pictures"]] == [0, 1, 2]
    assert document["classes"].keys() == {"person"}
    assert document["classes"]["person"]["most"] >= 4


def test_wrong_places(pictures: Path, answers: Path, tmp_path: Path) -> None:
    given = ("--detector", "response", "--weights", answers)
    refused = run("count", pictures, *given, "-o", tmp_path / "x.txt", code=2)
    assert "count writes a folder" in refused.stderr
    (answers / "west.png.out").write_text('{"prediction": [[0, 0.9]]}')
    broken = run("count", pictures, *given, "-o", tmp_path / "out", code=1)
    assert "west.png.out" in broken.stderr
    assert not (tmp_path / "out" / "harbour.json").exists()
