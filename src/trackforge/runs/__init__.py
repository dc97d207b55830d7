"""A run is data: declared once, described in Python, TOML, flags, environment variables or hyperparameters.

>>> run = TrackingRun(sources=("synthetic",), source={"frames": 5, "size": (160, 120)}, tracker="iou")
>>> [(result.name, result.frames) for result in carry_out(plan(run)).results]
[('street', 5)]

A job (`TrackingRun`, `trackforge.tuning.TuningRun`, `trackforge.training.run.TrainingRun`) is a dataclass of settings.
`Layer` holds what one place says about it, whatever the spelling; `plan` puts layers together and checks them, `run`
tracks, `carry_out` scores and writes a `Summary`, too. Nothing here prints or needs the command line's packages.
"""

from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, from_environment, from_job, from_mapping, from_strings, from_toml
from trackforge.runs.planning import Output, RunPlan, plan
from trackforge.runs.recordings import Footage, Recordings
from trackforge.runs.replaying import replay
from trackforge.runs.running import SequenceResult, open_sources, run
from trackforge.runs.scoring import Scores, Truth
from trackforge.runs.setups import Setup
from trackforge.runs.stopping import Stopping
from trackforge.runs.stopwatch import Stopwatch
from trackforge.runs.summary import Summary, carry_out
from trackforge.runs.tracking import TrackingRun

__all__ = [
    "Component",
    "Footage",
    "Layer",
    "Output",
    "Recordings",
    "RunPlan",
    "Scores",
    "SequenceResult",
    "Setup",
    "Stopping",
    "Stopwatch",
    "Summary",
    "TrackingRun",
    "Truth",
    "carry_out",
    "from_environment",
    "from_job",
    "from_mapping",
    "from_strings",
    "from_toml",
    "open_sources",
    "plan",
    "replay",
    "run",
]
