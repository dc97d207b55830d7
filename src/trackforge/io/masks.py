"""COCO run-length masks, to and from pixels, without pycocotools.

A mask is ``{"size": [height, width], "counts": ...}``. Counts are lengths of runs down the columns, background first:
either a list, or a string in which each count past the third is a difference to the one two before it, in groups of
five bits, low ones first, with a sixth bit for "goes on", as characters from ``chr(48)`` on.

Source: the format of cocodataset.org (`mask api`), which pycocotools defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.limits import check_limit

__all__ = ["check_mask", "decode_mask", "encode_mask", "encode_part", "mask_area", "plain_mask", "text_mask"]

_CHARACTERS = frozenset(map(chr, range(48, 112)))


def encode_mask(mask: npt.ArrayLike) -> dict[str, Any]:
    """Compress a mask.

    Args:
        mask: ``(H, W)`` bool, or anything that is true inside.

    Returns:
        ``{"size": [H, W], "counts": str}``.
    """
    pixels = np.asarray(mask).astype(bool)
    if pixels.ndim != 2:
        raise InvalidInputError(f"A mask must have shape (H, W); got {pixels.shape}.")
    flat = pixels.ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate(([0], turns, [flat.size]))
    counts = np.diff(edges).tolist()
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {"size": [int(n) for n in pixels.shape], "counts": _text(counts)}


def encode_part(part: npt.NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> dict[str, Any]:
    """Compress the mask of a picture of which only a part is not empty, in time that goes by that part.

    >>> part = np.ones((2, 1), bool)
    >>> encode_part(part, 1, 0, (2, 3)) == encode_mask(np.array([[0, 1, 0], [0, 1, 0]]))
    True

    Args:
        part: ``(h, w)`` bool, inside the picture.
        left: Column of its left edge.
        top: Row of its upper edge.
        size: ``(H, W)`` of the picture.
    """
    height, width = part.shape
    if not (0 <= left <= size[1] - width and 0 <= top <= size[0] - height):
        raise InvalidInputError(f"A part of {part.shape} at ({left}, {top}) must lie in a picture of {size}.")
    framed = np.zeros((width, height + 2), np.int8)
    framed[:, 1:-1] = part.T
    turns = np.diff(framed, axis=1)
    places = (np.arange(width)[:, None] + left) * size[0] + top + np.arange(height + 1)
    begins, ends = places[turns == 1], places[turns == -1]
    apart = begins[1:] != ends[:-1]  # a column that ends where the next begins goes on
    begins, ends = begins[np.append(True, apart)[: begins.size]], ends[np.append(apart, True)[: ends.size]]
    edges = np.concatenate(([0], np.stack((begins, ends), axis=1).ravel(), [size[0] * size[1]]))
    counts = np.diff(edges).tolist()
    if len(counts) > 1 and counts[-1] == 0:
        counts.pop()
    return {"size": [int(side) for side in size], "counts": _text(counts)}


def check_mask(
    mask: Any, what: str, *, picture: tuple[int, int] = (0, 0), path: Path | None = None, line: int | None = None
) -> dict[str, Any]:
    """Return a run-length mask that a file holds; whether its runs fill it is seen when it is decoded.

    Args:
        mask: What the file holds.
        what: Where, for the message: ``"annotations[3]"``.
        picture: ``(H, W)`` of the picture, which must be the mask's; 0 where it is not known.
        path: The file, for the message.
        line: 1-based line, for the message.

    Raises:
        DataError: It has no size of two whole numbers, its counts are neither runs nor their text, or its size is
            another than the picture's.
    """
    size, counts = (mask.get("size"), mask.get("counts")) if isinstance(mask, dict) else (None, None)
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and 0 <= side < 2**31 for side in size)
        and (
            _CHARACTERS.issuperset(counts)
            if isinstance(counts, str)
            else isinstance(counts, list) and all(type(run) is int and 0 <= run < 2**62 for run in counts)
        )
    ):
        raise DataError(
            f"{what} must have a mask with size [height, width] and counts, COCO's text or a list of runs; it has "
            "something else.",
            path=path,
            line=line,
        )
    if min(picture) > 0 and tuple(mask["size"]) != picture:
        raise DataError(
            f"A mask must be as large as its picture, {picture[1]} x {picture[0]}; that of {what} is "
            f"{mask['size'][1]} x {mask['size'][0]}. Make it anew for this picture, or mend the picture's size.",
            path=path,
            line=line,
        )
    return mask  # type: ignore[no-any-return]


def decode_mask(rle: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Return the ``(H, W)`` bool pixels of a mask.

    Raises:
        InvalidInputError: The counts do not fill the size, or are none.
        DataError: It has more pixels than the limit.
    """
    (height, width), runs = _runs(rle)
    filled = sum(runs.tolist())
    check_limit("pixels", height * width, "A mask's number of pixels")
    if filled != height * width or (runs < 0).any() or min(height, width) < 0:
        raise InvalidInputError(
            f"The runs of a mask must fill its {height} x {width} pixels; they hold {filled}. The mask is damaged."
        )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")


def mask_area(rle: Mapping[str, Any]) -> int:
    """Return the number of pixels of a mask.

    Raises:
        InvalidInputError: It has no size, or its counts are none.
    """
    return sum(_runs(rle)[1][1::2].tolist())


def _runs(rle: Mapping[str, Any]) -> tuple[tuple[int, int], npt.NDArray[np.int64]]:
    try:
        height, width = map(int, rle["size"])
        counts = rle["counts"]
        if isinstance(counts, (bytes, str)):
            counts = _numbers(counts.encode("ascii") if isinstance(counts, str) else counts)
        return (height, width), np.array(list(counts), np.int64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"A mask must have size [height, width] and counts; {error!r}.") from error


def plain_mask(rle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mask as JSON can hold it: counts as text, where pycocotools has bytes, or as a list."""
    counts = rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    elif not isinstance(counts, str):
        counts = [int(count) for count in counts]
    return {"size": [int(side) for side in rle["size"]], "counts": counts}


def text_mask(rle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mask with its counts as text, however they were given."""
    plain = plain_mask(rle)
    return plain if isinstance(plain["counts"], str) else plain | {"counts": _text(plain["counts"])}


def _text(counts: Iterable[int]) -> str:
    counts, out = list(counts), []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        while True:
            five, rest = rest & 31, rest >> 5
            done = rest == (-1 if five & 16 else 0)  # the last group's top bit is the sign
            out.append(chr(48 + five + (0 if done else 32)))
            if done:
                break
    return "".join(out)


def _numbers(text: bytes) -> list[int]:
    counts: list[int] = []
    number = shift = 0
    for byte in text:
        bits = byte - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("the counts are no text of COCO's")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    return counts
