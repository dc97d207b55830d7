"""The preset `bytetrack` against the official ByteTrack: ids, boxes, scores and lost tracks of every frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.types import Detections, Frame, TrackState

pytestmark = pytest.mark.golden

CASES = ("crowd_default", "crowd_test17", "crowd_mot20", "crowd_buffer14", "quirks", "quirks_skip_empty")
COMMITTED = Path(__file__).parents[1] / "recordings" / "bytetrack"
"""The small cases, so that they are proven without the shared data too."""


@pytest.fixture(params=CASES)
def case(request):
    folder = COMMITTED
    if not (folder / f"{request.param}.npz").exists():
        folder = request.getfixturevalue("golden_dir") / "bytetrack"
    meta = json.loads((folder / "meta.json").read_text())["cases"][request.param]
    with np.load(folder / f"{request.param}.npz") as file:
        return dict(file), meta["args"], bool(meta["call"].get("skip_empty"))


def frames_of(data):
    for number in range(1, int(data["n_frames"]) + 1):
        rows = {name: data[name][data[name][:, 0] == number] for name in ("dets", "tracks", "lost")}
        detections = Detections(xyxy=rows["dets"][:, 1:5], score=rows["dets"][:, 5])
        official = rows["tracks"][np.argsort(rows["tracks"][:, 1])]
        yield Frame(index=number - 1), detections, official, rows["lost"]


def test_every_frame_is_the_same(case):
    data, args, skip_empty = case
    tracker = trackforge.tracker("bytetrack", **args, skip_empty=skip_empty)
    rows = 0
    for frame, detections, official, _ in frames_of(data):
        tracks = tracker.update(detections, frame).visible
        assert tracks.track_id.tolist() == official[:, 1].astype(int).tolist(), f"frame {frame.index}"
        corners = np.concatenate((official[:, 2:4], official[:, 2:4] + official[:, 4:6]), axis=1)
        # the original computes widths in float32, we keep results in float32: nothing else is different
        np.testing.assert_allclose(tracks.xyxy, corners, rtol=6e-8, atol=2e-5)
        np.testing.assert_array_equal(tracks.score, official[:, 6].astype(np.float32))
        np.testing.assert_array_equal(tracks.score, detections.score[tracks.detection])
        rows += len(tracks)
    assert rows == len(data["tracks"])


def test_the_same_tracks_are_lost_and_given_up(case):
    data, args, skip_empty = case
    tracker = trackforge.tracker("bytetrack", **args, skip_empty=skip_empty)
    seen_lost = seen_given_up = 0
    for frame, detections, _, official in frames_of(data):
        tracks = tracker.update(detections, frame)
        if skip_empty and not len(detections):
            continue  # the official evaluator does not call its tracker on such frames
        lost = tracks[tracks.state == TrackState.LOST]
        assert sorted(lost.track_id) == sorted(official[:, 1]), f"frame {frame.index}"
        given_up = lost.track_id[lost.time_since_update > args["track_buffer"]]
        assert sorted(given_up) == sorted(official[official[:, 3] == 3, 1]), f"frame {frame.index}"
        seen_lost += len(lost)
        seen_given_up += len(given_up)
    assert seen_lost > 100
    assert seen_given_up > 0


def test_removed_tracks_leave_no_trace(case):
    data, args, skip_empty = case
    tracker = trackforge.tracker("bytetrack", **args, skip_empty=skip_empty)
    size = 0
    for frame, detections, _, _ in frames_of(data):
        tracks = tracker.update(detections, frame)
        size = sum(column.nbytes for column in tracker.state_dict()["table"].values())
        assert size <= 100 * max(len(tracks), 1)
    assert data["removed_len"][-1] >= 10, "the original remembers removed tracks for ever; this case has some"


def test_what_the_official_output_filter_keeps(case):
    data, args, skip_empty = case
    tracker = trackforge.tracker("bytetrack", **args, skip_empty=skip_empty)
    kept = []
    for frame, detections, official, _ in frames_of(data):
        tracks = tracker.update(detections, frame).visible
        width, height = (tracks.xyxy[:, 2:] - tracks.xyxy[:, :2]).T
        good = (width * height > 100) & ~(width / height > 1.6)
        kept += [(frame.index + 1, int(i)) for i in tracks.track_id[good]]
        assert len(official) == len(tracks)
    expected = data["tracks"][data["kept_by_output_filter"]]
    assert sorted(kept) == sorted((int(f), int(i)) for f, i in expected[:, :2])
