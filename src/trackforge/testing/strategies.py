"""Hypothesis strategies: inputs for property tests of your own components. Needs the extra ``testing``.

>>> from hypothesis import given
>>> from trackforge.testing import strategies
>>> @given(strategies.streams())
... def test_ids_are_unique(stream):
...     tracker = MyTracker()
...     for detections, frame in stream:
...         ids = tracker.update(detections, frame).track_id
...         assert len(set(ids.tolist())) == len(ids)

Coordinates are multiples of 1/8 pixel, so examples stay readable and exact in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trackforge.errors import MissingDependencyError
from trackforge.types import Detections, Frame

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise MissingDependencyError(
        "trackforge.testing.strategies needs Hypothesis, which is not installed; run: pip install "
        "'trackforge-mot[testing]'",
        name="hypothesis",
    ) from error

__all__ = ["boxes", "detections", "frames", "images", "streams"]

GRAIN = 8
"""Steps a pixel."""


def boxes(
    *, size: tuple[int, int] = (640, 480), min_size: int = 0, max_size: int = 8, margin: int = 32, empty: bool = True
) -> st.SearchStrategy[Any]:
    """Make ``(N, 4)`` float32 xyxy arrays.

    Args:
        size: Width and height of the image, in pixels.
        min_size: Fewest boxes.
        max_size: Most boxes.
        margin: How far boxes may reach out of the image, in pixels.
        empty: Allow boxes without width or height.
    """
    least = 0 if empty else 1

    def side(length: int) -> st.SearchStrategy[tuple[int, int]]:
        low, high = -margin * GRAIN, (length + margin) * GRAIN
        return st.tuples(st.integers(low, high - least), st.integers(least, high)).map(
            lambda pair: (pair[0], min(pair[0] + pair[1], high))
        )

    box = st.tuples(side(size[0]), side(size[1])).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))
    return st.lists(box, min_size=min_size, max_size=max_size).map(
        lambda rows: np.array(rows, np.float32).reshape(-1, 4) / np.float32(GRAIN)
    )


@st.composite
def detections(
    draw: st.DrawFn,
    *,
    size: tuple[int, int] = (640, 480),
    min_size: int = 0,
    max_size: int = 8,
    classes: int = 1,
    embedding_dim: int | None = None,
    empty: bool = True,
) -> Detections:
    """Make Detections; scores are multiples of 1/64, so that equal ones and thresholds are met often.

    Args:
        draw: Given by Hypothesis.
        size: Width and height of the image, in pixels.
        min_size: Fewest detections.
        max_size: Most detections.
        classes: Number of classes.
        embedding_dim: Width of the embeddings, None for none.
        empty: Allow boxes without width or height.
    """
    xyxy = draw(boxes(size=size, min_size=min_size, max_size=max_size, empty=empty))
    n = len(xyxy)
    score = draw(st.lists(st.integers(0, 64), min_size=n, max_size=n))
    class_id = draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    embedding = None
    if embedding_dim is not None:
        seed = draw(st.integers(0, 2**16))
        embedding = np.random.default_rng(seed).normal(size=(n, embedding_dim)).astype(np.float32)
    return Detections(
        xyxy=xyxy,
        score=np.array(score, np.float32) / np.float32(64),
        class_id=np.array(class_id, np.int64),
        embedding=embedding,
    )


@st.composite
def images(draw: st.DrawFn, *, min_side: int = 1, max_side: int = 96) -> Any:
    """Make RGB uint8 images ``(H, W, 3)``: plain colours and noise."""
    height, width = (draw(st.integers(min_side, max_side)) for _ in range(2))
    seed, plain = draw(st.integers(0, 2**16)), draw(st.booleans())
    random = np.random.default_rng(seed)
    shape = (1, 1, 3) if plain else (height, width, 3)
    return np.ascontiguousarray(np.broadcast_to(random.integers(0, 256, shape), (height, width, 3)).astype(np.uint8))


@st.composite
def frames(
    draw: st.DrawFn, *, size: tuple[int, int] = (640, 480), min_size: int = 1, max_size: int = 12, gap: int = 0
) -> list[Frame]:
    """Make the frames of a sequence, without images; up to ``gap`` indices are left out between two."""
    steps = draw(st.lists(st.integers(1, 1 + gap), min_size=min_size, max_size=max_size))
    start = draw(st.integers(0, gap))
    return [Frame(index=start + sum(steps[:i]), size=size, sequence="strategy") for i in range(len(steps))]


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    size: tuple[int, int] = (640, 480),
    max_frames: int = 12,
    max_objects: int = 5,
    classes: int = 1,
    embedding_dim: int | None = None,
    gap: int = 0,
) -> list[tuple[Detections, Frame]]:
    """Make what a tracker sees: objects on straight ways, missed now and then, among false detections.

    Args:
        draw: Given by Hypothesis.
        size: Width and height of the image, in pixels.
        max_frames: Length of the longest stream.
        max_objects: Most objects.
        classes: Number of classes.
        embedding_dim: Width of the embeddings, None for none.
        gap: Most frame indices left out between two frames.
    """
    some = draw(frames(size=size, max_size=max_frames, gap=gap))
    start = draw(detections(size=size, max_size=max_objects, classes=classes, embedding_dim=embedding_dim, empty=False))
    n = len(start)
    speed = st.integers(-6, 6)
    move = np.array(draw(st.lists(st.tuples(speed, speed), min_size=n, max_size=n)), np.float32).reshape(-1, 2)
    stream = []
    for number, frame in enumerate(some):
        seen = np.array(draw(st.lists(st.booleans() | st.just(True), min_size=n, max_size=n)), bool)
        xyxy = start.xyxy + np.tile(move, 2) * np.float32(number)
        false = draw(detections(size=size, max_size=2, classes=classes, embedding_dim=embedding_dim))
        stream.append((_joined(start, xyxy, seen, false), frame))
    return stream


def _joined(objects: Detections, xyxy: Any, seen: Any, false: Detections) -> Detections:
    """Put the objects in view and the false detections together."""
    embedding = None
    if objects.embedding is not None and false.embedding is not None:
        embedding = np.concatenate((objects.embedding[seen], false.embedding))
    return Detections(
        xyxy=np.concatenate((xyxy[seen], false.xyxy)),
        score=np.concatenate((objects.score[seen], false.score)),
        class_id=np.concatenate((objects.class_id[seen], false.class_id)),
        embedding=embedding,
    )
