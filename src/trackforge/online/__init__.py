"""Tracking frame by frame: one `OnlineTracker` for every method that an associator and a motion model can express.

    tracker = OnlineTracker(associator, motion, Lifecycle(min_hits=3))
    tracks = tracker.update(detections, frame)

`Clock`, `expect`, `judge`, `take`, `join`, `class_blocks` and `trackforge.online.state` serve trackers that implement
`trackforge.protocols.Tracker` directly.
"""

from __future__ import annotations

from trackforge.online.classes import ClassVotes, associate_by_class, class_blocks
from trackforge.online.clock import Clock, expect
from trackforge.online.columns import Columns, join, take
from trackforge.online.config import OnlineConfig, online_tracker
from trackforge.online.lifecycle import Ageing, Lifecycle, Quirks
from trackforge.online.looks import Looks
from trackforge.online.tracker import OnlineTracker
from trackforge.online.trust import judge

__all__ = [
    "Ageing",
    "ClassVotes",
    "Clock",
    "Columns",
    "Lifecycle",
    "Looks",
    "OnlineConfig",
    "OnlineTracker",
    "Quirks",
    "associate_by_class",
    "class_blocks",
    "expect",
    "join",
    "judge",
    "online_tracker",
    "take",
]
