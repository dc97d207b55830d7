"""Reports put together equal one evaluation of everything."""

from __future__ import annotations

import numpy as np
import pytest

import trackforge
from trackforge import TrackTable
from trackforge.errors import InvalidInputError
from trackforge.metrics import combine
from trackforge.runs import replay
from trackforge.synthetic.crowd import Crowd, CrowdConfig


def scene(seed: int) -> tuple[TrackTable, TrackTable]:
    crowd = Crowd(CrowdConfig(objects=6, frames=25, seed=seed))
    tracker = trackforge.tracker("iou", birth_score=0.3)
    return crowd.truth, TrackTable.from_steps(replay(crowd, tracker))


@pytest.fixture(scope="module")
def scenes() -> dict[str, tuple[TrackTable, TrackTable]]:
    return {f"s{seed}": scene(seed) for seed in range(3)}


def test_combined_reports_equal_one_evaluation(scenes) -> None:
    truth, tracks = ({name: pair[i] for name, pair in scenes.items()} for i in (0, 1))
    tracks["s2"] = TrackTable.empty("s2")  # a sequence without any result has cases of its own
    whole = trackforge.evaluate(truth, tracks, lengths=25)
    parts = [trackforge.evaluate({n: truth[n]}, {n: tracks[n]}, lengths=25) for n in truth]
    made = combine(parts)
    assert set(made.combined) == set(whole.combined)
    assert dict(made.combined) == dict(whole.combined)
    assert {n: dict(s) for n, s in made.sequences.items()} == {n: dict(s) for n, s in whole.sequences.items()}
    for name, curve in whole.combined.curves.items():
        np.testing.assert_array_equal(made.combined.curve(name), curve)
    assert 0 < whole.combined["HOTA"] < 1


def test_wrong_combinations_are_refused(scenes) -> None:
    truth, tracks = scenes["s0"]
    one = trackforge.evaluate(truth, tracks, lengths=25)
    other = trackforge.evaluate({"x": truth}, {"x": tracks}, lengths=25, preprocessing="mot15")
    with pytest.raises(InvalidInputError, match="at least one"):
        combine([])
    with pytest.raises(InvalidInputError, match="two reports"):
        combine([one, one])
    with pytest.raises(InvalidInputError, match="one preprocessing; got mot15, none"):
        combine([one, other])
