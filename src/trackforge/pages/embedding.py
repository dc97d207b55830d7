"""Pictures within the page."""

from __future__ import annotations

import base64
import importlib
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError, MissingDependencyError, MissingFileError
from trackforge.pages.templates import render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["data_uri", "picture"]


def data_uri(content: bytes | str | Path, media_type: str = "") -> str:
    """Return content as an address that holds it: ``data:image/png;base64,...``.

    Args:
        content: Bytes, or the path of a file.
        media_type: What it is; by the ending of a file where empty.

    Raises:
        MissingFileError: There is no such file.
    """
    if not isinstance(content, bytes):
        path = Path(content)
        media_type = media_type or mimetypes.guess_type(path.name)[0] or ""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise MissingFileError(f"A page needs the file {path}; it cannot be read: {error.strerror}.") from error
    return f"data:{media_type or 'application/octet-stream'};base64,{base64.b64encode(content).decode()}"


def picture(
    image: npt.NDArray[np.uint8], *, text: str, longest: int = 960, quality: int = 82, css: str = "picture"
) -> Markup:
    """Return ``<img>`` with a picture in it, as JPEG.

    Args:
        image: ``(height, width, 3)`` uint8, RGB.
        text: What the picture shows, for who does not see it.
        longest: Longest side in pixels; a larger picture is scaled down.
        quality: Of the JPEG, 1 to 100.
        css: Classes.

    Raises:
        MissingDependencyError: OpenCV or Jinja2 is not installed.
        InvalidInputError: The array is no picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InvalidInputError(f"A picture must be (height, width, 3) uint8; got {image.shape} {image.dtype}.")
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError as error:
        raise MissingDependencyError(
            "A picture in a page needs OpenCV, which is not installed; run: pip install 'trackforge-mot[video]'",
            name="cv2",
        ) from error
    height, width = image.shape[:2]
    if max(height, width) > longest:
        scale = longest / max(height, width)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    done, coded = cv2.imencode(".jpg", image[..., ::-1], [int(cv2.IMWRITE_JPEG_QUALITY), quality])
    if not done:
        raise InvalidInputError(f"A picture of {width}x{height} cannot be coded as JPEG. Give one with more pixels.")
    return render(
        '<img class="{{ css }}" src="{{ uri }}" width="{{ width }}" height="{{ height }}" alt="{{ text }}" '
        'decoding="async">',
        css=css,
        uri=data_uri(coded.tobytes(), "image/jpeg"),
        width=width,
        height=height,
        text=text,
    )
