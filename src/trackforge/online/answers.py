"""What an associator answers is checked once, where it enters a tracker."""

from __future__ import annotations

from typing import Any

from trackforge.errors import PluginError
from trackforge.types import Matches

__all__ = ["checked_matches"]


def checked_matches(answer: Any, tracks: int, detections: int, associator: object) -> Matches:
    """Return the answer of an associator that was given so many tracks and detections.

    Raises:
        PluginError: It is no `Matches`, its columns are no whole numbers of one length, a row is out of range, or a
            track or detection is in it twice.
    """
    try:
        problem = _problem(answer, tracks, detections)
    except (TypeError, ValueError, OverflowError, AttributeError, MemoryError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise PluginError(
            f"associate() must return Matches of each of the {tracks} tracks and {detections} detections once at most; "
            f"{type(associator).__name__} gave others: {problem}. "
            "trackforge.testing.check_associator shows what else it must do."
        )
    made: Matches = answer
    return made


def _problem(answer: Any, tracks: int, detections: int) -> str:
    """Say what is wrong, or nothing."""
    if not isinstance(answer, Matches):
        return f"it is {type(answer).__name__}"
    if not len(answer.track) == len(answer.detection) == len(answer.cost):
        return (
            f"its pairs have {len(answer.track)} tracks, {len(answer.detection)} detections, {len(answer.cost)} costs"
        )
    for what, pairs, rest, most in (
        ("track", answer.track, answer.unmatched_track, tracks),
        ("detection", answer.detection, answer.unmatched_detection, detections),
    ):
        if pairs.dtype.kind not in "iu" or rest.dtype.kind not in "iu":
            return f"rows of {what}s are {pairs.dtype} and {rest.dtype}"
        rows = pairs.tolist() + rest.tolist()  # lists: five times as quick as arrays for the tens of rows of a frame
        if rows and not 0 <= min(rows) <= max(rows) < most:
            return f"a {what} of row {min(rows)} to {max(rows)}"
        if len(set(rows)) < len(rows):
            return f"a {what} twice"
    return ""
