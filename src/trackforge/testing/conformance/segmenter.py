"""The rules of `trackforge.protocols.Segmenter`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import TrackforgeError
from trackforge.io.masks import decode_mask
from trackforge.protocols import Segmenter
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Frame

__all__ = ["check_segmenter"]

Make: TypeAlias = Callable[[], Segmenter]
HEIGHT, WIDTH = 120, 160


def check_segmenter(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Segmenter protocol.

    Args:
        make: Returns a segmenter, always with the same settings.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("segmenter", make, skip)


def _frame(height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """Return noise with a bright thing in it."""
    pixels = np.random.default_rng(7).integers(0, 64, (height, width, 3), dtype=np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = 230
    return Frame(index=0, image=pixels)


def _boxes() -> npt.NDArray[np.float32]:
    """Four boxes: round a thing, in the noise, beyond the picture, and wholly outside."""
    return np.array(
        [[40, 30, 80, 60], [90.5, 10.25, 150, 90], [130, 80, 175, 140], [WIDTH + 5, 10, WIDTH + 30, 40]], np.float32
    )


@rule("segmenter")
def gives_one_mask_a_box(make: Make) -> None:
    """segment() gives one run-length mask of the frame's size a box, also for boxes beyond the picture; [] for none."""
    segmenter = make()
    for boxes in (_boxes(), _boxes()[:1], np.empty((0, 4), np.float32)):
        _whole(segmenter.segment(_frame(), boxes), len(boxes), (HEIGHT, WIDTH))


@rule("segmenter")
def follows_the_size_of_each_frame(make: Make) -> None:
    """Frames of any size, one after the other, get masks of their own size."""
    segmenter = make()
    for height, width in ((60, 200), (201, 33), (HEIGHT, WIDTH)):
        box = np.array([[width / 4, height / 4, width / 2, height / 2]], np.float32)
        _whole(segmenter.segment(_frame(height, width), box), 1, (height, width))


@rule("segmenter")
def sees_nothing_outside_the_picture(make: Make) -> None:
    """A box wholly outside the picture gets a mask without a pixel."""
    mask = decode_mask(make().segment(_frame(), _boxes()[3:])[0])
    require(not mask.any(), f"the mask has {int(mask.sum())} pixels.")


@rule("segmenter")
def answers_the_same_again(make: Make) -> None:
    """The same boxes get the same masks, alone or among others, and nothing is changed by asking."""
    segmenter, frame, boxes = make(), _frame(), _boxes()
    before = snapshot((frame, boxes))
    whole = segmenter.segment(frame, boxes)
    require(segmenter.segment(frame, boxes) == whole, "asked twice, the answers differ.")
    segmenter.segment(_frame(50, 70), boxes[:1])
    require(segmenter.segment(frame, boxes[1:2]) == whole[1:2], "box 1 alone, after another frame, gets another mask.")
    found = difference(snapshot((frame, boxes)), before, "its arguments")
    require(not found, f"afterwards {found}.")


def _whole(found: Any, count: int, size: tuple[int, int]) -> None:
    require(isinstance(found, list) and len(found) == count, f"for {count} boxes came {str(found)[:60]}.")
    for row, mask in enumerate(found):
        require(
            isinstance(mask, dict) and list(mask.get("size", ())) == list(size) and isinstance(mask.get("counts"), str),
            f"mask {row} must have size {list(size)} and counts as text; it is {str(mask)[:80]}.",
        )
        try:
            decode_mask(mask)
        except TrackforgeError as error:
            require(False, f"mask {row} can't be decoded: {error}")
