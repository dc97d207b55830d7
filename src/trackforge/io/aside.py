"""Waiting that can be broken off: calls into C that may take long, such as reaching an address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["aside"]

T = TypeVar("T")
GLANCE = 0.5
"""Seconds between two looks whether a signal came, on systems where it does not end a wait."""


def aside(call: Callable[[], T]) -> T:
    """Run a call in a thread of its own where this is the main one, so that signals are answered meanwhile.

    Python handles a signal only when its main thread comes back from C. Where the handler raises, the call is left to
    end by itself, and its result to nobody.

    Raises:
        BaseException: What the call, or the handler of a signal, raises.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    problems: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            problems.append(error)
        done.set()

    threading.Thread(target=run, name="aside", daemon=True).start()
    while not done.wait(GLANCE):
        pass
    if problems:
        raise problems[0]
    return results[0]
