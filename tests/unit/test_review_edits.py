"""What each edit does to boxes, what it counts, and what it refuses with which reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trackforge.errors import InvalidInputError
from trackforge.review import Document, Keyframe, LabelTrack, apply, edits


def document(**changes: Any) -> Document:
    """Return one with a track that walks from 0 to 20 on frames 0 to 10, and pauses on 11."""
    walk = (
        Keyframe(frame=0, xyxy=(0, 0, 10, 10), score=0.9),
        Keyframe(frame=10, xyxy=(20, 0, 30, 10), score=0.5),
        Keyframe(frame=11, xyxy=(20, 0, 30, 10), outside=True),
    )
    told: dict[str, Any] = {"size": (64, 48), "frames": np.arange(20), "classes": ("person", "dog"), "wanted": ()}
    return Document(sequence="s", tracks=(LabelTrack(id=1, keyframes=walk),), **(told | changes))


def left(made: Document, track: int = 1) -> dict[int, float]:
    """Return the left sides of a track's boxes, by frame."""
    seen = made.track(track).seen(made.frames)
    return dict(zip(seen.frame.tolist(), seen.xyxy[:, 0].tolist(), strict=True))


def test_moving_a_box_makes_a_persons_keyframe_and_its_neighbours_follow() -> None:
    made = edits.set_box(document(), 1, 5, (14, 0, 24, 10))
    assert [left(made)[k] for k in (0, 5, 10)] == [0, 14, 20]
    assert left(made)[4] == pytest.approx(14 * 4 / 5)
    assert left(made)[6] == pytest.approx(14 + 6 / 5)
    keyframe = made.track(1).keyframes[1]
    assert (keyframe.origin, keyframe.score) == ("person", None)
    assert made.effort.moved == 1
    again = edits.set_box(made, 1, 5, (15, 0, 25, 10))
    assert (again.effort.touched, again.edits) == (1, 2)


def test_what_is_accepted_stays_when_its_neighbour_is_moved() -> None:
    made = edits.set_box(edits.accept(document(), [4, 7, 13]), 1, 5, (14, 0, 24, 10))
    assert [left(made)[k] for k in (3, 4, 5, 7, 8)] == [6, 8, 14, 14, 16]
    later = edits.set_box(made, 1, 12, (30, 0, 40, 10))
    assert sorted(left(later))[-1] == 12  # on 13 somebody has accepted that it is not there
    assert later.effort.added == 1


def test_a_box_where_the_track_was_not_seen_is_there_up_to_the_next_keyframe() -> None:
    made = edits.set_box(document(), 1, 15, (30, 0, 40, 10))
    assert sorted(left(made)) == [*range(11), *range(15, 20)]


def test_a_new_object_stays_up_to_the_next_accepted_frame() -> None:
    made = edits.add_track(edits.accept(document(), [8]), 3, (5, 5, 9, 9), 1)
    assert sorted(left(made, 2)) == [3, 4, 5, 6, 7]
    assert made.track(2).label == 1
    assert sorted(left(edits.add_track(document(), 3, (5, 5, 9, 9), 1, until=4), 2)) == [3, 4]


def test_deleting_one_box_keeps_the_others_and_the_last_box_takes_the_track_along() -> None:
    made = edits.delete_box(document(), 1, 5)
    assert sorted(left(made)) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert left(made)[4] == 8
    for frame in (0, 10):
        assert frame not in left(edits.delete_box(made, 1, frame))
    only = document(frames=np.arange(12))
    for frame in range(11):
        only = edits.delete_box(only, 1, frame)
    assert not only.tracks
    assert only.effort.deleted == 11


def test_a_track_is_ended_and_begun_early_and_late() -> None:
    assert sorted(left(edits.finish(document(), 1, 4))) == [0, 1, 2, 3, 4]
    longer = edits.finish(document(), 1, 14)
    assert sorted(left(longer)) == list(range(15))
    assert left(longer)[14] == 20
    late = edits.begin(document(), 1, 3)
    assert (sorted(left(late)), left(late)[3]) == (list(range(3, 11)), 6)
    early = edits.begin(late, 1, 1)
    assert [left(early)[k] for k in (1, 2, 3)] == [6, 6, 6]
    assert sorted(left(edits.finish(longer, 1, 19)))[-1] == 19


def test_keyframes_are_put_and_taken_away() -> None:
    made = edits.put_keyframe(document(), 1, 5)
    assert left(made) == left(document())
    moved = edits.set_box(made, 1, 8, (30, 0, 40, 10))
    assert left(moved)[5] == 10
    assert left(edits.delete_keyframe(made, 1, 5)) == left(document())
    assert left(edits.set_outside(document(), 1, 6, True)).keys() == {0, 1, 2, 3, 4, 5, 10}
    assert 15 in left(edits.set_outside(document(), 1, 15, False))


def test_a_track_is_cut_in_two_and_joined_again() -> None:
    cut = edits.split(document(), 1, 6)
    assert sorted(left(cut)) == [0, 1, 2, 3, 4, 5]
    assert sorted(left(cut, 2)) == [6, 7, 8, 9, 10]
    again = edits.merge(cut, 2, 1)
    assert again.tracks[0].id == 2
    assert left(again, 2) == left(document())
    assert [one.frame for one in again.track(2).keyframes] == [0, 6, 10, 11]
    apart = edits.add_track(document(), 14, (40, 0, 50, 10), 0)
    joined = edits.merge(apart, 1, 2)
    assert sorted(left(joined)) == [*range(11), *range(14, 20)]
    assert left(joined)[10] == 20


def test_classes_are_given_added_and_renamed() -> None:
    made = edits.rename(document(), 1, 1)
    assert (made.track(1).label, made.effort.renamed) == (1, 1)
    made = edits.rename(edits.add_class(made, " <b>cat</b> "), 1, 2)
    assert made.classes == ("person", "dog", "<b>cat</b>")
    assert edits.rename_class(made, 0, "child").classes[0] == "child"
    assert edits.set_attributes(made, 1, {"hat": "red"}).track(1).attributes == {"hat": "red"}
    assert edits.reopen(edits.accept(made, [1, 2]), [2]).checked == {1}


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"action": "fly"}, "must be one of"),
        ({"action": "slpit", "track": 1, "frame": 2}, "Did you mean 'split'"),
        ({"action": "split", "track": 1}, "takes track, frame; got 'track'"),
        ({"action": "split", "track": 1, "frame": 0}, "no box before frame 0"),
        ({"action": "split", "track": 1, "frame": 15}, "no box from frame 15"),
        ({"action": "split", "track": 9, "frame": 2}, "no track 9"),
        ({"action": "split", "track": "x", "frame": 2}, "whole number"),
        ({"action": "merge", "track": 1, "other": 1}, "1 twice"),
        ({"action": "merge", "track": 1, "other": 2}, "are on 2 frames, 9 to 10"),
        ({"action": "set_box", "track": 1, "frame": 99, "xyxy": [0, 0, 1, 1]}, "99 is none"),
        ({"action": "set_box", "track": 1, "frame": 1, "xyxy": [0, 0, 0, 1]}, "must have an area"),
        ({"action": "set_box", "track": 1, "frame": 1, "xyxy": [0, 0, float("nan"), 1]}, "finite number"),
        ({"action": "set_box", "track": 1, "frame": 1, "xyxy": [70, 0, 80, 1]}, "reach into the picture"),
        ({"action": "set_box", "track": 1, "frame": 1, "xyxy": [1, 2, 3]}, "list of 4"),
        ({"action": "set_box", "track": 1, "frame": 1, "xyxy": [0, 0, 1e300, 1]}, "four finite numbers"),
        ({"action": "accept", "frames": []}, "none at all"),
        ({"action": "accept", "frames": [77]}, "77 is none"),
        ({"action": "reopen", "frames": [3]}, "none of these is"),
        ({"action": "delete_box", "track": 1, "frame": 15}, "none there"),
        ({"action": "delete_keyframe", "track": 1, "frame": 5}, "there is none"),
        ({"action": "delete_keyframe", "track": 2, "frame": 9}, "its last"),
        ({"action": "set_outside", "track": 1, "frame": 5, "outside": False}, "seen on frame 5 already"),
        ({"action": "set_outside", "track": 1, "frame": 5, "outside": 1}, "true or false"),
        ({"action": "finish", "track": 1, "frame": 10}, "ends on frame 10 already"),
        ({"action": "finish", "track": 2, "frame": 5}, "must begin before"),
        ({"action": "begin", "track": 1, "frame": 15}, "last seen on frame 10"),
        ({"action": "rename", "track": 1, "label": 0}, "of class 'person' already"),
        ({"action": "rename", "track": 1, "label": 7}, "one of the 2 classes"),
        ({"action": "add_class", "name": "dog"}, "there is 'dog' already"),
        ({"action": "add_class", "name": " "}, "1 to 200"),
        ({"action": "add_class", "name": "a\nb"}, "can be shown"),
        ({"action": "set_attributes", "track": 1, "attributes": {"a": 1}}, "must be texts"),
        ({"action": "set_attributes", "track": 1, "attributes": {"a": "\ud800"}}, "half a character"),
    ],
)
def test_nonsense_is_refused_with_its_reason(edit: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        apply(edits.add_track(document(), 9, (5, 5, 9, 9), 1), edit)
