"""Which picture is drawn when: a pure function of seed, epoch and step, so that every resume continues exactly.

Nothing here knows torch. A `ResumableBatchSampler` fits ``torch.utils.data.DataLoader(batch_sampler=...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.data.samples import sample_order
from trackforge.errors import InvalidInputError, StateError

__all__ = ["ResumableBatchSampler", "SampleKey"]

SIZES = 0x517E
"""Keeps the random numbers of input sizes apart from those of pictures."""


@dataclass(frozen=True)
class SampleKey:
    """One picture to prepare, and how.

    Everything random about it must come from ``trackforge.data.sample_rng(seed, epoch, position)``, so that workers,
    processes and resumes prepare the same picture.

    Attributes:
        index: Row in the data set.
        epoch: 0-based.
        position: Place in the epoch's order over all processes.
        size: ``(height, width)`` of the network input, pixels.
        strong: Whether strong augmentation (mosaic, mixup) is on.
    """

    index: int
    epoch: int
    position: int
    size: tuple[int, int]
    strong: bool = True


class ResumableBatchSampler:
    """Yields the keys of one micro-batch after the other, for one epoch, from wherever training stands.

    A *step* of the optimiser sees ``batch_size * accumulate`` pictures of each process. Steps are equally large: the
    last one of an epoch is filled up from the epoch's own start. What the processes draw in one step together is what a
    single process with the same global batch would draw.

    Args:
        length: Number of pictures in the set.
        batch_size: Pictures of one micro-batch of one process.
        sizes: Input sizes ``(height, width)`` to choose from at random, the same for a whole step on all processes.
        seed: Of the run.
        accumulate: Micro-batches of a step.
        rank: Number of this process.
        world_size: Number of processes.
        size_every: Steps that keep one size.
        plain_from: Epoch from which on strong augmentation is off; never, where None.
        shuffle: Draw in random order.

    Raises:
        InvalidInputError: A number is not positive, or there is no size.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        sizes: Sequence[tuple[int, int]],
        seed: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
        size_every: int = 1,
        plain_from: int | None = None,
        shuffle: bool = True,
    ) -> None:
        numbers = {"length": length, "batch_size": batch_size, "accumulate": accumulate, "world_size": world_size}
        for name, number in {**numbers, "size_every": size_every, "sizes": len(sizes)}.items():
            if number < 1:
                raise InvalidInputError(f"{name} must be at least 1; got {number}.")
        if not 0 <= rank < world_size:
            raise InvalidInputError(f"rank must be in 0..{world_size - 1}; got {rank}.")
        self.length, self.batch_size, self.accumulate = length, batch_size, accumulate
        self.sizes = tuple((int(height), int(width)) for height, width in sizes)
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.size_every, self.plain_from, self.shuffle = size_every, plain_from, shuffle
        self.epoch = 0
        self.step = 0
        """Steps of ``epoch`` that are done."""

    @property
    def global_batch(self) -> int:
        """Pictures that one step of the optimiser sees, over all processes."""
        return self.batch_size * self.accumulate * self.world_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch."""
        return -(-self.length // self.global_batch)

    def __len__(self) -> int:
        """Micro-batches of a whole epoch, wherever this one starts."""
        return self.steps_per_epoch * self.accumulate

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """Yield the rest of the epoch; the position itself moves only through `seek`, since loaders read ahead."""
        epoch, first = self.epoch, self.step
        order = self._order(epoch)
        strong = self.plain_from is None or epoch < self.plain_from
        micro = self.batch_size * self.world_size
        for step in range(first, self.steps_per_epoch):
            size = self.size_at(epoch * self.steps_per_epoch + step)
            for piece in range(self.accumulate):
                start = step * self.global_batch + piece * micro + self.rank
                yield [
                    SampleKey(int(order[place]), epoch, place, size, strong)
                    for place in range(start, start + micro, self.world_size)
                ]

    def size_at(self, global_step: int) -> tuple[int, int]:
        """Return the input size ``(height, width)`` of a step, counted over all epochs."""
        if len(self.sizes) == 1:
            return self.sizes[0]
        rng = np.random.default_rng([self.seed, global_step // self.size_every, SIZES])
        return self.sizes[int(rng.integers(len(self.sizes)))]

    def seek(self, global_step: int) -> None:
        """Go to a step counted over all epochs."""
        self.epoch, self.step = divmod(global_step, self.steps_per_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return where training stands, and what must not change for it to go on from there."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seed": self.seed,
            "length": self.length,
            "global_batch": self.global_batch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken; on any number of processes, as long as the global batch is the same.

        Raises:
            StateError: The state is of another set, batch or seed.
        """
        mine = self.state_dict()
        for name, what in (("length", "pictures"), ("global_batch", "pictures a step"), ("seed", "as seed")):
            if state.get(name) != mine[name]:
                raise StateError(
                    f"To resume, the run must be the same; it had {state.get(name)} {what}, now {mine[name]}. "
                    "Give the same data and settings, or start anew in another folder."
                )
        self.epoch, self.step = int(state["epoch"]), int(state["step"])

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        order = sample_order(self.length, epoch=epoch, seed=self.seed, shuffle=self.shuffle)
        return np.resize(order, self.steps_per_epoch * self.global_batch)
