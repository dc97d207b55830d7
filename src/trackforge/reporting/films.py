"""Films made small for a page: H.264 at a constant rate, so that frame k is shown from k / rate on, and no other.

Every picture that the run saw becomes one frame of the film; which frame of the sequence it is stands beside it. No
B-frames and a key frame each second: a browser steps back at once.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trackforge.protocols import Source, stream_of
from trackforge.types import Frame

__all__ = ["Film", "Limits", "make_film"]

ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
QUALITY = 27
POOREST = 150_000
"""Bits a second below which a film is better cut than made worse."""
RATES = 1.0, 120.0
"""Frames per second that a browser plays; films told to be slower or faster are played at these."""


@dataclass(frozen=True)
class Limits:
    """How large a film may become.

    Attributes:
        side: Longest side in pixels.
        size: Most bytes; None for any.
        frames: Most frames; None for all.
        seconds: Most seconds; None for all.
    """

    side: int = 640
    size: float | None = None
    frames: int | None = None
    seconds: float | None = None


@dataclass
class Film:
    """A film for a page.

    Attributes:
        content: The file.
        rate: Frames per second at which it plays.
        stated: Frames per second of the source, or None.
        size: ``(width, height)`` of the pictures that the run saw.
        shape: ``(width, height)`` of the film.
        numbers: Frame of the sequence for each frame of the film.
        whole: Whether it has every frame that was to be shown.
    """

    content: bytes
    rate: float
    stated: float | None
    size: tuple[int, int]
    shape: tuple[int, int]
    numbers: list[int] = field(default_factory=list)
    whole: bool = True


def make_film(
    source: Source,
    limits: Limits,
    *,
    expected: int | None = None,
    rate: float | None = None,
    seen: Callable[[Frame], object] | None = None,
) -> Film | None:
    """Read a source and make a film of its pictures; None where it has none.

    Args:
        source: The film as the run saw it.
        limits: How large it may become.
        expected: Frames that the run went through, where known: what follows was not seen.
        rate: Frames per second, where somebody knows better than the source.
        seen: Is given each frame.

    Raises:
        TrackforgeError: What reading raises; MissingDependencyError where H.264 cannot be encoded.
    """
    stream = stream_of(source)
    stated = rate or stream.rate
    played = min(max(stated or 25.0, RATES[0]), RATES[1])
    most = _most(limits, expected if expected is not None else stream.length, played)
    frames: Iterator[Frame] = iter(source)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if isinstance(frames, Generator):
            stack.callback(frames.close)
        place = Path(folder) / "film.mp4"
        coding = _coding(limits, expected, most, played)
        made = Film(b"", played, stated, (0, 0), (0, 0))
        return (
            made if _fill(made, frames, place, limits.side, coding, stream.pixel_aspect, most, expected, seen) else None
        )


def _most(limits: Limits, length: int | None, rate: float) -> int | None:
    """Return how many frames a film may have."""
    bounds = [limits.frames, None if limits.seconds is None else max(1, int(limits.seconds * rate))]
    if limits.size is not None and length is not None:
        bounds.append(max(1, int(limits.size * 8 / POOREST * rate)))
    return min((bound for bound in bounds if bound is not None), default=None)


def _fill(
    made: Film,
    frames: Iterable[Frame],
    path: Path,
    side: int,
    coding: dict[str, str],
    aspect: float,
    most: int | None,
    expected: int | None,
    seen: Callable[[Frame], object] | None,
) -> bool:
    """Encode frames into a film; tell whether there was a picture."""
    from trackforge.io.encode import VideoWriter

    writer: VideoWriter | None = None
    for frame in frames:
        if frame.image is None:
            break
        if made.numbers and len(made.numbers) in (expected, most):
            made.whole = len(made.numbers) == expected
            break
        if writer is None:
            height, width = frame.image.shape[:2]
            made.size, made.shape = (width, height), _shape(width * aspect, height, side)
            writer = VideoWriter(path, made.shape, made.rate, QUALITY, ENCODERS, options=coding)
        writer.write(_scaled(frame.image, made.shape), len(made.numbers) / made.rate)
        made.numbers.append(frame.index)
        if seen is not None:
            seen(frame)
    if writer is None:
        return False
    writer.close()
    made.content = path.read_bytes()
    return True


def _coding(limits: Limits, expected: int | None, most: int | None, rate: float) -> dict[str, str]:
    """Return the options of the encoder."""
    chosen = {"bf": "0", "g": str(max(1, round(rate)))}
    count = min((n for n in (expected, most) if n is not None), default=None)
    if limits.size is not None and count:
        bits = int(max(POOREST / 2, 0.92 * limits.size * 8 * rate / count))
        if bits < 8_000_000:  # what no film of this size needs is no bound
            chosen |= {"maxrate": str(bits), "bufsize": str(2 * bits)}
    return chosen


def _shape(width: float, height: float, side: int) -> tuple[int, int]:
    """Return an even size of the same shape, no larger than the picture."""
    scale = min(1.0, side / max(width, height))
    return max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)


def _scaled(image: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    import cv2

    if image.shape[1::-1] == shape:
        return image
    way = cv2.INTER_AREA if shape[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, shape, interpolation=way), np.uint8)
