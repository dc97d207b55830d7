"""Cameras for tests of the server: what is in a picture is written into its pixels, and so is what shall go wrong.

The detector ``encoded`` reads it there, so that a frame which is mixed up with another gives the wrong boxes. With
`Control` a test makes it fail, hang or die; `install` registers it.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

import trackforge
from trackforge.config import check, setting
from trackforge.registry import ComponentSpec, hookimpl, registry
from trackforge.serving import Engine, ServedSession, ServingRun
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.types import Detections, Frame, Step

MARK = (77, 11, 7)
ERROR, MEMORY, EXIT, HANG = 1, 2, 3, 4
"""What a picture may ask for."""
LENGTH = 60
LONG = 60.0
"""Seconds after which something hangs; no test waits for time to pass."""


@functools.cache
def crowd(camera: int) -> list[tuple[Frame, Detections]]:
    """Return what a camera sees: `LENGTH` frames."""
    return list(Crowd(CrowdConfig(objects=5, frames=LENGTH, false_positives=1, seed=camera, size=(64, 48))))


def image(camera: int, index: int, ask: int = 0) -> npt.NDArray[np.uint8]:
    """Return the picture of a camera at an index."""
    made = np.zeros((48, 64, 3), np.uint8)
    made[0, :2] = MARK, (camera, index, ask)
    return made


def frames(camera: int, indices: Sequence[int] | None = None, rate: float | None = None) -> list[Frame]:
    """Return what the same pictures are offline."""
    chosen = range(LENGTH) if indices is None else indices
    return [Frame(index=k, image=image(camera, k), timestamp=k / rate if rate else None) for k in chosen]


@dataclass
class Control:
    """How the detector behaves."""

    broken: BaseException | None = None
    go: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Event = field(default_factory=threading.Event)
    batches: list[list[tuple[int, int]]] = field(default_factory=list)


CONTROLS: dict[str, Control] = {}


@dataclass(frozen=True, kw_only=True)
class EncodedConfig:
    """Settings."""

    control: str = setting("", help="Whose.")

    def __post_init__(self) -> None:
        check(self)


class Encoded:
    """Finds what is written in the pixels."""

    classes = ("person",)
    embedding_dim = None

    def __init__(self, config: EncodedConfig | None = None) -> None:
        self.control = CONTROLS.get(config.control if config else "", Control())

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        codes = [self._code(frame) for frame in frames]
        self.control.batches.append([code[:2] for code in codes if code is not None])
        if self.control.broken is not None:
            raise self.control.broken
        for code in codes:
            self._obey(code[2] if code else 0)
        return [crowd(code[0])[code[1]][1] if code else Detections.empty() for code in codes]

    @staticmethod
    def _code(frame: Frame) -> tuple[int, int, int] | None:
        if frame.image is None or tuple(frame.image[0, 0].tolist()) != MARK:
            return None
        camera, index, ask = frame.image[0, 1].tolist()
        return camera, index, ask

    def _obey(self, ask: int) -> None:
        if ask == ERROR:
            raise KeyError("a picture that it cannot bear")
        if ask == MEMORY:
            raise MemoryError("no room for this picture")
        if ask == EXIT:
            raise SystemExit(3)
        if ask == HANG:
            self.control.hanging.set()
            assert self.control.go.wait(LONG)


class _Plugin:
    @hookimpl
    def trackforge_components(self) -> list[ComponentSpec]:
        return [
            ComponentSpec(
                kind="detector",
                name="encoded",
                target="served_scenes:Encoded",
                config="served_scenes:EncodedConfig",
                summary="What is written in the pixels.",
            )
        ]


@contextlib.contextmanager
def install(name: str = "") -> Iterator[Control]:
    """Register the detector, and yield what controls those that are made with ``control=name``."""
    registry().register(_Plugin(), f"served-scenes-{name}")
    CONTROLS[name] = made = Control()
    try:
        yield made
    finally:
        made.go.set()
        registry().unregister(f"served-scenes-{name}")
        del CONTROLS[name]


def rows(steps: Sequence[Any]) -> list[Any]:
    """Return what matters of steps, to compare them."""
    return [(step.frame.index, step.detections, step.tracks) for step in steps]


def started(**more: Any) -> Engine:
    """Return an engine that has loaded the detector."""
    engine = Engine(ServingRun(detector="encoded", **more))
    engine.load()
    return engine


def feed(session: ServedSession, camera: int, indices: Sequence[int]) -> list[Any]:
    """Push frames of a camera one after the other, and return their rows."""
    return rows([session.push(image(camera, k), index=k).result(LONG) for k in indices])


def offline(camera: int, tracker: str = "byte", rate: float | None = None, **settings: Any) -> list[Any]:
    """Return the rows of all frames of a camera without a server."""
    made = trackforge.tracker(tracker, **settings)
    return rows(list(trackforge.track(frames(camera, rate=rate), Encoded(), made)))


def hang(session: ServedSession, control: Control, camera: int = 0, index: int = 0) -> Future[Step]:
    """Push a frame at which the detector stops until ``control.go`` is set."""
    future = session.push(image(camera, index, HANG), index=index)
    assert control.hanging.wait(LONG)
    return future


def wait_for(what: Callable[[], Any]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LONG
    while not what():
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.01)
