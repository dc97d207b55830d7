"""A picture by itself, or a frame of a session: what is found, or tracked, in the form that is wanted."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, wait
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError
from trackforge.io.builtin_response import response_text
from trackforge.serving import Engine, ServedSession
from trackforge.serving.answers import detections_json, step_json
from trackforge.serving.decoding import picture
from trackforge.serving.http.denials import Late
from trackforge.serving.refusals import Draining, SessionGone
from trackforge.types import Frame, Step
from trackforge_sagemaker.answering.hosting import Hosting
from trackforge_sagemaker.answering.values import Answer
from trackforge_sagemaker.formats import bytetrack, fairmot
from trackforge_sagemaker.formats.media import Form, chosen

__all__ = ["Frames"]

T = TypeVar("T")
Image = npt.NDArray[np.uint8]
_GLANCE = 0.5
"""Seconds between two looks whether the server is still there."""


class Frames:
    """Detects in pictures, and tracks frames of sessions.

    Args:
        engine: What detects and tracks.
        hosting: How to answer.
    """

    def __init__(self, engine: Engine, hosting: Hosting) -> None:
        self._engine, self._hosting = engine, hosting

    def decoded(self, body: bytes) -> Image:
        """Return a picture as RGB ``(H, W, 3)``.

        Raises:
            BadPicture: It is none.
            TooLarge: It has too many pixels.
        """
        return picture(body, max_pixels=self._engine.run.max_pixels)

    def detected(self, body: bytes, accept: str | None) -> Answer:
        """Answer what is found in a picture.

        Raises:
            NotAcceptable: The answer is not given in that form.
            BadPicture, TooLarge, Late: As `decoded` and `settled` do.
        """
        form = chosen(accept, "picture", self._hosting.response)
        frame = Frame(index=0, image=self.decoded(body))
        found = self.settled(self._engine.detect(frame))
        if form == "bytetrack":
            text = bytetrack.boxes_text(found, frame.size, self._hosting.letterbox)
        elif form == "trackforge":
            text = json.dumps(detections_json(frame, found, self._engine.classes), ensure_ascii=False)
        else:
            text = response_text(found, frame.size, "annotations" if form == "annotation" else "prediction")
        return Answer(body=text.encode())

    def tracked(
        self,
        session: ServedSession,
        image: Image,
        accept: str | None,
        default: Form = "trackforge",
        *,
        index: int | None = None,
        timestamp: float | None = None,
    ) -> Answer:
        """Push a frame into a session and answer its tracks.

        Raises:
            NotAcceptable: The answer is not given in that form.
            SessionInUse: Another request of the session is under way.
            InvalidInputError: The index does not go up.
            Refusal: As `ServedSession.push` and `settled` do.
        """
        form = chosen(accept, "session", default)
        with session.exclusive():
            try:
                step = self.settled(session.push(image, index=index, timestamp=timestamp))
            except InvalidInputError:
                session.present()  # it may have been closed while the detector was at the frame
                raise
        return Answer(body=self.text(step, form).encode())

    def text(self, step: Step, form: Form) -> str:
        """Return the tracks of a frame."""
        if form == "fairmot":
            return fairmot.tracks_text(step)
        return json.dumps(step_json(step, self._engine.classes), ensure_ascii=False, allow_nan=False)

    def settled(self, future: Future[T]) -> T:
        """Wait for a result, as long as an answer may take.

        Raises:
            Late: It took longer.
            SessionGone: The session ended meanwhile.
            Draining: The server did.
        """
        until = time.monotonic() + self._hosting.frame_time
        while not future.done():
            left = until - time.monotonic()
            if left <= 0:
                future.cancel()
                raise Late(
                    f"An answer must be ready within {self._hosting.frame_time:g} s; it was not. Send fewer requests "
                    "at once, or smaller pictures."
                )
            if self._engine.state == "closed":  # of a detector that hangs nothing comes any more
                raise Draining("The server was stopped before the answer was there. Ask another.")
            wait([future], min(left, _GLANCE))
        if future.cancelled():
            raise SessionGone("The session ended before its frame was tracked. Open a new one.")
        return future.result()


def same_size(image: Image, stated: tuple[int, int] | None) -> tuple[int, int]:
    """Return width and height of a picture.

    Raises:
        DataError: The client says that it has another size, so that boxes would mislead it.
    """
    size = (image.shape[1], image.shape[0])
    if stated is not None and stated != size:
        raise DataError(
            f'"frame_w" and "frame_h" must be the size of the picture, {size[0]} and {size[1]}; got {stated[0]} and '
            f"{stated[1]}. Boxes are in pixels of the picture as it is sent."
        )
    return size
