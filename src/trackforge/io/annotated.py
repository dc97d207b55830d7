"""Results as pictures: each frame of a picture folder with its boxes drawn in, under the name that it has there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import InvalidInputError, SinkError
from trackforge.intake.names import relative_name
from trackforge.io.partial_folder import PartialFolder, folder_failure
from trackforge.io.pictures import opencv
from trackforge.protocols import Drawing
from trackforge.types import Step, Stream

if TYPE_CHECKING:
    from trackforge.io.drawing import Canvas

__all__ = ["PicturesSink", "PicturesSinkConfig", "picture_names"]


@dataclass(frozen=True, kw_only=True)
class PicturesSinkConfig:
    """Settings of `PicturesSink`."""

    path: Path = setting(help="Folder to write into.")
    quality: int = setting(90, help="Quality of the JPEG files.", minimum=1, maximum=100)
    labels: bool = setting(True, help="Write classes, and ids where there are some.")
    scores: bool = setting(True, help="Write scores, too.")
    numbers: bool = setting(
        False, help="To count by: red boxes with yellow numbers, in the order of the objects, and nothing else."
    )
    masks: bool = setting(True, help="Fill the masks of objects, where there are some.")
    classes: tuple[str, ...] = setting((), help="Class names to write; the detector's where none are set.")
    line_width: int | None = setting(
        None, help="Width of lines; none for one that suits the size.", unit="px", minimum=1
    )

    def __post_init__(self) -> None:
        check(self)


class PicturesSink:
    """Writes ``NAME.jpg`` for every picture, each in its own size, folders below the source's included.

    They grow in a folder beside and come to their place together, at the end; what else is there stays. Where two
    pictures differ in their ending only (``a.png``, ``a.jpg``), the later keeps its own in the name: ``a.png.jpg``.
    Frames without a file of their own are numbered from 1.

    Raises:
        SinkError: A file cannot be written.
        InvalidInputError: A frame has no image.
    """

    def __init__(self, config: PicturesSinkConfig) -> None:
        self.config = config
        self._classes: tuple[str, ...] = config.classes
        self._taken: set[str] = set()
        self._folder: PartialFolder | None = None
        self._also: Drawing | None = None

    def __enter__(self) -> PicturesSink:
        self._taken, self._classes, self._also = set(), self.config.classes, None
        self._folder = PartialFolder(self.config.path)
        return self

    def draw_with(self, painter: Drawing, /) -> None:
        """Have somebody else draw into each picture, too, after the boxes."""
        self._also = painter

    def open(self, stream: Stream, /) -> None:
        """Take the names of the classes, where none are set."""
        self._classes = self.config.classes or stream.classes

    def write(self, step: Step, /) -> None:
        """Draw and write one picture."""
        frame = step.frame
        if self._folder is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        if frame.image is None:
            raise InvalidInputError(
                f"Annotated pictures need pictures; frame {frame.index} has none. Use pictures as the source, or leave "
                "out this output."
            )
        from trackforge.io.drawing import Canvas  # OpenCV is imported with it

        cv2, picture = opencv(), np.array(frame.image)
        canvas = Canvas(frame.size, self.config.line_width)
        if self.config.numbers:
            canvas.count(picture, step.tracks.visible.xyxy)
        else:
            self._label(canvas, picture, step)
        if self._also is not None:
            self._also.draw(picture, step)
        done, coded = cv2.imencode(".jpg", picture[..., ::-1], [int(cv2.IMWRITE_JPEG_QUALITY), self.config.quality])
        if not done:
            raise folder_failure(self.config.path, ValueError(f"{frame.size[0]}x{frame.size[1]} pixels are no JPEG"))
        self._folder.save(_name(frame.file or f"{frame.index + 1:06d}.jpg", self._taken), coded.tobytes())

    def _label(self, canvas: Canvas, picture: npt.NDArray[np.uint8], step: Step) -> None:
        from trackforge.io.drawing import colour_of

        tracks = step.tracks.visible
        order = np.argsort(tracks.xyxy[:, 3], kind="stable").tolist()
        shades = [
            colour_of(one if one > 0 else kind + 1)
            for one, kind in zip(tracks.track_id.tolist(), tracks.class_id.tolist(), strict=True)
        ]
        if self.config.masks and step.detections.mask is not None:
            masks = step.detections.mask[tracks.detection]
            for row in order:
                if masks[row] is not None:
                    canvas.mask(picture, masks[row], shades[row])
        for row in order:
            canvas.box(picture, tracks.xyxy[row], shades[row])
        for row in order if self.config.labels else ():
            text = self._text(int(tracks.track_id[row]), int(tracks.class_id[row]), float(tracks.score[row]))
            if text:
                canvas.label(picture, tracks.xyxy[row], text, shades[row])

    def _text(self, track_id: int, class_id: int, score: float) -> str:
        words = [str(track_id)] if track_id > 0 else []
        if 0 <= class_id < len(self._classes):
            words.append(self._classes[class_id])
        if self.config.scores:
            words.append(f"{score:.2f}")
        return " ".join(words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Put the pictures in their place, or leave them beside that after an error."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.settle(kind, mixed=True)


def picture_names(files: Iterable[str]) -> list[str]:
    """Return the names that `PicturesSink` gives pictures which come in this order, relative to its folder."""
    taken: set[str] = set()
    return [_name(file, taken) for file in files]


def _name(file: str, taken: set[str]) -> str:
    path = PurePosixPath(relative_name(file.replace("#", "-"), "A picture").as_posix())
    name = path.with_suffix(".jpg").as_posix()
    if name.casefold() in taken:
        name = path.as_posix() + ".jpg"
    number, stem = 2, name.removesuffix(".jpg")
    while name.casefold() in taken:
        name, number = f"{stem}-{number}.jpg", number + 1
    taken.add(name.casefold())
    return name
