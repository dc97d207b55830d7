"""What a detector found in a sequence, in a file that grows frame by frame: an endpoint that fails loses nothing.

One JSON a line. The first says what the detections depend on; then there is one for each frame, in order; the last says
that the sequence is over. What a kill has cut off is no line, and is done again.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from trackforge.errors import SinkError
from trackforge.types import Detections, Frame

__all__ = ["Findings", "Found"]

log = logging.getLogger(__name__)
FORMAT = 1


@dataclass(frozen=True)
class Found:
    """A frame, without its picture, and what was found in it; None where nobody looked, since people had checked it."""

    frame: Frame
    detections: Detections | None


class Findings:
    """The file of one sequence.

    Args:
        path: The file; made where needed.
        mark: What the detections depend on; what was found for another mark is thrown away.

    Attributes:
        frames: What is there, by index of the frame.
        classes: Of the detector; empty before it was asked.
        complete: Whether the end of the sequence was reached.
    """

    def __init__(self, path: Path, mark: str) -> None:
        self.path, self.mark = path, mark
        self.frames: dict[int, Found] = {}
        self.classes: tuple[str, ...] = ()
        self.complete = False
        self._file: IO[str] | None = None
        self._good = 0
        if path.is_file():
            self._read()

    def _read(self) -> None:
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                try:
                    if not line.endswith(b"\n"):
                        raise ValueError("cut off")
                    told = json.loads(line)
                    if number == 0:
                        if told["format"] != FORMAT or told["mark"] != self.mark:
                            return
                        self.classes = tuple(told["classes"])
                    elif "end" in told:
                        self.complete = True
                    else:
                        found = _decoded(told)
                        self.frames[found.frame.index] = found
                except (ValueError, KeyError, TypeError) as error:  # what a kill or a full disk has left
                    log.info("%s: line %d is not whole (%s); it is done again", self.path, number + 1, error)
                    return
                self._good += len(line)

    def covers(self, needed: frozenset[int]) -> bool:
        """Tell whether nothing is left to look for: the end was reached, and no frame that counts was left out."""
        return self.complete and not any(
            found.detections is None and index in needed for index, found in self.frames.items()
        )

    def restart(self) -> None:
        """Forget everything: a detector that remembers has to see the sequence from its beginning."""
        self.frames, self.complete, self._good, self.classes = {}, False, 0, ()

    def __enter__(self) -> Findings:
        """Open the file for what is to come, behind the last line that is whole."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.truncate(self._good)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self, classes: tuple[str, ...]) -> None:
        """Say what the classes of the detector are called, before anything is added."""
        if not self._good:
            self._write({"format": FORMAT, "mark": self.mark, "classes": list(classes)})
        self.classes = classes

    def add(self, found: Found) -> None:
        """Add a frame; it is in the file when this returns."""
        self._write(_encoded(found))
        self.frames[found.frame.index] = found

    def end(self) -> None:
        """Say that there are no more frames."""
        if not self.complete:
            self._write({"end": len(self.frames)})
            self.complete = True

    def in_order(self) -> Iterator[Found]:
        """Yield the frames in the order of time."""
        for index in sorted(self.frames):
            yield self.frames[index]

    def _write(self, told: dict[str, Any]) -> None:
        if self._file is None:
            raise RuntimeError("the file is not open")
        try:
            self._file.write(json.dumps(told) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error
        self._good += 1  # anything but nothing: there is a first line now

    def _failure(self, error: OSError) -> SinkError:
        return SinkError(
            f"{self.path} cannot be written: {error.strerror or error}. What was found before is kept; make room or "
            "mend the folder, and run the same again."
        )


def _encoded(found: Found) -> dict[str, Any]:
    frame, one = found.frame, found.detections
    told: dict[str, Any] = {"frame": frame.index, "size": list(frame.size)}
    told |= {"time": frame.timestamp} if frame.timestamp is not None else {}
    told |= {"file": frame.file} if frame.file is not None else {}
    if one is None:
        return told
    told |= {"xyxy": one.xyxy.tolist(), "score": one.score.tolist(), "class": one.class_id.tolist()}
    if one.mask is not None:
        told["mask"] = one.mask.tolist()
    if one.embedding is not None:
        told["embedding"] = [one.embedding.shape[1], base64.b64encode(one.embedding.tobytes()).decode()]
    return told


def _decoded(told: dict[str, Any]) -> Found:
    width, height = told["size"]
    frame = Frame(index=told["frame"], size=(width, height), timestamp=told.get("time"), file=told.get("file"))
    if "xyxy" not in told:
        return Found(frame, None)
    n = len(told["score"])
    mask = embedding = None
    if told.get("mask") is not None:
        mask = np.empty(n, np.object_)
        mask[:] = told["mask"]
    if told.get("embedding") is not None:
        dim, text = told["embedding"]
        embedding = np.frombuffer(base64.b64decode(text), np.float32).reshape(n, dim)
    return Found(
        frame,
        Detections(
            xyxy=np.array(told["xyxy"], np.float32).reshape(n, 4),
            score=np.array(told["score"], np.float32),
            class_id=np.array(told["class"], np.int64),
            mask=mask,
            embedding=embedding,
        ),
    )
