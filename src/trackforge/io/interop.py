"""Boxes of other libraries, in and out: supervision, ultralytics, and plain rows.

supervision is imported only where its objects are made. Nothing here imports ultralytics or boxmot: their results are
taken as what they are, arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError, MissingDependencyError
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.protocols import Tracker
from trackforge.registry import registry
from trackforge.types import Detections, Frame, Tracks
from trackforge.types.arrays import as_array

if TYPE_CHECKING:
    import supervision

__all__ = [
    "SupervisionTracker",
    "from_boxes",
    "from_rows",
    "from_supervision",
    "to_rows",
    "to_supervision",
]

COLUMNS = ("state", "age", "time_since_update", "detection")
"""Columns of tracks that supervision has no field for; they go into ``data``."""


def to_supervision(boxes: Detections | Tracks, *, classes: Sequence[str] = ()) -> supervision.Detections:
    """Convert to ``supervision.Detections``, for its annotators and zones.

    Args:
        boxes: Detections, or tracks: ``step.tracks.visible``, usually. Tracks get a ``tracker_id``.
        classes: Names for ``data["class_name"]``, which supervision's labels show; ``class_id`` indexes them.

    Returns:
        The same rows. Masks are opened to pixels; ``extra``, embeddings and what else tracks have go into ``data``.

    Raises:
        MissingDependencyError: supervision is not installed.
    """
    try:
        import supervision as sv
    except ImportError as error:
        raise MissingDependencyError(
            "Conversion needs supervision, which is not installed; run: pip install 'trackforge-mot[supervision]'",
            name="supervision",
        ) from error

    data: dict[str, Any] = {name: np.array(column) for name, column in boxes.extra.items()}
    if boxes.embedding is not None:
        data["embedding"] = np.array(boxes.embedding)
    if classes:
        data["class_name"] = np.array(
            [classes[i] if 0 <= i < len(classes) else str(i) for i in boxes.class_id.tolist()]
        )
    ids = data.pop("tracker_id", None)
    mask = None
    if isinstance(boxes, Tracks):
        ids = np.array(boxes.track_id)
        data.update({name: np.array(getattr(boxes, name)) for name in COLUMNS})
    elif boxes.mask is not None and any(rle is not None for rle in boxes.mask):
        size = next(rle["size"] for rle in boxes.mask if rle is not None)
        mask = np.stack([np.zeros(size, bool) if rle is None else decode_mask(rle) for rle in boxes.mask])
    return sv.Detections(
        xyxy=np.array(boxes.xyxy),
        confidence=np.array(boxes.score),
        class_id=np.array(boxes.class_id),
        tracker_id=ids,
        mask=mask,
        data=data,
    )


def from_supervision(detections: supervision.Detections) -> Detections:
    """Convert ``supervision.Detections``; row i stays row i.

    Args:
        detections: Any of them. Without ``confidence`` every score is 1, without ``class_id`` every class 0.

    Returns:
        The same rows. Masks become COCO run-length masks, ``data`` becomes ``extra`` (``data["embedding"]`` becomes the
        embedding), and a ``tracker_id`` ``extra["tracker_id"]``.

    Raises:
        InvalidInputError: A box is inverted or not finite, or a score is NaN.
    """
    extra = {name: as_array(f"data[{name!r}]", column) for name, column in detections.data.items()}
    embedding = extra.pop("embedding", None)
    if detections.tracker_id is not None:
        extra["tracker_id"] = as_array("tracker_id", detections.tracker_id)
    mask = None
    if detections.mask is not None:
        mask, pixels = np.empty(len(detections), object), as_array("mask", detections.mask)
        for row in range(len(detections)):
            mask[row] = encode_mask(pixels[row])
    return Detections(
        xyxy=detections.xyxy,  # type: ignore[arg-type]
        score=detections.confidence,  # type: ignore[arg-type]
        class_id=detections.class_id,  # type: ignore[arg-type]
        embedding=embedding,
        mask=mask,
        extra=extra,
    )


def from_rows(rows: npt.ArrayLike) -> Detections:
    """Convert rows of ``x1, y1, x2, y2[, score[, class]]``, as boxmot and many detectors have them.

    Args:
        rows: ``(N, 4)``, ``(N, 5)`` or ``(N, 6)``; an array, a list or a torch tensor on any device.

    Raises:
        InvalidInputError: The shape is another, or a value is impossible.
    """
    array = as_array("rows", rows)
    if array.size == 0:
        array = array.reshape(0, 6)
    if array.ndim != 2 or not 4 <= array.shape[1] <= 6:
        raise InvalidInputError(
            f"Rows must have 4 to 6 columns, x1, y1, x2, y2[, score[, class]]; got shape {array.shape}. "
            "Select those columns first."
        )
    columns = array.shape[1]
    return Detections(
        xyxy=array[:, :4],
        score=array[:, 4] if columns > 4 else None,  # type: ignore[arg-type]
        class_id=array[:, 5] if columns > 5 else None,  # type: ignore[arg-type]
    )


def from_boxes(boxes: Any) -> Detections:
    """Convert a result's ``boxes`` of ultralytics, or any object with ``xyxy``, ``conf`` and ``cls``.

    Args:
        boxes: Such an object, holding arrays or torch tensors on any device.

    Raises:
        InvalidInputError: It has no such attributes, or a value is impossible.
    """
    try:
        xyxy, score, class_id = (as_array(name, getattr(boxes, name)) for name in ("xyxy", "conf", "cls"))
    except AttributeError as error:
        raise InvalidInputError(
            f"Boxes must have xyxy, conf and cls; {type(boxes).__name__} lacks one: {error}. Pass result.boxes."
        ) from error
    return Detections(xyxy=xyxy, score=score.reshape(-1), class_id=class_id.reshape(-1))


def to_rows(tracks: Tracks) -> npt.NDArray[np.float64]:
    """Convert to rows of ``x1, y1, x2, y2, id, score, class, detection``, as boxmot's trackers return them.

    Returns:
        ``(M, 8)`` float64, in which ids are exact; ``detection`` is the row of the detection, or -1.
    """
    columns = (tracks.track_id, tracks.score, tracks.class_id, tracks.detection)
    return np.column_stack((tracks.xyxy, *columns)).astype(np.float64)


class SupervisionTracker:
    """Any tracker under the methods that ``sv.ByteTrack`` had, for programs written for that.

    Args:
        tracker: A Tracker, or the name of one.
        settings: Its settings, where named.
    """

    def __init__(self, tracker: Tracker | str = "byte", **settings: Any) -> None:
        if settings and not isinstance(tracker, str):
            raise InvalidInputError(f"A tracker that is made already takes no settings; got {', '.join(settings)}.")
        self.tracker: Tracker = registry().create("tracker", tracker, settings) if isinstance(tracker, str) else tracker
        self._next = 0

    def update_with_detections(
        self, detections: supervision.Detections, frame: Frame | None = None
    ) -> supervision.Detections:
        """Track one frame; to be called for every frame, empty or not.

        Args:
            detections: What was found in it.
            frame: Its number, time and picture, for trackers that use them; by default frames are counted.

        Returns:
            The given detections that belong to a confirmed track, in their order and with everything they carry, with
            ``tracker_id`` set.
        """
        frame = Frame(index=self._next) if frame is None else frame
        self._next = frame.index + 1
        tracks = self.tracker.update(from_supervision(detections), frame).visible
        tracks = tracks[np.argsort(tracks.detection, kind="stable")]
        found: Any = detections[np.array(tracks.detection)]
        found.tracker_id = np.array(tracks.track_id)
        return found  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        self.tracker.reset()
        self._next = 0
