"""How a job ended whose processes ended so: its exit code, and the reason where it failed."""

from __future__ import annotations

import signal
from collections.abc import Sequence

__all__ = ["STOPPED", "ending", "named"]

STOPPED = 128 + signal.SIGTERM
"""The exit code of what a signal stopped and what saved before it ended."""


def ending(
    codes: Sequence[int], *, broken: tuple[int, int] | None = None, stopped: bool = False, killed: bool = False
) -> tuple[int, str]:
    """Return the exit code of a job whose processes ended so, and why it failed; empty where it did not.

    >>> ending([0, 0]), ending([143, 143], stopped=True)
    ((0, ''), (143, ''))
    >>> ending([1, -11], broken=(1, -11))
    (1, 'Process 1 of the training was ended by SIGSEGV, a fault in a library; the log may say more.')
    """
    if not any(codes):
        return 0, ""
    own = {0, STOPPED, 128 + signal.SIGINT, -signal.SIGTERM, -signal.SIGINT, *((-signal.SIGKILL,) if killed else ())}
    if broken is None and stopped and set(codes) <= own:
        return STOPPED, ""
    number, code = broken or next(
        (k, code) for k, code in enumerate(codes) if code and (code not in own or not stopped)
    )
    return 1, f"Process {number} of the training {_words(code)}; the log may say more."


def _words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    why = {
        signal.SIGKILL: ", as the system does when memory runs out: take a larger instance or a smaller batch",
        signal.SIGBUS: ", as it happens when /dev/shm is full: take fewer workers (train__workers)",
        signal.SIGSEGV: ", a fault in a library",
    }
    return f"was ended by {named(code)}{next((words for number, words in why.items() if number == -code), '')}"


def named(code: int) -> str:
    """Return an exit code, or the name of the signal that it stands for."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
