"""Whatever is tracked: analytics of the stored steps are those of the run, to the last digit."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.runs.analyzing import AnalysisRun, plan_analysis
from trackforge.runs.summary import carry_out
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.types import Detections

ASKED = {
    "lines": {"lines": "a=50%,0 50%,100%; b=0,50% 100%,50%", "margin": 2},
    "zones": {"zones": "left=0,0 50%,0 50%,100% 0,100%"},
    "ground": {"points": "10%,10% 90%,10% 100%,90% 0,90%", "rectangle": (20, 10)},
    "heat": {},
}


class Known:
    classes, embedding_dim = ("person",), None

    def __init__(self, crowd: Crowd) -> None:
        self.frames, self.found = map(list, zip(*crowd, strict=True))

    def detect(self, frames: list[trackforge.Frame], /) -> list[Detections]:
        return [self.found[frame.index] for frame in frames]


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), objects=st.integers(1, 12), tracker=st.sampled_from(("byte", "ocsort")))
def test_stored_steps_give_the_same_results(seed: int, objects: int, tracker: str) -> None:
    known = Known(Crowd(CrowdConfig(objects=objects, frames=40, false_positives=1, seed=seed)))
    made = {name: trackforge.analytic(name, **table) for name, table in ASKED.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steps.jsonl"
        sink = trackforge.sink("jsonl", path=path, both=True)
        for _ in trackforge.track(known.frames, known, tracker, analytics=made, sinks=[sink]):
            pass
        job = AnalysisRun(sources=(str(path),), analytics=ASKED)
        (result,) = carry_out(plan_analysis(job)).results
    live = {name: one.result() for name, one in made.items()}
    assert json.dumps(result.analytics, sort_keys=True) == json.dumps(live, sort_keys=True)
