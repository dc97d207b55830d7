"""``trackforge data`` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import pytest
from labelled import film, stills

from trackforge import data


def run(*arguments, code=0):
    command = [sys.executable, "-m", "trackforge", "data", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture
def yolo(tmp_path):
    data.write(stills(tmp_path / "source"), tmp_path / "set", "yolo")
    return tmp_path / "set"


def test_check_counts_and_exits_with_one_for_errors(yolo):
    assert "4 images (0 without a box), 8 boxes" in run("check", yolo)
    (yolo / "labels/train/p0.txt").write_text("0 0.5 0.5 0.1 0.1\n9 0.5 0.5 0.1 0.1\n")
    text = run("check", yolo, code=1)
    assert f"error: {yolo}/labels/train/p0.txt:2: The class must be 0..1; got 9. [class-range]" in text
    facts = json.loads(run("check", yolo, "--json", code=1))
    assert (facts["errors"], facts["summary"]["boxes"]) == (1, 7)
    run("check", yolo, "--split", "val")
    (yolo / "labels/val/orphan.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    run("check", yolo, "--split", "val")
    run("check", yolo, "--split", "val", "--strict", code=1)


def test_check_of_nothing(tmp_path):
    assert "there is nothing here" in run("check", tmp_path / "absent", code=1)
    assert "no data set format 'yola'" in run("check", tmp_path, "--from", "yola", code=2)


def test_show_draws_a_grid(yolo, tmp_path):
    grid = tmp_path / "grid.png"
    assert run("show", yolo, "-o", grid, "--count", 2, "--columns", 1).strip() == str(grid)
    assert cv2.imread(str(grid)).shape == (2 * 366 + 6, 492, 3)


def test_convert_there_and_back(tmp_path):
    data.write(film(tmp_path / "source"), tmp_path / "mot", "mot")
    text = run("convert", tmp_path / "mot", tmp_path / "coco", "--to", "coco", "--halves", "bytetrack")
    assert "mot -> coco" in text
    assert "6 images (train_half 4, val_half 2), 13 boxes (1 of them ignore regions), 2 identities" in text
    assert "note" not in text
    run("convert", tmp_path / "coco", tmp_path / "again", "--to", "mot", "--split", "train_half")
    assert len(data.read(tmp_path / "again").boxes) == 9


def test_convert_mixes_and_renames(tmp_path, yolo):
    data.write(film(tmp_path / "source"), tmp_path / "mot", "mot")
    facts = json.loads(
        run(
            "convert",
            yolo,
            tmp_path / "mot",
            tmp_path / "mix.json",
            "--rename",
            "pedestrian=person",
            "--json",
            "--classes",
            "person",
            "--rule",
            "official",
        )
    )
    assert (facts["images"], facts["boxes"]) == (10, 4 + 12)
    words = ("--rename", "pedestrian=person", "--classes", "person", yolo, tmp_path / "mot", tmp_path / "again.json")
    assert json.loads(run("convert", "--json", *words, "--rule", "official"))["boxes"] == 16  # flags leave words alone
    assert "--rename takes OLD=NEW" in run("convert", yolo, tmp_path / "x.json", "--rename", "person", code=2)
    assert "Writing to a folder needs a format" in run("convert", yolo, tmp_path / "x", code=2)
