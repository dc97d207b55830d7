"""Ctrl-C, SIGTERM and a terminal that is closed: the frame at hand is finished, and the outputs with it."""

from __future__ import annotations

import _thread
import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from trackforge.io.outputs import is_finishing

__all__ = ["Stopping"]

ENDED = (signal.SIGINT, signal.SIGTERM)
"""Signals that always end a run; of a closed terminal those who start us with nohup want to hear nothing."""
GRACE = 3.0
"""Seconds for the frame at hand; after these the wait for it is broken off."""


class Stopping:
    """While the block runs, a signal asks for a stop; a second one, or `GRACE` seconds, enforces it.

    An enforced stop raises SystemExit, which makes outputs final too (see `trackforge.io.atomic`). While they become
    so, and for `GRACE` seconds after a stop was enforced, further signals change nothing: a burst of them must not
    cost what was done.

    Attributes:
        signal: The signal that came, or 0.
        patient: Whether somebody looks at ``signal``, or finishes outputs. Else a signal is enforced at once.
        waiting: Whether frames are waited for, which may never come; only then time runs out.
        last: Whether the program ends behind the block. After a stop no signal changes how it ends, then.
    """

    SIGNALS = (*ENDED, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))  # Windows has none

    def __init__(self) -> None:
        self.signal = 0
        self.patient = self.waiting = self.last = False
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None
        self._enforced = -math.inf

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            heard = [one for one in self.SIGNALS if one in ENDED or signal.getsignal(one) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._handle) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settled()
        self.patient = False
        over = self.last and (self.signal or (kind is not None and issubclass(kind, SystemExit)))
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if over else handler)

    def settled(self) -> None:
        """Say that no frame is waited for any more: outputs may take the time they need to finish."""
        self.waiting = False
        if self._timer is not None:
            self._timer.cancel()

    @property
    def exit_code(self) -> int:
        """What the shell expects: 128 + the signal's number, or 0."""
        return 128 + self.signal if self.signal else 0

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if is_finishing():
            self.signal = self.signal or number
            return
        if self.signal or not self.patient:
            if time.monotonic() - self._enforced < GRACE:
                return
            self._enforced = time.monotonic()
            self.signal = number
            raise SystemExit(self.exit_code)
        self.signal = number
        if not self.waiting:
            return
        self._timer = threading.Timer(GRACE, _send, (number,))
        self._timer.daemon = True
        self._timer.start()


def _send(number: int) -> None:
    """Send ourselves a signal, in a way that ends a blocking read of the main thread where the system allows."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        _thread.interrupt_main(signal.Signals(number))
