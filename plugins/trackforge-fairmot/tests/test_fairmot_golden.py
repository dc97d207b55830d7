"""The three presets against the official code: ids, boxes, scores, lost tracks and embeddings of every frame."""

from __future__ import annotations

import json

import numpy as np
import pytest

import trackforge
from trackforge.types import Detections, Frame, TrackState

pytestmark = pytest.mark.golden

CASES = {
    "fairmot_crowd": "fairmot",
    "fairmot_quirks": "fairmot",
    "fairmot_byte_motion": "fairmot-byte",
    "fairmot_byte_reid": "fairmot-byte-reid",
}


@pytest.fixture(scope="module", params=CASES)
def case(request, golden_dir):
    """Return what went in, what came out, and the tracks of ours."""
    folder = golden_dir / "jde"
    options = json.loads((folder / "meta.json").read_text())[request.param]["opt"]
    with np.load(folder / f"{request.param}.npz") as file:
        data = dict(file)
    tracker = trackforge.tracker(CASES[request.param], **options)
    ours = []
    for number in range(1, int(data["n_frames"]) + 1):
        here = data["dets"][:, 0] == number
        detections = Detections(
            xyxy=data["dets"][here, 1:5], score=data["dets"][here, 5], embedding=data["embeddings"][here]
        )
        ours.append((detections, tracker.update(detections, Frame(index=number - 1))))
    return data, ours


def official(data, name, index):
    rows = data[name][data[name][:, 0] == index + 1]
    return rows[np.argsort(rows[:, 1])]


def test_every_frame_is_the_same(case):
    data, ours = case
    rows = 0
    for index, (_, tracks) in enumerate(ours):
        shown, theirs = tracks.visible, official(data, "tracks", index)
        assert shown.track_id.tolist() == theirs[:, 1].astype(int).tolist(), f"frame {index}"
        corners = np.concatenate((theirs[:, 2:4], theirs[:, 2:4] + theirs[:, 4:6]), axis=1)
        np.testing.assert_allclose(shown.xyxy, corners, rtol=6e-8, atol=2e-5)
        np.testing.assert_array_equal(shown.score, theirs[:, 6].astype(np.float32))
        rows += len(shown)
    assert rows == len(data["tracks"]) > 400


def test_the_same_tracks_are_lost_and_given_up(case):
    data, ours = case
    given_up = 0
    for index, (_, tracks) in enumerate(ours):
        lost, theirs = tracks[tracks.state == TrackState.LOST], official(data, "lost", index)
        assert lost.track_id.tolist() == theirs[:, 1].tolist(), f"frame {index}"
        gone = lost.track_id[lost.time_since_update > 30]
        assert gone.tolist() == theirs[theirs[:, 3] == 3, 1].tolist(), f"frame {index}"
        given_up += len(gone)
    assert given_up > 0


def test_embeddings_are_smoothed_alike(case):
    data, ours = case
    _, tracks = ours[-1]
    if "final_ids" not in data:  # by motion alone: the official tracker keeps none, ours keeps them for whoever asks
        np.testing.assert_allclose(np.linalg.norm(tracks.embedding, axis=1), 1, atol=1e-5)
        return
    place = {int(track): row for row, track in enumerate(tracks.track_id)}
    rows = [place[int(track)] for track in data["final_ids"]]
    np.testing.assert_allclose(tracks.embedding[rows], data["final_smooth_feat"], atol=1e-6)
