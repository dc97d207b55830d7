"""An online tracker put together by name."""

from __future__ import annotations

import pytest
from walkers import Overlap, box, play, seen

import trackforge
from trackforge.errors import ConfigError, UnknownComponentError
from trackforge.motion import KalmanXYSR, KalmanXYWH
from trackforge.online import Lifecycle, OnlineConfig, OnlineTracker, Quirks, online_tracker


def test_by_names_with_nested_settings():
    tracker = trackforge.tracker(
        "online",
        associator="iou",
        associator_settings={"min_iou": "0.4"},
        motion="xysr",
        motion_settings={"area_variance": 2},
        quirks={"streak": True},
        min_hits="3",
        max_lost=7,
    )
    assert isinstance(tracker, OnlineTracker)
    assert tracker.associator.min_iou == 0.4
    assert isinstance(tracker.motion, KalmanXYSR)
    assert tracker.motion.config.area_variance == 2
    assert tracker.lifecycle == Lifecycle(min_hits=3, max_lost=7)
    assert tracker.quirks == Quirks(streak=True)


def test_by_objects():
    associator, motion = Overlap(), KalmanXYWH()
    tracker = online_tracker(OnlineConfig(associator=associator, motion=motion, quirks=None))
    assert tracker.associator is associator
    assert tracker.motion is motion
    assert play(tracker, [seen(box())])[0].track_id.tolist() == [1]


def test_settings_for_an_object_are_refused():
    with pytest.raises(ConfigError, match="motion_settings needs motion to be a name"):
        OnlineConfig(motion=KalmanXYWH(), motion_settings={"position_std": 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_hit": 3}, "Did you mean 'min_hits'"),
        ({"associator_settings": {"high_scor": 1}}, "Did you mean 'high_score'"),
        ({"quirks": {"streaks": True}}, "Did you mean 'streak'"),
        ({"max_lost": -1}, "max_lost must be >= 0 frames"),
        ({"classes": "some"}, "ignore | separate | vote"),
    ],
)
def test_wrong_settings_say_so(settings, message):
    with pytest.raises(ConfigError) as caught:
        trackforge.tracker("online", **settings)
    assert message in str(caught.value)


def test_unknown_names_say_so():
    with pytest.raises(UnknownComponentError, match="xyah"):
        trackforge.tracker("online", motion="xyha")


def test_lifecycle_of_takes_only_its_own_settings():
    assert Lifecycle.of(OnlineConfig(max_lost=12)) == Lifecycle(max_lost=12)
    assert Lifecycle.of(OnlineConfig(), min_hits=9).min_hits == 9
