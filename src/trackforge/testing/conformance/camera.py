"""The rules of `trackforge.protocols.CameraMotion`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from trackforge.protocols import CameraMotion
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Frame

__all__ = ["check_camera_motion"]

Make: TypeAlias = Callable[[], CameraMotion]
NEAR = 1.0
"""Pixels by which a map may be off."""


def check_camera_motion(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the CameraMotion protocol.

    Args:
        make: Returns a new camera motion, always with the same settings.
        skip: Names of rules to leave out (see `trackforge.testing.rules`); one that reads the motion from a file
            leaves out ``follows_a_pan``.

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("camera", make, skip)


def _pan(count: int = 4, step: tuple[int, int] = (6, -3)) -> list[Frame]:
    """Make pictures of one wall; what is in them moves by ``step`` pixels a frame."""
    coarse = np.random.default_rng(3).integers(30, 226, (40, 60, 3), dtype=np.uint8)
    wall = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    frames = []
    for index in range(count):
        x, y = 80 - step[0] * index, 60 - step[1] * index
        frames.append(Frame(index=index, image=np.ascontiguousarray(wall[y : y + 160, x : x + 240])))
    return frames


@rule("camera")
def gives_an_affine_map_or_none(make: Make) -> None:
    """motion() gives a finite (2, 3) float64 map or None; None for the first frame and for one without a picture."""
    camera = make()
    frames = _pan()
    require(camera.motion(frames[0]) is None, "for the first frame came a map.")
    for frame in frames[1:]:
        found = camera.motion(frame)
        if found is not None:
            good = isinstance(found, np.ndarray) and found.shape == (2, 3) and found.dtype == np.float64
            require(good and np.isfinite(found).all(), f"for frame {frame.index} came {found!r}.")
    require(camera.motion(Frame(index=9, size=(240, 160))) is None, "for a frame without a picture came a map.")


@rule("camera")
def follows_a_pan(make: Make) -> None:
    """Where the whole picture moves, the map moves its corners and its centre along, within a pixel."""
    camera, step = make(), (6, -3)
    for frame in _pan(step=step):
        found = camera.motion(frame)
        if frame.index:
            require(found is not None, f"for frame {frame.index} came None.")
            points = np.array([[0, 0, 1], [240, 0, 1], [0, 160, 1], [240, 160, 1], [120, 80, 1]], float)
            error = float(np.abs(points @ np.asarray(found).T - points[:, :2] - step).max())
            require(error < NEAR, f"in frame {frame.index} it is {error:.2f} px off.")


@rule("camera")
def starts_anew(make: Make) -> None:
    """After reset() the next frame is a first one, everything is as it was on a new one, and no frame is changed."""
    camera, frames = make(), _pan()
    before = snapshot(frames)
    once = [camera.motion(frame) for frame in frames]
    camera.reset()
    found = difference([camera.motion(frame) for frame in frames], once, "the maps")
    require(not found, f"after reset() {found}.")
    found = difference(snapshot(frames), before, "frames")
    require(not found, f"afterwards {found}.")
