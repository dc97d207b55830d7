"""Steps for tests of analytics: tracks whose boxes stand where they are told."""

from __future__ import annotations

import numpy as np

from trackforge import Detections, Frame, Step, Tracks, TrackState


def step(index, boxes, *, size=(640, 480), rate=10.0, classes=None, image=False):
    """Make a step of visible tracks; ``boxes`` is id to xyxy."""
    n = len(boxes)
    xyxy = np.array(list(boxes.values()), np.float32).reshape(-1, 4)
    class_id = np.array([(classes or {}).get(one, 0) for one in boxes], np.int64)
    picture = {"image": np.full((size[1], size[0], 3), 90, np.uint8)} if image else {"size": size}
    return Step(
        frame=Frame(index=index, timestamp=None if rate is None else index / rate, **picture),
        detections=Detections(xyxy=xyxy, class_id=class_id),
        tracks=Tracks(
            track_id=np.array(list(boxes), np.int64),
            xyxy=xyxy,
            score=np.ones(n, np.float32),
            class_id=class_id,
            state=np.full(n, TrackState.CONFIRMED),
            age=np.full(n, index + 1),
            time_since_update=np.zeros(n, np.int64),
            detection=np.arange(n),
        ),
    )


def standing(x, y, width=20.0, height=40.0):
    """Return the box of somebody who stands at a point."""
    return (x - width / 2, y - height, x + width / 2, y)


def steps_of(paths, **settings):
    """Make steps of tracks that stand at the points of their paths; None is a frame in which one is not seen."""
    length = max(len(path) for path in paths.values())
    for index in range(length):
        seen = {one: path[index] for one, path in paths.items() if index < len(path) and path[index] is not None}
        yield step(index, {one: standing(*point) for one, point in seen.items()}, **settings)


def followed(analytic, steps):
    """Give an analytic all steps; return what it gave last."""
    given = {}
    for one in steps:
        given = analytic.update(one)
    return given
