"""Results of other people's detectors as `trackforge.Detections`, told apart by what they have, not by their types.

>>> import trackforge
>>> found = trackforge.from_results({"boxes": [[10, 10, 60, 120]], "scores": [0.9], "labels": [1]})
>>> tracks = trackforge.tracker("byte").update(found, trackforge.Frame(index=0))

Nothing of those libraries is imported, and arrays may be tensors on any device. What is known:

======================================================== ===============================================================
``xyxy``, ``confidence``, ``class_id``                   supervision's Detections; masks and data come along
``boxes`` or ``obb`` with ``xyxy``, ``conf``, ``cls``    ultralytics' Results, or their ``boxes``
``xyxy``: a list of rows a picture                       YOLOv5's and YOLOv7's Detections
a dict with ``boxes``, ``scores``, ``labels``            torchvision; transformers' ``post_process_object_detection``
a list of ``{"score", "label", "box": {"xmin", ...}}``   transformers' pipeline
``instances`` with ``pred_boxes``, ``pred_classes``      detectron2
``pred_instances`` with ``bboxes``, ``labels``           mmdetection 3
rows of ``x1, y1, x2, y2[, score[, class]]``             anything else
======================================================== ===============================================================

Masks come along where a result has them in pixels of the picture: ``masks`` of torchvision and mmdetection,
``pred_masks`` of detectron2, ultralytics' ``masks.xy``.

Source: the documentation of these libraries; only what their results are called is taken from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.io.interop import from_rows, from_supervision
from trackforge.io.results_masks import outlined_masks, pixel_masks
from trackforge.types import Detections, Frame
from trackforge.types.arrays import as_array
from trackforge.types.classes import folded

__all__ = ["ResultsDetector", "from_results"]

Found = tuple[Detections, "Labels"]
Labels = npt.NDArray[np.str_] | None
"""The name of each row's class, where the result tells names."""
NAMED = -1
"""The number of a class that has a name only."""
BOX = ("xmin", "ymin", "xmax", "ymax")
KNOWN = (
    "supervision, ultralytics, YOLOv5, torchvision, transformers, detectron2, mmdetection, or rows of x1, y1, x2, y2, "
    "score, class"
)


def from_results(results: Any, *, classes: Sequence[str] | None = None) -> Detections:
    """Convert what a detector of another library found in one picture; row i stays row i.

    Args:
        results: See the head of this module; a list of one result, as models return it for one picture, is that result.
        classes: Names that ``class_id`` shall count. Where the result tells names, its boxes are numbered by these, and
            those of other classes are left out; where it has numbers only, they are taken as they are. Without it,
            ``class_id`` has the numbers of the result.

    Returns:
        Boxes in pixels of the picture, scores (1 where there are none) and classes (0 where there are none). Ids that
        the library has given are ``extra["tracker_id"]``.

    Raises:
        InvalidInputError: It is none of these, of several pictures, or a value is impossible; or classes have names
            only, and ``classes`` is not given.
    """
    found, labels = _converted(results)
    if classes is None:
        if labels is not None and (found.class_id == NAMED).any():
            raise InvalidInputError(
                f"Classes must have numbers; the result names them: {', '.join(sorted(set(labels.tolist()))[:6])}. "
                "Give the names to count by: classes=[...]."
            )
        return found
    names = [folded(name) for name in ([classes] if isinstance(classes, str) else classes)]
    if labels is None:
        if len(found) and not 0 <= found.class_id.min() <= found.class_id.max() < len(names):
            raise InvalidInputError(
                f"Every class must have a name; there are {len(names)}, and the result has class "
                f"{int(found.class_id.max())}. Name all of them, by number."
            )
        return found
    numbers = {name: number for number, name in reversed(list(enumerate(names)))}
    class_id = np.array([numbers.get(folded(name), -1) for name in labels.tolist()], np.int64)
    kept = found[class_id >= 0]
    return Detections(
        xyxy=kept.xyxy,
        score=kept.score,
        class_id=class_id[class_id >= 0],
        embedding=kept.embedding,
        mask=kept.mask,
        extra=kept.extra,
    )


class ResultsDetector:
    """A model of another library as a `trackforge.protocols.Detector`.

    >>> detector = ResultsDetector(lambda image: model(image)[0], ["person", "car"], order="bgr")  # doctest: +SKIP

    Args:
        model: Takes a picture, uint8 ``(H, W, 3)``, and returns its result, as `from_results` takes it.
        classes: Names; see `from_results`.
        order: Order of colours in which the model wants its pictures; ultralytics and OpenCV take ``"bgr"``.
    """

    embedding_dim: int | None = None

    def __init__(
        self, model: Callable[[Any], Any], classes: Sequence[str], *, order: Literal["rgb", "bgr"] = "rgb"
    ) -> None:
        if order not in ("rgb", "bgr"):
            raise InvalidInputError(f"order must be 'rgb' or 'bgr'; got {order!r}.")
        self._model, self.classes, self._turned = model, tuple(classes), order == "bgr"

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Run the model on each picture.

        Raises:
            InvalidInputError: A frame has no image, or the result is none that `from_results` takes.
        """
        return [from_results(self._model(self._picture(frame)), classes=self.classes) for frame in frames]

    def _picture(self, frame: Frame) -> npt.NDArray[np.uint8]:
        if frame.image is None:
            raise InvalidInputError(f"A model needs pictures; frame {frame.index} has none. Take a source that has.")
        return np.ascontiguousarray(frame.image[:, :, ::-1]) if self._turned else np.array(frame.image)


def _converted(results: Any) -> Found:
    """Tell what it is by what it has."""
    if isinstance(results, Detections):
        return results, None
    if isinstance(results, Mapping):
        return _mapping(results)
    if isinstance(results, (list, tuple)):
        return _listed(results)
    if hasattr(results, "pred_instances"):
        results = results.pred_instances
    if hasattr(results, "pred_boxes"):
        boxes = getattr(results.pred_boxes, "tensor", results.pred_boxes)
        return _columns(boxes, results.scores, results.pred_classes, masks=getattr(results, "pred_masks", None))
    if hasattr(results, "bboxes") and hasattr(results, "scores"):
        labels, masks = getattr(results, "labels", None), getattr(results, "masks", None)
        return _columns(results.bboxes, results.scores, labels, masks=masks)
    if hasattr(results, "xyxy") and hasattr(results, "confidence"):
        data = getattr(results, "data", {})
        return from_supervision(results), _texts(data.get("class_name"))
    if hasattr(results, "xyxy") and hasattr(results, "conf"):
        return _boxes(results, {})
    if hasattr(results, "boxes") or hasattr(results, "obb"):
        boxes = getattr(results, "boxes", None)
        boxes = getattr(results, "obb", None) if boxes is None else boxes
        if boxes is None or not hasattr(boxes, "xyxy"):
            raise InvalidInputError(
                f"A result must have boxes; this {type(results).__name__} has none. Was the model made for another "
                "task, such as classification?"
            )
        found, labels = _boxes(boxes, getattr(results, "names", {}))
        shapes, size = getattr(results, "masks", None), getattr(results, "orig_shape", None)
        outlines = getattr(shapes, "xy", None)
        if outlines is not None and size is not None:
            masks = outlined_masks(outlines, (int(size[0]), int(size[1])), len(found))
            found = dataclasses.replace(found, mask=masks)
        return found, labels
    if isinstance(getattr(results, "xyxy", None), (list, tuple)):
        rows, labels = _listed(results.xyxy)
        return rows, labels if labels is not None else _named(rows.class_id, getattr(results, "names", {}))
    if hasattr(results, "__array__") or hasattr(results, "detach") or hasattr(results, "__array_interface__"):
        return from_rows(results), None
    raise InvalidInputError(
        f"A result must be one of {KNOWN}; got {type(results).__name__}. "
        "Put its arrays into trackforge.Detections(xyxy=..., score=..., class_id=...)."
    )


def _mapping(results: Mapping[str, Any]) -> Found:
    if "instances" in results:
        return _converted(results["instances"])
    if "box" in results:
        return _entries([results])
    if "boxes" not in results:
        raise InvalidInputError(
            f"A result must have boxes, scores and labels; this dict has {', '.join(map(str, results)) or 'nothing'}. "
            "Of a model's raw outputs, call the library's post-processing first."
        )
    text = results.get("text_labels")
    masks = results.get("masks")
    found, labels = _columns(results["boxes"], results.get("scores"), results.get("labels"), masks=masks)
    return found, labels if text is None else _texts(text)


def _listed(results: Sequence[Any]) -> Found:
    if not results:
        return Detections.empty(), None
    first = results[0]
    if isinstance(first, Mapping) and "box" in first:
        return _entries(results)
    if isinstance(first, (int, float, np.number, list, tuple)) or (
        getattr(first, "ndim", 0) == 1 and not isinstance(first, Mapping)
    ):
        return from_rows(results), None
    if len(results) > 1:
        raise InvalidInputError(
            f"A result must be that of one picture; got a list of {len(results)}. Pass them one by one, each with its "
            "Frame."
        )
    return _converted(first)


def _entries(results: Sequence[Mapping[str, Any]]) -> Found:
    """Take a list of one dict a box, as a pipeline of transformers gives it."""
    try:
        rows = [[*(one["box"][side] for side in BOX), one.get("score", 1.0)] for one in results]
        labels = [str(one["label"]) for one in results]
    except (KeyError, TypeError) as error:
        raise InvalidInputError(
            f"Every box must have score, label and box with {', '.join(BOX)}; {error} is missing."
        ) from error
    return from_rows([[*row, NAMED] for row in rows]), np.array(labels, np.str_)


def _boxes(boxes: Any, names: Any) -> Found:
    """Take an object with ``xyxy``, ``conf`` and ``cls``."""
    ids = getattr(boxes, "id", None)
    found, _ = _columns(boxes.xyxy, boxes.conf, getattr(boxes, "cls", None), ids)
    return found, _named(found.class_id, names)


def _columns(boxes: Any, scores: Any, labels: Any, ids: Any = None, masks: Any = None) -> Found:
    xyxy = as_array("boxes", boxes).reshape(-1, 4)
    columns: dict[str, Any] = {} if scores is None else {"score": as_array("scores", scores).reshape(-1)}
    named = _texts(labels) if isinstance(labels, (list, tuple)) and labels and isinstance(labels[0], str) else None
    if named is not None:
        columns["class_id"] = np.full(len(xyxy), NAMED)
    elif labels is not None:
        columns["class_id"] = as_array("labels", labels).reshape(-1)
    extra = {} if ids is None else {"tracker_id": as_array("ids", ids).reshape(-1).astype(np.int64)}
    return Detections(xyxy=xyxy, **columns, mask=pixel_masks(masks, len(xyxy)), extra=extra), named


def _texts(labels: Any) -> Labels:
    return None if labels is None else np.array([str(label) for label in labels], np.str_)


def _named(class_id: npt.NDArray[np.int64], names: Any) -> Labels:
    """Return the name of each row, where the result tells the names of all its numbers."""
    known = dict(enumerate(names)) if isinstance(names, (list, tuple)) else dict(names or {})
    numbers = class_id.tolist()
    if not known or not all(number in known for number in numbers):
        return None
    return _texts([known[number] for number in numbers])
