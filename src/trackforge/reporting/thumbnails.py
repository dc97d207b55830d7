"""Small pictures of the worst moments, cut out of the film while it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.io.drawing import colour_of
from trackforge.metrics.moments import Moment
from trackforge.pages import data_uri
from trackforge.table import TrackTable
from trackforge.types import Frame

__all__ = ["Cutter", "shown_frames"]

SIZE = 150, 112
"""Pixels of one picture."""
AROUND = 2.2
"""How much of the surroundings is shown, in sides of the box."""
TRUTH = (255, 255, 255)


def shown_frames(one: Moment) -> tuple[int, ...]:
    """Return the frames that tell of a moment: before and after, or the middle."""
    if one.kind in ("switch", "fragmentation"):
        return (one.first, one.last)
    return (one.at,)


@dataclass(frozen=True)
class _Cut:
    moment: int
    place: int
    truth: npt.NDArray[np.float64] | None
    track: npt.NDArray[np.float64] | None
    track_id: int


class Cutter:
    """Cuts a picture out of each frame that tells of a moment.

    Args:
        moments: Which are shown.
        truth: Ground truth.
        tracks: Results.
    """

    def __init__(self, moments: Sequence[Moment], truth: TrackTable, tracks: TrackTable) -> None:
        self._wanted: dict[int, list[_Cut]] = defaultdict(list)
        self._pictures: dict[int, dict[int, npt.NDArray[np.uint8]]] = defaultdict(dict)
        boxes = _boxes(truth), _boxes(tracks)
        for number, one in enumerate(moments):
            for place, frame in enumerate(shown_frames(one)):
                track = one.before if one.kind == "switch" and not place else one.track_id
                cut = _Cut(number, place, *_of(boxes, frame, one.truth_id, track), track)
                if cut.truth is not None or cut.track is not None:
                    self._wanted[frame].append(cut)

    def __call__(self, frame: Frame) -> None:
        """Cut what is wanted out of a frame."""
        for cut in self._wanted.get(frame.index, ()):
            if frame.image is not None:
                self._pictures[cut.moment][cut.place] = _cut_out(frame.image, cut)

    def addresses(self) -> Mapping[int, list[str]]:
        """Return the pictures of each moment as data URIs."""
        return {
            number: [data_uri(_jpeg(picture), "image/jpeg") for _, picture in sorted(pictures.items())]
            for number, pictures in self._pictures.items()
        }


def _boxes(table: TrackTable) -> dict[tuple[int, int], npt.NDArray[np.float64]]:
    keys: Iterable[tuple[int, int]] = zip(table.frame.tolist(), table.track_id.tolist(), strict=True)
    return dict(zip(keys, table.xyxy, strict=True))


def _of(
    boxes: tuple[Mapping[Any, npt.NDArray[np.float64]], Mapping[Any, npt.NDArray[np.float64]]],
    frame: int,
    truth_id: int,
    track_id: int,
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
    return boxes[0].get((frame, truth_id)), boxes[1].get((frame, track_id))


def _cut_out(image: npt.NDArray[np.uint8], cut: _Cut) -> npt.NDArray[np.uint8]:
    """Return the surroundings of a box, with the boxes drawn in."""
    import cv2

    height, width = image.shape[:2]
    box = cut.truth if cut.truth is not None else cut.track
    assert box is not None  # noqa: S101 - see who calls
    centre = (box[:2] + box[2:]) / 2
    side = AROUND * max((box[2] - box[0]) * SIZE[1] / SIZE[0], box[3] - box[1], 20.0)
    span = min(
        np.array([side * SIZE[0] / SIZE[1], side]), np.array([width, width * SIZE[1] / SIZE[0]]), key=lambda s: s[0]
    )
    scale = SIZE[0] / span[0]
    corner = np.clip(centre - span / 2, 0, np.maximum(0, np.array([width, height]) - span))
    turn = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.warpAffine(np.ascontiguousarray(image), turn, SIZE, flags=way)
    for drawn, colour in ((cut.truth, TRUTH), (cut.track, colour_of(max(0, cut.track_id)))):
        if drawn is not None:
            x1, y1, x2, y2 = np.clip(np.round((drawn.reshape(2, 2) - corner) * scale), -999, 999).astype(int).ravel()
            cv2.rectangle(picture, (int(x1), int(y1)), (int(x2), int(y2)), colour, 2 if drawn is cut.track else 1)
    return np.asarray(picture, np.uint8)


def _jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    import cv2

    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [int(cv2.IMWRITE_JPEG_QUALITY), 80])
    return coded.tobytes()
