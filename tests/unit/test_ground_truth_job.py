"""Labelling jobs of Ground Truth: files in the form that the service wants, and its rules of names and sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labelled import film, stills

from trackforge.data.dialects.ground_truth_job import write_job
from trackforge.errors import ConfigError, DataError, SinkError
from trackforge.review import Document

PREFIX = "s3://bucket/job/"


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_adjustment_job_of_video_is_complete(tmp_path: Path) -> None:
    dataset = film(tmp_path / "source")
    colours = np.where(dataset.boxes.track_id == dataset.boxes.track_id[0], "red", "blue")
    dataset = dataset.replace(boxes=dataset.boxes.replace(extra={"colour": colours, "score": np.ones(len(colours))}))
    job = write_job(dataset, tmp_path / "job", prefix="s3://bucket/job")
    assert job.attribute == "checked-ref"
    assert job.functions == ("PRE-AdjustmentVideoObjectTracking", "ACS-AdjustmentVideoObjectTracking")
    (line,) = lines(job.manifests[0])
    assert line["source-ref"] == PREFIX + "sequence-files/street.json"
    assert line["labels-ref-metadata"]["class-map"] == {"0": "pedestrian"}
    assert line["labels-ref-metadata"]["human-annotated"] == "no"
    sequence = json.loads((job.folder / "sequence-files/street.json").read_text())
    assert sequence["prefix"] == PREFIX + "frames/street/"
    assert sequence["number-of-frames"] == len(sequence["frames"]) == len(dataset)
    assert [f["frame-no"] for f in sequence["frames"]] == [1, 2, 3, 4, 5, 6]
    labels = json.loads((job.folder / line["labels-ref"].removeprefix(PREFIX)).read_text())["tracking-annotations"]
    assert [f["frame"] for f in labels] == [f["frame"] for f in sequence["frames"]]
    assert sum(len(f["annotations"]) for f in labels) == int((~dataset.boxes.ignore).sum())
    assert labels[0]["annotations"][0]["label-category-attributes"] == {"colour": "red"}
    assert all(type(box[k]) is int for f in labels for box in f["annotations"] for k in ("left", "top", "width"))
    assert all((job.folder / "frames/street" / f["frame"]).is_file() for f in sequence["frames"])
    categories = json.loads(job.categories.read_text())
    assert categories["documentVersion"] == "2020-03-01"
    assert categories["auditLabelAttributeName"] == "labels-ref"
    assert categories["labels"][0]["attributes"][0]["enum"] == ["blue", "red"]
    assert job.template is None
    assert any("score" in note for note in job.notes)


def test_verification_forbids_edits_and_a_new_job_shows_nothing(tmp_path: Path) -> None:
    dataset = film(tmp_path / "source")
    dataset = dataset.replace(boxes=dataset.boxes.replace(extra={"colour": np.full(len(dataset.boxes), "red")}))
    job = write_job(dataset, tmp_path / "verify", kind="verification", prefix=PREFIX)
    assert json.loads((job.folder / "job.json").read_text()) == {
        name: getattr(job, name) for name in ("kind", "task", "attribute", "audited", "prefix")
    }
    categories = json.loads(job.categories.read_text())
    assert [a["editsAllowed"] for a in categories["labels"][0]["attributes"]] == ["none"]
    assert categories["categoryGlobalAttributes"][0]["enum"] == ["correct", "wrong"]
    fresh = write_job(dataset, tmp_path / "new", kind="new", prefix=PREFIX)
    assert lines(fresh.manifests[0]) == [{"source-ref": PREFIX + "sequence-files/street.json"}]
    assert "auditLabelAttributeName" not in json.loads(fresh.categories.read_text())
    assert fresh.audited == ""


def test_a_job_of_pictures_draws_the_boxes_that_are_there(tmp_path: Path) -> None:
    dataset = stills(tmp_path / "source")
    job = write_job(dataset, tmp_path / "job", task="boxes", prefix=PREFIX)
    assert all({"source-ref", "labels", "labels-metadata"} == line.keys() for line in lines(job.manifests[0]))
    assert json.loads(job.categories.read_text())["document-version"] == "2018-11-28"
    assert job.template is not None
    page = job.template.read_text()
    assert "{% for box in task.input.manifestLine.labels.annotations %}" in page
    assert "crowd-bounding-box" in page
    verify = write_job(dataset, tmp_path / "verify", task="boxes", kind="verification", prefix=PREFIX)
    assert json.loads(verify.categories.read_text())["labels"] == [{"label": "correct"}, {"label": "wrong"}]
    assert "overlay=" in (verify.folder / "template.liquid.html").read_text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attribute": "checked"}, "must end in -ref"),
        ({"attribute": "checked-ref-metadata"}, "must not end in -metadata"),
        ({"attribute": "labels-ref"}, "must differ"),
        ({"attribute": "no_good-ref"}, "letters, digits and hyphens"),
        ({"task": "boxes", "attribute": "checked-ref"}, "must not end in -ref"),
        ({"prefix": "/tmp/x"}, "s3://bucket"),
    ],
)
def test_rules_of_names(tmp_path: Path, settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        write_job(film(tmp_path / "source"), tmp_path / "job", **settings)
    assert not (tmp_path / "job").exists()


def test_rules_of_classes_and_of_the_place(tmp_path: Path) -> None:
    dataset = film(tmp_path / "source")
    long = dataset.replace(classes=("a name of seventeen",))
    with pytest.raises(ConfigError, match="at most 16 characters"):
        write_job(long, tmp_path / "job")
    write_job(long, tmp_path / "boxes", task="boxes", images="none")
    with pytest.raises(ConfigError, match="1 to 30 classes; got 31"):
        write_job(dataset.replace(classes=tuple(f"c{k}" for k in range(31))), tmp_path / "job")
    with pytest.raises(DataError, match="must have pictures"):
        write_job(dataset[[]], tmp_path / "job")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").write_text("mine")
    with pytest.raises(SinkError):
        write_job(dataset, tmp_path / "full")


def test_long_sequences_are_cut_and_many_share_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackforge.data.dialects.ground_truth_job.MOST_FRAMES", 4)
    monkeypatch.setattr("trackforge.data.dialects.ground_truth_job.MOST_SEQUENCES", 1)
    job = write_job(film(tmp_path / "source"), tmp_path / "job", prefix=PREFIX)
    assert [file.name for file in job.manifests] == ["input-001.manifest", "input-002.manifest"]
    names = sorted(file.stem for file in (job.folder / "sequence-files").iterdir())
    assert names == ["street-000001-000004", "street-000005-000006"]
    assert any("were cut" in note for note in job.notes)


def test_documents_of_the_page_are_labels_too(tmp_path: Path) -> None:
    dataset = film(tmp_path / "source").without_ignored()
    document = Document.from_dataset(dataset, "street")
    job = write_job([document], tmp_path / "job", prefix=PREFIX, images="none")
    labels = json.loads((job.folder / "labels/street/SeqLabel.json").read_text())["tracking-annotations"]
    assert len(labels) == len(dataset)
    assert sum(len(frame["annotations"]) for frame in labels) == len(dataset.boxes)
