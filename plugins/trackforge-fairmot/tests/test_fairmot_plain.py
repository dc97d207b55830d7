"""The preset `fairmot` against the plain arithmetic that it is timed against, which equals the official code's.

So every clone proves the preset, without the recordings too.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import trackforge
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.types import Detections, Frame

pytest.importorskip("scipy")
PLAIN = Path(__file__).parents[3] / "benchmarks" / "speed" / "plain_fairmot.py"


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("plain_fairmot", PLAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PlainFairmot


@pytest.mark.parametrize(
    ("seed", "noise", "given"),
    [
        (0, 0.1, CrowdConfig(objects=25, frames=90, lifetime=60)),
        (1, 0.5, CrowdConfig(objects=25, frames=90, miss=0.3)),
        (2, 0.2, CrowdConfig(objects=60, frames=40, size=(800, 600), jitter=0.06, miss=0.2)),
        (3, 0.2, CrowdConfig(objects=3, frames=200, lifetime=30, miss=0.7)),
    ],
)
def test_ids_boxes_and_scores_are_the_same(plain, seed, noise, given):
    random, looks = np.random.default_rng(seed), {}
    ours, theirs, rows = trackforge.tracker("fairmot", track_buffer=12), plain(buffer=12), 0
    for index, (_, found) in enumerate(Crowd(given)):
        mine = [looks.setdefault(i, random.normal(size=16)) for i in found.extra["truth_id"].tolist()]
        look = (np.array(mine).reshape(-1, 16) + random.normal(0, noise, (len(found), 16))).astype(np.float32)
        tracks = ours.update(Detections(xyxy=found.xyxy, score=found.score, embedding=look), Frame(index=index)).visible
        wanted = sorted(theirs.update(found.xyxy, found.score, look), key=lambda track: track.track_id)
        assert tracks.track_id.tolist() == [track.track_id for track in wanted], f"frame {index}"
        if wanted:
            np.testing.assert_allclose(tracks.xyxy, [track.corners for track in wanted], rtol=1e-6, atol=1e-4)
            np.testing.assert_array_equal(tracks.score, [track.score for track in wanted])
        rows += len(tracks)
    assert rows > 100


@pytest.mark.golden
@pytest.mark.parametrize("case", ["fairmot_crowd", "fairmot_quirks"])
def test_the_plain_arithmetic_is_the_official_one(plain, golden_dir, case):
    with np.load(golden_dir / "jde" / f"{case}.npz") as file:
        data = dict(file)
    tracker, rows = plain(), 0
    for number in range(1, int(data["n_frames"]) + 1):
        here, wanted = data["dets"][:, 0] == number, data["tracks"][data["tracks"][:, 0] == number]
        shown = tracker.update(data["dets"][here, 1:5], data["dets"][here, 5], data["embeddings"][here])
        found = {track.track_id: track for track in shown}
        assert sorted(found) == sorted(wanted[:, 1].astype(int))
        for row in wanted:
            np.testing.assert_allclose(found[int(row[1])].box, row[2:6], atol=1e-6)
        rows += len(wanted)
    assert rows == len(data["tracks"])
