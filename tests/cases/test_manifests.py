"""Manifests of pictures with what Ground Truth says of them: who labelled, how sure, and several jobs in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from labelled import write_picture

from trackforge import data
from trackforge.data.problems import Findings
from trackforge.errors import DataError

BOX = {"class_id": 0, "top": 4.5, "left": 8, "height": 9, "width": 5}


def told(classes: dict[str, str], boxes: int, **more: Any) -> dict[str, Any]:
    return {
        "objects": [{"confidence": 0.0}] * boxes, "class-map": classes, "type": "groundtruth/object-detection",
        "human-annotated": "yes", "creation-date": "2022-09-12T09:51:00.148118", "job-name": "labeling-job/od", **more,
    }  # fmt: skip


def line(name: str, **attributes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"source-ref": f"s3://bucket/photos/{name}"}
    for key, (boxes, metadata) in attributes.items():
        made[key] = {"image_size": [{"width": 64, "height": 48, "depth": 3}], "annotations": boxes}
        made[f"{key}-metadata"] = metadata
    return made


def manifest(folder: Path, *lines: dict[str, Any], place: str = "output.manifest") -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    for one in lines:
        write_picture(folder / "photos" / one["source-ref"].rpartition("/")[2], (64, 48))
    return file


def test_what_is_said_of_a_picture_comes_along_and_back(tmp_path: Path) -> None:
    auto = told({"0": "Bird"}, 1, **{"human-annotated": "no", "objects": [{"confidence": 0.62}]})
    verdict = {"verdict": "1", "verdict-metadata": {"class-name": "wrong", "type": "groundtruth/label-verification"}}
    one, two = line("a.jpg", birds=([BOX], told({"0": "Bird"}, 1))), line("b.jpg", birds=([BOX | {"wet": "yes"}], auto))
    made = data.read(manifest(tmp_path / "job", one, two | verdict))
    assert made.images.extra["human_annotated"].tolist() == ["yes", "no"]
    assert made.images.extra["verdict"].tolist() == ["", "wrong"]
    assert made.boxes.extra["confidence"].tolist() == [0, 0.62]
    assert made.boxes.extra["wet"].tolist() == ["", "yes"]
    data.write(made, tmp_path / "set", "augmented-manifest", attribute="birds")
    again = [json.loads(text) for text in next((tmp_path / "set").glob("*.manifest")).read_text().splitlines()]
    assert [one["birds-metadata"] for one in again] == [told({"0": "Bird"}, 1), auto]


def test_boxes_that_were_adjusted_count(tmp_path: Path) -> None:
    moved = told({"0": "Bird"}, 1, **{"adjustment-status": "adjusted"})
    both = line("a.jpg", birds=([BOX], told({"0": "Bird"}, 1)), checked=([BOX | {"left": 30}], moved))
    file = manifest(tmp_path, both)
    assert data.read(file).boxes.xyxy[0, 0] == 30
    assert data.read(file).images.extra["adjustment_status"][0] == "adjusted"
    assert data.read(file, attribute="birds").boxes.xyxy[0, 0] == 8


def test_several_attributes_are_named_or_merged_by_the_names_of_classes(tmp_path: Path) -> None:
    both = line("a.jpg", birds=([BOX], told({"0": "Bird"}, 1)), fish=([BOX], told({"0": "Fish", "1": "Bird"}, 1)))
    file = manifest(tmp_path, both)
    with pytest.raises(DataError, match="Name one"):
        data.read(file)
    made = data.read(file, attribute="*")
    assert [made.classes[k] for k in made.boxes.class_id] == ["Bird", "Fish"]
    assert made.boxes.extra["attribute"].tolist() == ["birds", "fish"]


def test_the_output_folder_of_a_job_on_pictures(tmp_path: Path) -> None:
    one = line("a.jpg", birds=([BOX], told({"0": "Bird"}, 1)))
    manifest(tmp_path, one, place="manifests/output/output.manifest")
    manifest(tmp_path, line("b.jpg", birds=([], told({}, 0))), place="manifests/intermediate/1/output.manifest")
    assert data.sniff(tmp_path).name == "augmented-manifest"
    made = data.read(tmp_path)
    assert made.images.path.tolist() == ["photos/a.jpg"]


def test_a_broken_line_is_named_and_the_others_kept(tmp_path: Path) -> None:
    file = manifest(tmp_path, *(line(f"{n}.jpg", birds=([BOX], told({"0": "Bird"}, 1))) for n in "abc"))
    lines = file.read_text().splitlines()
    lines[1] = lines[1][:50]
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match="manifest:2: A line must be JSON"):
        data.read(file)
    findings = Findings(gather=True)
    made = data.formats()["augmented-manifest"].read(file, findings=findings)
    assert len(made) == 2
    assert findings.problems[0].line == 2


def test_answers_of_several_workers_to_pictures_are_consolidated(tmp_path: Path) -> None:
    lines = [line(f"{n}.jpg", birds=([BOX], told({"0": "Bird"}, 1))) for n in "ab"]
    manifest(tmp_path, *lines, place="manifests/output/output.manifest")
    for number, lefts in enumerate([(8, 8.5, 40), (20, 20, 20)]):
        answers = [
            {
                "answerContent": {
                    "annotatedResult": {
                        "boundingBoxes": [{"label": "Bird", "left": left, "top": 4, "width": 5, "height": 9}],
                        "inputImageProperties": {"width": 64, "height": 48},
                    }
                },
                "workerId": f"w{k}",
                "submissionTime": "2022-09-12T09:51:00Z",
            }
            for k, left in enumerate(lefts)
        ]
        file = tmp_path / f"annotations/worker-response/iteration-1/{number}/2022-09-12_09_51_00.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"answers": answers}))
    made = data.read(tmp_path, workers=True)
    assert made.images.path.tolist() == ["photos/a.jpg", "photos/b.jpg"]
    assert made.classes == ("Bird",)
    assert made.boxes.xyxy[:, 0].tolist() == [8.25, 20]
    assert made.boxes.extra["confidence"].tolist() == pytest.approx([2 / 3, 1])
    assert len(data.read(tmp_path, workers=True, least=1).boxes) == 3
    file.write_text(json.dumps({"answers": [{"answerContent": {"x": 1}}]}))
    with pytest.raises(DataError, match=r"answers\[0\] must have boxes"):
        data.read(tmp_path, workers=True)
