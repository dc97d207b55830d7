"""Replaying detections from files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import trackforge
from trackforge.errors import ConfigError, DataError, InvalidInputError, SourceError
from trackforge.types import Frame


@pytest.fixture
def mot(tmp_path):
    path = tmp_path / "street.txt"
    path.write_text("1,-1,10,20,30,40,0.9,-1,-1,-1\n3,-1,11,20,30,40,0.4,-1,-1,-1\n3,-1,50,60,7,8,0.8,-1,-1,-1\n")
    return path


def _coco(path, videos=("a", "b"), categories=("cat", "dog")):
    document = {
        "videos": [{"id": i, "name": name} for i, name in enumerate(videos)],
        "images": [
            {"id": 10 * v + f, "video_id": v, "frame_index": f, "file_name": "x.jpg", "width": 64, "height": 48}
            for v in range(len(videos))
            for f in range(2)
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5, "track_id": 1},
            {"id": 2, "image_id": 10, "category_id": 3, "bbox": [5, 6, 7, 8], "score": 0.75, "track_id": 1},
        ],
        "categories": [{"id": 3 + 4 * i, "name": name} for i, name in enumerate(categories)],
    }
    path.write_text(json.dumps(document))
    return path


def test_mot_lines_belong_to_their_frame_counted_from_one(mot):
    detector = trackforge.detector("file", path=mot)
    found = detector.detect([Frame(index=0), Frame(index=1), Frame(index=2), Frame(index=99)])
    assert [len(d) for d in found] == [1, 0, 2, 0]
    np.testing.assert_allclose(found[0].xyxy, [[10, 20, 40, 60]])
    np.testing.assert_allclose(found[2].score, [0.4, 0.8])
    assert detector.classes == ("object",)


def test_frames_may_be_asked_in_any_order(mot):
    detector = trackforge.detector("file", path=mot)
    assert [len(detector.detect([Frame(index=i)])[0]) for i in (2, 0, 2)] == [2, 1, 2]


def test_low_scores_are_left_out(mot):
    assert len(trackforge.detector("file", path=mot, min_score=0.5).detect([Frame(index=2)])[0]) == 1


def test_coco_sequences_are_told_by_name(tmp_path):
    detector = trackforge.detector("file", path=_coco(tmp_path / "all.json"))
    assert detector.classes == ("cat", "dog")
    first, second = detector.detect([Frame(index=1, sequence="a"), Frame(index=0, sequence="b")])
    assert (first.xyxy.tolist(), first.class_id.tolist()) == ([[1, 2, 4, 6]], [1])
    assert (second.xyxy.tolist(), second.class_id.tolist()) == ([[5, 6, 12, 14]], [0])


def test_an_unknown_sequence_among_several_is_an_error(tmp_path):
    detector = trackforge.detector("file", path=_coco(tmp_path / "all.json", videos=("north", "south")))
    with pytest.raises(InvalidInputError, match="Did you mean 'north'"):
        detector.detect([Frame(index=0, sequence="nroth")])


def test_a_single_sequence_serves_every_name(mot):
    assert len(trackforge.detector("file", path=mot).detect([Frame(index=0, sequence="whatever")])[0]) == 1


def test_the_format_can_be_forced(tmp_path, mot):
    odd = tmp_path / "detections.json"
    odd.write_text(mot.read_text())
    assert len(trackforge.detector("file", path=odd, format="mot").detect([Frame(index=0)])[0]) == 1
    with pytest.raises(DataError):
        trackforge.detector("file", path=odd)


def test_class_names_must_reach(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,10,20,30,40,0.9,3,1\n")
    assert trackforge.detector("file", path=path).classes == ("object 1", "object 2", "object 3")
    with pytest.raises(DataError, match="class 2"):
        trackforge.detector("file", path=path, classes=("a", "b"))


def test_a_missing_file_is_a_source_error(tmp_path):
    with pytest.raises(SourceError, match="Check the path"):
        trackforge.detector("file", path=tmp_path / "nowhere.txt")


def test_a_malformed_line_is_named(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,10,20,30,40,0.9,-1,-1,-1\n2,-1,ten,20,30,40,0.9,-1,-1,-1\n")
    with pytest.raises(DataError, match=r"det\.txt:2: .*'ten'"):
        trackforge.detector("file", path=path)


def test_a_path_is_needed():
    with pytest.raises(ConfigError, match="path"):
        trackforge.detector("file")
