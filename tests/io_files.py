"""Small videos and pictures, made afresh for the tests that need them; nothing binary is committed."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt


def picture(index: int, size: tuple[int, int] = (320, 240)) -> npt.NDArray[np.uint8]:
    """Return an RGB picture whose grey level tells its index (below 50); a red corner tells which way is up."""
    width, height = size
    image = np.full((height, width, 3), 20 + 4 * (index % 50), np.uint8)
    image[: height // 4, : width // 4] = (220, 30, 30)
    return image


def index_of(image: npt.NDArray[np.uint8]) -> int:
    """Return the index that `picture` drew."""
    return round((float(np.median(image)) - 20) / 4)


def write_video(
    path: Path,
    frames: int = 50,
    *,
    size: tuple[int, int] = (320, 240),
    rate: int = 25,
    noise: bool = False,
    gop: int = 10,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video of `picture`; with noise, every frame takes some kilobytes."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.gop_size = gop
        for index in range(frames):
            image = picture(index, size)
            if noise:
                image[-size[1] // 4 :] = random.integers(0, 256, (size[1] // 4, size[0], 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_picture(path: Path, index: int = 0, size: tuple[int, int] = (64, 48)) -> Path:
    """Write one picture of `picture`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix, picture(index, size)[:, :, ::-1])
    assert ok
    path.write_bytes(data.tobytes())
    return path


def turn_mp4(path: Path) -> None:
    """Mark an mp4 as filmed with the camera on its side: players turn it by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix stands 40 bytes after the box's name
    one = (1 << 16).to_bytes(4, "big")
    nought = bytes(4)
    minus = (-(1 << 16)).to_bytes(4, "big", signed=True)
    matrix = nought + one + nought + minus + nought + nought + nought + nought + (1 << 30).to_bytes(4, "big")
    data[at : at + 36] = matrix
    path.write_bytes(bytes(data))
