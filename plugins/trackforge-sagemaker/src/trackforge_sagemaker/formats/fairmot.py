"""The FairMOT example's frames: JSON with one picture in base64, answered by boxes by track.

>>> read_frame({"frame_id": 3, "frame_data": "AAAA"}).index
3

A request is ``{"frame_id": 0, "frame_data": "<base64>", "frame_w": 1920, "frame_h": 1080, "batch_size": 1}``; the last
three come with frame 0 only. An answer is ``[{"<track id>": [x, y, w, h]}]``, pixels of the picture; speeds and counts,
where they are wanted, follow (`tracks_text`).

Source: AWS's example "Train and deploy a FairMOT model with Amazon SageMaker", by what its client sends and reads.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.documents import whole_number
from trackforge.intake.limits import limits
from trackforge.types import Step
from trackforge_sagemaker.formats.bounds import shown_boxes

__all__ = ["FrameRequest", "read_frame", "tracks_text"]

_SIDE = 1_000_000


@dataclass(frozen=True)
class FrameRequest:
    """One frame as the example's client sends it.

    Attributes:
        index: Of the frame, from 0.
        picture: The encoded picture.
        size: ``(width, height)`` that the client says its frames have, or None.
    """

    index: int
    picture: bytes
    size: tuple[int, int] | None = None


def read_frame(document: Mapping[str, Any]) -> FrameRequest:
    """Read a request; keys that the example does not have are passed over.

    Raises:
        DataError: A key is missing or its value is none that it may have.
    """
    data = document.get("frame_data")
    if not isinstance(data, str):
        raise DataError('"frame_data" must be the picture in base64. Send the text of base64.b64encode(picture).')
    try:
        picture = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f'"frame_data" must be base64; {error}. Send the text of base64.b64encode(picture).') from error
    index = _whole(document, "frame_id", 0, limits().frames)
    if index is None:
        raise DataError('A frame must have "frame_id", which counts from 0.')
    if document.get("batch_size") is not None and _whole(document, "batch_size", 1, limits().frames) != 1:
        raise DataError('"batch_size" must be 1, since a request holds one frame. Send the frames one by one.')
    width, height = (_whole(document, name, 1, _SIDE) for name in ("frame_w", "frame_h"))
    return FrameRequest(index, picture, None if width is None or height is None else (width, height))


def tracks_text(step: Step) -> str:
    """Return the visible tracks of a frame, without those that the example's server leaves out.

    Where the model's settings name analytics, what these know follows as a second entry of the list, which the
    example's client does not look at: ``[{"<track id>": [x, y, w, h]}, {"ground": {...}}]``.
    """
    ids, boxes, _ = shown_boxes(step.tracks)
    told: list[Any] = [{str(track): box for track, box in zip(ids.tolist(), boxes.tolist(), strict=True)}]
    return json.dumps([*told, dict(step.analytics)] if step.analytics else told)


def _whole(document: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    try:
        return whole_number(value, least, most)
    except ValueError as error:
        raise DataError(f'"{name}" {error}.') from error
