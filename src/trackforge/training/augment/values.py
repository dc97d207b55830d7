"""What augmentation takes, passes on and gives: a picture with its labels, on the way from file to network input.

Boxes are continuous ``xyxy`` float64 pixels of the picture they come with, and stay unclipped until a `BoxRule` clips
them. Every transform returns a new `LabelledImage` and leaves the one it got alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError

if TYPE_CHECKING:
    from trackforge.data import Sample

__all__ = ["Draw", "Key", "LabelledImage", "TrainingSample", "Transform"]

Image: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
_ABSENT: Any = None


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledImage:
    """A picture and what is where in it; N boxes.

    Attributes:
        image: RGB uint8 ``(H, W, 3)``; never written to.
        xyxy: ``(N, 4)`` float64 pixels of ``image``, continuous, not clipped.
        class_id: ``(N,)`` int64; 0 unless given.
        identity: ``(N,)`` int64 number over the whole set, -1 where unknown.
        ignore: ``(N,)`` bool: neither object nor background.
        matrix: ``(3, 3)`` float64, source picture to ``image`` in continuous pixels; None once several sources are
            mixed.

    Raises:
        InvalidInputError: A column has another length or shape.
    """

    image: Image
    xyxy: Floats
    class_id: Ints = _ABSENT
    identity: Ints = _ABSENT
    ignore: Bools = _ABSENT
    matrix: Floats | None = dataclasses.field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InvalidInputError(f"image must be RGB uint8 (H, W, 3), not empty; got {image.dtype} {image.shape}.")
        xyxy = np.asarray(self.xyxy, np.float64)
        xyxy = xyxy.reshape(0, 4) if not xyxy.size else xyxy
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise InvalidInputError(f"xyxy must have shape (N, 4); got {xyxy.shape}.")
        object.__setattr__(self, "xyxy", xyxy)
        for name, dtype, fill in (("class_id", np.int64, 0), ("identity", np.int64, -1), ("ignore", np.bool_, False)):
            value = getattr(self, name)
            column = np.full(len(xyxy), fill, dtype) if value is None else np.asarray(value, dtype)
            if column.shape != (len(xyxy),):
                raise InvalidInputError(f"{name} must have shape ({len(xyxy)},), one row a box; got {column.shape}.")
            object.__setattr__(self, name, column)

    @classmethod
    def of(cls, sample: Sample) -> LabelledImage:
        """Take over what `trackforge.data.Samples` gives."""
        boxes = sample.boxes
        return cls(
            image=sample.image, xyxy=boxes.xyxy, class_id=boxes.class_id, identity=sample.identity, ignore=boxes.ignore
        )

    def __len__(self) -> int:
        """Number of boxes, ignore regions included."""
        return len(self.xyxy)

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the picture in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def count(self) -> int:
        """Number of boxes that are objects, not ignore regions."""
        return int(len(self) - self.ignore.sum())

    def replace(self, **columns: Any) -> LabelledImage:
        """Return a copy with some attributes exchanged."""
        return dataclasses.replace(self, **columns)

    def keep(self, rows: npt.NDArray[Any]) -> LabelledImage:
        """Return a copy with the boxes of a mask or of indices ``rows``."""
        return self.replace(
            xyxy=self.xyxy[rows], class_id=self.class_id[rows], identity=self.identity[rows], ignore=self.ignore[rows]
        )

    def moved(
        self, image: Image, matrix: npt.ArrayLike, *, hull: Callable[[Floats], Floats] | None = None
    ) -> LabelledImage:
        """Return the labels on a new picture that an affine map of this one has given.

        Args:
            image: The new picture.
            matrix: ``(3, 3)`` map of continuous pixels.
            hull: How boxes follow; by default corner by corner, for maps that keep sides upright.
        """
        m = np.asarray(matrix, np.float64)
        xyxy = upright(self.xyxy, m) if hull is None else hull(self.xyxy)
        return self.replace(image=image, xyxy=xyxy, matrix=None if self.matrix is None else m @ self.matrix)

    @staticmethod
    def mixed(image: Image, parts: Iterable[LabelledImage]) -> LabelledImage:
        """Put the labels of several pictures, whose boxes are in pixels of ``image`` already, on one picture."""
        pieces = list(parts)
        return LabelledImage(
            image=image,
            xyxy=np.concatenate([p.xyxy for p in pieces]),
            matrix=None,
            class_id=np.concatenate([p.class_id for p in pieces]),
            ignore=np.concatenate([p.ignore for p in pieces]),
            identity=np.concatenate([p.identity for p in pieces]),
        )


def upright(xyxy: Floats, matrix: Floats) -> Floats:
    """Map boxes ``(N, 4)`` by an affine map ``(3, 3)`` to the upright boxes around their four corners."""
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2 @ matrix[:2, :2].T + matrix[:2, 2]
    half = (xyxy[:, 2:] - xyxy[:, :2]) / 2 @ np.abs(matrix[:2, :2]).T
    return np.concatenate((centre - half, centre + half), axis=1)


class Key(Protocol):
    """What a batch sampler says about one sample; `trackforge.training.SampleKey` is one."""

    @property
    def index(self) -> int:
        """Row in the data set."""

    @property
    def epoch(self) -> int:
        """0-based."""

    @property
    def position(self) -> int:
        """Place in the epoch's order over all processes."""

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` of the network's input in pixels."""

    @property
    def strong(self) -> bool:
        """Whether mosaic and mixup are on."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Draw:
    """Everything that a transform may ask for besides the picture.

    Attributes:
        rng: The sample's own random numbers; the only ones a transform may use.
        size: ``(height, width)`` of the network's input in pixels.
        strong: Whether mosaic and mixup are on.
        another: Gives another picture of the set, drawn with ``rng``; one with an object in it if ``labelled``, or
            None where the set has none.
    """

    rng: np.random.Generator
    size: tuple[int, int]
    strong: bool = True
    another: Callable[[bool], LabelledImage | None] = lambda _labelled: None

    def chance(self, probability: float) -> bool:
        """Return True with a probability 0..1; always takes one random number, so that settings do not shift others."""
        return bool(self.rng.random() < probability)


class Transform(Protocol):
    """One step of a pipeline: a frozen, picklable value that can be called."""

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the transformed picture; ``picture`` stays as it was."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSample:
    """One augmented sample, ready to be put into a batch; N boxes.

    Attributes:
        image: uint8 RGB ``(3, H, W)``, contiguous; the training module normalises it on the device.
        xyxy: ``(N, 4)`` float32 pixels of ``image``.
        class_id: ``(N,)`` int64.
        identity: ``(N,)`` int64, -1 where unknown.
        ignore: ``(N,)`` bool.
        index: Row of the picture in the data set (of the first, where several are mixed).
        source_size: ``(width, height)`` of that picture in pixels.
        matrix: ``(3, 3)`` float64, source picture to ``image``; NaN where several are mixed.
    """

    image: Image
    xyxy: npt.NDArray[np.float32]
    class_id: Ints
    identity: Ints
    ignore: Bools
    index: int
    source_size: tuple[int, int]
    matrix: Floats

    @classmethod
    def of(cls, picture: LabelledImage, *, index: int, source_size: tuple[int, int]) -> TrainingSample:
        """Turn the end of a pipeline into a sample."""
        matrix = np.full((3, 3), np.nan) if picture.matrix is None else picture.matrix
        planes = cast("Image", np.ascontiguousarray(picture.image.transpose(2, 0, 1)))
        return cls(
            image=planes,
            xyxy=picture.xyxy.astype(np.float32),
            class_id=picture.class_id,
            identity=picture.identity,
            ignore=picture.ignore,
            index=index,
            source_size=source_size,
            matrix=matrix,
        )
