"""Work in threads that a process does not wait for when it ends, as it does for those of `concurrent.futures`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

__all__ = ["in_thread"]

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(name: str, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Begin work in a thread of its own, and return a future of the running event loop."""
    future = Future[T]()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = do(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return asyncio.wrap_future(future)
