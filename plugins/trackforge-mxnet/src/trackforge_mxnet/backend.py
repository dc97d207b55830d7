"""Pictures of any size through a network that takes inputs of one size at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.models import Batch, ModelCard
from trackforge_mxnet.pictures import Pictures
from trackforge_mxnet.selection import Found

__all__ = ["PictureBackend", "Run"]

Run: TypeAlias = Callable[[npt.NDArray[np.float32]], list[npt.NDArray[Any]]]
"""Takes an input ``(B, 3, H, W)``, gives outputs, the first axis of each being pictures."""


class PictureBackend:
    """Runs a network; a `trackforge.models.Backend` whose entries are `trackforge_mxnet.selection.Found`.

    Args:
        run: The network.
        pictures: Makes inputs.
        batched: Whether it takes several pictures at once.
    """

    card: ModelCard

    def __init__(self, run: Run, pictures: Pictures, *, batched: bool) -> None:
        self._run, self._pictures, self._batched = run, pictures, batched

    def prepare(self, images: Sequence[npt.NDArray[np.uint8]], /) -> Batch:
        """Turn RGB pictures into inputs, each of its own size."""
        made = [(*self._pictures(image), (image.shape[0], image.shape[1])) for image in images]
        return Batch(made, tuple(placement for _, placement, _ in made))

    def infer(self, batch: Batch, /) -> list[Found]:
        """Run the network."""
        found: list[Found] = []
        made: list[Any] = batch.data
        step = max(len(made), 1) if self._batched else 1
        for first in range(0, len(made), step):
            part = made[first : first + step]
            arrays = self._run(np.stack([data for data, _, _ in part]))
            for k, (data, placement, size) in enumerate(part):
                found.append(Found([array[k] for array in arrays], placement, size, data.shape[1:]))
        return found

    def try_run(self) -> list[npt.NDArray[Any]]:
        """Return what comes out for noise.

        Raises:
            WeightsError: The network cannot be run on an input of this size.
        """
        size = self._pictures.base.size
        if self._pictures.short:
            size = (size[0], size[0])
        noise = (np.random.default_rng(0).random((*size, 3)) * 255).astype(np.uint8)
        data, _ = self._pictures(noise)
        return self._run(data[None])
