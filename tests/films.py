"""Films as people have them: with sound, odd clocks, several streams, turned, squeezed, combed, deep; made afresh."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from io_files import picture

Image = npt.NDArray[Any]
SIZE = (64, 48)
ONE = 1 << 16
MATRICES = {
    "plain": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside-down-mirrored": (1, 0, 0, -1),
    "half-turn": (-1, 0, 0, -1),
    "right": (0, 1, -1, 0),
    "left": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transverse": (0, -1, -1, 0),
}
"""The eight ways to turn and mirror a film: a, b, c, d of its display matrix."""


def film(
    path: Path,
    images: Sequence[Image],
    *,
    ticks: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 1000),
    rate: Fraction | int = 25,
    last: int | None = None,
    codec: str = "mjpeg",
    pixels: str | None = None,
    form: str = "rgb24",
    aspect: Fraction | None = None,
    sound: float = 0.0,
    container: str | None = None,
    options: dict[str, str] | None = None,
    coding: dict[str, str] | None = None,
) -> Path:
    """Write a film of given pictures.

    Args:
        path: Where to.
        images: As ``form`` says.
        ticks: Time stamps of the packets in ``base``, in the order of coding; None for those of the rate.
        base: Seconds of a tick.
        rate: Frames per second to state.
        last: Ticks for which the last picture is held.
        codec: FFmpeg's name of the encoder.
        pixels: Format of the pixels to encode; None for what suits the codec.
        form: Format of the pixels of ``images``.
        aspect: Width of a pixel over its height.
        sound: Seconds of silence beside the pictures.
        container: FFmpeg's name of the format; None for that of the ending.
        options: Of the container.
        coding: Of the encoder.
    """
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=coding or {})
        stream.width, stream.height = width, height
        stream.pix_fmt = pixels or {"mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        silence: Any = file.add_stream("pcm_s16le" if path.suffix != ".mp4" else "aac", rate=8000) if sound else None
        if silence is not None:
            silence.layout = "mono"
        packets = []
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=form)
            packets += stream.encode(frame.reformat(format=stream.pix_fmt) if form != stream.pix_fmt else frame)
        packets += stream.encode()
        for number, packet in enumerate(packets):
            if ticks is not None:
                packet.time_base = base
                packet.pts = packet.dts = ticks[number]
                if last is not None and number == len(packets) - 1:
                    packet.duration = last
        if silence is not None:
            packets += hush(silence, sound)
        for packet in packets:  # FFmpeg interleaves them
            file.mux(packet)
    return path


def hush(stream: Any, seconds: float) -> list[Any]:
    """Encode silence."""
    packets = []
    for _ in range(round(seconds * 8000 / 1024)):
        wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        wave.rate = 8000
        packets += stream.encode(wave)
    return packets + list(stream.encode(None))


def greys(count: int, size: tuple[int, int] = SIZE) -> list[Image]:
    """Return pictures whose grey tells their index, see `io_files.index_of`."""
    return [picture(index, size) for index in range(count)]


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a display matrix into the first track of an mp4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix stands 40 bytes after the box's name
    a, b, c, d = (value * ONE for value in matrix)
    numbers = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)
    path.write_bytes(bytes(data))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the beginning of a file."""
    data = path.read_bytes()
    made = path.with_stem(f"{path.stem}-cut")
    made.write_bytes(data[: int(len(data) * share)])
    return made
