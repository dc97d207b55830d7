"""A film in, its tracks out: with constant memory, whatever its length; results grow in a file and leave from there."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path

from trackforge.protocols import Sink
from trackforge.registry import doors
from trackforge.serving import Engine
from trackforge.serving.answers import step_json
from trackforge.serving.films import track_film
from trackforge.serving.http.denials import Late
from trackforge_sagemaker.answering.hosting import Hosting
from trackforge_sagemaker.answering.outputs import JsonArray
from trackforge_sagemaker.answering.values import Answer
from trackforge_sagemaker.formats.bytetrack import rows
from trackforge_sagemaker.formats.media import Form, chosen

__all__ = ["Films"]

_ENDINGS: Mapping[Form, tuple[str, str]] = {
    "trackforge": (".json", "application/json"),
    "bytetrack": (".json", "application/json"),
    "lines": (".jsonl", "application/jsonlines"),
    "mot": (".txt", "text/plain; charset=utf-8"),
    "mp4": (".mp4", "video/mp4"),
}
"""Ending of the file, which tells the sink, and the type of the answer."""


class Films:
    """Tracks films, a few at a time.

    Args:
        engine: What detects and tracks.
        hosting: How to answer.
        folder: Where results grow.
    """

    def __init__(self, engine: Engine, hosting: Hosting, folder: Path) -> None:
        self._engine, self._hosting, self._folder = engine, hosting, folder
        self._places = threading.Semaphore(hosting.films)

    def answer(self, film: Path, accept: str | None, stop: threading.Event | None = None) -> Answer:
        """Track a film and return the results as they are wanted, in a file of their own.

        Args:
            film: The film.
            accept: What the client wants.
            stop: Ends it, once set: the client has left.

        Raises:
            NotAcceptable: Results are not given in that form.
            Late: It took longer than it may.
            SourceError, DataError: It is no film.
            TrackforgeError: What the engine raises.
        """
        default: Form = "bytetrack" if self._hosting.response == "bytetrack" else "trackforge"
        form = chosen(accept, "film", default)
        ending, media_type = _ENDINGS[form]
        place = self._folder / f"result-{secrets.token_hex(16)}{ending}"
        stop = threading.Event() if stop is None else stop
        timer = threading.Timer(self._hosting.film_time, stop.set)
        timer.daemon = True
        timer.start()
        try:
            while not self._places.acquire(timeout=0.2):
                if stop.is_set():
                    raise self._late()
            try:
                track_film(
                    self._engine,
                    film,
                    name="film",
                    sinks=[self._sink(form, place)],
                    stop=stop,
                    stride=self._hosting.stride,
                )
            finally:
                self._places.release()
            if stop.is_set():
                raise self._late()
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        finally:
            timer.cancel()
        return Answer(body=place, media_type=media_type)

    def _late(self) -> Late:
        return Late(
            f"A film must be tracked within {self._hosting.film_time:g} s; it took longer, or its client left. Send a "
            "shorter one, raise TS_DEFAULT_RESPONSE_TIMEOUT (an asynchronous invocation may take 3,600 s), or run a "
            "processing job."
        )

    def _sink(self, form: Form, place: Path) -> Sink:
        if form == "bytetrack":
            return JsonArray(place, rows)
        if form == "trackforge":
            classes = self._engine.classes
            return JsonArray(place, lambda step: [step_json(step, classes)], '{"frames": ', "}")
        return doors.sink(place)
