"""Tracking frame by frame: one `OnlineTracker` for every method that an associator and a motion model can express.

    tracker = OnlineTracker(associator, motion, Lifecycle(min_hits=3))
    tracks = tracker.update(detections, frame)

A method that remembers more keeps its tracks in a `Population` and derives from `PopulationTracker`: it writes down in
which order it asks, and has columns and filters of its own where it needs them.
"""

from __future__ import annotations

from trackforge.online.appearance import Appearance
from trackforge.online.base import PopulationTracker
from trackforge.online.classes import ClassVotes, associate_by_class, class_blocks
from trackforge.online.clock import Clock, expect
from trackforge.online.columns import Column, Columns, Floats, Ints, Mask, join, put_state, take, take_state
from trackforge.online.config import OnlineConfig, online_tracker
from trackforge.online.death import Death
from trackforge.online.lifecycle import Ageing, AgeingQuirks, Lifecycle, Quirks, judge
from trackforge.online.population import Population
from trackforge.online.tracker import OnlineTracker

__all__ = [
    "Ageing",
    "AgeingQuirks",
    "Appearance",
    "ClassVotes",
    "Clock",
    "Column",
    "Columns",
    "Death",
    "Floats",
    "Ints",
    "Lifecycle",
    "Mask",
    "OnlineConfig",
    "OnlineTracker",
    "Population",
    "PopulationTracker",
    "Quirks",
    "associate_by_class",
    "class_blocks",
    "expect",
    "join",
    "judge",
    "online_tracker",
    "put_state",
    "take",
    "take_state",
]
