"""The labels of several models become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge import Detections, TrackTable
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.labelling.merging import Labels, MergingConfig, merge

PERSON, RIDER = [10.0, 10, 30, 60], [9.0, 10, 31, 62]


def found(model: str, classes: tuple[str, ...], *boxes: tuple) -> Labels[Detections]:
    """Boxes ``(xyxy, score, class_id)``."""
    xyxy, score, class_id = (list(c) for c in zip(*boxes, strict=True)) if boxes else ([], [], [])
    return Labels(model, Detections(xyxy=np.reshape(xyxy, (-1, 4)), score=score, class_id=class_id), classes)


def table(model: str, classes: tuple[str, ...], *rows: tuple) -> Labels[TrackTable]:
    """Rows ``(frame, id, x, score, class_id)`` of boxes 20 wide and 40 high."""
    frame, ids, x, score, class_id = (np.array(c) for c in zip(*rows, strict=True))
    xyxy = np.stack((x, 0 * x, x + 20.0, 0 * x + 40), axis=1)
    return Labels(
        model, TrackTable(frame=frame, track_id=ids, xyxy=xyxy, score=score, class_id=class_id, sequence="s"), classes
    )


def names(whole: Labels) -> list[str]:
    return [whole.classes[n] for n in whole.found.class_id.tolist()]


def test_of_two_models_boxes_of_one_thing_the_better_stays() -> None:
    a = found("a", ("person", "car"), (PERSON, 0.7, 0), ([100, 0, 150, 50], 0.5, 1))
    b = found("b", ("car", "person"), (RIDER, 0.9, 1), ([300, 0, 350, 50], 0.5, 0))
    whole = merge([a, b])
    assert whole.classes == ("person", "car")
    assert names(whole) == ["person", "car", "car"]
    assert whole.found.extra["model"].tolist() == ["b", "a", "b"]
    trusted = merge([a, b], MergingConfig(priority=("a",)))
    assert trusted.found.extra["model"].tolist() == ["a", "a", "b"]
    mean = merge([a, b], MergingConfig(box="mean"))
    assert mean.found.xyxy[0].tolist() == [9.5, 10, 30.5, 61]


def test_boxes_of_one_model_are_its_own_affair() -> None:
    a = found("a", ("person",), (PERSON, 0.9, 0), (RIDER, 0.8, 0))
    assert len(merge([a]).found) == 2


def test_classes_are_mapped_and_left_out() -> None:
    a = found("a", ("pedestrian", "dog"), (PERSON, 0.9, 0), ([100, 0, 120, 20], 0.9, 1))
    b = found("b", ("pedestrian", "tree"), ([200, 0, 220, 20], 0.9, 0), ([300, 0, 320, 20], 0.9, 1))
    whole = merge([a, b], MergingConfig(rename=("pedestrian=person", "b:*=", "dog=animal")))
    assert (names(whole), whole.classes) == (["person", "animal", "person"], ("person", "animal"))
    chosen = merge([a, b], MergingConfig(classes=("tree", "person"), rename=("pedestrian=person",)))
    assert (names(chosen), chosen.classes) == (["person", "person", "tree"], ("tree", "person"))


@pytest.mark.parametrize(
    ("rules", "across", "left"),
    [
        ((), None, ["person", "rider"]),
        (("rider>person",), None, ["rider"]),
        (("person>rider",), None, ["person"]),
        (("rider~person",), None, ["person"]),
        (("rider>person@0.95",), None, ["person", "rider"]),
        ((), 0.8, ["person"]),
        (("rider+person",), 0.8, ["person", "rider"]),
    ],
)
def test_what_overlaps_between_classes_goes_by_rules(rules: tuple, across: float | None, left: list) -> None:
    a, b = found("a", ("person",), (PERSON, 0.9, 0)), found("b", ("rider",), (RIDER, 0.6, 0))
    assert sorted(names(merge([a, b], MergingConfig(rules=rules, across=across)))) == left


def test_what_gave_way_makes_nothing_give_way() -> None:
    classes = ("a", "b", "c")
    one = found("m", classes, ([0, 0, 10, 10], 0.9, 0), ([4, 0, 14, 10], 0.9, 1), ([8, 0, 18, 10], 0.9, 2))
    config = MergingConfig(rules=("b>c@0.3", "a>b@0.3"))
    assert names(merge([one], config)) == ["a", "c"]


def test_a_share_of_the_smaller_box_finds_what_lies_inside() -> None:
    a = found("a", ("car",), ([0, 0, 100, 50], 0.9, 0))
    b = found("b", ("wheel",), ([10, 30, 30, 50], 0.9, 0))
    rules = ("car>wheel@0.9",)
    assert names(merge([a, b], MergingConfig(rules=rules))) == ["car", "wheel"]
    assert names(merge([a, b], MergingConfig(rules=rules, share="smaller"))) == ["car"]


def test_tracks_of_two_models_are_one_also_in_pieces() -> None:
    a = table("a", ("person",), *[(f, 5, 10.0 * f, 0.6, 0) for f in range(10)])
    b = table("b", ("person",), *[(f, 1 if f < 4 else 2, 10.0 * f + 2, 0.9, 0) for f in range(10) if f != 4])
    other = table("c", ("person",), *[(f, 1, 300.0, 0.9, 0) for f in range(10)])
    whole = merge([a, b, other]).found
    assert len(whole) == 20
    moving = whole.xyxy[:, 0] < 200
    assert set(whole.track_id[moving].tolist()) == {1}
    assert set(whole.track_id[~moving].tolist()) == {2}
    # which model is believed doesn't change from frame to frame, but for the frame that it lacks
    assert whole.extra["model"][moving].tolist() == ["b"] * 4 + ["a"] + ["b"] * 5


def test_two_people_who_cross_stay_two() -> None:
    rows = [(f, t, x, 0.8, 0) for f in range(21) for t, x in ((1, 10.0 * f), (2, 200 - 10.0 * f))]
    whole = merge([table("a", ("person",), *rows), table("b", ("person",), *rows)]).found
    assert len(whole) == 42
    for number in (1, 2):
        path = whole.xyxy[whole.track_id == number, 0]
        assert np.diff(path).tolist() in ([10.0] * 20, [-10.0] * 20)


def test_a_track_that_mostly_gives_way_goes_wholly_else_only_there() -> None:
    rider = table("r", ("rider",), *[(f, 1, 10.0 * f, 0.9, 0) for f in range(6)])
    person = table("p", ("person",), *[(f, 1, 10.0 * f, 0.9, 0) for f in range(7)])
    walker = table("p", ("person",), *[(f, 1, 10.0 * f, 0.9, 0) for f in range(20)])
    config = MergingConfig(rules=("rider>person",))
    assert set(names(merge([rider, person], config))) == {"rider"}
    whole = merge([rider, walker], config)
    assert whole.found.frame[np.array(names(whole)) == "person"].tolist() == list(range(6, 20))


def test_a_track_has_one_class() -> None:
    a = table("a", ("car", "truck"), *[(f, 1, 10.0 * f, 0.9, int(f == 3)) for f in range(6)])
    assert names(merge([a])) == ["car"] * 6


def test_masks_and_columns_of_the_better_come_along() -> None:
    mask = {"size": [100, 100], "counts": "x"}
    a = Labels("a", Detections(xyxy=[PERSON], score=[0.9], mask=[mask], extra={"age": [3]}), ("person",))
    b = Labels("b", Detections(xyxy=[[50, 50, 60, 60]], score=[0.9], extra={"age": [4]}), ("person",))
    whole = merge([a, b]).found
    assert whole.mask is not None
    assert whole.mask.tolist() == [mask, None]
    assert whole.extra["age"].tolist() == [3, 4]


def test_data_sets_are_merged_by_picture() -> None:
    def made(classes: tuple[str, ...], xyxy: list, score: float, ignore: bool = False) -> Dataset:
        return Dataset(
            images=Images(path=["a.jpg", "b.jpg"]),
            boxes=Boxes(image=[0, 1], xyxy=xyxy, extra={"score": [score] * 2}, ignore=[False, ignore]),
            classes=classes,
        )

    a, b = made(("person",), [PERSON] * 2, 0.5, True), made(("rider",), [RIDER, [50, 50, 60, 60]], 0.9)
    whole = merge([Labels("a", a), Labels("b", b)], MergingConfig(rules=("rider>person",), across=0.2))
    assert whole.found.classes == whole.classes == ("person", "rider")
    assert whole.found.boxes.class_id.tolist() == [1, 0, 1]
    assert whole.found.boxes.ignore.tolist() == [False, True, False]
    assert whole.found.boxes.extra["model"].tolist() == ["b", "a", "b"]
    assert (whole.found.boxes.track_id == -1).all()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"rename": ("person",)}, "OLD=NEW"),
        ({"rename": ("persn=x",)}, "Did you mean 'person'"),
        ({"rename": ("a:rider=x",)}, "model a"),
        ({"rules": ("person",)}, "A>B"),
        ({"rules": ("person>man",)}, "'man'"),
        ({"rules": ("person>rider", "rider~person")}, "one for each two"),
        ({"rules": ("person>rider", "rider>dog", "dog>person")}, "circle"),
        ({"rules": ("person>rider@2",)}, "at most 1"),
        ({"priority": ("c",)}, "priority must name models"),
        ({"overlap": 0.0}, "overlap"),
    ],
)
def test_settings_that_cannot_be_are_told(setting: dict, words: str) -> None:
    a, b = found("a", ("person", "dog"), (PERSON, 0.9, 0)), found("b", ("rider",), (RIDER, 0.6, 0))
    with pytest.raises(ConfigError, match=words):
        merge([a, b], MergingConfig(**setting))


def test_labels_that_cannot_be_are_told() -> None:
    a = found("a", ("person",), (PERSON, 0.9, 0))
    for models, words in (
        ([], "got none"),
        ([a, a], "name of its own"),
        ([a, table("b", ("person",), (0, 1, 0.0, 0.5, 0))], "Detections, TrackTable"),
        ([found("a", ("person",), (PERSON, 0.9, 3))], "point to a class"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            merge(models)


tables = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(-1, 3), st.integers(0, 12), st.sampled_from([0.3, 0.5, 0.9]), st.integers(0, 1)
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: (row[0], row[1]),
)


@settings(max_examples=60)
@given(st.lists(tables, min_size=1, max_size=3), st.sampled_from([(), ("x>y",), ("x~y",)]))
def test_every_row_comes_from_a_model_and_no_id_stands_twice(drawn: list, rules: tuple) -> None:
    models = [table(f"m{n}", ("x", "y"), *[(*r[:2], 5.0 * r[2], *r[3:]) for r in rows]) for n, rows in enumerate(drawn)]
    whole = merge(models, MergingConfig(rules=rules, classes=("x", "y"))).found  # the table's own checks hold
    theirs = {
        (labels.model, frame, tuple(box))
        for labels in models
        for frame, box in zip(labels.found.frame.tolist(), labels.found.xyxy.tolist(), strict=True)
    }
    came = list(zip(whole.extra["model"].tolist(), whole.frame.tolist(), map(tuple, whole.xyxy.tolist()), strict=True))
    assert theirs.issuperset(came)
    alone = merge(models[:1], MergingConfig(classes=("x", "y"))).found
    assert len(alone) == len(models[0].found)
