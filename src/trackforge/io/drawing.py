"""Boxes, labels and trails on RGB pictures, drawn with OpenCV; everything scales with the picture."""

from __future__ import annotations

import colorsys
import functools
import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from trackforge.io.masks import decode_mask
from trackforge.io.polygons import as_mask

__all__ = ["Canvas", "Trails", "colour_of"]

Colour: TypeAlias = tuple[int, int, int]
Image: TypeAlias = npt.NDArray[np.uint8]
GOLDEN = 0.6180339887498949
INK: Colour = (18, 18, 18)
RED: Colour = (230, 20, 20)
YELLOW: Colour = (255, 221, 0)
PAPER: Colour = (255, 255, 255)
VEIL = 0.45
"""Share of its colour in a pixel of a mask."""
FONT = cv2.FONT_HERSHEY_DUPLEX


@functools.lru_cache(maxsize=4096)
def colour_of(track_id: int) -> Colour:
    """Return the RGB colour of an id: always the same, and far from those of its neighbours.

    Hues follow the golden ratio, so that any run of successive ids is spread evenly over the colour wheel; lightness
    and saturation alternate. All have a middling brightness, on which outlined white letters read well.
    """
    hue = (track_id * GOLDEN) % 1.0
    saturation = (0.85, 0.65, 1.0)[track_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1.0)
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue  # luma, ITU-R BT.601
    wanted = (0.55, 0.68, 0.50)[track_id % 3]
    if brightness > wanted:
        red, green, blue = (channel * wanted / brightness for channel in (red, green, blue))
    else:  # towards white, which keeps the hue
        share = (wanted - brightness) / (1.0 - brightness)
        red, green, blue = (channel + share * (1.0 - channel) for channel in (red, green, blue))
    return round(255 * red), round(255 * green), round(255 * blue)


class Canvas:
    """Draws on one picture after another; line widths and letters are chosen for the size of the first.

    Args:
        size: ``(width, height)`` in pixels of the pictures to come.
        line_width: Pixels; None for one that suits the size.
    """

    def __init__(self, size: tuple[int, int], line_width: int | None = None) -> None:
        shorter = min(size)
        self.line_width = line_width or max(1, round(shorter / 300))
        self._letter = max(0.45, shorter / 1400)
        self._pen = max(1, round(shorter / 900))

    def box(self, image: Image, box: npt.ArrayLike, colour: Colour, *, faint: bool = False) -> None:
        """Draw a box with a dark edge that keeps it visible on every background; faint ones are thin and dashed."""
        x1, y1, x2, y2 = _whole(box)
        if faint:
            _dashed(image, x1, y1, x2, y2, colour, self.line_width)
            return
        edge = self.line_width // 2 + 1  # one dark pixel on the outside
        cv2.rectangle(image, (x1 - edge, y1 - edge), (x2 + edge, y2 + edge), INK, 1)
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, self.line_width)

    def mask(self, image: Image, mask: Mapping[str, Any], colour: Colour) -> None:
        """Lay a colour over the pixels of an object, so that what is below shows through, with a line round it.

        Args:
            image: ``(H, W, 3)``.
            mask: Run lengths, as COCO has them.
            colour: RGB.

        Raises:
            InvalidInputError: The mask is of a picture of another size.
        """
        pixels = decode_mask(as_mask(mask, (image.shape[0], image.shape[1])))
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        if not len(rows):
            return
        top, left = int(rows[0]), int(columns[0])
        inside = np.ascontiguousarray(pixels[top : rows[-1] + 1, left : columns[-1] + 1])
        part = image[top : rows[-1] + 1, left : columns[-1] + 1]
        veiled = np.rint(np.arange(256)[:, None] * (1 - VEIL) + VEIL * np.array(colour)).astype(np.uint8)
        np.copyto(part, cv2.LUT(part, veiled[None]), where=inside[..., None])
        edges, _ = cv2.findContours(inside.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, edges, -1, colour, max(1, self.line_width // 2), offset=(left, top))

    def label(self, image: Image, box: npt.ArrayLike, text: str, colour: Colour) -> None:
        """Put a tag on the upper left corner of a box, inside the picture."""
        x, y, _, _ = _whole(box)
        tag = self._tag(text, colour)
        height, width = tag.shape[:2]
        left = x - self.line_width // 2 - 1
        top = y - height if y >= height else y  # where there is no room above, the tag hangs inside the box
        _paste(image, tag, min(left, image.shape[1] - width), min(top, image.shape[0] - height))

    @functools.lru_cache(maxsize=2048)  # noqa: B019 - one canvas lives as long as one video
    def _tag(self, text: str, colour: Colour) -> Image:
        (width, height), below = cv2.getTextSize(text, FONT, self._letter, self._pen)
        pad = max(2, height // 3)
        tag = np.empty((height + below // 2 + 2 * pad, width + 2 * pad, 3), np.uint8)
        tag[:] = colour
        # the outline is the text moved about: a thicker pen would change the width of OpenCV 5's letters
        for right, down, ink in ((-1, 0, INK), (1, 0, INK), (0, -1, INK), (0, 1, INK), (0, 0, PAPER)):
            place = (pad + right, pad + height + down)
            cv2.putText(tag, text, place, FONT, self._letter, ink, self._pen, cv2.LINE_AA)
        return tag

    def count(self, image: Image, boxes: npt.ArrayLike) -> None:
        """Draw ``(N, 4)`` boxes in red, with yellow numbers from 1 in their middles; no number is hidden by a box."""
        each = list(np.asarray(boxes, np.float64).reshape(-1, 4))
        for box in each:
            x1, y1, x2, y2 = _whole(box)
            cv2.rectangle(image, (x1, y1), (x2, y2), RED, max(2, self.line_width))
        for number, box in enumerate(each, 1):
            self._number(image, box, number)

    def _number(self, image: Image, box: npt.ArrayLike, number: int) -> None:
        x1, y1, x2, y2 = _whole(box)
        text, letter, pen = str(number), 1.5 * self._letter, 2 * self._pen
        (width, height), _ = cv2.getTextSize(text, FONT, letter, pen)
        place = ((x1 + x2 - width) // 2, (y1 + y2 + height) // 2)
        for right, down, ink in ((-1, -1, INK), (1, -1, INK), (-1, 1, INK), (1, 1, INK), (0, 0, YELLOW)):
            moved = (place[0] + right * self._pen, place[1] + down * self._pen)  # on an edge: things may be yellow
            cv2.putText(image, text, moved, FONT, letter, ink, pen, cv2.LINE_AA)

    def trail(self, image: Image, points: Sequence[tuple[int, int]], colour: Colour) -> None:
        """Draw the way of a track, oldest point first; older parts are thinner and darker."""
        if len(points) < 2:
            return
        line = np.asarray(points, np.int32).reshape(-1, 1, 2)
        parts = min(4, len(points) - 1)
        edges = np.linspace(0, len(points) - 1, parts + 1).astype(int)
        for part, (start, end) in enumerate(itertools.pairwise(edges.tolist()), start=5 - parts):
            share = part / 4
            dimmed = tuple(round(channel * (0.4 + 0.6 * share)) for channel in colour)
            width = max(1, round(self.line_width * (0.5 + 0.5 * share)))
            cv2.polylines(
                image, [line[start : end + 1]], isClosed=False, color=dimmed, thickness=width, lineType=cv2.LINE_AA
            )


class Trails:
    """Remembers where tracks stood: the middle of a box's lower edge, for the last ``length`` frames."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._points: dict[int, deque[tuple[int, int]]] = {}
        self._seen: dict[int, int] = {}

    def add(self, frame: int, track_id: Iterable[int], xyxy: npt.NDArray[Any]) -> None:
        """Take the tracks of one frame; forget those unseen for ``length`` frames."""
        if not self._length:
            return
        boxes = np.asarray(xyxy, np.float64)
        feet = _pixels(np.stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]), axis=1)).tolist()
        for one, (x, y) in zip(track_id, feet, strict=True):
            self._points.setdefault(one, deque(maxlen=self._length)).append((x, y))
            self._seen[one] = frame
        gone = [one for one, last in self._seen.items() if frame - last > self._length]
        for one in gone:
            del self._seen[one], self._points[one]

    def of(self, track_id: int) -> Sequence[tuple[int, int]]:
        """Return the points of a track, oldest first."""
        return self._points.get(track_id, ())


def _whole(box: npt.ArrayLike) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = _pixels(np.asarray(box, np.float64)).tolist()
    return x1, y1, x2, y2


def _pixels(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return whole pixels; far outside is outside: OpenCV's 16-bit sub-pixel coordinates must not overflow."""
    return np.clip(np.rint(places), -20000, 20000).astype(np.int64)


def _dashed(image: Image, x1: int, y1: int, x2: int, y2: int, colour: Colour, width: int) -> None:
    dash = 3 * width
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2):
            cv2.line(image, (x, y), (min(x + dash, x2), y), colour, width)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2):
            cv2.line(image, (x, y), (x, min(y + dash, y2)), colour, width)


def _paste(image: Image, patch: Image, left: int, top: int) -> None:
    """Copy a patch into a picture, cut at the border."""
    x, y = max(left, 0), max(top, 0)
    part = patch[: image.shape[0] - y, : image.shape[1] - x]
    image[y : y + part.shape[0], x : x + part.shape[1]] = part
