"""One sequence that is being tracked: push a frame, get a step.

>>> import trackforge
>>> with trackforge.Session("motion", "byte", sinks=["out.txt"]) as session:  # doctest: +SKIP
...     for frame in frames:
...         step = session.step(frame)

`trackforge.pipeline.track` pulls from a session, and a `trackforge.pool.SessionPool` pushes into many: what is
done with a frame and its detections stands here and nowhere else. A session can be saved and go on in another process.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from trackforge.analytics.together import Given, Together
from trackforge.errors import InvalidInputError, PluginError, StateError
from trackforge.io.outputs import Outputs, finishing
from trackforge.packing import pack, unpack
from trackforge.protocols import Detector, Remembering, Sink, StreamAware, Tracker
from trackforge.registry import doors
from trackforge.roles import answers, classes_of, fit, follows
from trackforge.types import Detections, Frame, Step, Stream, Tracks

__all__ = ["Session", "Steps"]

FORMAT = 1


class Session:
    """A detector, a tracker, analytics and sinks, to which frames of one sequence are pushed one by one.

    Sinks are opened by ``with`` or by the first frame. Outputs become final with `close`, and at the end of a ``with``
    block that was left without an exception or through Ctrl-C; after any other exception nothing stands under their
    names. One that fails takes no other along: it is left out, and its error raised when the others are final, or at
    once where there is no other. One thread at a time may use a session.

    Args:
        detector: A Detector, or the name of one that needs no settings.
        tracker: A Tracker, or the name of one. It goes on from where it stands.
        sinks: Sinks, or file names whose ending tells which sink is meant. Opened and closed here.
        stream: What is known about the frames beforehand; class names are taken from the detector.
        analytics: What is to be made of the tracks: Analytics, or names of such that need no settings; in a mapping the
            keys are the names of their answers. What each knows is in `Step.analytics`. They go on from where they
            stand.

    Attributes:
        stream: What is known about the frames, the detector's classes included.
        analytics: The analytics; ``analytics.result()`` is what came of all frames so far, by name.
        last: Index of the last frame; -1 before the first.

    Raises:
        InvalidInputError: An argument cannot play its role.
        PluginError: The classes of the detector are no names.
    """

    def __init__(
        self,
        detector: Detector | str,
        tracker: Tracker | str,
        *,
        sinks: Iterable[Sink | str | Path] = (),
        stream: Stream | None = None,
        analytics: Given = (),
    ) -> None:
        if isinstance(sinks, (str, Path)):
            raise InvalidInputError(f"sinks must be a list; got {str(sinks)!r}. Write sinks=[{str(sinks)!r}].")
        made = doors.detector(detector) if isinstance(detector, str) else detector
        self.detector = fit(made, "detector", "detect")
        self.tracker = fit(doors.tracker(tracker) if isinstance(tracker, str) else tracker, "tracker", "update")
        self.sinks = [
            fit(doors.sink(sink) if isinstance(sink, (str, Path)) else sink, "sink", "write", "__enter__")
            for sink in sinks
        ]
        self.analytics = analytics if isinstance(analytics, Together) else Together(analytics)
        self.stream = dataclasses.replace(stream or Stream(), classes=classes_of(self.detector))
        self.last = -1
        self._told = self._closed = False
        self._opened: Outputs | None = None

    def step(self, frame: Frame, /) -> Step:
        """Detect in a frame and go on by it.

        Raises:
            InvalidInputError: It is no Frame, its index does not increase, or the session is closed.
            PluginError: The detector does not give one Detections a frame, or the tracker no Tracks.
            TrackforgeError: Whatever the components raise.
        """
        follows(frame, self.last)
        self._open()
        return self.associate(frame, answers(self.detector, [frame], self.detector.detect([frame]))[0])

    def associate(self, frame: Frame, detections: Detections, /) -> Step:
        """Go on by a frame in which somebody else has detected; raises as `step` does."""
        follows(frame, self.last)
        outputs = self._open()
        if not self._told:
            self._tell(self.stream.seen(frame), outputs)
        tracks = self.tracker.update(detections, frame)
        if not isinstance(tracks, Tracks):
            raise PluginError(
                f"update() must return Tracks; {type(self.tracker).__name__} gave {type(tracks).__name__}. "
                "trackforge.testing.check_tracker shows what else it must do."
            )
        step = Step(frame=frame, detections=detections, tracks=tracks)
        self.last = frame.index  # after an error of the tracker's, which undoes its own, the frame may come again
        step = self.analytics.update(step)
        outputs.write(step)
        return step

    def state(self) -> bytes:
        """Return everything that is needed to go on elsewhere, as bytes (`trackforge.packing`); outputs stay here.

        Analytics are part of it as far as they are `Savable`.

        Raises:
            StateError: The detector remembers something, which cannot be saved.
        """
        if isinstance(self.detector, Remembering):
            raise StateError(
                f"A session can be saved where only its tracker remembers; {type(self.detector).__name__} remembers "
                "frames, too. Use a detector that looks at each frame by itself."
            )
        known = dataclasses.asdict(self.stream)
        counted = {"analytics": self.analytics.state_dict()} if self.analytics else {}
        return pack(
            {"format": FORMAT, "frame": self.last, "stream": known, "tracker": self.tracker.state_dict(), **counted}
        )

    @classmethod
    def restore(
        cls,
        state: bytes,
        detector: Detector | str,
        tracker: Tracker | str,
        *,
        sinks: Iterable[Sink | str | Path] = (),
        analytics: Given = (),
    ) -> Session:
        """Go on where `state` was taken: the next frame gets the very step that it would have got there.

        Args:
            state: What `state` returned.
            detector: A detector like the one of before.
            tracker: A tracker of the same settings; it takes over the state.
            sinks: Where the steps from here on go.
            analytics: Those of before, made anew; one that the state knows nothing of begins here.

        Raises:
            StateError: The bytes are no such state, or that of another tracker or analytic.
            InvalidInputError: An argument cannot play its role.
        """
        saved = unpack(state)
        form = saved.get("format")
        if type(form) is not int or form != FORMAT or not {"frame", "stream", "tracker"} <= saved.keys():
            raise StateError(
                f"The state of a session must have format {FORMAT}; got {form!r} with "
                f"{', '.join(map(str, saved)) or 'nothing'}. Save it with this version."
            )
        try:
            stream, last = Stream(**saved["stream"]), int(saved["frame"])
        except (TypeError, ValueError, OverflowError) as error:
            raise StateError(
                f"The state of a session must tell its stream and last frame; {error}. Save it again."
            ) from error
        session = cls(detector, tracker, sinks=sinks, stream=stream, analytics=analytics)
        session.tracker.load_state_dict(saved["tracker"])
        session.analytics.load_state_dict(saved.get("analytics", {}))
        session.last = last
        return session

    def __enter__(self) -> Session:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Finish the outputs, or leave them under their partial names after an error."""
        self._closed = True
        opened, self._opened = self._opened, None
        if opened is None:
            return
        with finishing():
            if not self._told and (kind is None or not issubclass(kind, Exception)):  # Ctrl-C makes outputs final, too
                try:  # outputs without frames shall know at least what the source said
                    self._tell(self.stream, opened)
                except BaseException as problem:
                    opened.__exit__(type(problem), problem, problem.__traceback__)
                    raise
            opened.__exit__(kind, error, trace)

    def close(self) -> None:
        """Make the outputs final; may be called more than once."""
        self.__exit__(None, None, None)

    @property
    def ended(self) -> bool:
        """Whether the reader of an output has seen enough, so that no more frames are wanted."""
        return self._opened is not None and self._opened.ended

    def _open(self) -> Outputs:
        if self._closed:
            raise InvalidInputError("A session that is closed takes no more frames. Make a new one, or restore() it.")
        if self._opened is None:
            self._opened = Outputs(self.sinks).__enter__()
        return self._opened

    def _tell(self, stream: Stream, outputs: Outputs) -> None:
        """Open what wants to know about the stream."""
        self.stream, self._told = stream, True
        for component in (self.detector, self.tracker):
            if isinstance(component, StreamAware):
                component.open(stream)
        self.analytics.open(stream)
        if self.analytics.draws:
            outputs.draw_with(self.analytics)
        outputs.open(stream)


class Steps(Generator[Step, None, None]):
    """The generator that `trackforge.track` returns, which says so where nobody ever asked it for a step."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Generator[Step, None, None]) -> None:
        self._steps = steps

    def __next__(self) -> Step:
        return next(self._steps)

    def send(self, value: None, /) -> Step:
        """Give the next step."""
        return self._steps.send(value)

    def throw(self, *error: Any) -> Step:
        """Raise an error where the steps stand."""
        return self._steps.throw(*error)

    def close(self) -> None:
        """End, and make the outputs final."""
        self._steps.close()

    def __del__(self) -> None:
        if inspect.getgeneratorstate(self._steps) == inspect.GEN_CREATED:
            warnings.warn(
                "Nothing was tracked: trackforge.track gives its steps one by one, and nobody asked for any. Iterate "
                "over it: for step in trackforge.track(...): ...",
                UserWarning,
                stacklevel=2,  # whoever let go of it
            )
