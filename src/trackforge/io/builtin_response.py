"""The answers of SageMaker's built-in Object Detection: JSON with the objects of one picture, read and written.

Two forms are known. An endpoint and batch transform answer with ``prediction``, corners in shares of the picture,
in no order; asked with ``Accept: application/json;annotation=1`` with ``annotations``, in pixels::

    {"prediction": [[class, score, x1, y1, x2, y2], ...]}
    {"image_size": [{"width": 640, "height": 480, "depth": 3}],
     "annotations": [{"class_id": 0, "score": 0.9, "left": 10, "top": 20, "width": 30, "height": 40}, ...]}

Answers of JumpStart's models are read, too (`trackforge.io.jumpstart_response`); which one a file has is found out.

Source: Amazon SageMaker AI developer guide, "Object Detection Request and Response Formats".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, load_json, whole_number
from trackforge.intake.limits import check_limit
from trackforge.intake.names import relative_name
from trackforge.io.jumpstart_response import is_jumpstart, jumpstart_names, jumpstart_objects
from trackforge.io.sagemaker_boxes import Box, annotation, read_box, read_size
from trackforge.types import Detections, Frame

__all__ = ["Form", "answer_name", "read_names", "read_response", "response_of", "response_text"]

Form = Literal["prediction", "annotations"]
COLUMNS = 6
WHAT = "An answer of a SageMaker endpoint"


def read_response(path: str | Path, size: tuple[int, int]) -> Detections:
    """Read a stored answer.

    Args:
        path: The file, as batch transform writes it (``boats.jpg.out``) or somebody saved it.
        size: ``(width, height)`` of the picture.

    Returns:
        Its objects in their order, boxes in pixels. Rows of a negative class, which stand for suppressed boxes, are
        left out.

    Raises:
        DataError: It is no such answer; the message names the row.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    return response_of(load_json(path, WHAT), size, path=path)


def response_of(document: Any, size: tuple[int, int], *, path: str | Path | None = None) -> Detections:
    """Read an answer that is parsed already; see `read_response`.

    Raises:
        DataError: It is no such answer.
    """
    if is_jumpstart(document):
        return jumpstart_objects(document, size, path)
    if isinstance(document, Mapping) and isinstance(document.get("prediction"), list):
        rows = [_row(row, number, path) for number, row in enumerate(document["prediction"])]
        scale: tuple[float, ...] = (*size, *size)
    elif isinstance(document, Mapping) and isinstance(document.get("annotations"), list):
        rows = [_entry(entry, number, path) for number, entry in enumerate(document["annotations"])]
        scale = _scale(document, size, path)
    else:
        raise DataError(
            'An answer must be an object with "prediction", rows of class, score and four corners, or "annotations"; '
            'or of JumpStart, with "ids", "scores" and "bboxes", or "classes", "scores" and "normalized_boxes"; this '
            "is something else. Save what the endpoint gave, unchanged.",
            path=path,
        )
    for number, row in enumerate(rows):  # whoever reads answers makes as many names
        check_limit("classes", row[0], f"The class of object {number}", path=path)
    table = np.array([row for row in rows if row[0] >= 0], np.float64).reshape(-1, COLUMNS)
    return Detections(
        xyxy=(table[:, 2:] * scale).astype(np.float32),
        score=table[:, 1].astype(np.float32),
        class_id=table[:, 0].astype(np.int64),
    )


def read_names(path: str | Path) -> dict[int, str]:
    """Return the classes of a stored answer and their names; "class n" where it tells none.

    Raises:
        DataError, MissingFileError, SourceError: As `read_response` does.
    """
    document = load_json(path, WHAT)
    if is_jumpstart(document):
        names = jumpstart_names(document, path)
        if names:
            return names
        document = {key: value for key, value in document.items() if key != "masks"}  # of a picture that isn't here
    numbers = response_of(document, (1, 1), path=path).class_id.tolist()
    return {number: f"class {number}" for number in numbers}


def answer_name(frame: Frame) -> PurePosixPath:
    """Return the picture that an answer is named after; frames without a file of their own are numbered from 1.

    >>> answer_name(Frame(index=0)).as_posix()
    '000001.jpg'

    Raises:
        DataError: Its name leads out of its folder.
    """
    return relative_name(frame.file or f"{frame.index + 1:06d}.jpg", "A picture")


def response_text(found: Detections, size: tuple[int, int], form: Form = "prediction") -> str:
    """Return objects as an answer, classes as floats as the original has them.

    Args:
        found: The objects of one picture.
        size: ``(width, height)`` of the picture.
        form: Which of the two.
    """
    width, height = size
    kinds, scores, boxes = found.class_id.tolist(), found.score.tolist(), found.xyxy.astype(np.float64)
    if form == "prediction":
        shares = (boxes / (width, height, width, height)).tolist()
        return json.dumps(
            {"prediction": [[float(kind), score, *row] for kind, score, row in zip(kinds, scores, shares, strict=True)]}
        )
    each = zip(kinds, boxes.tolist(), scores, strict=True)
    return json.dumps(
        {
            "image_size": [{"width": width, "height": height, "depth": 3}],
            "annotations": [annotation(Box(kind, tuple(corners), score)) for kind, corners, score in each],
        }
    )


def _row(row: Any, number: int, path: str | Path | None) -> list[float]:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != COLUMNS:
        raise DataError(
            f"Every prediction must be [class, score, x1, y1, x2, y2]; number {number} is {str(row)[:60]}.", path=path
        )
    with _naming(f"Prediction {number}", path):
        return [whole_number(row[0]), *map(finite_number, row[1:])]


def _entry(entry: Any, number: int, path: str | Path | None) -> list[float]:
    with _naming(f"Annotation {number}", path):
        box = read_box(entry)
        return [box.class_id, 1.0 if box.score is None else box.score, *box.xyxy]


def _scale(document: Mapping[str, Any], size: tuple[int, int], path: str | Path | None) -> tuple[float, ...]:
    """Return factors for boxes in pixels of a picture that may have been of another size when it was sent."""
    with _naming("image_size", path):
        width, height = read_size(document.get("image_size"))
    if not width or not height:
        return (1.0, 1.0, 1.0, 1.0)
    x, y = size[0] / width, size[1] / height
    return (x, y, x, y)


@contextlib.contextmanager
def _naming(what: str, path: str | Path | None) -> Iterator[None]:
    """Let a value that is wrong be told with its place."""
    try:
        yield
    except ValueError as error:
        raise DataError(f"{what} {error}.", path=path) from error
