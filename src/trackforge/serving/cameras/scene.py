"""What a camera shows now, for any number of watchers, of whom none holds it up.

The camera's thread puts each step here and goes on. Pictures are coded and drawn by whoever watches, once for all who
watch the same; without watchers nobody codes anything. A watcher who is slow finds the newest, and is told how many it
missed.
"""

from __future__ import annotations

import asyncio
import collections
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.io.pictures import opencv
from trackforge.protocols import Drawing
from trackforge.serving.answers import step_json
from trackforge.serving.cameras.refusals import TooManyWatchers
from trackforge.types import Step, Stream

__all__ = ["Scene", "Shot", "Watch"]

T = TypeVar("T")
QUALITY = 80
"""Quality of the JPEG pictures."""
MOST = 64
"""Watchers of one camera."""
LINES = 256
"""Steps that wait for a watcher who wants all of them."""


class Shot:
    """One step, as watchers want it.

    Attributes:
        number: How many the camera has shown, this one included.
        step: The step.
    """

    def __init__(self, scene: Scene, number: int, step: Step) -> None:
        self.number, self.step = number, step
        self._scene = scene
        self._lock = threading.Lock()
        self._plain = self._drawn = b""

    def json(self) -> dict[str, Any]:
        """Return the step as JSON has it."""
        return step_json(self.step, self._scene.classes)

    def line(self) -> str:
        """Return it as one line of JSON, without its end."""
        return json.dumps(self.json(), ensure_ascii=False)

    def jpeg(self) -> bytes:
        """Return the picture; coded when it is first asked for."""
        with self._lock:
            self._plain = self._plain or _coded(self.step.frame.image)
            return self._plain

    def drawn(self) -> bytes:
        """Return the picture with its tracks drawn in; drawn when it is first asked for."""
        with self._lock:
            self._drawn = self._drawn or _coded(self._scene.draw(self.step))
            return self._drawn


class Scene:
    """The newest shot of a camera, and who watches.

    Attributes:
        classes: Names of the detector's classes.
        also: Who draws into the pictures after the tracks are drawn: the analytics of the camera, as they are by then.
        shot: The newest; None before the first.
        over: Whether no more comes.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.also: Drawing | None = None
        self.shot: Shot | None = None
        self.over = False
        self._watches: list[Watch[Any]] = []
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._painter: OverlaySink | None = None
        self._size = (0, 0)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watches)

    def show(self, step: Step) -> None:
        """Put a step before the watchers; takes no longer for many, or for slow ones."""
        with self._lock:
            self.shot = shot = Shot(self, self.shot.number + 1 if self.shot else 1, step)
            watches = list(self._watches)
        for watch in watches:
            watch.put(shot)

    def end(self) -> None:
        """Tell the watchers that no more comes."""
        with self._lock:
            self.over = True
            watches = list(self._watches)
        for watch in watches:
            watch.wake()

    def watch(self, *, now: bool = True) -> Watch[Shot]:
        """Watch the newest shots, beginning with the one of now; to be asked for in an event loop.

        Raises:
            TooManyWatchers: As many watch as may.
        """
        watch = self._joined(Watch(self, lambda shot: shot, 1))
        if now and self.shot is not None:
            watch.put(self.shot)
        return watch

    def follow(self) -> Watch[str]:
        """Watch all steps from now on, as lines of JSON without their ends; raises as `watch` does."""
        return self._joined(Watch(self, Shot.line, LINES))

    def leave(self, watch: Watch[Any]) -> None:
        """Let go of one who watches no more."""
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)

    def draw(self, step: Step) -> npt.NDArray[np.uint8]:
        """Return the picture of a step with its tracks drawn in, as the video of a run has them."""
        with self._drawing:
            picture = np.array(step.frame.image, np.uint8)
            if self._painter is None or self._size != step.frame.size:
                self._painter, self._size = OverlaySink(OverlaySinkConfig(path=Path("live.mp4"))), step.frame.size
                self._painter.open(Stream(classes=self.classes))
                self._painter.begin(step.frame.size)
                if self.also is not None:
                    self._painter.draw_with(self.also)
            self._painter.draw(picture, step)
            return picture

    def _joined(self, watch: Watch[T]) -> Watch[T]:
        with self._lock:
            if len(self._watches) >= MOST:
                raise TooManyWatchers(f"{MOST} clients watch this camera, the most that may. Try again later.")
            self._watches.append(watch)
        return watch


class Watch(Generic[T]):
    """One watcher, in an event loop; what comes is put in by the camera's thread.

    Attributes:
        missed: What came so far and gave way to newer ones.
    """

    def __init__(self, scene: Scene, taken: Callable[[Shot], T], keeps: int) -> None:
        self.missed = 0
        self._scene = scene
        self._taken = taken
        self._items: collections.deque[T] = collections.deque(maxlen=keeps)
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def put(self, shot: Shot) -> None:
        """Put in a shot, in whose place the oldest that waits may have to go."""
        item = self._taken(shot)
        with self._lock:
            self.missed += len(self._items) == self._items.maxlen
            self._items.append(item)
        self.wake()

    def wake(self) -> None:
        """Have the watcher look."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # its loop is closed
            self._scene.leave(self)

    async def next(self) -> T | None:
        """Wait for the next item; None where no more comes."""
        while True:
            self._event.clear()
            with self._lock:
                if self._items:
                    return self._items.popleft()
            if self._scene.over:
                return None
            await self._event.wait()

    def __enter__(self) -> Watch[T]:
        return self

    def __exit__(self, *error: object) -> None:
        """Watch no more."""
        self._scene.leave(self)


def _coded(image: npt.NDArray[np.uint8] | None) -> bytes:
    cv2 = opencv()
    done, data = cv2.imencode(".jpg", np.asarray(image)[..., ::-1], [int(cv2.IMWRITE_JPEG_QUALITY), QUALITY])
    if not done:
        message = "a picture of a camera cannot be coded"
        raise ValueError(message)
    return bytes(data)
