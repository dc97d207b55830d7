"""Pictures of every object, cut out of the frames: one folder a track."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import cv2
import numpy as np

from trackforge.config import check, setting
from trackforge.errors import InvalidInputError, SinkError
from trackforge.intake.names import name_problem, readable
from trackforge.io.partial_folder import PartialFolder, folder_failure
from trackforge.types import Step, Stream

__all__ = ["CropSink", "CropSinkConfig"]


@dataclass(frozen=True, kw_only=True)
class CropSinkConfig:
    """Settings of `CropSink`."""

    path: Path = setting(help="Folder to write: new, or empty.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    every: int = setting(1, help="Of each track, keep every n-th picture.", minimum=1)
    margin: float = setting(0.0, help="Added on every side.", unit="box sizes", minimum=0, maximum=2)
    quality: int = setting(92, help="Of JPEG.", minimum=1, maximum=100)

    def __post_init__(self) -> None:
        check(self)


class CropSink:
    """Writes ``ID/FRAME.jpg``: the visible part of every visible track's box, named by the frame's 0-based index.

    Boxes without identity, as `trackforge.detect` gives them, become ``CLASS/FRAME-ROW.jpg``; the class is its number
    where it has no name.

    The folder grows beside its place and takes it at the end, whole. One that holds something is refused before the
    first frame, since ids of two runs must not mix. Boxes that lie outside the picture leave no file.

    Raises:
        SinkError: The folder cannot be written, or holds something.
        InvalidInputError: A frame has no image.
    """

    def __init__(self, config: CropSinkConfig) -> None:
        self.config = config
        self._folder: PartialFolder | None = None
        self._seen: dict[int, int] = {}
        self._classes: tuple[str, ...] = ()

    def __enter__(self) -> CropSink:
        final, self._seen, self._classes = self.config.path, {}, ()
        try:
            taken = final.exists() and not (final.is_dir() and not any(final.iterdir()))
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            raise folder_failure(final, error) from error
        if taken:
            raise SinkError(
                f"The folder of crops must be new or empty; {final} holds something. Name another, or remove it."
            )
        self._folder = PartialFolder(final)
        return self

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, by which boxes without identity are sorted."""
        self._classes = stream.classes

    def write(self, step: Step, /) -> None:
        """Cut out the objects of one frame."""
        image, index = step.frame.image, step.frame.index
        if self._folder is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        tracks = step.tracks.visible
        if not len(tracks):
            return
        if image is None:
            raise InvalidInputError(f"Crops need pictures; frame {index} has none. Leave out this output.")
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        height, width = image.shape[:2]
        ids, kinds = tracks.track_id.tolist(), tracks.class_id.tolist()
        for row, (track_id, kind, box) in enumerate(zip(ids, kinds, boxes.astype(float), strict=True)):
            folder, name = f"{track_id}", f"{index:06d}.jpg"
            if track_id < 0:
                folder, name = self._class_folder(kind), f"{index:06d}-{row}.jpg"
            else:
                count = self._seen[track_id] = self._seen.get(track_id, 0) + 1
                if (count - 1) % self.config.every:
                    continue
            more = self.config.margin * np.tile(box[2:] - box[:2], 2) * (-1, -1, 1, 1)
            x1, y1, x2, y2 = np.rint((box + more).clip(0, (width, height, width, height))).astype(int).tolist()
            if x2 > x1 and y2 > y1:
                self._save(folder, name, image[y1:y2, x1:x2])

    def _class_folder(self, kind: int) -> str:
        """Return the folder of a class: its name if that can be a folder's, else its number."""
        name = readable(self._classes[kind]) if 0 <= kind < len(self._classes) else ""
        fine = name_problem(name) is None and not {"/", "\\"} & set(name)
        return name if fine else f"class-{kind}"

    def _save(self, track: str, name: str, part: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        options = [cv2.IMWRITE_JPEG_QUALITY, self.config.quality]
        fine, data = cv2.imencode(".jpg", cv2.cvtColor(part, cv2.COLOR_RGB2BGR), options)
        if not fine or self._folder is None:
            raise SinkError(f"{self.config.path}: {track}/{name} cannot be encoded. Leave out this output.")
        self._folder.save(f"{track}/{name}", data.tobytes())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Put the folder in its place, or leave it beside that after an error."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.settle(kind, mixed=False)
