"""The contracts between components: small enough to print on a card.

If its arguments alone decide the pairs, it is an `Associator`. If it must remember anything from frame to frame, it is
a `Tracker`. Nothing needs to inherit from these classes: any object with the right methods fits, and
`trackforge.testing` has a ``check_*`` function for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from types import TracebackType
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from trackforge.types import Detections, Frame, Matches, Step, Stream, Tracks

__all__ = [
    "Associator",
    "Closable",
    "Detector",
    "Lossy",
    "MotionModel",
    "MotionState",
    "MotionView",
    "Remembering",
    "Sink",
    "Source",
    "StagedDetector",
    "StreamAware",
    "Tracker",
    "stream_of",
]

MotionState: TypeAlias = tuple[npt.NDArray[Any], ...]
"""The filters of N tracks as arrays of N rows each; only their MotionModel knows what is in them.

Being plain columns, states are selected with ``tuple(a[rows] for a in state)`` and joined with ``np.concatenate``.
"""
Floats: TypeAlias = npt.NDArray[np.float64]


@runtime_checkable
class Detector(Protocol):
    """Finds objects in frames."""

    @property
    def classes(self) -> Sequence[str]:
        """Class names; ``class_id`` indexes them."""

    @property
    def embedding_dim(self) -> int | None:
        """Width of ``Detections.embedding``, or None where the detector makes none."""

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return one Detections a frame, in order; empty ones, never None, for frames with nothing in them."""


@runtime_checkable
class StagedDetector(Detector, Protocol):
    """A Detector in three steps that the pipeline may run in three threads, one frame in each.

    ``detect(frames)`` must equal ``select(infer(prepare(frames)))``. What the steps hand on is theirs alone to know; it
    must stay valid while later frames are prepared.
    """

    def prepare(self, frames: Sequence[Frame], /) -> Any:
        """Make the network's input: resize, normalise, copy to the device."""

    def infer(self, prepared: Any, /) -> Any:
        """Run the network."""

    def select(self, predictions: Any, /) -> list[Detections]:
        """Turn what the network gave into one Detections a frame: thresholds, non-maximum suppression."""


@runtime_checkable
class Remembering(Protocol):
    """A Detector that remembers something from frame to frame, so that one of them serves one sequence at a time.

    A Detector without ``reset`` looks at each frame by itself: it may be shared by many sequences, whose frames come in
    any order, and sessions with it can be saved.
    """

    def reset(self, sequence: str = "", /) -> None:
        """Forget everything; the next frame is the first of the named sequence."""


@runtime_checkable
class MotionModel(Protocol):
    """Predicts where boxes go: N filters at once, kept as a `MotionState`. Every method is pure."""

    def initiate(self, xyxy: Floats, /) -> MotionState:
        """Start one filter a box; ``(N, 4)`` pixels."""

    def predict(
        self, state: MotionState, /, *, dt: float = 1.0, coasting: npt.NDArray[np.bool_] | None = None
    ) -> MotionState:
        """Advance by ``dt`` frame intervals.

        ``coasting`` is an ``(N,)`` mask of the tracks that had no detection in the last frame, None for none.
        """

    def update(self, state: MotionState, xyxy: Floats, /) -> MotionState:
        """Correct each filter with its own measured box; ``(N, 4)`` pixels."""

    def boxes(self, state: MotionState, /) -> Floats:
        """Return the estimated boxes, ``(N, 4)`` float64 xyxy pixels."""

    def mahalanobis(self, state: MotionState, xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared Mahalanobis distances of M measured boxes to N filters, ``(N, M)``."""

    def dense(self, state: MotionState, /) -> tuple[Floats, Floats]:
        """Return means ``(N, S)`` and covariances ``(N, S, S)`` for people and tests."""


class MotionView(Protocol):
    """What an Associator may ask about the predicted tracks it was given."""

    @property
    def boxes(self) -> Floats:
        """Predicted boxes of all given tracks, ``(M, 4)`` float64 xyxy pixels."""

    def mahalanobis(self, tracks: npt.NDArray[np.int64], xyxy: Floats, /, *, position_only: bool = False) -> Floats:
        """Return squared distances of boxes to the given track rows, ``(len(tracks), len(xyxy))``."""


@runtime_checkable
class Associator(Protocol):
    """Decides which track goes with which detection; a pure function of its arguments."""

    def associate(self, tracks: Tracks, detections: Detections, /, *, frame: Frame, motion: MotionView) -> Matches:
        """Match predicted tracks with the detections of a frame.

        Detections that the method wants to forget (too low a score, say) are in neither ``detection`` nor
        ``unmatched_detection`` of the result.
        """


@runtime_checkable
class Tracker(Protocol):
    """Turns the detections of successive frames into tracks. Ids and state live on the instance."""

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; to be called for every frame, empty or not, in increasing ``frame.index``."""

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts of them."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is of another tracker, or of other settings.
        """


@runtime_checkable
class Source(Protocol):
    """Yields the frames of one sequence in order.

    Timestamps, where it gives some, increase strictly: whatever is wrong with the clock of a file or camera is mended
    here (see `trackforge.io.timeline`), so that nobody after it needs to ask. A source may also be `Closable` and
    `Lossy`. Wherever a source is taken, any iterable of frames is, too.
    """

    @property
    def stream(self) -> Stream:
        """What is known about the frames beforehand; ``Stream()`` where nothing is."""

    def __iter__(self) -> Iterator[Frame]:
        """Start at the first frame."""


def stream_of(source: Iterable[Frame], /) -> Stream:
    """Return what a source says about its frames; of any other iterable no more than its length, where it has one."""
    if isinstance(source, Source):
        return source.stream
    return Stream(length=len(source) if isinstance(source, Sized) else None)


@runtime_checkable
class Closable(Protocol):
    """A source that holds something: a camera, a file, a thread."""

    def close(self) -> None:
        """End iterations under way at their next frame, and let go; may be called at any time and more than once."""


@runtime_checkable
class Lossy(Protocol):
    """A source that leaves out frames that are damaged."""

    @property
    def skipped(self) -> int:
        """Damaged frames left out by the latest iteration."""


@runtime_checkable
class StreamAware(Protocol):
    """A Sink or Tracker that wants to know about the frames before they come."""

    def open(self, stream: Stream, /) -> None:
        """Be told, before the first frame of every sequence, within a sink's ``with`` block.

        ``stream.classes`` are those of the detector; name and size are filled in from the first frame where the source
        did not know them. What was set explicitly wins over what the stream says.
        """


@runtime_checkable
class Sink(Protocol):
    """Takes results frame by frame; a context manager.

    Leaving the block without an exception, or through Ctrl-C, makes the output final; any other exception discards it.
    """

    def write(self, step: Step, /) -> None:
        """Take the results of one frame."""

    def __enter__(self) -> Sink:
        """Open the output."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Finish the output."""
