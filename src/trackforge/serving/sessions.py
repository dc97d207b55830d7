"""All sessions of a server: opened, found, closed, expired and remembered for a while."""

from __future__ import annotations

import collections
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import InvalidInputError
from trackforge.intake.showing import visible
from trackforge.pool import Policy
from trackforge.protocols import Sink
from trackforge.runs.measuring import together
from trackforge.serving.model import Model
from trackforge.serving.refusals import SessionGone, TooManySessions, UnknownSession
from trackforge.serving.saving import NAME, read_saved
from trackforge.serving.served import ServedSession
from trackforge.types import Stream

__all__ = ["Sessions"]

log = logging.getLogger(__name__)
REMEMBERED = 10_000
"""Sessions that are gone, of which it is still known that they were there."""
MEMORY = 3600.0
"""Seconds for which that is known."""


class Sessions:
    """The sessions of a server; may be used from any thread.

    Attributes:
        opened: How many were opened so far.
        expired: How many of them expired.
        ended: Called with the id of a session that was closed or has expired, before its closer hears of that.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._open: dict[str, ServedSession] = {}
        self._opening = 0
        self._gone: collections.OrderedDict[str, tuple[str, float]] = collections.OrderedDict()
        self.opened = self.expired = 0
        self.ended: Callable[[str], object] = str  # nobody wants to know

    def open(
        self,
        *,
        name: str = "",
        tracker: str | Mapping[str, Any] | None = None,
        frame_rate: float | None = None,
        policy: Policy | None = None,
        state: bytes | None = None,
        ttl: float | None = None,
        sinks: Iterable[Sink | str | Path] = (),
        analytics: Mapping[str, Any] | None = None,
    ) -> ServedSession:
        """Begin a session.

        Args:
            name: Of the sequence.
            tracker: Its name, or a table with ``name`` and settings; None for the server's, or the saved one's.
            frame_rate: Frames a second, where they are known.
            policy: ``every`` or ``newest``; None for the server's, or the saved one's.
            state: What `ServedSession.state` or `trackforge.Session.state` returned, to go on there.
            ttl: Seconds without a frame after which it expires; None for the server's, infinite for never.
            sinks: Where its steps go besides; outputs are made final when it is closed.
            analytics: Tables by name, for this session beside the server's, or in the place of those of the same name;
                None for the server's, or those of the saved one.

        Raises:
            TooManySessions: As many are open as may be.
            NotReady, Draining: Nothing is taken now.
            ConfigError: The tracker is none, or a setting of it is wrong; two sinks write to one file.
            StateError: The state cannot be read, or fits no such tracker.
            InvalidInputError: An argument is wrong.
        """
        self._model.admit()
        return self._begin(secrets.token_hex(16), name, tracker, frame_rate, policy, state, ttl, sinks, analytics)

    def reopen(self, id: str, state: bytes) -> ServedSession:  # noqa: A002 - what it is called in addresses
        """Go on with a session of an earlier server under the id that it had; raises as `open` does."""
        return self._begin(id, "", None, None, None, state, read_saved(state).ttl, (), None)

    def _begin(
        self,
        id: str,  # noqa: A002 - what it is called in addresses
        name: str,
        tracker: str | Mapping[str, Any] | None,
        frame_rate: float | None,
        policy: Policy | None,
        state: bytes | None,
        ttl: float | None,
        sinks: Iterable[Sink | str | Path],
        analytics: Mapping[str, Any] | None,
    ) -> ServedSession:
        model = self._model
        saved = None if state is None else read_saved(state)
        lasting = model.plan.run.session_ttl if ttl is None else ttl
        if ttl is None and saved is not None and saved.ttl is not None:
            lasting = min(saved.ttl, lasting)
        if not isinstance(lasting, (int, float)) or not lasting > 0:
            raise InvalidInputError(f"ttl must be a number of seconds > 0; got {lasting!r}.")
        if not isinstance(name, str) or len(name) > NAME:
            raise InvalidInputError(f"name must be text of at most {NAME} characters; got {str(name)[:NAME]!r}.")
        if tracker is None and saved is not None and saved.tracker is not None:
            component = model.plan.tracker_saved(saved.tracker)
        else:
            component = model.plan.tracker_for(tracker)
        wanted = saved.analytics if saved is not None and analytics is None else analytics
        counted = model.plan.analytics_for(wanted)
        known = _shown(saved.name) if saved is not None and not name else name
        rate = saved.rate if saved is not None and frame_rate is None else frame_rate
        stream = Stream(name=known, rate=rate)
        self._reserve()
        try:
            pooled = model.pool.open(
                component.create(),
                sinks=sinks,
                stream=stream,
                state=None if saved is None else saved.session,
                detector=model.detector(),
                policy=policy or (saved.policy if saved is not None else None),  # type: ignore[arg-type]
                lasting=True,
                analytics=together(counted, stream.name, lasting=True),
            )
            session = ServedSession(
                model,
                pooled,
                id=id,
                name=stream.name or _shown(pooled.session.stream.name),
                tracker=component,
                frame_rate=stream.rate or pooled.session.stream.rate,
                ttl=float(lasting),
                saved=saved,
                leave=self._leave,
                wanted=wanted,
            )
            with self._lock:
                self._open[session.id] = session
                self.opened += 1
        finally:
            with self._lock:
                self._opening -= 1
        return session

    def get(self, id: str) -> ServedSession:  # noqa: A002 - what it is called in addresses
        """Return an open session.

        Raises:
            SessionGone: It was closed, or has expired.
            UnknownSession: There is none of that id, and none that is remembered.
        """
        with self._lock:
            session = self._open.get(id)
            why = self._gone.get(id, ("", 0.0))[0]
        if session is not None:
            session.present()
            return session
        if why:
            raise SessionGone(f"Session {id} has been {why}. Open a new one.")
        raise UnknownSession("There is no session of that id. Open one, and use the id that you are given.")

    def close(self, id: str) -> dict[str, Any]:  # noqa: A002 - what it is called in addresses
        """Do what waits in a session, end it, and return its counts (`ServedSession.counts`).

        Raises:
            SessionGone, UnknownSession: As `get`.
            SinkError: An output cannot be finished; the session is closed all the same.
        """
        return self._leave(self.get(id))

    def sweep(self) -> int:
        """End the sessions that have expired, and forget those that have long been gone; return how many ended."""
        with self._lock:
            overdue = [one for one in self._open.values() if one.idle > one.ttl]
            now = time.monotonic()
            while self._gone and next(iter(self._gone.values()))[1] < now - MEMORY:
                self._gone.popitem(last=False)
        ended = 0
        for session in overdue:
            try:
                self._end(session, "expired", 0.0)
                ended += 1
            except SessionGone:
                continue
            except Exception as error:  # noqa: BLE001 - of an output; nobody is there to be told
                ended += 1
                log.warning(
                    "session %s has expired, and one of its outputs could not be finished: %s", session.id, error
                )
        for session in overdue:
            self.ended(session.id)
        self.expired += ended
        return ended

    def end(self, within: float) -> None:
        """End all sessions within so many seconds, for a server that stops."""
        until = time.monotonic() + within
        for session in self:
            try:
                self._end(session, "closed", max(0.0, until - time.monotonic()))
            except SessionGone:
                continue
            except Exception as error:  # noqa: BLE001 - of an output; the others have a right to their end
                log.warning("an output of session %s could not be finished: %s", session.id, error)

    def __iter__(self) -> Iterator[ServedSession]:
        with self._lock:
            return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def _reserve(self) -> None:
        most = self._model.plan.run.max_sessions
        for attempt in range(2):
            with self._lock:
                if len(self._open) + self._opening < most:
                    self._opening += 1
                    return
                soonest = min((one.ttl - one.idle for one in self._open.values()), default=math.inf)
            if attempt == 0:
                self.sweep()
        wait = min(max(1.0, soonest), 60.0)
        raise TooManySessions(
            f"At most {most} sessions may be open; they are. Close one, wait for one to end, or raise --max-sessions.",
            retry_after=wait,
        )

    def _leave(self, session: ServedSession) -> dict[str, Any]:
        try:
            self._end(session, "closed", self._model.patience)
        finally:
            self.ended(session.id)
        return session.counts()

    def _end(self, session: ServedSession, why: str, within: float) -> None:
        with self._lock:
            session.present()
            session.mark(why)
        try:
            session.finish(within)
        finally:
            with self._lock:
                self._open.pop(session.id, None)
                self._gone[session.id] = (why, time.monotonic())
                while len(self._gone) > REMEMBERED:
                    self._gone.popitem(last=False)


def _shown(name: str) -> str:
    """Return the name in a saved state, which may have come from anybody, fit to be shown."""
    return visible(name, keep="")[:NAME]
