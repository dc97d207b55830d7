"""From a data set to a stream of labelled pictures: what a training loop draws from.

Nothing here knows torch. `Samples` has a length and an index, which is all that a map-style loader asks for; the order
of an epoch and the random numbers of a sample depend on nothing but seed, epoch and position, so the same pictures with
the same augmentation come out however many workers or processes share the work, and after a resume.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.data.columns import Boxes
from trackforge.data.model import Dataset
from trackforge.data.pictures import PictureReader, size_advice, split_key
from trackforge.errors import DataError, InvalidInputError

__all__ = ["Sample", "Samples", "sample_order", "sample_rng"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """One labelled picture.

    Attributes:
        index: Row of the picture in the data set.
        image: RGB uint8 ``(H, W, 3)``, read-only.
        boxes: Its boxes, ignore regions included: mask them in the loss, or drop them to make them background.
        identity: ``(N,)`` number of each box's identity over the whole set, 0-based, -1 where unknown.
        path: Where the picture lies.
        sequence: Name of its video, or empty.
        frame: 0-based frame number in that video, or -1.
    """

    index: int
    image: npt.NDArray[np.uint8]
    boxes: Boxes
    identity: npt.NDArray[np.int64]
    path: Path
    sequence: str = ""
    frame: int = -1

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` of the picture in pixels."""
        return self.image.shape[1], self.image.shape[0]


class Samples:
    """The pictures of a data set, loaded on demand; deterministic, picklable, safe in worker processes.

    Args:
        dataset: What to load.
        cache_mb: Room for decoded pictures in memory, in MiB; the first that come stay. It is not pickled. Call
            `preload` before workers are forked to share one cache between them.
        verify: Look at every label, and whether every picture exists, before the first is loaded.

    Attributes:
        dataset: The data set.
        identity_count: How many identities it has.

    Raises:
        DataError: The set is empty, a picture is missing, a box has no area, NaN corners or a class out of range.
    """

    def __init__(self, dataset: Dataset, *, cache_mb: float = 0, verify: bool = True) -> None:
        if cache_mb < 0:
            raise InvalidInputError(f"cache_mb must be >= 0 MiB; got {cache_mb}.")
        self.dataset = dataset
        self._identity, self.identity_count = dataset.identities()
        self._room = self._budget = int(cache_mb * 2**20)
        self._cache: dict[int, npt.NDArray[np.uint8]] = {}
        self._reader = PictureReader()
        if verify:
            verify_dataset(dataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        """Load a picture with its labels.

        Raises:
            DataError: The picture is missing, cannot be decoded, or is not of the size that its labels were made for.
        """
        row = range(len(self))[index]  # negative indices, and IndexError at the end
        data, path = self.dataset, self.dataset.image_path(row)
        if path is None:
            raise DataError(f"Image {row} has labels but no picture; training needs one.", path=data.root)
        image = self._cache.get(row)
        if image is None:
            image = self._load(row, path)
        boxes = data.labels(row)
        first = int(data._start[row])
        return Sample(
            index=row,
            image=image,
            boxes=boxes,
            identity=self._identity[first : first + len(boxes)],
            path=path,
            sequence=str(data.images.sequence[row]),
            frame=int(data.images.frame[row]),
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_cache": {}, "_room": self._budget}

    def preload(self) -> int:
        """Load pictures into the cache until it is full; return how many it holds."""
        for row in range(len(self)):
            if row not in self._cache and len(self[row].image) and row not in self._cache:
                break  # it did not fit any more
        return len(self._cache)

    def _load(self, row: int, path: Path) -> npt.NDArray[np.uint8]:
        image = self._reader.read(path)
        image.flags.writeable = False
        given = int(self.dataset.images.width[row]), int(self.dataset.images.height[row])
        size = image.shape[1], image.shape[0]
        if given != (0, 0) and given != size:
            raise DataError(
                f"The labels are for a {given[0]}x{given[1]} picture, but it is {size[0]}x{size[1]}. "
                + size_advice(given, size),
                path=path,
            )
        if image.nbytes <= self._room:
            self._cache[row] = image
            self._room -= image.nbytes
        return image


def verify_dataset(dataset: Dataset) -> None:
    """Refuse a set that cannot be trained on.

    Raises:
        DataError: The set is empty, a picture is missing, a box has no area, NaN corners or a class out of range.
    """
    boxes, name = dataset.boxes, dataset.root
    if not len(dataset):
        raise DataError("The data set must hold a picture; it is empty. Check the path and the split.", path=name)
    if not len(boxes) or boxes.ignore.all():
        raise DataError("The data set must hold a labelled box; it has pictures only. Check the labels.", path=name)
    for wrong, what in (
        (~np.isfinite(boxes.xyxy).all(axis=1), "a corner that is no finite number"),
        ((boxes.size <= 0).any(axis=1), "no area"),
        (
            (boxes.class_id < 0) | (boxes.class_id >= len(dataset.classes)),
            f"a class not in 0..{len(dataset.classes) - 1}",
        ),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            image = int(boxes.image[row])
            raise DataError(
                f"{int(wrong.sum())} of {len(boxes)} boxes have {what}; the first is {boxes.xyxy[row].tolist()}, class "
                f"{boxes.class_id[row]}. Repair the labels (`trackforge data check` lists them)"
                + (", or drop such boxes with dataset.without_degenerate()." if "class" not in what else "."),
                path=dataset.image_path(image) or f"{name} (image {image})",
            )
    missing = [p for p in map(dataset.image_path, range(len(dataset))) if p is None or not split_key(p)[0].is_file()]
    if missing:
        first = missing[0] or "images without a path"
        raise DataError(f"{len(missing)} of {len(dataset)} pictures are missing; the first is {first}.", path=name)


def sample_order(
    length: int, *, epoch: int, seed: int = 0, shuffle: bool = True, rank: int = 0, world_size: int = 1
) -> npt.NDArray[np.int64]:
    """Return the order in which one process draws the samples of one epoch.

    The processes' shares are equally long (the order is filled up from its own start) and interleaved, so that the
    k-th samples of all processes together are the k-th piece of what a single process would draw.

    Args:
        length: Number of samples in the set.
        epoch: 0-based; every epoch has its own order.
        seed: Of the whole run.
        shuffle: Draw in random order.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        InvalidInputError: ``length`` or ``world_size`` is not positive, or ``rank`` is not below ``world_size``.
    """
    if length < 1 or world_size < 1 or not 0 <= rank < world_size:
        raise InvalidInputError(
            "sample_order needs length >= 1 and 0 <= rank < world_size; "
            f"got length {length}, rank {rank}, world_size {world_size}."
        )
    order = np.arange(length, dtype=np.int64)
    if shuffle:
        order = np.random.default_rng([seed, epoch]).permutation(length).astype(np.int64)
    share = -(-length // world_size)
    return np.resize(order, share * world_size)[rank::world_size]


def sample_rng(seed: int, epoch: int, position: int) -> np.random.Generator:
    """Return the random numbers for augmenting one sample, whichever worker or process prepares it.

    Args:
        seed: Of the whole run, ``>= 0``.
        epoch: 0-based.
        position: Of the sample in the epoch's order over all processes (not its row: a row may come twice).
    """
    return np.random.default_rng(np.random.SeedSequence([seed, epoch, position, 0x5EED]))
