"""What the ByteTrack example's endpoints answer: boxes of a letter-boxed picture, and rows of a film.

A picture gives ``[[[x1, y1, x2, y2, objectness, class confidence, class], ...]]``, one list a picture, ``[null]`` where
nothing is found. Boxes are in pixels of the picture as the network of the example saw it, shrunk into 800 x 1440: the
example's client divides by that scale, ``min(800 / height, 1440 / width)``. Detectors here have one score, which is the
product of the two confidences; so the first is the score and the second 1. The rows of a film are texts
``"frame,id,x,y,w,h,score,-1,-1,-1"`` with frames from 0.

Source: AWS's example "Implement a multi-object tracking solution on a custom dataset with Amazon SageMaker", by what
its clients do with the answers.
"""

from __future__ import annotations

import json

import numpy as np

from trackforge.types import Detections, Step
from trackforge_sagemaker.formats.bounds import shown_boxes

__all__ = ["LETTERBOX", "boxes_text", "rows"]

LETTERBOX = (800, 1440)
"""Height and width of the example's input."""


def boxes_text(found: Detections, size: tuple[int, int], letterbox: tuple[int, int] = LETTERBOX) -> str:
    """Return detections as the example's real-time endpoint does.

    Args:
        found: Of one picture.
        size: ``(width, height)`` of the picture.
        letterbox: ``(height, width)`` of the input that the client believes in.
    """
    if not len(found):
        return "[null]"
    scale = min(letterbox[0] / size[1], letterbox[1] / size[0])
    table = np.ones((len(found), 7))
    table[:, :4] = found.xyxy.astype(np.float64) * scale
    table[:, 4] = found.score
    table[:, 6] = found.class_id
    return json.dumps([table.tolist()])


def rows(step: Step) -> list[str]:
    """Return the rows of one frame of a film."""
    return [
        f"{step.frame.index},{track},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{score:.2f},-1,-1,-1"
        for track, (x, y, w, h), score in zip(*(column.tolist() for column in shown_boxes(step.tracks)), strict=True)
    ]
