"""Does it keep the protocols, and is it found?"""

from __future__ import annotations

import trackforge
from trackforge.testing import check_associator, check_tracker
from trackforge_newcomer.associator import NewcomerAssociator


def test_the_associator_keeps_the_protocol():
    check_associator(NewcomerAssociator)


def test_a_tracker_with_it_keeps_the_protocol():
    check_tracker(lambda: trackforge.tracker("online", associator="newcomer"))
