"""What `trackforge` promises: exactly these names, each of them there."""

from __future__ import annotations

import importlib.metadata

import pytest

import trackforge
from trackforge.registry import doors

PROMISED = [
    "Detections",
    "Frame",
    "Lifecycle",
    "Matches",
    "OnlineTracker",
    "Report",
    "Session",
    "SessionPool",
    "Step",
    "Stream",
    "TrackState",
    "TrackTable",
    "Tracks",
    "ValidationReport",
    "__version__",
    "analytic",
    "associator",
    "camera_motion",
    "command",
    "data",
    "detect",
    "detector",
    "embedder",
    "errors",
    "evaluate",
    "export",
    "from_results",
    "motion_model",
    "segmenter",
    "sink",
    "source",
    "track",
    "tracker",
    "trainer",
    "training",
    "validate",
]


def test_the_public_names_are_exactly_these() -> None:
    assert trackforge.__all__ == PROMISED
    assert sorted(PROMISED) == PROMISED


@pytest.mark.parametrize("name", PROMISED)
def test_every_public_name_is_there_documented_and_stays_the_same(name: str) -> None:
    value = getattr(trackforge, name)
    assert getattr(trackforge, name) is value
    assert name in dir(trackforge)
    if name != "__version__":
        assert (value.__doc__ or "").strip()


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Detector'"):
        _ = trackforge.Detector


def test_the_version_is_that_of_the_distribution() -> None:
    assert trackforge.__version__ == importlib.metadata.version("trackforge-mot")


def test_every_door_is_public() -> None:
    assert set(doors.__all__) <= set(trackforge.__all__)
