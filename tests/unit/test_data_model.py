from __future__ import annotations

import pickle

import numpy as np
import pytest
from labelled import film, stills

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import InvalidInputError


def make(**changes) -> Dataset:
    base = {
        "images": Images(path=["a.jpg", "b.jpg", "c.jpg"]),
        "boxes": Boxes(image=[2, 0, 2], xyxy=[[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], class_id=[1, 0, 0]),
        "classes": ("person", "car"),
    }
    return Dataset(**(base | changes))


def test_boxes_are_kept_in_the_order_of_their_pictures():
    made = make()
    assert made.boxes.image.tolist() == [0, 2, 2]
    assert made.labels(2).xyxy[:, 0].tolist() == [0, 4]
    assert len(made.labels(1)) == 0
    assert made.labels(-1).xyxy[:, 0].tolist() == [0, 4]
    assert made.counts.tolist() == [1, 0, 2]


def test_columns_are_frozen_and_copied():
    corners = np.zeros((1, 4))
    boxes = Boxes(image=[0], xyxy=corners)
    corners[0, 0] = 9
    assert boxes.xyxy[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        boxes.xyxy[0, 0] = 1
    with pytest.raises(TypeError, match="columns"):
        iter(boxes)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"boxes": Boxes(image=[3], xyxy=[[0, 0, 1, 1]])}, "row of images, 0..2"),
        ({"classes": ("person", "person")}, "person came twice"),
        ({"class_numbers": (1, 1)}, "class_numbers must be one number a class"),
    ],
)
def test_what_does_not_fit_together_is_refused(broken, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**broken)


def test_columns_of_different_length_are_refused():
    with pytest.raises(InvalidInputError, match=r"xyxy must have shape \(2, 4\)"):
        Boxes(image=[0, 1], xyxy=[[0, 0, 1, 1]])
    with pytest.raises(InvalidInputError, match=r"extra\['pose'\] must be"):
        Boxes(image=[0], extra={"pose": [object()]})
    with pytest.raises(InvalidInputError, match="width must be convertible"):
        Images(path=["a"], width=["wide"])


@pytest.mark.parametrize(
    "rows", [[2, 0], np.array([False, True, True]), slice(1, None), [], slice(None, None, -1), [2, 2]]
)
def test_selecting_pictures_brings_their_boxes(rows):
    made = make()
    cut = made[rows]
    chosen = np.arange(3)[rows]
    assert cut.images.path.tolist() == made.images.path[chosen.astype(int)].tolist()
    for place, row in enumerate(chosen):
        np.testing.assert_array_equal(cut.labels(place).xyxy, made.labels(int(row)).xyxy)
    assert len(cut.boxes) == sum(len(made.labels(int(r))) for r in chosen)


def test_classes_are_selected_renumbered_and_merged():
    made = make(class_numbers=(1, 3))
    only = made.select_classes(["car"])
    assert (only.classes, only.class_numbers) == (("car",), (3,))
    assert only.boxes.class_id.tolist() == [0]
    assert len(only) == 3
    others = made.select_classes(["car"], others="ignore")
    assert others.boxes.ignore.tolist() == [True, False, True]
    turned = made.select_classes(["car", "person"])
    assert turned.boxes.class_id.tolist() == [1, 0, 1]
    merged = made.rename_classes({"car": "person"})
    assert merged.classes == ("person",)
    assert merged.boxes.class_id.tolist() == [0, 0, 0]
    with pytest.raises(InvalidInputError, match=r"'persom' is none. Did you mean 'person'"):
        made.select_classes(["persom"])


def test_filters(tmp_path):
    made = film(tmp_path, frames=3)
    assert made.min_visibility(0.25).boxes.ignore.sum() == 1 + 3
    assert len(made.min_visibility(0.25, hidden="drop").boxes) == 4
    assert len(made.without_ignored().boxes) == 6
    assert len(made.only_labelled()) == 3
    empty = made.keep_boxes(made.boxes.ignore)
    assert len(empty.only_labelled()) == 0
    flat = made.boxes.xyxy.copy()
    flat[0, 2] = flat[0, 0]
    flat[1, 0] = np.nan
    assert len(made.replace(boxes=made.boxes.replace(xyxy=flat)).without_degenerate().boxes) == len(made.boxes) - 2


def test_parts_and_sequences_by_name(tmp_path):
    made = stills(tmp_path)
    named = made.replace(images=made.images.replace(split=["train2017"] * 3 + ["val2017"]))
    assert len(named.in_split("train")) == 3
    with pytest.raises(InvalidInputError, match=r"got 'tran'. Did you mean 'train2017'"):
        named.in_split("tran")
    with pytest.raises(InvalidInputError, match="no sequence 'x'"):
        film(tmp_path).in_sequences("x")


def test_identities_are_dense_over_sequences():
    images = Images(path=[""] * 3, sequence=["a", "a", "b"], frame=[0, 1, 0])
    boxes = Boxes(image=[0, 1, 2, 2], track_id=[5, 5, 5, -1])
    number, count = Dataset(images=images, boxes=boxes, classes=("person",)).identities()
    assert number[0] == number[1] != number[2]
    assert number[3] == -1
    assert count == 2
    assert Dataset(images=images, boxes=boxes[:0], classes=("person",)).identities()[1] == 0


def test_mixing_matches_classes_by_name_and_keeps_paths(tmp_path):
    first, second = stills(tmp_path / "a"), stills(tmp_path / "b", classes=("car", "dog"))
    mixed = data.concatenate([first, second])
    assert mixed.classes == ("person", "car", "dog")
    assert mixed.boxes.class_id.tolist() == [0, 1] * 4 + [1, 2] * 4
    assert all(mixed.image_path(k).is_file() for k in range(len(mixed)))
    with pytest.raises(InvalidInputError, match="dog of set 1"):
        data.concatenate([first, second], classes=["person", "car"])
    with pytest.raises(InvalidInputError, match="at least one set"):
        data.concatenate([])


def test_mixing_tells_sequences_of_one_name_apart(tmp_path):
    first = film(tmp_path)
    mixed = data.concatenate([first, first, first])
    assert mixed.sequences == ("street", "film-street", "film-2-street")
    assert mixed.identities()[1] == 6
    with pytest.raises(InvalidInputError, match="frame 0 of street is in two"):
        data.concatenate([first, first], identities="shared")


def test_further_columns_that_only_some_have_are_filled():
    left = Boxes(image=[0], extra={"pose": ["Left"], "n": [3]})
    joined = Boxes.concatenate([left, Boxes(image=[0, 0])])
    assert joined.extra["pose"].tolist() == ["Left", "", ""]
    assert joined.extra["n"].tolist() == [3, -1, -1]
    with pytest.raises(InvalidInputError, match="one kind in all tables"):
        Boxes.concatenate([left, Boxes(image=[0], extra={"pose": [1.5]})])


def test_a_set_survives_pickling(tmp_path):
    made = film(tmp_path)
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.boxes.xyxy, made.boxes.xyxy)
    assert repr(again) == "<Dataset film: 6 images, 13 boxes, 1 classes, 1 sequences>"


def test_tables_carry_the_truth_and_come_back(tmp_path):
    made = film(tmp_path)
    tables = data.to_tables(made)
    assert list(tables) == ["street"]
    assert tables["street"].extra["flag"].tolist().count(0) == 1
    again = data.from_tables(tables.values(), made.classes, size=(64, 48))
    np.testing.assert_array_equal(again.boxes.track_id, made.boxes.track_id)
    assert again.images.frame.tolist() == list(range(6))
    with pytest.raises(InvalidInputError, match="stills only"):
        data.to_tables(stills(tmp_path))
