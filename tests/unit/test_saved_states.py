"""States saved by revision f3d5edf load, and go on with the rows that it went on with; new ones name components."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.types import Detections, Frame

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
