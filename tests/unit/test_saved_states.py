"""States saved by revision f3d5edf load, and go on with the rows that it went on with; new ones name components."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.errors import InvalidInputError, StateError
from trackforge.motion import KalmanXYWH, KalmanXYWHConfig
from trackforge.online import Lifecycle, OnlineTracker
from trackforge.packing import pack
from trackforge.types import Detections, Frame
from trackforge_byte.byte import ByteTrackerConfig

FIXTURES = Path(__file__).parent.parent / "fixtures"
SETTINGS = {
    "byte": {"classes": "vote", "frame_rate": 30.0},
    "bytetrack": {"skip_empty": True},
    "observation-centric": {"low_score": 0.1, "classes": "vote"},
    "ocsort": {"use_byte": True},
    "sort": {},
}


def nested(flat) -> dict:
    state: dict = {}
    for key in flat:
        place, (_, *path, name) = state, key.split("/")
        for part in path:
            place = place.setdefault(part, {})
        place[name] = flat[key] if flat[key].ndim else flat[key].item()
    return state


def parts(file, what: str, counts):
    """Yield the columns of each frame."""
    ends = np.cumsum(counts)
    columns = {key.split("/")[1]: file[key] for key in file if key.startswith(f"{what}/")}
    for start, end in zip(ends - counts, ends, strict=True):
        yield {name: column[start:end] for name, column in columns.items()}


def saved(name: str):
    """Return the state, the frames with detections that follow, and the rows that came out."""
    with np.load(FIXTURES / f"state-{name}.npz") as file:
        index, timestamp, found, tracks = file["frames"].T
        frames = [Frame(index=int(i), timestamp=float(t)) for i, t in zip(index, timestamp, strict=True)]
        detections = [Detections(**columns) for columns in parts(file, "detections", found.astype(int))]
        state = nested({key: file[key] for key in file if key.startswith("state/")})
        return state, list(zip(detections, frames, strict=True)), list(parts(file, "rows", tracks.astype(int)))


@pytest.mark.parametrize("name", SETTINGS)
def test_an_old_state_goes_on_with_the_same_rows(name):
    state, following, rows = saved(name)
    tracker = trackforge.tracker(name, **SETTINGS[name])
    tracker.load_state_dict(state)
    for (detections, frame), expected in zip(following, rows, strict=True):
        tracks = tracker.update(detections, frame)
        for column, values in expected.items():
            got = getattr(tracks, column)
            assert got.dtype == values.dtype, column
            assert got.tobytes() == values.tobytes(), (frame.index, column)


def strings(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", SETTINGS)
def test_a_state_names_components_never_modules(name):
    state = trackforge.tracker(name, **SETTINGS[name]).state_dict()
    assert state["format"] in ("online", "observation-centric")
    assert not [text for text in strings(state) if "trackforge" in text or "_byte" in text]
    motion = {"byte": "xywh(", "bytetrack": "xyah("}.get(name, "xysr(")
    assert state["settings"]["motion"].startswith(motion)


def test_what_a_state_does_not_know_must_be_at_its_default():
    state, _, _ = saved("byte")
    tracker = OnlineTracker(ByteTrackerConfig().association(), KalmanXYWH(), Lifecycle(max_lost=45, frame_rate=30))
    assert "score_noise" not in state["settings"]["motion"]
    settings = {**state["settings"], "lifecycle": tracker.state_dict()["settings"]["lifecycle"]}
    noisy = OnlineTracker(tracker.associator, KalmanXYWH(KalmanXYWHConfig(score_noise=True)), tracker.lifecycle)
    tracker.load_state_dict({**state, "settings": settings})
    with pytest.raises(StateError, match="same motion"):
        noisy.load_state_dict({**state, "settings": settings})


@pytest.mark.parametrize("change", [lambda text: text.replace("max_lost=45", "max_lost=44"), lambda text: text + "("])
def test_old_states_of_other_settings_are_refused(change):
    state, _, _ = saved("byte")
    state["settings"]["lifecycle"] = change(state["settings"]["lifecycle"])
    with pytest.raises(StateError, match="same lifecycle"):
        trackforge.tracker("byte", **SETTINGS["byte"]).load_state_dict(state)


def test_a_state_from_before_tracks_kept_their_class_says_which_setting_goes_on_with_it():
    before = trackforge.tracker("byte", classes="ignore").state_dict()
    with pytest.raises(StateError, match=r"it has classes='ignore', this one 'vote'\. Make the tracker"):
        trackforge.tracker("byte").load_state_dict(before)
    trackforge.tracker("byte", classes="ignore").load_state_dict(before)


@pytest.mark.parametrize("junk", [None, 3, float("inf"), "x", [], {}, np.zeros((4, 2)), np.array(["a"])])
@pytest.mark.parametrize("part", ["", "settings", "clock", "table", "votes", "filters"])
def test_a_damaged_state_is_told_and_changes_nothing(part, junk):
    state, _, _ = saved("byte")
    tracker = trackforge.tracker("byte", **SETTINGS["byte"])
    tracker.load_state_dict(state)
    before = pack(tracker.state_dict())
    key, _, inner = part.partition("/")
    wrong = {**state, key: {**state[key], inner: junk} if inner else junk} if part else junk
    with pytest.raises(StateError):
        tracker.load_state_dict(wrong)
    assert pack(tracker.state_dict()) == before


@pytest.mark.parametrize("number", [None, float("inf"), float("nan"), "x", [], {}])
@pytest.mark.parametrize("part", ["now", "updates", "index"])
def test_a_clock_that_cannot_be_is_told(part, number):
    state, _, _ = saved("byte")
    with pytest.raises(StateError, match=r"damaged|must be"):
        trackforge.tracker("byte", **SETTINGS["byte"]).load_state_dict(
            {**state, "clock": {**state["clock"], part: number}}
        )


def test_a_frame_that_is_refused_changes_nothing():
    tracker = trackforge.tracker("byte")
    tracker.update(Detections(xyxy=[[0, 0, 9, 9]]), Frame(index=4))
    before = pack(tracker.state_dict())
    with pytest.raises(InvalidInputError, match="must increase"):
        tracker.update(Detections(xyxy=[[0, 0, 9, 9]], embedding=np.ones((1, 4))), Frame(index=4))
    assert pack(tracker.state_dict()) == before
