"""Sessions that outlive their server: kept in a folder, one file each, and taken up again by the next server.

A file is written whole or not at all, when a session's frames have gone on since the last time, and once more when the
server stops. So a server that is killed loses what came within the last `EVERY` seconds at most; the index of a
session's last frame tells its client where to go on.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from pathlib import Path

from trackforge.errors import SinkError, StateError, TrackforgeError
from trackforge.io.atomic import atomic_path
from trackforge.serving.served import ServedSession
from trackforge.serving.sessions import Sessions

__all__ = ["Keeper"]

log = logging.getLogger(__name__)
EVERY = 5.0
"""Seconds between two rounds."""
SUFFIX = ".session"
NAME = re.compile(r"[0-9a-f]{32}")


class Keeper:
    """Keeps the sessions of a server in a folder. Those that never expire, of cameras and films, are not kept.

    Args:
        folder: Where; it is made if need be, and nobody else may read the files.
        sessions: All.

    Raises:
        SinkError: There can be no such folder.
    """

    def __init__(self, folder: Path, sessions: Sessions) -> None:
        self._folder, self._sessions = folder, sessions
        self._saved: dict[str, int] = {}
        self._lock = threading.Lock()  # a session that ends is not written any more
        sessions.ended = self._forget
        self._round = time.monotonic()
        self.complained = False
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SinkError(f"{folder} must be a folder to keep sessions in; {error.strerror or error}.") from error

    def restore(self) -> int:
        """Take up the sessions that lie there; return how many. What cannot be read stays, and is told."""
        count = 0
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            if not NAME.fullmatch(file.stem):
                continue
            try:
                session = self._sessions.reopen(file.stem, file.read_bytes())
            except (TrackforgeError, OSError) as error:
                log.warning("the session in %s cannot be taken up: %s", file, error)
                continue
            self._saved[session.id] = session.frames
            count += 1
        return count

    def tend(self) -> None:
        """Save what has gone on, now and then, and forget what has ended; to be called every second or so."""
        if time.monotonic() - self._round < EVERY:
            return
        self._round = time.monotonic()
        self.save()

    def save(self) -> None:
        """Save all sessions that have gone on, as they are now, without waiting for frames that wait."""
        open_ones = list(self._sessions)
        for session in open_ones:
            if session.ttl != float("inf") and self._saved.get(session.id) != session.frames:
                self._write(session)
        with self._lock:
            ended = self._saved.keys() - {one.id for one in open_ones}
        for one in ended:
            self._forget(one)

    def _write(self, session: ServedSession) -> None:
        frames = session.frames
        with self._lock:
            if session.gone:
                return
            try:
                with atomic_path(self._place(session.id)) as partial:
                    partial.chmod(0o600)
                    partial.write_bytes(session.snapshot(0.0))
            except (StateError, SinkError) as error:
                if not self.complained:
                    log.error("sessions cannot be kept: %s", error)
                self.complained = True
                return
            self._saved[session.id] = frames

    def _forget(self, ended: str) -> None:
        """Remove what is kept of a session that has ended: no later server goes on with it."""
        with self._lock:
            self._saved.pop(ended, None)
            try:
                self._place(ended).unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed: %s", self._place(ended), error.strerror or error)

    def _place(self, session: str) -> Path:
        return self._folder / f"{session}{SUFFIX}"
