"""From samples to the batch that a training module gets. Only this module of the package knows torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trackforge.errors import InvalidInputError
from trackforge.training.augment.values import TrainingSample

__all__ = ["Batch", "Targets", "collate"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Targets:
    """The labels of a batch in flat columns, sorted by picture; N boxes over all pictures.

    Attributes:
        xyxy: ``(N, 4)`` float32 input pixels.
        class_id: ``(N,)`` int64.
        identity: ``(N,)`` int64 over the whole data set, -1 where unknown.
        ignore: ``(N,)`` bool: neither object nor background.
        image: ``(N,)`` int64 row of the picture in the batch.
    """

    xyxy: Tensor
    class_id: Tensor
    identity: Tensor
    ignore: Tensor
    image: Tensor

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, rows: Tensor | slice) -> Targets:
        """Select boxes by mask, indices or slice; every column comes along."""
        return Targets(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """B pictures of one size with their labels.

    A loader pins it (``pin_memory=True``) and Lightning moves it, because it has `pin_memory` and `to`.

    Attributes:
        images: ``(B, 3, H, W)`` uint8 RGB.
        targets: All labels.
        counts: How many boxes each picture has; plain numbers, so that cutting ``targets`` never waits for a device.
        index: Row of each picture in the data set.
        source_size: ``(B, 2)`` int64 widths and heights of the pictures before augmentation; stays on the CPU.
        matrix: ``(B, 3, 3)`` float64, source picture to input pixels; NaN where pictures are mixed; stays on the CPU.
    """

    images: Tensor
    targets: Targets
    counts: tuple[int, ...]
    index: tuple[int, ...]
    source_size: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.counts)

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` of the input in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    def each(self) -> Iterator[Targets]:
        """Yield the labels of one picture after the other (views)."""
        start = 0
        for count in self.counts:
            yield self.targets[start : start + count]
            start += count

    def to_source(self, row: int, xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map boxes ``(N, 4)`` in input pixels back to the pixels of the source picture.

        Raises:
            InvalidInputError: The picture is mixed or turned, so that there is no way back.
        """
        m = self.matrix[row]
        if not np.isfinite(m).all() or m[0, 1] or m[1, 0]:
            raise InvalidInputError(
                f"Boxes can be mapped back only from a picture that was scaled, moved or mirrored; picture {row} was "
                "mixed or turned. Use validation_pipeline()."
            )
        scale, offset = np.diag(m)[:2], m[:2, 2]
        corners = (np.asarray(xyxy, np.float64).reshape(-1, 2, 2) - offset) / scale
        return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)

    def to(self, *args: Any, **kwargs: Any) -> Batch:
        """Move pictures and labels to a device, as `torch.Tensor.to` does; types must stay, so give a device only."""
        return self._mapped(lambda t: t.to(*args, **kwargs))

    def pin_memory(self) -> Batch:
        """Copy pictures and labels into page-locked memory, which a GPU can read by itself."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, change: Any) -> Batch:
        t = self.targets
        targets = Targets(**{f.name: change(getattr(t, f.name)) for f in dataclasses.fields(t)})
        return dataclasses.replace(self, images=change(self.images), targets=targets)


def collate(samples: Sequence[TrainingSample]) -> Batch:
    """Put samples of one size into a batch.

    Raises:
        InvalidInputError: There is no sample, or their sizes differ.
    """
    sizes = {s.image.shape for s in samples}
    if len(sizes) != 1:
        raise InvalidInputError(
            f"A batch needs samples of one size; got {sorted(sizes) or 'no sample'}. Change the size between batches."
        )
    counts = tuple(len(s.xyxy) for s in samples)
    images = torch.empty((len(samples), *samples[0].image.shape), dtype=torch.uint8)
    for row, sample in enumerate(samples):
        images.numpy()[row] = sample.image
    targets = Targets(
        xyxy=torch.from_numpy(np.concatenate([s.xyxy for s in samples])),
        class_id=torch.from_numpy(np.concatenate([s.class_id for s in samples])),
        identity=torch.from_numpy(np.concatenate([s.identity for s in samples])),
        ignore=torch.from_numpy(np.concatenate([s.ignore for s in samples])),
        image=torch.from_numpy(np.repeat(np.arange(len(samples), dtype=np.int64), counts)),
    )
    return Batch(
        images=images,
        targets=targets,
        counts=counts,
        index=tuple(s.index for s in samples),
        source_size=np.array([s.source_size for s in samples], np.int64),
        matrix=np.stack([s.matrix for s in samples]),
    )
