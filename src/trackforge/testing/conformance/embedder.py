"""The rules of `trackforge.protocols.Embedder`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.protocols import Embedder
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Frame

__all__ = ["check_embedder"]

Make: TypeAlias = Callable[[], Embedder]
CLOSE = 1e-4
"""Part of unit length that rounding may take."""


def check_embedder(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Embedder protocol.

    Args:
        make: Returns an embedder, always with the same settings.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("embedder", make, skip)


def _frame() -> Frame:
    pixels = np.random.default_rng(7).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return Frame(index=0, image=pixels)


def _boxes() -> npt.NDArray[np.float32]:
    """Three boxes; the last reaches beyond the picture."""
    return np.array([[4, 6, 40, 100], [50.5, 10.25, 90, 90], [130, 80, 175, 140]], np.float32)


@rule("embedder")
def gives_one_vector_a_box(make: Make) -> None:
    """embed() gives (N, dim) float32 of unit length, also for boxes beyond the picture; (0, dim) for none."""
    embedder = make()
    require(isinstance(embedder.dim, int) and embedder.dim > 0, f"dim is {embedder.dim!r}.")
    for boxes in (_boxes(), _boxes()[:1], np.empty((0, 4), np.float32)):
        found = embedder.embed(_frame(), boxes)
        wanted = (len(boxes), embedder.dim)
        require(
            isinstance(found, np.ndarray) and found.shape == wanted and found.dtype == np.float32,
            f"for {len(boxes)} boxes came {getattr(found, 'dtype', type(found).__name__)} "
            f"{getattr(found, 'shape', '')} where float32 {wanted} was expected.",
        )
        length = np.linalg.norm(found, axis=1)
        require(np.abs(length - 1).max(initial=0) < CLOSE, f"the lengths are {length.tolist()}.")


@rule("embedder")
def answers_the_same_again(make: Make) -> None:
    """The same boxes get the same vectors, alone or among others, and nothing is changed by asking."""
    embedder, frame, boxes = make(), _frame(), _boxes()
    before = snapshot((frame, boxes))
    whole = embedder.embed(frame, boxes)
    found = difference(embedder.embed(frame, boxes), whole, "the answer")
    require(not found, f"asked twice: {found}.")
    found = difference(embedder.embed(frame, boxes[1:2]), whole[1:2], "its vector", tolerance=CLOSE)
    require(not found, f"box 1, alone: {found}.")
    found = difference(snapshot((frame, boxes)), before, "its arguments")
    require(not found, f"afterwards {found}.")
