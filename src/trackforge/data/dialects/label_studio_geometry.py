"""Label Studio's rectangles: where a track is shown, and the boxes around turned ones, in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trackforge.data.dialects.keyframes import Floats, Ints, between
from trackforge.intake.documents import finite_number, whole_number
from trackforge.intake.limits import check_limit

__all__ = ["box_around", "shown_boxes"]

_SIDES = ("x", "y", "width", "height", "rotation")


def shown_boxes(keys: Sequence[Any], length: int, size: tuple[int, int]) -> tuple[Ints, Floats, bool]:
    """Return in which frames a track is shown and as what.

    Args:
        keys: Its key frames, in any order.
        length: Frames of the video.
        size: ``(width, height)`` of the video in pixels.

    Returns:
        ``(N,)`` 0-based frame numbers, the ``(N, 4)`` boxes there in pixels, and whether any rectangle is turned.

    Raises:
        DataError: They mean more boxes than the limit allows.
        KeyError, TypeError, ValueError: A key frame lacks its number, or a value is no finite number.
    """
    points: dict[int, tuple[bool, Floats]] = {}
    for key in keys:
        frame = whole_number(key["frame"], 1) - 1
        sides = [finite_number(key.get(k, 0)) for k in _SIDES]
        points[frame] = (bool(key.get("enabled", True)), np.array(sides))
    order = sorted(points)
    ends = zip(order, [*order[1:], length], strict=True)
    meant = sum(max(0, min(end, length) - at) for at, end in ends if points[at][0])
    check_limit("boxes", meant, "The boxes that the key frames of a track mean")
    parts: list[Ints] = []
    for frame, following in zip(order, [*order[1:], length], strict=True):
        enabled, _ = points[frame]
        parts.append(np.arange(frame, max(following, frame + 1) if enabled else frame + 1))
    frames = np.concatenate([np.empty(0, np.int64), *parts])
    frames = frames[frames < length]
    keys_at, values = np.array(order, np.int64), np.array([points[frame][1] for frame in order])
    rectangles = between(keys_at, values, frames) if len(frames) else np.empty((0, len(_SIDES)))
    return frames, _corners(rectangles, size), bool((rectangles[:, 4] != 0).any())


def box_around(value: Mapping[str, Any], size: tuple[int, int]) -> tuple[Floats, bool]:
    """Return the ``(4,)`` box around a rectangle, in pixels, and whether it is turned; raises as `shown_boxes`."""
    values = np.array([[finite_number(value.get(k, 0)) for k in _SIDES]])
    return _corners(values, size)[0], bool(values[0, 4])


def _corners(values: Floats, size: tuple[int, int]) -> Floats:
    """Turn ``(N, 5)`` x, y, width, height in percent and degrees clockwise into the ``(N, 4)`` pixel boxes around."""
    x, width = values[:, 0] * size[0] / 100, values[:, 2] * size[0] / 100
    y, height = values[:, 1] * size[1] / 100, values[:, 3] * size[1] / 100
    angle = np.deg2rad(values[:, 4])
    cos, sin = np.cos(angle), np.sin(angle)
    zero = np.zeros_like(x)
    across = np.stack((zero, width * cos, -height * sin, width * cos - height * sin))
    down = np.stack((zero, width * sin, height * cos, width * sin + height * cos))
    return np.stack((x + across.min(0), y + down.min(0), x + across.max(0), y + down.max(0)), axis=1)
