"""Picture files: their content decoded, and their size from the header.

One reader for sources and data sets. A picture is RGB and upright: turned as its header asks for, its size included.
One that is cut short is damaged, though a decoder would fill what is missing with grey and go on. One that announces
more pixels than `trackforge.intake.limits` allow is refused before anything is decoded. More than 8 bits a channel are
brought to 8 by the rule of `trackforge.io.levels`.
"""

from __future__ import annotations

import contextlib
import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, MissingDependencyError
from trackforge.intake.limits import check_limit, limits
from trackforge.io.headers import Header, is_whole, read_header
from trackforge.io.levels import stretch
from trackforge.io.passes import is_overfull, scans

__all__ = ["Deep", "decode_picture", "opencv", "picture_bytes", "picture_size"]

Deep: TypeAlias = "Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]]"
"""Brings a picture of more than 8 bits a channel to 8: a `trackforge.io.levels.Levels`, where there are several."""


def opencv() -> Any:
    """Import OpenCV.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            "Reading pictures needs OpenCV, which is not installed. Install trackforge-mot[video].", name="cv2"
        ) from error
    return cv2


def picture_bytes(path: Path) -> bytes:
    """Return the content of a picture file.

    Raises:
        DataError: It is missing, cannot be read, or is larger than any picture may be.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError("A picture must be a file; this is none. Name a file.", path=path)
        check_limit("bytes", found.st_size, "The picture's bytes", path=path)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(error, path) from error


def _unreadable(error: OSError | ValueError, path: Path) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError("The picture is missing. Restore it, or leave it out.", path=path)
    return DataError(f"The picture cannot be read: {getattr(error, 'strerror', None) or error}.", path=path)


def decode_picture(data: bytes, path: str | Path, deep: Deep = stretch) -> npt.NDArray[np.uint8]:
    """Decode a picture file's content to RGB uint8 ``(H, W, 3)``, upright; of several pictures in it, the first.

    Args:
        data: The content.
        path: For the error message.
        deep: Brings a picture of more than 8 bits to 8.

    Raises:
        DataError: It is no picture, cut short, or larger than the limit.
        MissingDependencyError: OpenCV is not installed.
    """
    if not data:
        raise DataError("The picture is empty (0 bytes). Restore it, or leave it out.", path=path)
    return decode_upright(data, read_header(io.BytesIO(data)), path, deep)


def decode_upright(data: Any, header: Header | None, path: str | Path, deep: Deep) -> npt.NDArray[np.uint8]:
    """Decode one picture, whose header is known, from a buffer; arguments and errors as `decode_picture` has them."""
    cv2 = opencv()
    image = None
    if header is not None:
        check_pixels(header, path)
        if header.kind == "png" and not is_whole(data):
            raise DataError("The PNG is cut short or damaged. Restore it, or leave it out.", path=path)
        check_passes(data, header, path)
        bytes_, color = np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        with contextlib.suppress(cv2.error):
            image = cv2.imdecode(bytes_, color | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None and header.kind == "tiff":  # OpenCV cannot give grey floats three channels
            with contextlib.suppress(cv2.error):
                image = cv2.imdecode(bytes_, cv2.IMREAD_UNCHANGED)
    if header is None or image is None or not image.size:
        raise DataError("The picture cannot be decoded. Restore it, or leave it out.", path=path)
    if header.kind == "jpeg" and data.find(b"\xff\xd9", header.scan) < 0:
        # libjpeg fills what is missing with grey and only warns; training on that would go unnoticed. Inside a scan the
        # end mark cannot occur.
        raise DataError("The JPEG is cut short. Restore it, or leave it out.", path=path)
    if image.dtype != np.uint8:
        image = deep(image)
    # libtiff turns by itself
    return upright(image, 1 if header.kind == "tiff" else header.orientation)


def check_pixels(header: Header, path: str | Path) -> None:
    """Refuse a picture that announces more pixels than the limit.

    Raises:
        DataError: It does.
    """
    what = f"The pixels of a picture ({header.width} x {header.height})"
    check_limit("pixels", header.width * header.height, what, path=path)


def check_passes(data: bytes, header: Header, path: str | Path) -> None:
    """Refuse a picture that takes far longer than its pixels tell.

    Raises:
        DataError: It is a JPEG of more scans than the limit, or a PNG with data behind its pixels.
    """
    if header.kind == "jpeg":
        check_limit("scans", scans(data, header, limits().scans), "The scans of a JPEG", path=path)
    elif header.kind == "png" and is_overfull(data, header):
        raise DataError("The PNG unpacks to far more than its pixels. Restore it, or leave it out.", path=path)


def upright(image: Any, orientation: int = 1) -> npt.NDArray[np.uint8]:
    """Turn what OpenCV decoded, grey, BGR or BGRA, to upright RGB; it may be written over."""
    cv2 = opencv()
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    elif channels == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGB)
    else:  # grey, perhaps with what it covers, or with wavelengths that nobody names
        image = cv2.cvtColor(np.ascontiguousarray(image.reshape(*image.shape[:2], -1)[:, :, 0]), cv2.COLOR_GRAY2RGB)
    if orientation in (5, 6, 7, 8):
        image = cv2.transpose(image)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.asarray(image if flip is None else cv2.flip(image, flip), np.uint8)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return ``(width, height)`` of a picture file, upright, from its header.

    Raises:
        DataError: It is missing, or no picture.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except (OSError, ValueError) as error:
        raise _unreadable(error, path) from error
    if header is None:
        raise DataError("The picture cannot be decoded. Restore it, or leave it out.", path=path)
    return header.size
