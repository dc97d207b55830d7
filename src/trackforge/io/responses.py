"""Results as answers of SageMaker's built-in Object Detection: one file a picture, for programs that read those."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from trackforge.config import check, setting
from trackforge.errors import SinkError
from trackforge.io.builtin_response import answer_name, response_text
from trackforge.io.partial_folder import PartialFolder
from trackforge.types import Step, Stream

__all__ = ["ResponseSink", "ResponseSinkConfig"]


@dataclass(frozen=True, kw_only=True)
class ResponseSinkConfig:
    """Settings of `ResponseSink`."""

    path: Path = setting(help="Folder to write into.")
    form: Literal["prediction", "annotations"] = setting(
        "prediction", help="Corners in shares of the picture, or (annotation=1) boxes in pixels."
    )

    def __post_init__(self) -> None:
        check(self)


class ResponseSink:
    """Writes ``NAME.jpg.out`` for every picture, as batch transform does; see `trackforge.io.builtin_response`.

    What is written are the detections. The files grow in a folder beside and come to their place together, at the end;
    what else is there stays. Frames without a file of their own are numbered from 1.

    Raises:
        SinkError: A file cannot be written.
    """

    def __init__(self, config: ResponseSinkConfig) -> None:
        self.config = config
        self._folder: PartialFolder | None = None

    def __enter__(self) -> ResponseSink:
        self._folder = PartialFolder(self.config.path)
        return self

    def open(self, stream: Stream, /) -> None:
        """Do nothing: answers know classes by number."""

    def write(self, step: Step, /) -> None:
        """Write the answer of one picture."""
        if self._folder is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        frame = step.frame
        text = response_text(step.detections, frame.size, self.config.form)
        self._folder.save(f"{answer_name(frame)}.out", (text + "\n").encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Put the files in their place, or leave them beside that after an error."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.settle(kind, mixed=True)
