"""File endings of pictures and videos, for sources and data sets alike; here, below both, because specs name them."""

from __future__ import annotations

__all__ = ["IMAGE_SUFFIXES", "STACK_SUFFIXES", "VIDEO_SUFFIXES"]

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".webp", ".avif", ".gif", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".jp2", ".j2k", ".ras", ".sr",
)  # fmt: skip
"""Pictures that decode, in a folder or a data set. Maps of floats (``.pfm``, ``.hdr``, ``.exr``), which lie beside
pictures as depth or radiance, are none."""
STACK_SUFFIXES = (".tif", ".tiff", ".webp", ".png", ".apng")
"""Those of them that may hold several pictures, besides ``.gif``, which by itself is a video."""
VIDEO_SUFFIXES = (
    ".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".y4m", ".gif",
)  # fmt: skip
