"""Pictures of requests decoded in threads: those that take long do not stand in the way of the others.

Cameras send pictures of a few milliseconds; a large progressive JPEG takes a thousand times as long. Those have threads
of their own, half as many as the machine has cores. Nobody waits longer than a request may take.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from trackforge.serving.decoding import effort, picture
from trackforge.serving.http.denials import Late

__all__ = ["Lanes"]

P = ParamSpec("P")
T = TypeVar("T")
LONG = 60_000_000
"""Pixels, times passes over them, above which a picture takes long: a third of a second or more."""


class Lanes:
    """Two pools of threads.

    Args:
        max_pixels: Largest width times height of a picture.
        patience: Seconds to wait for one.
    """

    def __init__(self, max_pixels: int, patience: float) -> None:
        self._max_pixels, self._patience = max_pixels, patience
        cores = os.cpu_count() or 1
        self._short = ThreadPoolExecutor(min(8, 1 + cores), thread_name_prefix="trackforge-pictures")
        self._long = ThreadPoolExecutor(max(1, min(8, cores // 2)), thread_name_prefix="trackforge-large-pictures")

    async def decoded(self, body: bytes) -> npt.NDArray[np.uint8]:
        """Return a picture as `trackforge.serving.decoding.picture` does, and raise as it does.

        Raises:
            Late: It takes longer than a request may.
        """
        image = await self._in(self._short, self._soon, body)
        if image is None:
            image = await self._in(self._long, picture, body, max_pixels=self._max_pixels)
        return image

    def close(self) -> None:
        """Let the threads end; what waits is given up."""
        for pool in (self._short, self._long):
            pool.shutdown(wait=False, cancel_futures=True)

    def _soon(self, body: bytes) -> npt.NDArray[np.uint8] | None:
        return picture(body, max_pixels=self._max_pixels) if effort(body) <= LONG else None

    async def _in(self, pool: ThreadPoolExecutor, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        work = asyncio.get_running_loop().run_in_executor(pool, functools.partial(do, *args, **kwargs))
        done, _ = await asyncio.wait({work}, timeout=self._patience)
        if not done:
            work.cancel()
            raise Late(
                f"A request may take {self._patience:g} s; its picture was not decoded by then. Send a smaller one, or "
                "save it with fewer scans."
            )
        return work.result()
