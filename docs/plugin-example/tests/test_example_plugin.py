"""All that a plugin has to test: does it keep the protocols, and does it track?"""

import numpy as np
from trackforge_example.bright import BrightDetector
from trackforge_example.nearest import NearestAssociator

import trackforge
from trackforge.testing import check_associator, check_detector, check_tracker


def test_the_associator_keeps_the_protocol():
    check_associator(NearestAssociator)


def test_the_detector_keeps_the_protocol():
    check_detector(BrightDetector)


def test_a_tracker_with_it_keeps_the_protocol():
    check_tracker(lambda: trackforge.tracker("online", associator="nearest"))


def test_it_follows_two_lights():
    def frame(index):
        image = np.full((120, 160, 3), 30, np.uint8)
        image[20:40, 5 * index : 5 * index + 12] = 255
        image[80:100, 140 - 5 * index : 152 - 5 * index] = 255
        return trackforge.Frame(index=index, image=image)

    steps = trackforge.track(map(frame, range(20)), "bright", trackforge.tracker("online", associator="nearest"))
    ids = {track_id for step in steps for track_id in step.tracks.visible.track_id.tolist()}
    assert ids == {1, 2}
