"""For everybody who writes components: a conformance kit, a synthetic world with ground truth, Hypothesis strategies.

>>> import trackforge
>>> from trackforge.testing import check_tracker
>>> check_tracker(lambda: trackforge.tracker("byte"))

`check_detector`, `check_associator`, `check_motion_model`, `check_tracker`, `check_source` and `check_sink` try every
rule of a protocol on your component and say which ones it breaks. `trackforge.synthetic.world` makes scenes whose truth
is known; `trackforge.testing.strategies` makes inputs for property tests (needs the extra ``testing``).
"""

from __future__ import annotations

from trackforge.testing.conformance import (
    BrokenRule,
    check_associator,
    check_detector,
    check_motion_model,
    check_sink,
    check_source,
    check_tracker,
    rules,
)

__all__ = [
    "BrokenRule",
    "check_associator",
    "check_detector",
    "check_motion_model",
    "check_sink",
    "check_source",
    "check_tracker",
    "rules",
]
