"""Documents of labels: from tables and back, what they refuse, their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trackforge.errors import DataError, InvalidInputError
from trackforge.review import Document, Keyframe, LabelTrack
from trackforge.table import TrackTable


def walk(frames: int = 21, step: float = 2.0) -> TrackTable:
    """Return a box that walks in a straight line."""
    at = np.arange(frames)
    x = at * step
    return TrackTable(
        frame=at,
        track_id=np.ones(frames, np.int64),
        xyxy=np.stack((x, np.full(frames, 5.0), x + 10, np.full(frames, 25.0)), axis=1),
        score=np.full(frames, 0.5),
        sequence="walk",
    )


def test_a_straight_walk_needs_two_keyframes() -> None:
    document = Document.from_table(walk(), classes=("person",), frames=range(21))
    assert [one.frame for one in document.tracks[0].keyframes] == [0, 20]
    np.testing.assert_allclose(document.table().xyxy, walk().xyxy)
    assert set(document.table().extra["origin"]) == {"model"}


def test_a_track_that_ends_early_is_ended_by_a_keyframe_outside() -> None:
    document = Document.from_table(walk(), classes=("person",), frames=range(40))
    last = document.tracks[0].keyframes[-1]
    assert (last.frame, last.outside) == (21, True)
    assert len(document.table()) == 21


def test_between_what_a_person_put_boxes_are_a_persons() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    keys = (
        Keyframe(frame=0, xyxy=box, score=0.5),
        Keyframe(frame=2, xyxy=box, origin="person"),
        Keyframe(frame=4, xyxy=box, score=0.7),
        Keyframe(frame=6, xyxy=box, score=0.9),
    )
    document = Document(sequence="s", frames=np.arange(8), classes=("a",), tracks=(LabelTrack(id=1, keyframes=keys),))
    assert document.table().extra["origin"].tolist() == ["model", *["person"] * 3, *["model"] * 4]
    assert document.tracks[0].at(5) == Keyframe(frame=5, xyxy=box, score=0.8)
    assert document.tracks[0].at(7) is not None


def test_frames_with_gaps_stay_as_they_are(tmp_path: Path) -> None:
    table = walk()[np.arange(0, 21, 5)]
    document = Document.from_table(table, classes=("person",), frames=(0, 5, 10, 15, 20, 31), source="a.mp4")
    document.save(tmp_path / "a.labels.json")
    again = Document.load(tmp_path / "a.labels.json")
    assert again == document
    assert again.table().frame.tolist() == [0, 5, 10, 15, 20]
    assert again.picture(31, "/films") == Path("/films/a.mp4#31")
    with pytest.raises(InvalidInputError, match="7 is none"):
        again.picture(7)


def test_a_data_set_and_back_is_the_same_document() -> None:
    keys = (
        Keyframe(frame=0, xyxy=(0, 0, 4, 4), score=0.5, attributes={"pose": "stands"}),
        Keyframe(frame=3, xyxy=(3, 0, 7, 4), origin="person", attributes={"pose": "walks"}),
    )
    document = Document(
        sequence="s",
        source="/pictures",
        rate=25.0,
        size=(64, 48),
        frames=np.arange(5),
        files=tuple(f"{k}.jpg" for k in range(5)),
        classes=("cat", "dog"),
        tracks=(LabelTrack(id=7, object_id="dog:7", label=1, attributes={"colour": "black"}, keyframes=keys),),
        checked=frozenset({1, 2}),
        wanted=(0, 4),
    )
    dataset = document.to_dataset()
    assert len(dataset) == 5
    again = Document.from_dataset(dataset, tolerance=0)
    assert again.table().xyxy.tolist() == document.table().xyxy.tolist()
    assert again.table().extra["origin"].tolist() == document.table().extra["origin"].tolist()
    track = again.tracks[0]
    assert (track.id, track.object_id, track.label, track.attributes) == (7, "dog:7", 1, {"colour": "black"})
    assert [one.attributes["pose"] for one in track.keyframes if one.frame in (0, 3)] == ["stands", "walks"]
    assert (again.checked, again.wanted, again.rate, again.size) == (frozenset({1, 2}), (0, 4), 25.0, (64, 48))
    assert [again.picture(k) for k in (0, 4)] == [document.picture(k) for k in (0, 4)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "other"}, "must say"),
        ({"version": 99}, "version 99"),
        ({"size": [1]}, "width and a height"),
        ({"classes": ["a", "a"]}, "must differ"),
        ({"classes": []}, "one of 0 classes"),
        ({"frames": [3, 1]}, "ascending"),
        ({"frames": {"first": 0, "count": 10**12}}, "at most"),
        ({"checked": [99]}, "99 is none"),
        ({"tracks": [{"id": 1, "keyframes": []}]}, "must have a keyframe"),
        ({"tracks": [{"id": 1, "keyframes": [{"frame": 0, "xyxy": [2, 0, 1, 1]}]}]}, "x1 <= x2"),
        ({"tracks": [{"id": 1, "keyframes": [{"frame": 0, "xyxy": [0, 0, 1, "x"]}]}]}, "must be a number"),
        ({"tracks": 3}, "must be a list"),
    ],
)
def test_a_damaged_document_is_an_error_that_names_the_file(
    changes: dict[str, object], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.labels.json"
    told = json.loads(Document.from_table(walk(), classes=("person",), frames=range(30)).encoded())
    path.write_text(json.dumps(told | changes), encoding="utf-8")
    with pytest.raises(DataError, match=why) as raised:
        Document.load(path)
    assert raised.value.path == path


def test_what_stands_on_no_frame_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="frame 1 is none"):
        Document.from_table(walk(), classes=("person",), frames=range(0, 21, 2))


def test_strange_boxes_are_told_of() -> None:
    flat = Keyframe(frame=0, xyxy=(100.0, 5.0, 100.0, 9.0))
    document = Document(
        sequence="s", size=(64, 48), frames=np.arange(3), classes=("a",), tracks=(LabelTrack(id=1, keyframes=(flat,)),)
    )
    assert [" ".join(one.split()[:4]) for one in document.check()] == ["track 1 has 3", "track 1 has 3"]
