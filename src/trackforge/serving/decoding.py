"""Pictures out of request bodies: what they are is found out from their content, never from what the client calls it.

The size in the header is compared with the limit before anything is decoded, so that a body of some kilobytes cannot
take gigabytes. Pictures come upright, by the same reader that the rest of the library has (`trackforge.io.pictures`).
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError
from trackforge.intake.limits import limited, limits
from trackforge.io.headers import read_header
from trackforge.io.passes import scans
from trackforge.io.pictures import decode_picture
from trackforge.serving.refusals import BadPicture, TooLarge

__all__ = ["PICTURES", "effort", "picture"]

PICTURES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "bmp": "image/bmp"}
"""Kinds of pictures that are taken, and their media types."""
SLOWER = {"png": 2, "webp": 4}
"""How much longer than a JPEG of one scan such a picture takes, about."""
PASSES = 16
"""Scans of a JPEG of the largest size that is taken; encoders make a dozen at most."""
KNOWN = "a JPEG, PNG, WebP or BMP picture"


def effort(body: bytes | memoryview) -> int:
    """Return what decoding a picture costs: its pixels, times the passes over them; 0 where it is none."""
    data = bytes(body)
    header = read_header(io.BytesIO(data))
    if header is None:
        return 0
    passes = scans(data, header, limits().scans) if header.kind == "jpeg" else SLOWER.get(header.kind, 1)
    return header.width * header.height * passes


def picture(body: bytes | memoryview, *, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Return the picture in a body: RGB uint8 ``(H, W, 3)``, upright.

    Args:
        body: All of it.
        max_pixels: Largest width times height.

    Raises:
        BadPicture: It is no picture of a kind that is taken, or a damaged one.
        TooLarge: It has more pixels than the limit.
    """
    data = bytes(body)
    if not data:
        raise BadPicture(f"The body must be {KNOWN}; it is empty. Send the bytes of one.")
    header = read_header(io.BytesIO(data))
    if header is None or header.kind not in PICTURES:
        what = "something else" if header is None else f"of the kind {header.kind!r}"
        raise BadPicture(f"The body must be {KNOWN}; it is {what}. Send the bytes of one, as they are in its file.")
    most = min(max_pixels, limits().pixels)
    if header.width * header.height > most:
        raise TooLarge(
            f"A picture must have at most {most:,} pixels; this one has {header.width} x {header.height}. Send a "
            "smaller one, or raise --max-pixels."
        )
    if header.kind == "jpeg" and header.width * header.height * scans(data, header, limits().scans) > PASSES * most:
        raise BadPicture(
            f"A JPEG of the largest size may have {PASSES} scans, a smaller one more; this one, {header.width} x "
            f"{header.height}, has too many. Save it anew, as encoders do by themselves."
        )
    try:
        with limited(pixels=most):
            return decode_picture(data, "The body")
    except DataError as error:
        raise BadPicture(f"The body must be a whole picture. {str(error).removeprefix('The body: ')}") from None
