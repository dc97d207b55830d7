"""Saving and loading a tracker: every later result is the same to the last bit."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
from walkers import Overlap, assert_same, overlap_tracker, play, walkers

from trackforge.errors import StateError
from trackforge.motion import KalmanXYAH, KalmanXYAHConfig, KalmanXYWH
from trackforge.online import Lifecycle, OnlineTracker, Quirks

KINDS = {
    "plain": {},
    "votes": {"classes": "vote"},
    "duplicates": {"duplicate_iou": 0.8, "tentative_patience": 2},
}


def continues(tracker, other, frames, start):
    for a, b in zip(play(tracker, frames, start), play(other, frames, start), strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, 1, 17, 40])
def test_it_continues_exactly(kind, at):
    frames = walkers(8, 60, embedding_dim=4 if kind == "plain" else None)
    tracker, other = overlap_tracker(**KINDS[kind]), overlap_tracker(**KINDS[kind])
    play(tracker, frames[:at])
    play(other, walkers(3, 9, seed=5))  # what was there before does not matter
    other.load_state_dict(tracker.state_dict())
    continues(tracker, other, frames[at:], at)


def test_a_state_is_a_snapshot():
    frames = walkers(5, 40)
    tracker, other = overlap_tracker(), overlap_tracker()
    play(tracker, frames[:20])
    state = tracker.state_dict()
    kept = copy.deepcopy(state)
    first = play(tracker, frames[20:], 20)
    other.load_state_dict(state)
    for a, b in zip(first, play(other, frames[20:], 20), strict=True):
        assert_same(a, b)
    np.testing.assert_equal(state, kept)


def test_pickle_and_deepcopy():
    frames = walkers(5, 40)
    tracker = overlap_tracker(quirks=Quirks(count_updates=True, late_removal=True, lose_once=True))
    play(tracker, frames[:20])
    for other in (pickle.loads(pickle.dumps(tracker)), copy.deepcopy(tracker)):
        continues(copy.deepcopy(tracker), other, frames[20:], 20)


def flatten(state, prefix=""):
    for key, value in state.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value


def test_a_state_holds_only_arrays_numbers_and_strings_and_survives_a_file():
    frames = walkers(5, 40)
    tracker = overlap_tracker()
    play(tracker, frames[:20])
    flat = dict(flatten(tracker.state_dict()))
    assert {type(v) for v in flat.values()} <= {str, int, float, np.ndarray}
    assert not any(isinstance(v, np.ndarray) and v.dtype == object for v in flat.values())
    file = io.BytesIO()
    np.savez(file, **{k.replace("/", "|"): v for k, v in flat.items()})
    file.seek(0)
    state: dict = {}
    with np.load(file) as loaded:
        for key in loaded.files:
            *path, name = key.split("|")
            place = state
            for part in path:
                place = place.setdefault(part, {})
            value = loaded[key]
            place[name] = value if value.ndim else value.item()
    other = overlap_tracker()
    other.load_state_dict(state)
    continues(tracker, other, frames[20:], 20)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (OnlineTracker(Overlap(min_iou=0.5), KalmanXYAH()), "associator"),
        (OnlineTracker(Overlap(), KalmanXYWH()), "motion"),
        (OnlineTracker(Overlap(), KalmanXYAH(KalmanXYAHConfig(position_std=0.1))), "motion"),
        (OnlineTracker(Overlap(), KalmanXYAH(), Lifecycle(max_lost=31)), "lifecycle"),
        (OnlineTracker(Overlap(), KalmanXYAH(), quirks=Quirks(streak=True)), "quirks"),
    ],
)
def test_other_settings_are_refused(other, what):
    tracker = overlap_tracker()
    play(tracker, walkers(4, 10))
    with pytest.raises(StateError, match=f"same {what}"):
        other.load_state_dict(tracker.state_dict())


def damaged(change):
    tracker = overlap_tracker()
    play(tracker, walkers(4, 10))
    state = tracker.state_dict()
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(format="something else"), "got 'something else'"),
        (lambda s: s.update(version=99), "got 99"),
        (lambda s: s.pop("settings"), "associator"),
        (lambda s: s.pop("table"), "table"),
        (lambda s: s["table"].pop("score"), "score"),
        (lambda s: s["table"].update(state=np.ones(1000, np.int64)), "must have"),
        (lambda s: s["table"].update(track_id=np.ones(len(s["table"]["track_id"]))), "int64"),
        (lambda s: s["filters"].update({"0": np.zeros((1, 5, 4))}), "must have"),
        (lambda s: s.update(next_id="many"), "many"),
        (lambda s: s.update(clock={}), "now"),
        (lambda s: s.clear(), "got None"),
    ],
)
def test_damaged_states_are_refused_and_nothing_changes(change, message):
    frames = walkers(5, 30)
    tracker, twin = overlap_tracker(), overlap_tracker()
    play(tracker, frames[:15])
    play(twin, frames[:15])
    with pytest.raises(StateError, match=message):
        tracker.load_state_dict(damaged(change))
    continues(tracker, twin, frames[15:], 15)
