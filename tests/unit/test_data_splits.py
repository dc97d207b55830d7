from __future__ import annotations

import numpy as np
import pytest
from labelled import film, stills

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import InvalidInputError

MOT17 = {"02": 600, "04": 1050, "05": 837, "09": 525, "10": 654, "11": 900, "13": 750}
TRAIN_HALF = {"02": 301, "04": 526, "05": 419, "09": 263, "10": 328, "11": 451, "13": 376}


def mot17() -> Dataset:
    sequence = np.repeat([f"MOT17-{k}" for k in MOT17], list(MOT17.values()))
    frame = np.concatenate([np.arange(n) for n in MOT17.values()])
    images = Images(path=[""] * len(frame), sequence=sequence, frame=frame)
    boxes = Boxes(image=np.arange(len(frame)), xyxy=np.tile([0, 0, 1, 1], (len(frame), 1)), track_id=frame)
    return Dataset(images=images, boxes=boxes, classes=("pedestrian",))


def test_halves_of_mot17_are_the_official_ones(data_dir):
    train, val = data.half_split(mot17())
    truth = data.read(data_dir / "mot17-half-val/gt")
    for name, count in TRAIN_HALF.items():
        assert (train.images.sequence == f"MOT17-{name}").sum() == count
        mine = val.images.frame[val.images.sequence == f"MOT17-{name}"]
        official = truth.images.frame[truth.images.sequence == f"MOT17-{name}-FRCNN"]
        np.testing.assert_array_equal(mine, official)
    assert (train.splits, val.splits) == (("train_half",), ("val_half",))


def test_the_rule_of_fairmot_has_one_frame_less():
    train, val = data.half_split(mot17(), rule="fairmot")
    assert (len(train), len(val)) == (2657, 2659)


def test_frames_restart_only_if_asked():
    whole = mot17().in_sequences("MOT17-05")
    for restart, first in ((True, 0), (False, 419)):
        _, val = data.half_split(whole, restart=restart)
        assert val.images.frame[0] == first
        assert val.boxes.track_id[0] == 419  # the labels are those of the later frames all the same


def test_stills_have_no_halves(tmp_path):
    with pytest.raises(InvalidInputError, match="Use random_split"):
        data.half_split(stills(tmp_path))


def test_random_split_is_repeatable_and_whole(tmp_path):
    made = stills(tmp_path, count=10)
    train, val = data.random_split(made, val=0.3, seed=4)
    assert (len(train), len(val)) == (7, 3)
    assert sorted(train.images.path.tolist() + val.images.path.tolist()) == sorted(made.images.path.tolist())
    again = data.random_split(made, val=0.3, seed=4)[1]
    assert again.images.path.tolist() == val.images.path.tolist()
    assert data.random_split(made, val=0.3, seed=5)[1].images.path.tolist() != val.images.path.tolist()
    with pytest.raises(InvalidInputError, match="between 0 and 1"):
        data.random_split(made, val=1.0)
    with pytest.raises(InvalidInputError, match="0 of 10"):
        data.random_split(made, val=0.01)


def test_sequences_stay_whole():
    whole = mot17()
    train, val = data.sequence_split(whole, val=0.3, seed=1)
    assert not set(train.sequences) & set(val.sequences)
    assert abs(len(val) / len(whole) - 0.3) < 0.1
    named = data.sequence_split(whole, val=["MOT17-09", "MOT17-02"])[1]
    assert named.sequences == ("MOT17-02", "MOT17-09")


def test_a_split_of_the_only_sequence_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="Both parts must hold pictures"):
        data.sequence_split(film(tmp_path), val=["street"])
