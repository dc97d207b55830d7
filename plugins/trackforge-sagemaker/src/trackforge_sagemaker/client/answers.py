"""Answers of endpoints, whichever of the known shapes they have, as detections and tracks.

* ``{"detections": [{"xyxy", "score", "class_id"}]}``: ours, pixels of the picture as it was sent;
* ``[[[x1, y1, x2, y2, objectness, confidence, class], ...]]`` or ``[null]``: ByteTrack's example's, letter-boxed;
* ``{"prediction": [...]}``, ``{"annotations": [...]}``: the built-in algorithm's; JumpStart's: see `trackforge.io`;
* ``{"tracks": [{"track_id", "xyxy", ...}]}``: ours, of a session;
* ``[{"<id>": [x, y, w, h]}]``: the FairMOT example's, of a session.

Source: AWS's examples for FairMOT and ByteTrack, by what their clients read; Amazon SageMaker AI developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, parse_json, whole_number
from trackforge.intake.limits import check_limit
from trackforge.io.builtin_response import response_of
from trackforge.io.masks import check_mask
from trackforge.types import Detections, Tracks, TrackState
from trackforge_sagemaker.formats.bytetrack import LETTERBOX

__all__ = ["Objects", "as_tracks", "detections_of", "document_of", "names_in", "tracks_of"]

_SEVEN = 7


class Objects:
    """Objects of one picture in columns, as they are read from an answer; becomes `Detections` or `Tracks`."""

    def __init__(self) -> None:
        self.boxes: list[list[float]] = []
        self.scores: list[float] = []
        self.kinds: list[int] = []
        self.ids: list[int] = []
        self.masks: list[Any] = []

    def add(self, box: Sequence[Any], score: Any, kind: Any, *, track: Any = None, mask: Any = None) -> None:
        """Take an object; a box that is inverted by rounding is put right.

        Raises:
            ValueError: A value is no number.
        """
        if len(box) != 4:
            raise ValueError(f"must have four corners; got {len(box)} numbers")
        a, b, c, d = map(finite_number, box)
        self.boxes.append([min(a, c), min(b, d), max(a, c), max(b, d)])
        self.scores.append(finite_number(score))
        self.kinds.append(whole_number(kind, least=-1))
        check_limit("classes", self.kinds[-1], "The class of an object")
        if track is not None:
            self.ids.append(whole_number(track, least=1))
        self.masks.append(mask)

    def detections(self) -> Detections:
        """Return them as detections; with ids in ``extra["track_id"]`` where there are some."""
        masks = None
        if any(one is not None for one in self.masks):
            masks = np.empty(len(self.masks), np.object_)
            masks[:] = self.masks
        return Detections(
            xyxy=np.array(self.boxes, np.float64).reshape(-1, 4).astype(np.float32),
            score=np.array(self.scores, np.float32),
            class_id=np.array(self.kinds, np.int64),
            mask=masks,
            extra={"track_id": np.array(self.ids, np.int64)} if self.ids else {},
        )


def document_of(body: bytes, what: str = "The answer of the endpoint") -> Any:
    """Return an answer as a value of JSON.

    Raises:
        DataError: It is none.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{what} must be JSON; it is no text. Ask for it: Accept application/json.") from error
    return parse_json(text, what)


def detections_of(document: Any, size: tuple[int, int], *, letterbox: tuple[int, int] = LETTERBOX) -> Detections:
    """Read what was found in one picture.

    Args:
        document: The answer, parsed.
        size: ``(width, height)`` of the picture.
        letterbox: ``(height, width)`` of the input that the ByteTrack example's boxes are in.

    Raises:
        DataError: It has none of the shapes.
    """
    if isinstance(document, Mapping) and isinstance(document.get("detections"), list):
        return _own(document["detections"], "detections").detections()
    if isinstance(document, Sequence) and not isinstance(document, str) and len(document) == 1:
        return _bytetrack(document[0], size, letterbox)
    try:
        return response_of(document, size)
    except DataError as error:
        raise DataError(
            f"The answer must be of a shape that is known; {error} Known are ours ('detections'), ByteTrack's "
            "[[[x1, y1, x2, y2, object, class, number], ...]], the built-in algorithm's and JumpStart's."
        ) from error


def tracks_of(document: Any) -> Detections:
    """Read the tracks of one frame, as detections with ``extra["track_id"]``.

    Raises:
        DataError: It has none of the shapes.
    """
    if isinstance(document, Mapping) and isinstance(document.get("tracks"), list):
        return _own(document["tracks"], "tracks", ids=True).detections()
    if isinstance(document, list) and len(document) == 1 and isinstance(document[0], Mapping):
        found = Objects()
        for number, (track, box) in enumerate(document[0].items()):
            try:
                x, y, w, h = map(finite_number, box)
                found.add((x, y, x + w, y + h), 1.0, 0, track=track)
            except (TypeError, ValueError) as error:
                raise DataError(f"Track {number} must be id and [left, top, width, height]: it {error}.") from error
        return found.detections()
    raise DataError(
        'The answer for a frame of a session must be {"tracks": [...]}, or [{"<id>": [x, y, w, h]}] as FairMOT\'s '
        "example has it; this is something else. Does the endpoint track, or does it only detect?"
    )


def names_in(document: Any) -> dict[int, str]:
    """Return the names of classes that an answer of ours holds, by number."""
    rows = document.get("tracks", document.get("detections")) if isinstance(document, Mapping) else None
    found: dict[int, str] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("class"), str) and isinstance(row.get("class_id"), int):
            found[row["class_id"]] = row["class"]
    return found


def as_tracks(found: Detections, ids: npt.NDArray[np.int64] | None = None) -> Tracks:
    """Return tracks, all of them visible, one for each detection of `tracks_of`.

    Args:
        found: With ``extra["track_id"]``.
        ids: In place of these.
    """
    count = len(found)
    given = found.extra.get("track_id", np.empty(0, np.int64)) if ids is None else ids
    return Tracks(
        track_id=given,
        xyxy=found.xyxy,
        score=found.score,
        class_id=found.class_id,
        state=np.full(count, int(TrackState.CONFIRMED), np.int64),
        age=np.ones(count, np.int64),
        time_since_update=np.zeros(count, np.int64),
        detection=np.arange(count, dtype=np.int64),
    )


def _own(rows: list[Any], what: str, *, ids: bool = False) -> Objects:
    found = Objects()
    for number, row in enumerate(rows):
        try:
            if not isinstance(row, Mapping):
                raise TypeError("must be an object")
            mask = None if row.get("mask") is None else check_mask(row["mask"], f"The mask of {what}[{number}]")
            track = row["track_id"] if ids else None
            found.add(row["xyxy"], row.get("score", 1.0), row.get("class_id", 0), track=track, mask=mask)
        except KeyError as error:
            raise DataError(f"{what}[{number}] of the answer must have {error}; it has {', '.join(row)}.") from error
        except (TypeError, ValueError) as error:
            raise DataError(f"{what}[{number}] of the answer {error}.") from error
    return found


def _bytetrack(rows: Any, size: tuple[int, int], letterbox: tuple[int, int]) -> Detections:
    """Read ``[[x1, y1, x2, y2, objectness, class confidence, class], ...]``; the score is the product of the two."""
    found = Objects()
    if rows is not None and not isinstance(rows, list):
        raise DataError(f"A picture of the answer must be a list of objects, or null; got {str(rows)[:60]}.")
    scale = min(letterbox[0] / max(size[1], 1), letterbox[1] / max(size[0], 1))
    for number, row in enumerate(rows or ()):
        try:
            if not isinstance(row, list) or len(row) != _SEVEN:
                raise TypeError("must be [x1, y1, x2, y2, object, class, number]")
            box = [finite_number(one) / scale for one in row[:4]]
            found.add(box, finite_number(row[4]) * finite_number(row[5]), row[6])
        except (TypeError, ValueError) as error:
            raise DataError(f"Object {number} of the answer {error}.") from error
    return found.detections()
