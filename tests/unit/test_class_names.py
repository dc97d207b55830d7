"""Classes by name, as people write them, wherever classes are chosen; and what a run leaves out of any detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge import runs
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, InvalidInputError, did_you_mean
from trackforge.models import class_ids
from trackforge.models.coco_names import COCO_CLASSES
from trackforge.protocols import StagedDetector
from trackforge.runs.filtering import one_box_each, only_classes
from trackforge.types import Detections, Frame
from trackforge.types.classes import class_numbers


def numbers(wanted, classes=COCO_CLASSES):
    return class_numbers(wanted, classes, what="classes", of="the detector")


@pytest.mark.parametrize(
    ("written", "number"),
    [("person", 0), ("Person", 0), (" PERSON ", 0), ("traffic_light", 9), ("Traffic-Light", 9), ("2", 2), (79, 79)],
)
def test_a_class_goes_by_its_name_in_any_spelling_or_by_its_number(written, number):
    assert numbers([written]) == (number,)


@given(st.permutations(range(80)), st.data())
def test_every_name_is_found_and_each_once_in_the_order_given(order, data):
    spell = [str.upper, str.title, lambda name: name.replace(" ", "_"), lambda name: name]
    written = [data.draw(st.sampled_from(spell))(COCO_CLASSES[number]) for number in order[:9]]
    assert numbers([*written, written[0]]) == tuple(order[:9])


def test_what_is_written_exactly_so_wins_and_doubt_is_told():
    assert numbers(["Cat"], ["cat", "Cat", "CAT"]) == (1,)
    assert numbers(["1"], ["0", "2", "1"]) == (2,)
    assert numbers(["dog"], ["dog", "cat", "dog"]) == (0, 2)
    with pytest.raises(ConfigError, match=r"'cAt' could be 'CAT' or 'Cat' or 'cat'. Write it"):
        numbers(["cAt"], ["cat", "Cat", "CAT"])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("persn", r"classes must name classes of the detector; 'persn' is none. Did you mean 'person'\?"),
        ("TRUK", r"'TRUK' is none. Did you mean 'truck'\? There are 80: person, bicycle, .*, \.\.\.\."),
        ("80", "'80' is none"),
        ("-1", "'-1' is none"),
        ("", "'' is none"),
    ],
)
def test_a_wrong_class_is_told_with_the_nearest(written, told):
    with pytest.raises(ConfigError, match=told):
        numbers([written])
    with pytest.raises(ConfigError, match="keep_classes must name classes of the weights"):
        class_ids([written], COCO_CLASSES)


def test_capitals_do_not_hide_the_nearest_name():
    assert did_you_mean("PERSN", ["car", "Person"]) == " Did you mean 'Person'?"


class Sees:
    """Finds what it is told to."""

    classes = ("person", "car", "truck")
    embedding_dim = None

    def __init__(self, found):
        self.found = found

    def detect(self, frames):
        return [self.found for _ in frames]

    def notes(self):
        return ["it is dark"]


class SeesInSteps(Sees):
    def prepare(self, frames):
        return len(frames)

    def infer(self, prepared):
        return prepared

    def select(self, predictions):
        return [self.found] * predictions


CAR_AND_TRUCK = Detections(
    xyxy=[[100, 100, 300, 200], [102, 99, 301, 202], [110, 90, 150, 200]], score=[0.6, 0.8, 0.9], class_id=[1, 2, 0]
)


@pytest.mark.parametrize("sees", [Sees, SeesInSteps])
def test_a_car_that_is_a_truck_too_becomes_one_box(sees):
    detector = one_box_each(sees(CAR_AND_TRUCK), 0.65)
    [found] = detector.detect([Frame(index=0)])
    assert found.class_id.tolist() == [2, 0]
    np.testing.assert_array_equal(found.xyxy, CAR_AND_TRUCK.xyxy[[1, 2]])
    assert isinstance(detector, StagedDetector) == (sees is SeesInSteps)
    assert (tuple(detector.classes), list(detector.notes())) == (Sees.classes, ["it is dark"])
    if sees is SeesInSteps:
        [again] = detector.select(detector.infer(detector.prepare([Frame(index=0)])))
        np.testing.assert_array_equal(again.xyxy, found.xyxy)


def test_boxes_apart_stay_as_they_are():
    assert one_box_each(Sees(CAR_AND_TRUCK), 0.99).detect([Frame(index=0)])[0] is CAR_AND_TRUCK
    assert len(one_box_each(Sees(Detections.empty()), 0.5).detect([Frame(index=0)])[0]) == 0


def test_only_some_classes():
    detector = only_classes(Sees(CAR_AND_TRUCK), ["Person", "2"])
    assert detector.detect([Frame(index=0)])[0].class_id.tolist() == [2, 0]
    with pytest.raises(ConfigError, match=r"Did you mean 'person'\? There are 3: person, car, truck"):
        only_classes(Sees(CAR_AND_TRUCK), ["persn"])


def test_a_run_makes_one_track_of_a_car_that_is_a_truck_too_and_names_its_class(tmp_path):
    boxes = ((2, 0.8, 100), (3, 0.9, 101), (1, 0.9, 400))  # class, score, left
    lines = [f"{k},-1,{left + 2 * k},100,200,100,{score},{c},-1,-1\n" for k in range(1, 9) for c, score, left in boxes]
    (tmp_path / "found.txt").write_text("".join(lines))
    (tmp_path / "found.labels.txt").write_text("person\ncar\ntruck\n")
    (tmp_path / "S").mkdir()
    (tmp_path / "S/seqinfo.ini").write_text(
        "[Sequence]\nname=S\nimDir=img1\nframeRate=10\nseqLength=8\nimWidth=800\nimHeight=400\nimExt=.jpg\n"
    )
    ids, told = {}, {}
    for agnostic in (False, True):
        out = tmp_path / f"{agnostic}.txt"
        job = runs.TrackingRun(
            sources=(str(tmp_path / "S"),),
            detector={"name": "file", "path": str(tmp_path / "found.txt")},
            class_agnostic=agnostic,
            out=(str(out),),
        )
        runs.carry_out(runs.plan(job))
        ids[agnostic] = {line.split(",")[1] for line in out.read_text().splitlines()}
        told[agnostic] = {line.split(",")[7] for line in out.read_text().splitlines()}
        assert out.with_suffix(".labels.txt").read_text() == "person\ncar\ntruck\n"
    assert (len(ids[False]), len(ids[True])) == (3, 2)
    assert told[True] == {"1", "3"}
    yolox = {"name": "yolox", "weights": "yolox-s"}
    planned = runs.plan(runs.TrackingRun(detector=yolox, class_agnostic=True, sources=(str(tmp_path / "S"),)))
    assert planned.detector.settings["class_agnostic"] is True
    assert planned.class_agnostic is False


def test_data_sets_know_classes_in_any_spelling():
    boxes = Boxes(image=[0], xyxy=[[0, 0, 1, 1]], class_id=[1])
    made = Dataset(images=Images(path=["a.jpg"]), boxes=boxes, classes=("car", "Person"))
    assert made.select_classes(["person", "CAR"]).classes == ("Person", "car")
    assert made.rename_classes({"PERSON": "people"}).classes == ("car", "people")
    with pytest.raises(InvalidInputError, match="Did you mean 'Person'"):
        made.select_classes(["persn"])
