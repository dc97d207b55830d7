"""Results of a film that are made when somebody asks for them: COCO json, and the film with its tracks drawn in."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from trackforge.intake.limits import limited
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.io.video import VideoSource
from trackforge.runs.measuring import together
from trackforge.serving.engine import Engine
from trackforge.serving.films.coco import write_coco_of
from trackforge.serving.films.film import Film
from trackforge.serving.films.opening import open_film
from trackforge.serving.films.replaying import steps_of
from trackforge.types import Frame

__all__ = ["make"]


def make(film: Film, kind: str, engine: Engine, look: Callable[[], object]) -> None:
    """Make a result of a film that is done: ``"json"`` or ``"mp4"``.

    Both are read from its JSON lines, the pictures of the video from the film once more; so neither the detector nor
    the tracker has any part in it, and nothing grows with the film.

    Args:
        film: The film.
        kind: The result.
        engine: Its tracker's.
        look: Called as the result grows; what it raises ends it, and nothing of it is left.

    Raises:
        SinkError: It cannot be written.
        SourceError: The film cannot be read any more.
    """
    lines, place = film.place("jsonl"), film.place(kind)
    if kind == "json":
        write_coco_of(lines, place, engine.classes, look)
        film.results[kind].frames = film.frames
        return
    with limited(pixels=engine.run.max_pixels), contextlib.ExitStack() as stack:
        source = open_film(film.path, film.name)
        stack.callback(source.close)
        sink = stack.enter_context(OverlaySink(OverlaySinkConfig(path=place)))
        stream = dataclasses.replace(source.stream, classes=engine.classes)
        analytics = together(engine.plan.analytics, film.name, lasting=True)  # which see the same once more, to draw it
        for step in steps_of(lines, _frames(source, film)):
            if not film.results[kind].frames:
                analytics.open(stream.seen(step.frame))
                sink.draw_with(analytics)
                sink.open(stream.seen(step.frame))
            sink.write(analytics.update(step))
            film.results[kind].frames += 1
            look()


def _frames(source: VideoSource, film: Film) -> Iterator[Frame]:
    for frame in source:
        if film.stop.is_set():
            return
        yield frame
