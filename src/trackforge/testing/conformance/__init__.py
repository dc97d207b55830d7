"""Does a component keep its protocol? One function a protocol, one named rule a promise.

Nothing here needs pytest. In a test file one line is enough::

    def test_it_is_a_tracker():
        check_tracker(lambda: MyTracker())

or one test a rule::

    @pytest.mark.parametrize("rule", rules("tracker"), ids=lambda rule: rule.__name__)
    def test_rule(rule):
        rule(lambda: MyTracker())
"""

from __future__ import annotations

from trackforge.testing.conformance.associator import check_associator
from trackforge.testing.conformance.detector import check_detector
from trackforge.testing.conformance.motion import check_motion_model
from trackforge.testing.conformance.rules import BrokenRule, rules
from trackforge.testing.conformance.sink import check_sink
from trackforge.testing.conformance.source import check_source
from trackforge.testing.conformance.tracker import check_tracker

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
