"""Loaders: worker processes prepare the pictures, errors come through as they were raised."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from trackforge.data.samples import Sample, Samples
from trackforge.errors import TrackforgeError
from trackforge.training.recipe import SampleSource
from trackforge.training.sampling import ResumableBatchSampler

__all__ = ["Batches", "validation_batches"]

GRACE = 60
"""Seconds after which a worker that was told to end does so, if nobody needed it for longer."""


class Batches:
    """Micro-batches of one epoch after the other, each from wherever training stands.

    Args:
        source: Prepares samples.
        collate: Puts them into a batch.
        sampler: Which ones.
        workers: Processes; 0 for none.
        position: Tells how many steps are done in all.
    """

    def __init__(
        self,
        source: SampleSource,
        collate: Callable[[Sequence[Any]], Any],
        sampler: ResumableBatchSampler,
        *,
        workers: int,
        position: Callable[[], int],
    ) -> None:
        self.sampler = sampler
        self._position = position
        self._epoch: Iterator[Any] = iter(())
        self._loader: Iterable[Any] = DataLoader(
            _Careful(source),
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_Collate(collate),
            worker_init_fn=_leave_signals,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def __len__(self) -> int:
        """Micro-batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        """Yield what is left of the epoch that training stands in."""
        self._epoch = self._rest()
        return self._epoch

    def _rest(self) -> Iterator[Any]:
        self.sampler.seek(self._position())
        for batch in self._loader:
            if isinstance(batch, _Failure):
                raise batch.error
            yield batch

    def close(self) -> None:
        """Let the workers go."""
        if isinstance(self._epoch, Generator):
            self._epoch.close()
        self._epoch, self._loader = iter(()), ()

    def state_dict(self) -> dict[str, Any]:
        """Return where training stands; what workers have read ahead does not count."""
        self.sampler.seek(self._position())
        return self.sampler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that the state is of this run; the position itself is the trainer's."""
        self.sampler.load_state_dict(state)


def validation_batches(
    samples: Samples, rows: Sequence[int], *, batch: int, workers: int
) -> Generator[list[Sample], None, None]:
    """Yield the given rows of a set, read by worker processes, a few at a time."""
    loader: DataLoader[Any] = DataLoader(
        _Careful(samples),
        sampler=list(rows),
        batch_size=batch,
        num_workers=workers,
        collate_fn=_Collate(list),
        worker_init_fn=_leave_signals,
    )
    for piece in loader:
        if isinstance(piece, _Failure):
            raise piece.error
        yield piece


def _leave_signals(worker: int) -> None:  # noqa: ARG001
    """Leave it to the main process to stop: it still needs its workers for the step at hand."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


class _Failure:
    """An error on its way out of a worker; torch itself would wrap it in a traceback's text."""

    def __init__(self, error: TrackforgeError) -> None:
        self.error = error


class _Careful(Dataset[Any]):
    def __init__(self, source: Any) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._source[key]
        except TrackforgeError as error:
            return _Failure(error)


class _Collate:
    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self._collate = collate

    def __call__(self, samples: Sequence[Any]) -> Any:
        return next((s for s in samples if isinstance(s, _Failure)), None) or self._collate(samples)
