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

from trackforge.testing.conformance.analytic import check_analytic
from trackforge.testing.conformance.associator import check_associator
from trackforge.testing.conformance.camera import check_camera_motion
from trackforge.testing.conformance.command import check_command
from trackforge.testing.conformance.dataset import check_dataset_format
from trackforge.testing.conformance.detector import check_detector
from trackforge.testing.conformance.embedder import check_embedder
from trackforge.testing.conformance.exporter import check_exporter
from trackforge.testing.conformance.motion import check_motion_model
from trackforge.testing.conformance.rules import BrokenRule, rules
from trackforge.testing.conformance.segmenter import check_segmenter
from trackforge.testing.conformance.sink import check_sink
from trackforge.testing.conformance.source import check_source
from trackforge.testing.conformance.tracker import check_tracker
from trackforge.testing.conformance.trainer import check_trainer

__all__ = [
    "BrokenRule",
    "check_analytic",
    "check_associator",
    "check_camera_motion",
    "check_command",
    "check_dataset_format",
    "check_detector",
    "check_embedder",
    "check_exporter",
    "check_motion_model",
    "check_segmenter",
    "check_sink",
    "check_source",
    "check_tracker",
    "check_trainer",
    "rules",
]
