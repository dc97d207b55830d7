"""Ground Truth's SeqLabel.json: what the sink writes has the form of real files and the boxes of the MOT file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame, Step, Tracks, TrackState
from trackforge.io.mot import read_mot
from trackforge.io.seqlabel import metadata_path
from trackforge.types import Stream

DATA = Path(os.environ.get("TRACKFORGE_DATA", Path(__file__).parents[3] / "shared/data")) / "ground-truth"
CLASSES = ("person", "car")


def step(index: int, boxes: list, ids: list, classes: list, *, file: str | None = None, size=(320, 240)) -> Step:
    n = len(ids)
    detections = Detections(xyxy=boxes, score=[0.9] * n, class_id=classes) if n else Detections.empty()
    if not n:
        return Step(frame=Frame(index=index, size=size, file=file), detections=detections, tracks=Tracks.empty())
    tracks = Tracks(
        track_id=ids,
        xyxy=boxes,
        score=[0.9] * n,
        class_id=classes,
        state=[TrackState.CONFIRMED] * n,
        age=[5] * n,
        time_since_update=[0] * n,
        detection=list(range(n)),
    )
    return Step(frame=Frame(index=index, size=size, file=file), detections=detections, tracks=tracks)


def written(path: Path, steps: list[Step], **settings) -> list[dict]:
    with trackforge.sink(path, **settings) as sink:
        sink.open(Stream(name="street", classes=CLASSES))
        for one in steps:
            sink.write(one)
    return json.loads(path.read_text(encoding="utf-8"))["tracking-annotations"]


def scene() -> list[Step]:
    return [
        step(0, [[10.4, 20.6, 30.2, 60.4], [100, 100, 180, 150]], [3, 1], [0, 1]),
        step(1, [], [], []),
        step(2, [[11, 21, 31, 61], [50, 50, 60, 80]], [3, 7], [0, 0], file="shots/b.jpg"),
    ]


def test_frames_objects_and_classes(tmp_path):
    frames = written(tmp_path / "a.seqlabel.json", scene())
    assert [(f["frame-no"], f["frame"], len(f["annotations"])) for f in frames] == [
        ("0", "000001.jpg", 2), ("1", "000002.jpg", 0), ("2", "shots/b.jpg", 2),
    ]  # fmt: skip
    first, car = frames[0]["annotations"]
    assert first == {
        "height": 39, "width": 20, "top": 21, "left": 10, "class-id": "0", "label-category-attributes": {},
        "object-id": first["object-id"], "object-name": "person:1",
    }  # fmt: skip
    assert (car["class-id"], car["object-name"]) == ("1", "car:1")
    again, other = frames[2]["annotations"]
    assert again["object-id"] == first["object-id"] != other["object-id"]
    assert (again["object-name"], other["object-name"]) == ("person:1", "person:2")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["object-id"])
    metadata = json.loads(metadata_path(tmp_path / "a.seqlabel.json").read_text(encoding="utf-8"))
    assert metadata["class-map"] == {"0": "person", "1": "car"}
    assert metadata["type"] == "groundtruth/video-object-tracking"


def test_two_runs_give_the_same_bytes_and_two_sequences_other_objects(tmp_path):
    one, two = tmp_path / "1.seqlabel.json", tmp_path / "2.seqlabel.json"
    frames = written(one, scene())
    written(two, scene())
    assert one.read_bytes() == two.read_bytes()
    with trackforge.sink("seqlabel", path=tmp_path / "named.json") as sink:
        sink.open(Stream(name="other", classes=CLASSES))
        sink.write(scene()[0])
    other = json.loads((tmp_path / "named.json").read_text(encoding="utf-8"))["tracking-annotations"]
    assert other[0]["annotations"][0]["object-id"] != frames[0]["annotations"][0]["object-id"]


def test_boxes_are_cut_at_the_border_where_labellers_see_it(tmp_path):
    steps = [step(0, [[-5.2, -4, 20, 30], [400, 10, 420, 30], [300, 200, 340, 260]], [1, 2, 3], [0, 0, 0])]
    cut = written(tmp_path / "a.seqlabel.json", steps)[0]["annotations"]
    assert [(a["left"], a["top"], a["width"], a["height"]) for a in cut] == [(0, 0, 20, 30), (300, 200, 20, 40)]
    whole = written(tmp_path / "b.seqlabel.json", steps, inside=False)[0]["annotations"]
    assert [(a["left"], a["width"]) for a in whole] == [(-5, 25), (400, 20), (300, 40)]


def test_a_track_keeps_the_class_that_it_began_with(tmp_path):
    box = [[10, 10, 20, 20]]
    frames = written(tmp_path / "a.seqlabel.json", [step(0, box, [1], [1]), step(1, box, [1], [0])])
    assert {f["annotations"][0]["class-id"] for f in frames} == {"1"}
    assert {f["annotations"][0]["object-name"] for f in frames} == {"car:1"}


def test_detections_are_objects_of_their_own(tmp_path):
    class Two:
        classes, embedding_dim = CLASSES, None

        def detect(self, frames):
            return [Detections(xyxy=[[1, 1, 9, 9], [20, 20, 40, 40]], score=[0.9, 0.8]) for _ in frames]

    path = tmp_path / "a.seqlabel.json"
    frames = [Frame(index=k, size=(100, 80)) for k in range(3)]
    for _ in trackforge.detect(frames, Two(), sinks=[path]):
        pass
    rows = [a for f in json.loads(path.read_text())["tracking-annotations"] for a in f["annotations"]]
    assert len({a["object-id"] for a in rows}) == len({a["object-name"] for a in rows}) == 6


def test_it_has_the_form_of_real_files(tmp_path):
    """Keys and their order, and kinds of values, of two files of real jobs."""
    files = sorted(DATA.glob("SeqLabel.*.json"))
    if not files:
        pytest.skip(f"the real files are not in {DATA}; name their folder: TRACKFORGE_DATA")
    ours = written(tmp_path / "a.seqlabel.json", scene())
    for file in files:
        real = json.loads(file.read_text(encoding="utf-8"))["tracking-annotations"]
        assert set(real[0]) <= set(ours[0])
        assert set(ours[0]) - set(real[0]) <= {"frame-attributes"}
        assert {k: type(v) for k, v in real[0].items()} == {k: type(v) for k, v in ours[0].items() if k in real[0]}
        theirs, mine = real[0]["annotations"][0], ours[0]["annotations"][0]
        assert list(theirs) == list(mine)
        assert {k: type(v) for k, v in theirs.items()} == {k: type(v) for k, v in mine.items()}
        assert [f["frame-no"] for f in real] == [str(k) for k in range(len(real))]


def test_the_street_has_the_boxes_and_ids_of_the_mot_file(tmp_path):
    mot, labels = tmp_path / "street.txt", tmp_path / "street.seqlabel.json"
    sinks = [trackforge.sink(mot), trackforge.sink(labels, inside=False)]
    street = trackforge.source("synthetic", frames=120, size=(320, 180))
    for _ in trackforge.track(street, trackforge.detector("motion"), "byte", sinks=sinks):
        pass
    table = read_mot(mot)
    frames = json.loads(labels.read_text(encoding="utf-8"))["tracking-annotations"]
    rows = [(int(f["frame"][:6]) - 1, a) for f in frames for a in f["annotations"]]
    names = {a["object-id"]: a["object-name"] for _, a in rows}
    assert len(names) == len(set(names.values())) == len(set(table.track_id.tolist())) > 1
    assert len(rows) == len(table) > 50
    assert [frame for frame, _ in rows] == table.frame.tolist()
    boxes = np.array([(a["left"], a["top"], a["left"] + a["width"], a["top"] + a["height"]) for _, a in rows])
    assert np.abs(boxes - table.xyxy).max() <= 0.52, "whole pixels, beside two decimals"
    pairs = set(zip(table.track_id.tolist(), (a["object-id"] for _, a in rows), strict=True))
    assert len(pairs) == len(names), "one object a track"
