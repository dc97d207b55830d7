"""The labels of several workers become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.data import Boxes, Dataset, Images, consolidate
from trackforge.errors import InvalidInputError


def stills(*boxes: tuple, classes: tuple[str, ...] = ("car", "dog"), **columns: object) -> Dataset:
    """Boxes ``(image, x1, y1, x2, y2, class)`` of two pictures."""
    table = np.array(boxes, float).reshape(-1, 6)
    return Dataset(
        images=Images(path=["a.jpg", "b.jpg"], width=[100, 100], height=[100, 100]),
        boxes=Boxes(image=table[:, 0], xyxy=table[:, 1:5], class_id=table[:, 5], **columns),
        classes=classes,
    )


def film(rows: list[tuple[int, int, float]], count: int = 12, wide: float = 10.0) -> Dataset:
    """Tracks ``(frame, id, x)`` of one class."""
    frames, ids, x = (np.array(column) for column in zip(*rows, strict=True))
    return Dataset(
        images=Images(path=[""] * count, sequence=["street"] * count, frame=range(count)),
        boxes=Boxes(image=frames, xyxy=np.stack((x, 0 * x, x + wide, 0 * x + 10), axis=1), track_id=ids),
        classes=("car",),
    )


def test_what_most_drew_stays_and_one_that_stands_out_does_not_pull() -> None:
    a = stills((0, 10, 10, 30, 30, 0), (0, 60, 60, 80, 80, 1), (1, 0, 0, 9, 9, 0))
    b = stills((0, 11, 10, 31, 30, 0), (0, 60, 60, 80, 80, 0))
    c = stills((0, 9, 10, 29, 30, 1), (1, 50, 50, 90, 90, 0))
    whole = consolidate([a, b, c])
    assert whole.boxes.image.tolist() == [0, 0]
    assert whole.boxes.xyxy.tolist() == [[10, 10, 30, 30], [60, 60, 80, 80]]
    assert whole.boxes.class_id.tolist() == [0, 0]  # of car and dog, each once, the first of the list
    assert whole.boxes.extra["confidence"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert len(consolidate([a, b, c], least=1).boxes) == 4
    assert len(consolidate([a, b, c], least=3).boxes) == 1
    far = stills((0, 10, 10, 36, 30, 0))
    steady = consolidate(
        [stills((0, 10, 10, 30, 30, 0)), far, stills((0, 10, 10, 30.5, 30, 0)), stills((0, 10, 10, 30, 30.5, 0))]
    )
    assert steady.boxes.xyxy[0, 2] == pytest.approx(np.mean([30, 30.5, 30]))


def test_two_boxes_of_one_worker_are_two_things() -> None:
    a = stills((0, 10, 10, 30, 30, 0), (0, 12, 10, 32, 30, 0))
    b = stills((0, 10, 10, 30, 30, 0), (0, 12, 10, 32, 30, 0))
    assert consolidate([a, b]).boxes.xyxy.tolist() == a.boxes.xyxy.tolist()


def test_an_identity_stays_one_whatever_its_numbers() -> None:
    a = film([(f, 1, 10.0 * f) for f in range(12)] + [(f, 2, 300 - 10.0 * f) for f in range(12)])
    b = film([(f, 7, 10.0 * f + 1) for f in range(12)] + [(f, 1, 300 - 10.0 * f) for f in range(12)])
    # the third lost the first thing on its way, and found it again under another number
    c = film([(f, 3 if f < 5 else 4, 10.0 * f) for f in range(12)] + [(f, 9, 300 - 10.0 * f) for f in range(12)])
    whole = consolidate([a, b, c])
    assert len(whole.boxes) == 24
    right = whole.boxes.xyxy[:, 0] - 10 * whole.images.frame[whole.boxes.image] < 1.5
    for side in (right, ~right):
        assert len(set(whole.boxes.track_id[side].tolist())) == 1
    assert len(set(whole.boxes.track_id.tolist())) == 2


def test_an_identity_never_stands_twice_in_a_picture() -> None:
    a = film([(0, 1, 0.0), (0, 2, 50.0), (1, 1, 0.0), (1, 2, 50.0)], 2)
    b = film([(0, 1, 0.0), (0, 2, 50.0), (1, 2, 0.0), (1, 1, 50.0)], 2)
    c = film([(0, 1, 0.0), (1, 2, 0.0), (1, 1, 50.0), (0, 2, 50.0)], 2)
    whole = consolidate([a, b, c])
    for frame in (0, 1):
        ids = whole.labels(frame).track_id.tolist()
        assert len(set(ids)) == len(ids) == 2


def test_attributes_and_ignore_regions_go_by_the_majority() -> None:
    box = (0, 10, 10, 30, 30, 0)
    parts = [
        stills(box, extra={"colour": ["red"], "occluded": [1], "score": [0.5]}, ignore=[True]),
        stills(box, extra={"colour": ["blue"], "occluded": [0], "score": [0.7]}, ignore=[False]),
        stills(box, extra={"colour": ["red"], "occluded": [0]}, ignore=[False]),
    ]
    boxes = consolidate(parts).boxes
    assert (boxes.extra["colour"].item(), boxes.extra["occluded"].item()) == ("red", 0)
    assert boxes.extra["score"].item() == pytest.approx(0.6)
    assert not boxes.ignore[0]
    assert consolidate(parts[:2]).boxes.ignore[0]  # as many say so as don't: it is not to be judged


def test_who_does_not_have_a_picture_is_not_asked_about_it() -> None:
    a = stills((0, 10, 10, 30, 30, 0), (1, 10, 10, 30, 30, 0))
    whole = consolidate([a, a[np.array([0])], a[np.array([0])]])
    assert whole.boxes.image.tolist() == [0, 1]
    assert whole.boxes.extra["confidence"].tolist() == [1, 1]


def test_classes_are_matched_by_name() -> None:
    a = stills((0, 10, 10, 30, 30, 1))
    b = stills((0, 10, 10, 30, 30, 0), classes=("dog", "cat"))
    whole = consolidate([a, b])
    assert [whole.classes[n] for n in whole.boxes.class_id] == ["dog"]


@pytest.mark.parametrize(
    ("parts", "settings_", "words"),
    [
        ([], {}, "got no set"),
        ([stills()], {"iou": 0.0}, "above 0"),
        ([stills()], {"least": 2}, "1 to 1"),
        ([stills()[np.array([0, 0])]], {}, "a.jpg twice"),
    ],
)
def test_what_cannot_be_is_told(parts: list[Dataset], settings_: dict, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        consolidate(parts, **settings_)


@st.composite
def labelled(draw: st.DrawFn, *, video: bool) -> Dataset:
    count = draw(st.integers(1, 4))
    rows = []
    for image in range(count):
        for track in draw(st.lists(st.integers(-1, 5), max_size=5, unique=True)):
            x, y = draw(st.integers(0, 40)), draw(st.integers(0, 40)) / 3
            size = draw(st.tuples(st.floats(0, 20), st.floats(0, 20)))
            rows.append((image, (x, y, x + size[0], y + size[1]), draw(st.integers(0, 2)), track, draw(st.booleans())))
    columns = dict(
        zip(("image", "xyxy", "class_id", "track_id", "ignore"), map(list, zip(*rows, strict=True)), strict=False)
    )
    boxes = Boxes(**(columns or {"image": []}))
    colour = draw(st.lists(st.sampled_from(["red", "blue", ""]), min_size=len(boxes), max_size=len(boxes)))
    return Dataset(
        images=Images(
            path=[f"{n}.jpg" for n in range(count)],
            sequence=["film" if video else ""] * count,
            frame=range(count) if video else [-1] * count,
        ),
        boxes=boxes.replace(extra={"colour": np.array(colour, str)}),
        classes=("a", "b", "c"),
    )


def content(whole: Dataset) -> list:
    boxes = whole.boxes
    return [
        boxes.image.tolist(),
        boxes.xyxy.tolist(),
        boxes.class_id.tolist(),
        boxes.track_id.tolist(),
        boxes.ignore.tolist(),
        boxes.visibility.tolist(),
        boxes.extra["colour"].tolist(),
    ]


@settings(max_examples=60)
@given(st.booleans().flatmap(lambda video: labelled(video=video)), st.integers(1, 4))
def test_the_same_labels_several_times_are_these_labels(drawn: Dataset, times: int) -> None:
    whole = consolidate([drawn] * times)
    assert content(whole) == content(drawn)
    assert (whole.boxes.extra["confidence"] == 1).all()
    assert whole.images.path.tolist() == drawn.images.path.tolist()


@settings(max_examples=60)
@given(
    st.booleans().flatmap(lambda video: st.lists(labelled(video=video), min_size=2, max_size=4)),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 1]),
)
def test_who_comes_first_changes_nothing(parts: list[Dataset], chance: object, least: int | None) -> None:
    whole = consolidate(parts, least=least)
    again = list(parts)
    chance.shuffle(again)
    other = consolidate(again, least=least)
    assert content(whole) == content(other)
    assert whole.boxes.extra["confidence"].tolist() == other.boxes.extra["confidence"].tolist()
    assert whole.images.path.tolist() == other.images.path.tolist()
    for row in range(len(whole)):
        ids = whole.labels(row).track_id
        assert len(set(ids[ids >= 0].tolist())) == (ids >= 0).sum()
