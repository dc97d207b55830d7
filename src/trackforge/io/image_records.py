"""What MXNet keeps in a record: a picture and its labels; and the lists (``.lst``) that such files are made from.

A record is a head ``<IfQQ`` (how many labels follow, a label where none follow, two ids), the labels as float32, and
the picture as a file. Labels for detection are ``[A, B, further A - 2 numbers, objects of B numbers each]``, an object
``(class, xmin, ymin, xmax, ymax, ...)`` in shares of the picture; a sixth number is ``difficult`` where it is 0 or 1.
Source: apache/mxnet (Apache-2.0), ``python/mxnet/recordio.py`` and ``tools/im2rec.py``, behaviour only; checked
against what MXNet 1.9.1 wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError

__all__ = [
    "DetectionLabel",
    "ImageRecord",
    "ListLine",
    "decode_image_record",
    "encode_image_record",
    "list_line",
    "parse_list_line",
]

HEAD = struct.Struct("<IfQQ")
HEADER_WIDTH, OBJECT_WIDTH = 2, 5
"""The least numbers before the objects, and of each object."""
DIFFICULT = 5
"""Where in an object's numbers it stands."""


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """A picture with labels.

    Attributes:
        label: float32, ``(L,)``; or ``()``, a class alone.
        id: The number in the list that it was made from.
        image: The picture as a file.
        id2: A second number, which nobody uses.
    """

    label: npt.NDArray[np.float32]
    id: int
    image: bytes
    id2: int = 0


def decode_image_record(payload: bytes, *, what: str = "A record", path: str | Path | None = None) -> ImageRecord:
    """Take a record apart.

    Args:
        payload: Of the record; the end of the picture may be missing.
        what: What it is, for messages: ``"Record 7"``.
        path: The file, for messages.

    Raises:
        DataError: It is too short for what it announces.
    """
    if len(payload) < HEAD.size:
        raise DataError(f"{what} must be a picture with labels; it has {len(payload)} bytes.", path=path)
    count, alone, first, second = HEAD.unpack_from(payload)
    end = HEAD.size + 4 * count
    if end > len(payload):
        raise DataError(f"{what} announces {count:,} labels, which its {len(payload):,} bytes cannot hold.", path=path)
    label = np.frombuffer(payload, "<f4", count, HEAD.size).astype(np.float32) if count else np.float32(alone)
    return ImageRecord(np.asarray(label, np.float32), first, payload[end:], second)


def encode_image_record(record: ImageRecord) -> bytes:
    """Return the payload of a record, byte for byte as ``mx.recordio.pack`` does.

    Raises:
        InvalidInputError: The label has more than one dimension, or is empty.
    """
    label = np.asarray(record.label, "<f4")
    if label.ndim > 1 or not label.size:
        raise InvalidInputError(f"A label must be one number, or a row of them; got the shape {label.shape}.")
    count, alone, numbers = (len(label), 0.0, label.tobytes()) if label.ndim else (0, float(label), b"")
    return HEAD.pack(count, alone, record.id, record.id2) + numbers + record.image


@dataclass(frozen=True, eq=False)
class DetectionLabel:
    """The boxes of a picture, as MXNet keeps them.

    Attributes:
        objects: ``(N, B)`` float32, B >= 5: class, then corners in shares of the picture, then what else there is.
        extra: What stands in the header behind its two widths.
    """

    objects: npt.NDArray[np.float32]
    extra: tuple[float, ...] = field(default=())

    @property
    def difficult(self) -> npt.NDArray[np.bool_]:
        """``(N,)`` whether an object is not to be judged, of the sixth number where that is 0 or 1 throughout."""
        if self.objects.shape[1] <= DIFFICULT:
            return np.zeros(len(self.objects), bool)
        flags = self.objects[:, DIFFICULT]
        return flags == 1 if np.isin(flags, (0, 1)).all() else np.zeros(len(flags), bool)

    def values(self) -> npt.NDArray[np.float32]:
        """Return the numbers of the label, widths first."""
        head = [HEADER_WIDTH + len(self.extra), self.objects.shape[1], *self.extra]
        return np.concatenate((np.array(head, np.float32), np.asarray(self.objects, np.float32).reshape(-1)))

    @classmethod
    def of(
        cls,
        values: npt.ArrayLike,
        *,
        what: str = "A label",
        path: str | Path | None = None,
        line: int | None = None,
    ) -> DetectionLabel:
        """Take the numbers of a label apart; rows of -1 at the end, as padding leaves them, are left out.

        Raises:
            DataError: They are no label for detection.
        """
        numbers = np.atleast_1d(np.asarray(values, np.float32))

        def fault(wanted: str) -> DataError:
            shown = ", ".join(f"{value:g}" for value in numbers[:7]) + (", ..." if len(numbers) > 7 else "")
            return DataError(f"{what} must be one for detection, {wanted}; got [{shown}].", path=path, line=line)

        if np.ndim(values) == 0 or len(numbers) < HEADER_WIDTH:
            raise fault("[2, 5, class, xmin, ymin, xmax, ymax, ...], not a class alone")
        if not np.isfinite(numbers).all():
            raise fault("of finite numbers")
        head, width = numbers[:2].tolist()
        if not (head.is_integer() and width.is_integer() and HEADER_WIDTH <= head <= len(numbers)):
            raise fault(f"whose first number counts the header's, from {HEADER_WIDTH} up to {len(numbers)}")
        if width < OBJECT_WIDTH:
            raise fault(f"whose second number counts an object's, {OBJECT_WIDTH} or more")
        body = numbers[int(head) :]
        rest = len(body) % int(width)
        if rest and (body[len(body) - rest :] != -1).any():
            raise fault(f"with {int(width)} numbers an object; {len(body)} numbers follow the header")
        objects = body[: len(body) - rest].reshape(-1, int(width))
        return cls(objects[(objects != -1).any(axis=1)], tuple(numbers[2 : int(head)].tolist()))


@dataclass(frozen=True, eq=False)
class ListLine:
    """A line of a list: which picture, with which labels.

    Attributes:
        id: The number of the picture.
        label: Its labels, float32 ``(L,)``.
        path: The picture, as the list names it.
    """

    id: int
    label: npt.NDArray[np.float32]
    path: str


def parse_list_line(text: str, *, path: str | Path | None = None, line: int | None = None) -> ListLine:
    """Take a line of a ``.lst`` file apart: number, labels and picture, with tabs between.

    Raises:
        DataError: It is none.
    """
    words = text.rstrip("\r\n").split("\t")
    try:
        if len(words) < 3:
            raise ValueError
        with np.errstate(over="ignore"):  # infinity is refused where labels are taken apart
            return ListLine(_number(words[0]), np.array(words[1:-1], np.float64).astype(np.float32), words[-1])
    except (ValueError, OverflowError):
        shown = ascii(text.strip()[:60])
        raise DataError(
            f"A line must be a number, labels and a picture, with tabs between; got {shown}.", path=path, line=line
        ) from None


def _number(word: str) -> int:
    value = float(word)
    if not (value.is_integer() and 0 <= value < 2**53):
        raise ValueError
    return int(value)


def list_line(number: int, label: DetectionLabel, path: str, *, decimals: int = 6) -> str:
    r"""Return a line of a ``.lst`` file for detection, its end left out.

    >>> list_line(3, DetectionLabel(np.array([[1, 0, 0.25, 0.5, 1]])), "a.jpg", decimals=4)
    '3\t2\t5\t1.0000\t0.0000\t0.2500\t0.5000\t1.0000\ta.jpg'

    Args:
        number: Of the picture.
        label: Its boxes.
        path: The picture.
        decimals: Of what stands behind the two widths; ``tools/im2rec.py`` itself writes 6.

    Raises:
        InvalidInputError: The picture's name holds a tab or a line break.
    """
    if len(path.splitlines()) != 1 or "\t" in path:
        raise InvalidInputError(f"A list names pictures without tabs and line breaks; got {path!a}. Rename it.")
    values: Sequence[Any] = label.values().tolist()
    words = [f"{value:g}" for value in values[:2]] + [f"{value:.{decimals}f}" for value in values[2:]]
    return "\t".join([str(number), *words, path])
