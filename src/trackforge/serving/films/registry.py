"""The films of a server: sent, tracked one or two at a time, kept for a while, removed."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Iterator

from trackforge.errors import ConfigError, DataError, SinkError, SourceError
from trackforge.protocols import Sink
from trackforge.registry import doors
from trackforge.serving.engine import Engine
from trackforge.serving.films.film import Film
from trackforge.serving.films.making import make
from trackforge.serving.films.opening import film_name
from trackforge.serving.films.refusals import FilmUnfinished, NoResult, TooManyFilms, UnknownFilm
from trackforge.serving.films.room import Room
from trackforge.serving.films.storage import Storage
from trackforge.serving.films.tracking import track_film
from trackforge.serving.refusals import Draining, NotReady, Refusal, TooManySessions
from trackforge.types import Step

__all__ = ["Films"]

log = logging.getLogger(__name__)
PAUSE = 0.5
"""Seconds between two looks whether the engine is ready, or has room for a session."""
LEAVING = 5.0
"""Seconds that the threads get to end by themselves."""


class Films:
    """Films by their ids. Nothing is made, and no thread begun, before the first film comes.

    Args:
        engine: What tracks them; its settings tell the limits.

    Attributes:
        room: What they take on disk.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.room = Room(engine.run.films_space, engine.run.max_film, self)
        self._films: dict[str, Film] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._storage: Storage | None = None
        self._threads: list[threading.Thread] = []
        self._waiting: queue.SimpleQueue[Film | None] = queue.SimpleQueue()
        self._wanted: queue.SimpleQueue[tuple[Film, str] | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Film]:
        with self._lock:
            return iter(list(self._films.values()))

    def get(self, id: str) -> Film:  # noqa: A002 - what everybody calls it
        """Return a film.

        Raises:
            UnknownFilm: There is none of that id (any more).
        """
        with self._lock:
            film = self._films.get(id)
        if film is None:
            raise UnknownFilm(
                "A film must be one that is kept; this id is of none. It may have expired: send it again."
            )
        return film

    @contextlib.contextmanager
    def receiving(self, name: str, *, tracker: str | None = None, video: bool = False) -> Iterator[Film]:
        """Make place for a film while the block runs, which writes it to ``film.path``; then it waits for its turn.

        Raises:
            TooManyFilms: As many are kept as may be.
            NoRoom: They take as much room as they may.
            NotReady: The engine has failed for good.
            Draining: The server is being stopped.
            ConfigError: There is no such tracker.
            UnknownFilm: Somebody has removed it meanwhile.
        """
        if tracker is not None:
            self.engine.plan.tracker_for(tracker)
        film = self._made(name, tracker, video=video)
        try:
            yield film
            film.bytes = film.path.stat().st_size
        except BaseException as error:
            removed = film.stop.is_set()
            self._forget(film)
            if removed and isinstance(error, FileNotFoundError):
                raise self._removed() from None
            raise
        with self._lock:
            if not film.stop.is_set():
                film.state, film.promised = "waiting", 0
        if film.stop.is_set():
            shutil.rmtree(film.folder, ignore_errors=True)
            raise self._removed()
        self._waiting.put(film)

    def result(self, film: Film, kind: str) -> bool:
        """Return whether a result is ready; where nobody asked for it yet, it is made from now on.

        Raises:
            FilmUnfinished: The film is not done yet.
            NoResult: There is no such result, or there will be none.
        """
        if kind not in film.results:
            raise NoResult(f"A result must be one of {', '.join(film.results)}; got {kind!r}.")
        if not film.over:
            raise FilmUnfinished(f"Results are there when the film is done; {film.name} is {film.state}. Ask later.")
        result = film.results[kind]
        if film.state != "done" or result.state == "failed":
            raise NoResult(f"There is no {kind} of {film.name}: {result.why or film.why or film.state}")
        with self._lock:
            asked, result.state = result.state, "making" if result.state == "none" else result.state
        if asked == "none":
            self._wanted.put((film, kind))
        return asked == "ready"

    def remove(self, id: str) -> Film:  # noqa: A002
        """Cancel a film that is not over, and remove it with its results; raises as `get` does."""
        film = self.get(id)
        self._forget(film)
        return film

    def sweep(self) -> None:
        """Remove the films whose time is over."""
        now = time.monotonic()
        for film in self:
            if film.over and now - film.ended > self.engine.run.film_ttl:
                log.info("film %s is removed after its time to live", film.id)
                self._forget(film)

    def close(self) -> None:
        """Cancel what is not over and remove everything; may be called more than once."""
        if self._closed.is_set():
            return
        self._closed.set()
        atexit.unregister(self.close)
        for film in self:
            self._forget(film)
        for _ in self._threads:
            self._waiting.put(None)
            self._wanted.put(None)
        until = time.monotonic() + LEAVING
        for thread in (one for one in self._threads if one is not threading.current_thread()):
            thread.join(max(0.0, until - time.monotonic()))
        if self._storage is not None:
            self._storage.close()

    def _made(self, name: str, tracker: str | None, *, video: bool) -> Film:
        run = self.engine.run
        if self._closed.is_set() or self.engine.state in ("draining", "closed"):
            raise Draining("The server is being stopped and takes no film. Send it again in a moment.")
        if self.engine.state == "failed":
            raise NotReady("The detector has failed; no film is taken until it recovers. The server's log says why.")
        self.room.check()
        with self._lock:
            if len(self._films) >= run.max_films:
                raise TooManyFilms(f"{run.max_films} films are kept, the most that may be. Delete one, or wait.")
            if self._storage is None:
                self._storage = Storage(run.films_dir)
                self._begin()
            id = secrets.token_hex(16)  # noqa: A001
            film = Film(id, film_name(name), self._storage.folder / id, tracker=tracker, video=video)
            self._films[id] = film
        return film

    def _removed(self) -> Refusal:
        if self._closed.is_set():
            return Draining("The server is being stopped; the film is not kept. Send it again in a moment.")
        return UnknownFilm("The film was removed while it came. Send it again, if it is wanted.")

    def _begin(self) -> None:
        works = [(self._track, "film")] * self.engine.run.films_at_once + [(self._make, "film-results")]
        for work, name in [*works, (self._age, "films-age")]:
            thread = threading.Thread(target=work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        atexit.register(self.close)

    def _forget(self, film: Film) -> None:
        """Take a film out, and remove its files; what is at work in it ends soon."""
        with self._lock:
            film.stop.set()
            self._films.pop(film.id, None)
        if film.state in ("receiving", "waiting"):
            film.end("cancelled")
        if film.state != "tracking":
            shutil.rmtree(film.folder, ignore_errors=True)

    def _track(self) -> None:
        while (film := self._waiting.get()) is not None:
            if film.stop.is_set():
                continue
            film.state = "tracking"
            try:
                self._tracked(film)
            except Exception as error:  # noqa: BLE001 - it is this film's; the others go on
                film.end("failed", _told(error, film))
                film.path.unlink(missing_ok=True)  # nothing is made of it any more
            if film.stop.is_set():
                film.end("cancelled")
                shutil.rmtree(film.folder, ignore_errors=True)

    def _tracked(self, film: Film) -> None:
        engine = self.engine
        while engine.state == "loading" and not film.stop.wait(PAUSE):
            pass
        film.began = time.monotonic()

        look = self.room.watch()

        def watch(step: Step) -> None:
            film.see(step, engine.classes)
            look()

        while not film.stop.is_set():
            try:
                film.summary = track_film(
                    engine,
                    film.path,
                    name=film.name,
                    tracker=film.tracker,
                    sinks=[film.place("txt"), self._lines(film)],
                    stop=film.stop,
                    watch=watch,
                    opened=film.tell,
                    began=film.begun,
                    most=engine.run.film_frames,
                )
            except TooManySessions as error:
                film.why = str(error)
                film.stop.wait(PAUSE)
                continue
            break
        if not film.stop.is_set():
            film.results["txt"].state = film.results["jsonl"].state = "ready"
            film.results["txt"].frames = film.results["jsonl"].frames = film.frames
            film.end("done")
            if film.video:
                self.result(film, "mp4")

    def _lines(self, film: Film) -> Sink:
        """Return what writes the JSON lines, from which all else is made; analytics may want the detector's boxes."""
        return doors.sink("jsonl", path=film.place("jsonl"), both=bool(self.engine.plan.analytics))

    def _make(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            film, kind = wanted
            result = film.results[kind]
            if film.stop.is_set():
                continue
            try:
                make(film, kind, self.engine, self.room.watch())
            except Exception as error:  # noqa: BLE001 - it is this result's
                result.why, result.state = _told(error, film), "failed"
            else:
                result.state = "ready"
            if film.stop.is_set():
                shutil.rmtree(film.folder, ignore_errors=True)

    def _age(self) -> None:
        while not self._closed.wait(min(1.0, self.engine.run.film_ttl / 4)):
            if self.engine.state == "closed":
                self.close()
                return
            self.sweep()


def _told(error: Exception, film: Film) -> str:
    """Return what a client may know of an error, and write the rest to the log."""
    if isinstance(error, (SourceError, DataError, SinkError, ConfigError, Refusal)):
        log.warning("film %s failed: %s", film.id, error)
        return str(error).replace(f"{film.folder}{os.sep}", "")
    log.error("film %s failed", film.id, exc_info=error)
    return "The server failed at this film, by its detector, say; its log tells more."
