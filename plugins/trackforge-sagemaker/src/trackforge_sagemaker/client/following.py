"""Tracks that an endpoint made, in the places of a detector and a tracker: so runs, outputs and overlays serve them.

A `SessionDetector` sends each frame to a session, a `StoredSteps` finds it in an answer that is stored; both give the
tracks as detections with ``extra["track_id"]``, which `ToldTracker` makes tracks again. `Shown` leaves out of any
tracker's results what AWS's examples leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.errors import DataError, InvalidInputError, StateError
from trackforge.intake.documents import parse_json, whole_number
from trackforge.intake.reading import reading
from trackforge.protocols import Tracker
from trackforge.types import Detections, Frame, Tracks
from trackforge_sagemaker.client.answers import as_tracks, tracks_of
from trackforge_sagemaker.client.sessions import SessionTracker
from trackforge_sagemaker.formats.bounds import FLATTEST, SMALLEST

__all__ = ["SessionDetector", "Shown", "StoredSteps", "ToldTracker", "numbered"]


def numbered(names: Sequence[str], least: int = 100) -> tuple[str, ...]:
    """Return names of classes, or numbers where there are none."""
    return tuple(names) or tuple(f"class {number}" for number in range(least))


class SessionDetector:
    """Tracks of one session after the other; see the module.

    Args:
        make: Makes a `SessionTracker` for a sequence.
        classes: Names of the endpoint's classes.
    """

    embedding_dim: int | None = None

    def __init__(self, make: Callable[[], SessionTracker], classes: Sequence[str] = ()) -> None:
        self.classes = numbered(classes)
        self._make = make
        self._session: SessionTracker | None = None

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return the tracks of each frame; raises as `SessionTracker.step` does."""
        return [self._one(frame) for frame in frames]

    def reset(self, sequence: str = "", /) -> None:  # noqa: ARG002 - the signature of Remembering
        """End the session; the next frame opens another."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _one(self, frame: Frame) -> Detections:
        if self._session is None:
            self._session = self._make()
        step = self._session.step(frame)
        found = step.detections
        return Detections(
            xyxy=found.xyxy, score=found.score, class_id=found.class_id, mask=found.mask,
            extra={"track_id": step.tracks.track_id},
        )  # fmt: skip


class StoredSteps:
    """Tracks of a film as an endpoint answered them: JSON lines, or one object with ``frames``.

    Args:
        path: The answer.
        classes: Names of the endpoint's classes.

    Raises:
        DataError: It is no such answer.
        MissingFileError: It is not there.
    """

    embedding_dim: int | None = None

    def __init__(self, path: Path, classes: Sequence[str] = ()) -> None:
        self.classes = numbered(classes)
        self._path = path
        self._frames: dict[int, tuple[tuple[int, int], Detections]] = {}
        with reading(path, "An answer"):
            text = path.read_text(encoding="utf-8-sig")
        for number, document in self._documents(text):
            try:
                index = whole_number(document["frame"], 0)
                size = (whole_number(document.get("width", 0)), whole_number(document.get("height", 0)))
                self._frames[index] = size, tracks_of(document)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"A frame of an answer must have its number and tracks; this one does not ({error}).",
                    path=path, line=number,
                ) from error  # fmt: skip

    def _documents(self, text: str) -> list[tuple[int, Any]]:
        if text.lstrip().startswith('{"frames"'):
            return [(1, one) for one in parse_json(text, "An answer", path=self._path)["frames"]]
        lines = enumerate(text.splitlines(), start=1)
        return [(n, parse_json(line, "An answer", path=self._path, line=n)) for n, line in lines if line.strip()]

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return the tracks of each frame; none for one that the answer does not have.

        Raises:
            InvalidInputError: The answer is of pictures of another size.
        """
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Detections:
        size, found = self._frames.get(frame.index, ((0, 0), Detections.empty()))
        if min(size) > 0 and min(frame.size) > 0 and size != frame.size:
            raise InvalidInputError(
                f"{self._path} must be the answer to this film; it has pictures of {size[0]}x{size[1]}, frame "
                f"{frame.index} is of {frame.size[0]}x{frame.size[1]}. Delete it to have the film tracked again."
            )
        return found


class ToldTracker:
    """Gives the tracks that detections say they are, by ``extra["track_id"]``."""

    def __init__(self) -> None:
        self._born: dict[int, int] = {}

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Return a track for each detection, in their order."""
        tracks = as_tracks(detections)
        born = [self._born.setdefault(one, frame.index) for one in tracks.track_id.tolist()]
        columns = {name: getattr(tracks, name) for name in ("track_id", "xyxy", "score", "class_id", "state")}
        return Tracks(
            **columns,
            age=frame.index - np.array(born, np.int64) + 1,
            time_since_update=tracks.time_since_update,
            detection=tracks.detection,
        )

    def reset(self) -> None:
        """Forget when tracks began."""
        self._born = {}

    def state_dict(self) -> dict[str, Any]:
        """Return when tracks began."""
        ids = list(self._born)
        return {"format": "told", "ids": np.array(ids, np.int64), "born": np.array(list(self._born.values()), np.int64)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from there.

        Raises:
            StateError: It is another tracker's.
        """
        if state.get("format") != "told":
            raise StateError("The state must be of tracks that an endpoint told; it is of another tracker.")
        self._born = dict(zip(state["ids"].tolist(), state["born"].tolist(), strict=True))


class Shown:
    """A tracker whose boxes that are too flat or too small are left out, as AWS's examples do.

    Args:
        tracker: The tracker.
        flattest: Width over height, at most.
        smallest: Area in px² that must be exceeded.
    """

    def __init__(self, tracker: Tracker, flattest: float = FLATTEST, smallest: float = SMALLEST) -> None:
        self.tracker, self._flattest, self._smallest = tracker, flattest, smallest

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Return the tracker's tracks without these."""
        tracks = self.tracker.update(detections, frame)
        width, height = (tracks.xyxy[:, 2:] - tracks.xyxy[:, :2]).T
        return tracks[(width <= self._flattest * height) & (width * height > self._smallest)]

    def reset(self) -> None:
        """Forget everything."""
        self.tracker.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the tracker's state."""
        return self.tracker.state_dict()

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from there; raises StateError as the tracker does."""
        self.tracker.load_state_dict(state)
