"""Small films in which things move, for detectors that need no weights; every frame differs, made afresh."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

SIZE = (160, 120)


def view(index: int, seed: int = 0, size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    """Return the RGB picture of a moment: a still ground, and three boxes that cross it."""
    width, height = size
    ground = np.random.default_rng(seed).integers(80, 120, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    image = np.kron(ground, np.ones((8, 8, 1), np.uint8))[:height, :width].copy()
    for one, (speed, row, shade) in enumerate(((2, 15, 250), (-3, 45, 20), (1, 80, 200))):
        x = (20 + 50 * one + speed * index + 7 * seed) % (width + 20) - 20
        image[row : row + 24, max(0, x) : max(0, x + 14)] = (shade, 255 - shade, 60 * one)
    return image


def street(
    path: Path,
    frames: int = 60,
    *,
    seed: int = 0,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a film of it, 10 frames a second."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = 10
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view(index, seed, size), format="rgb24")))
        container.mux(stream.encode())
    return path
