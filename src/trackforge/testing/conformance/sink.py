"""The rules of `trackforge.protocols.Sink`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from trackforge.protocols import Sink, StreamAware
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Detections, Frame, Step, Stream, Tracks, TrackState

__all__ = ["check_sink", "small_steps"]

Make: TypeAlias = Callable[[Path], Sink]


def check_sink(make: Make, *, suffix: str = ".out", skip: Iterable[str] = ()) -> None:
    """Try every rule of the Sink protocol on a sink that writes a file.

    Args:
        make: Returns a new sink that writes to the path it is given.
        suffix: Ending of that path, with the dot.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("sink", make, skip, suffix=suffix)


class _Failure(Exception):  # noqa: N818 - raised and caught here
    pass


def small_steps() -> list[Step]:
    """Make a few small pictures: one without tracks, one with a hidden track, one with two visible ones."""
    made = []
    for index, n in enumerate((0, 1, 2, 2)):
        xyxy = np.array([[4.0 + index, 6, 20 + index, 40], [30, 8, 50, 44]], np.float32)[:n]
        image = np.full((48, 64, 3), 60 + 20 * index, np.uint8)
        frame = Frame(index=index, image=image, timestamp=index / 10, sequence="conformance")
        score = np.full(n, 0.9, np.float32)
        tracks = Tracks(
            track_id=np.arange(n) + 1,
            xyxy=xyxy,
            score=score,
            class_id=np.zeros(n, np.int64),
            state=np.full(n, TrackState.CONFIRMED if index > 1 else TrackState.LOST),
            age=np.full(n, index),
            time_since_update=np.full(n, int(index == 1)),
            detection=np.arange(n) if index > 1 else np.full(n, -1),
        )
        made.append(Step(frame=frame, detections=Detections(xyxy=xyxy, score=score), tracks=tracks))
    return made


@rule("sink")
def writes_what_it_is_given(make: Make, *, suffix: str = ".out") -> None:
    """After the block the output is there; also when there was nothing to write, or no track in it."""
    steps = small_steps()
    with tempfile.TemporaryDirectory() as folder:
        for name, some in (("whole", steps), ("blank", steps[:1])):
            path = Path(folder) / f"{name}{suffix}"
            with make(path) as sink:
                for step in some:
                    sink.write(step)
            require(path.exists(), f"after {len(some)} frames there is no {path.name}.")


@rule("sink")
def finishes_on_a_stop(make: Make, *, suffix: str = ".out") -> None:
    """Ctrl-C keeps what was written so far under its final name, and goes on to the caller."""
    with tempfile.TemporaryDirectory() as folder:
        path, stopped = Path(folder) / f"stopped{suffix}", False
        try:
            with make(path) as sink:
                sink.write(small_steps()[2])
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            stopped = True
        require(stopped, "Ctrl-C was swallowed.")
        require(path.exists(), f"after Ctrl-C there is no {path.name}.")


@rule("sink")
def leaves_nothing_half_done(make: Make, *, suffix: str = ".out") -> None:
    """After an error nothing stands under the final name, an output of before is untouched, the error goes on."""
    with tempfile.TemporaryDirectory() as folder:
        for before in (None, b"of before"):
            path, failed = Path(folder) / f"failed{suffix}", False
            if before is not None:
                path.write_bytes(before)
            try:
                with make(path) as sink:
                    sink.write(small_steps()[2])
                    raise _Failure
            except _Failure:
                failed = True
            require(failed, "the error was swallowed.")
            stands = path.read_bytes() if path.exists() else None
            require(stands == before, f"after an error {path.name} stands there, half written.")


@rule("sink")
def leaves_its_input_alone(make: Make, *, suffix: str = ".out") -> None:
    """write() does not change the step."""
    with tempfile.TemporaryDirectory() as folder, make(Path(folder) / f"same{suffix}") as sink:
        for step in small_steps():
            before = snapshot(step)
            sink.write(step)
            found = difference(step, before, "step")
            require(not found, f"after write() {found}.")


@rule("sink")
def is_told_about_the_stream(make: Make, *, suffix: str = ".out") -> None:
    """Where it has open(), that takes any Stream before the first frame, may be left out, and called once a block."""
    streams = (
        Stream(),
        Stream(name="conformance", rate=10.0, size=(64, 48), length=4, classes=("person",)),
        Stream(rate=1 / 300, classes=("one", "two")),
    )
    for number, stream in enumerate(streams):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"told{suffix}"
            sink = make(path)
            if not isinstance(sink, StreamAware):
                return
            for time in ("first", "second"):
                with sink:
                    sink.open(stream)
                    for step in small_steps():
                        sink.write(step)
                require(
                    path.exists(), f"after open() of stream {number}, for the {time} time, there is no {path.name}."
                )
