"""A planned run: every sequence through the pipeline, watched."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from trackforge import pipeline
from trackforge.errors import ConfigError
from trackforge.intake.addresses import address_name, shown_address, source_name
from trackforge.intake.names import relative_name
from trackforge.io.masking import Masking
from trackforge.io.outputs import Outputs
from trackforge.protocols import (
    Closable,
    Detector,
    Dropping,
    Lossy,
    Remembering,
    Segmenter,
    Sink,
    Source,
    Tracker,
    notes_of,
    stream_of,
)
from trackforge.runs.advice import advise
from trackforge.runs.blame import blaming, guard
from trackforge.runs.component import Component
from trackforge.runs.facts import about_model
from trackforge.runs.filtering import narrowed
from trackforge.runs.keeping import check_places
from trackforge.runs.measuring import together
from trackforge.runs.planning import Output, RunPlan
from trackforge.runs.results import SequenceResult
from trackforge.runs.slicing import opened
from trackforge.runs.stopping import Stopping
from trackforge.runs.stopwatch import Stopwatch
from trackforge.runs.watching import Watching
from trackforge.table import TrackTable
from trackforge.types import Step

__all__ = ["Input", "Progress", "open_sources", "run"]

log = logging.getLogger(__name__)
Progress: TypeAlias = "Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]"
"""Watches a sequence: called with its name and its frames, where known; the context gives what to call after each."""


@dataclass(frozen=True)
class Input:
    """A source that is open, and the name of its sequence, which may stand in the names of files."""

    name: str
    given: str
    source: Source


def open_sources(plan: RunPlan) -> list[Input]:
    """Open the sources of a plan; nothing is read yet.

    Raises:
        SourceError: One cannot be opened.
        ConfigError: There is none, or two sequences have one name.
        DataError: A sequence has a name that would lead out of the folder of outputs.
    """
    if not plan.sources:
        raise ConfigError(
            f"{plan.command} needs a source: a video, a folder of images, a URL. Give one: trackforge {plan.command} "
            "a.mp4."
        )
    inputs: list[Input] = []
    for component in plan.sources:
        with blaming(component, "as it was made"):
            source = opened(component, plan.options.start, plan.options.stride)
        given = shown_address(str(component.settings.get("path", component.name)))
        name = stream_of(source).name or source_name(given) or "sequence"
        name = str(relative_name(address_name(name), "A sequence", path=given))
        if any(name == other.name for other in inputs):
            raise ConfigError(
                f"Sequences need different names; two are called {name!r}. Take them one by one; "
                "pictures of one folder are one sequence: name the folder, or quote the pattern ('shots/*.jpg')."
            )
        inputs.append(Input(name, given, source))
    return inputs


def run(
    plan: RunPlan,
    inputs: Sequence[Input] | None = None,
    *,
    keep: bool = False,
    progress: Progress | None = None,
    stopping: Stopping | None = None,
) -> Iterator[SequenceResult]:
    """Track one sequence after the other, until all are done or somebody asked for a stop.

    Components are made once and reset between sequences, but for those that have ``{name}`` in their settings.

    Args:
        plan: What to do.
        inputs: The sources of the plan, where they are open already.
        keep: Whether to keep tracks and detections in memory, to score them.
        progress: Watches each sequence.
        stopping: Tells when to stop; signals reach it where somebody entered it.

    Raises:
        TrackforgeError: What `trackforge.track` and the components raise.
    """
    inputs = open_sources(plan) if inputs is None else inputs
    check_places(plan, [(one.name, one.given) for one in inputs])
    for one in inputs if plan.analytics else ():  # so that what lies outside the picture is said before the work
        together(plan.analytics, one.name).open(stream_of(one.source))
    stopping = Stopping() if stopping is None else stopping
    detector, tracker = _Reused(plan.detector), _Reused(plan.tracker)
    segmenter = None if plan.segmenter is None or not plan.outputs else _Reused(plan.segmenter)
    for component, one in zip(plan.sources, inputs, strict=True):
        result = SequenceResult(one.name, one.given)
        with contextlib.ExitStack() as stack:
            if isinstance(one.source, Closable):
                stack.callback(one.source.close)
            masks = None if segmenter is None else segmenter(one.name)
            parts = _Parts(component, one.source, detector(one.name), tracker(one.name), masks)
            yield _run(result, parts, plan, keep=keep, progress=progress or _unwatched, stopping=stopping)
        if stopping.signal or result.ended:
            return


@contextlib.contextmanager
def _unwatched(name: str, total: int | None) -> Iterator[Callable[[], None]]:  # noqa: ARG001 - see `Progress`
    yield lambda: None


class _Reused:
    """Gives a component that is as good as new for every sequence, at the least cost."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._made: Any = None
        self._settings: Mapping[str, Any] = {}

    def __call__(self, sequence: str) -> Any:
        component = self._component.for_sequence(sequence)
        if self._made is None or component.settings != self._settings:
            with blaming(component, "as it was made"):
                self._made, self._settings = component.create(), component.settings
        elif isinstance(self._made, Remembering):
            with blaming(component, "as it was reset"):
                self._made.reset()
        return self._made


class _Parts(NamedTuple):
    """What a sequence is run with."""

    component: Component  # of the source
    source: Source
    detector: Detector
    tracker: Tracker
    segmenter: Segmenter | None


def _run(
    result: SequenceResult,
    parts: _Parts,
    plan: RunPlan,
    *,
    keep: bool,
    progress: Progress,
    stopping: Stopping,
) -> SequenceResult:
    options, (component, source, detector, tracker, segmenter) = plan.options, parts
    detector = narrowed(detector, plan.classes, plan.class_agnostic)
    result.classes = tuple(detector.classes)
    result.model, result.fps = about_model(parts.detector), stream_of(source).rate
    outputs = plan.outputs
    if any(output.optional for output in outputs) and not _has_pictures(source):
        outputs = [output for output in outputs if not output.optional]
    watch = Stopwatch()
    sinks = Outputs([watch.sink(sink, guard(output.sink)) for output, sink in _sinks(outputs, result)])
    into: Outputs | Masking = sinks
    if segmenter is not None and plan.segmenter is not None:
        into = Masking([sinks], watch.segmenter(segmenter, guard(plan.segmenter)))
    analytics = together(plan.analytics, result.name)
    seen = Watching(result.name, analytics, stream_of(source).rate) if plan.analytics else None
    begin = time.perf_counter()
    steps = pipeline.track(
        watch.source(source, guard(component)),
        watch.detector(detector, guard(plan.detector)),
        watch.tracker(tracker, guard(plan.tracker)),
        sinks=[into],
        batch_size=options.batch_size,
        ahead=options.ahead,
        analytics=analytics,
    )
    total = stream_of(source).length
    if options.frames is not None:
        total = options.frames if total is None else min(total, options.frames)
    stopping.patient = stopping.waiting = True
    try:
        with progress(result.name, total) as advance, contextlib.closing(steps):
            watched = _watched(steps, result, options.frames, stopping, advance, keep=keep, seen=seen)
            if keep:
                result.table = TrackTable.from_steps(watched, options.box or "filtered", sequence=result.name)
            else:
                for _ in watched:
                    pass
    except Exception as error:
        if not sinks.whole:
            raise
        result.failure = error  # the other outputs are whole, and the next sequences can be
    stopping.patient = False
    if seen is not None:
        _conclude(plan, result, seen)
    if not result.frames:  # of which some outputs make nothing
        made = [one for one in zip(result.outputs, result.formats, strict=True) if Path(one[0]).exists()]
        result.outputs, result.formats = [path for path, _ in made], [form for _, form in made]
    result.ended = sinks.ended
    if sinks.ended and len(outputs) > 1:
        log.warning("%s: ended, since nobody looks any more; the other outputs hold what came before", result.name)
    result.stopped |= sinks.ended
    result.seconds, result.stages = time.perf_counter() - begin, watch.seconds
    result.skipped = source.skipped if isinstance(source, Lossy) else 0
    result.dropped = source.dropped if isinstance(source, Dropping) else 0
    noticed = list(dict.fromkeys(note for part in (source, detector, tracker) for note in notes_of(part)))
    advice = advise(result.tally, plan.detector, plan.tracker, classes=result.classes, made=tracker, noticed=noticed)
    result.notes = [*noticed, *advice]
    return result


def _watched(
    steps: Iterator[Step],
    result: SequenceResult,
    most: int | None,
    stopping: Stopping,
    advance: Callable[[], None],
    *,
    keep: bool,
    seen: Watching | None,
) -> Iterator[Step]:
    """Count, and end where somebody asked for it."""
    begin = time.perf_counter()
    for step in steps:
        result.tally.see(step)
        if seen is not None:
            seen.see(step)
        if result.frames == 1:
            took, (width, height) = time.perf_counter() - begin, step.frame.size
            log.info("%s: the first frame, of %dx%d, is done after %.2f s", result.name, width, height, took)
        if keep:
            result.found.append((step.frame.index, step.detections))
        advance()
        yield step
        if stopping.signal or result.frames == most:
            result.stopped = True
            break
    stopping.settled()


def _conclude(plan: RunPlan, result: SequenceResult, seen: Watching) -> None:
    """Ask the analytics what came of the sequence, and write it down; what fails takes nothing else along."""
    seen.classes = result.classes
    try:
        result.analytics = seen.result()
        for path, form in plan.conclude(result.name, seen):
            result.outputs.append(path)
            result.formats.append(form)
    except Exception as error:  # noqa: BLE001 - it is raised when all else is written down
        result.failure = result.failure or error


def _sinks(outputs: Sequence[Output], result: SequenceResult) -> Iterator[tuple[Output, Sink]]:
    """Make the sinks of one sequence."""
    for output in outputs:
        path = output.place(result.name)
        with blaming(output.sink, "as it was made"):
            sink: Sink = output.sink.create(**({"path": path} if path else {}))
        if path:
            result.outputs.append(path)
            result.formats.append(output.sink.name)
        yield output, sink


def _has_pictures(source: Source) -> bool:
    """Look at the first frame, where the source can start again."""
    if stream_of(source).length is None:
        return True
    frames = iter(source)
    first = next(frames, None)
    if isinstance(frames, Generator):
        frames.close()
    return first is not None and first.image is not None
