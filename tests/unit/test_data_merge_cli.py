"""``trackforge data merge`` and ``data consolidate``, from files to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled import stills

from trackforge import data
from trackforge.__main__ import main
from trackforge.data import Dataset


@pytest.fixture
def people(tmp_path: Path) -> Dataset:
    return stills(tmp_path / "pictures", count=4, classes=("person", "car"))


def test_consolidate(people: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for name, shift in (("anna", 0.0), ("bert", 1.0), ("carla", -1.0)):
        files.append(str(tmp_path / f"{name}.json"))
        data.write(people.replace(boxes=people.boxes.replace(xyxy=people.boxes.xyxy + shift)), files[-1])
    alone = people.keep_boxes([False] * len(people.boxes))
    data.write(alone, tmp_path / "dora.json")
    words = ["data", "consolidate", *files, str(tmp_path / "dora.json"), "-o", str(tmp_path / "agreed.json"), "--json"]
    assert main(words) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["boxes"] == len(people.boxes)
    agreed = data.read(tmp_path / "agreed.json")
    assert agreed.boxes.extra["confidence"].tolist() == [0.75] * len(people.boxes)
    assert abs(agreed.boxes.xyxy - people.boxes.xyxy).max() < 1e-6
    assert main([*words[:-1], "--least", "4"]) != 0  # the target stands there
    assert main([*words[:-1], "--least", "9", "--overwrite"]) != 0
    assert "least must be 1 to 4" in capsys.readouterr().err


def test_merge(people: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = people.select_classes(["person"])
    data.write(only, tmp_path / "walkers.json")
    data.write(only[:2].rename_classes({"person": "cyclist"}), tmp_path / "bikes.json")
    words = ["data", "merge", f"walkers={tmp_path / 'walkers.json'}", f"bikes={tmp_path / 'bikes.json'}"]
    words += ["-o", str(tmp_path / "labels.json"), "--rename", "bikes:cyclist=rider", "--rules", "rider>person"]
    assert main(words) == 0, capsys.readouterr().err
    merged = data.read(tmp_path / "labels.json")
    assert merged.classes == ("person", "rider")
    riders = merged.boxes.image < 2
    assert set(merged.boxes.class_id[riders].tolist()) == {1}
    assert set(merged.boxes.class_id[~riders].tolist()) <= {0}
    assert set(merged.boxes.extra["model"].tolist()) == {"walkers", "bikes"}
    assert len(merged.boxes) == len(only.boxes)
    assert main([*words[:-1], "rider>dog", "--overwrite"]) == 2
    assert "'dog' in 'rider>dog' is none" in capsys.readouterr().err
