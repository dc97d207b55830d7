"""Validation: the model looks at every picture once, and scorers make numbers of what it saw."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist

from trackforge.data.columns import Boxes
from trackforge.data.model import Dataset
from trackforge.data.samples import Samples
from trackforge.errors import DataError
from trackforge.training.loading import validation_batches
from trackforge.training.scores import Score, Scorer, filled
from trackforge.types import Detections

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["Validation", "predictions", "validate", "validation_set"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Validation:
    """What `validate` found.

    Attributes:
        scores: Those of all scorers, in their order.
        found: Detections of each picture, by row; only on the first process.
    """

    scores: Sequence[Score]
    found: Sequence[Detections] = field(default=(), repr=False)


def validation_set(dataset: Dataset, classes: Sequence[str]) -> Samples:
    """Check a set before training begins, and number its classes as the training set does.

    Raises:
        DataError: It is empty or faulty, or lacks a class.
    """
    missing = [name for name in classes if name not in dataset.classes]
    if missing:
        raise DataError(
            f"The validation set must have the classes of the training set; it has no {missing[0]!r}. It has: "
            f"{', '.join(dataset.classes)}. Rename or select classes.",
            path=dataset.root,
        )
    if tuple(classes) != dataset.classes:
        dataset = dataset.select_classes(classes)
    return Samples(dataset)


def validate(
    module: TrainingModule,
    samples: Samples,
    scorers: Sequence[Scorer],
    *,
    batch: int = 8,
    workers: int = 0,
    on_batch: Callable[[int, int], object] | None = None,
) -> Validation | None:
    """Run the model over a set and score it; the processes share the pictures.

    Args:
        module: Whose ``detect`` to call; put into eval mode for the time being.
        samples: From `validation_set`.
        scorers: Whom to show pictures and detections.
        batch: Pictures at a time.
        workers: Processes that read pictures.
        on_batch: Called with pictures done and pictures in all, as far as this process looks at them.

    Returns:
        The scores, the same on all processes; None where somebody asked to stop meanwhile.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    rank, world = (dist.get_rank(), dist.get_world_size()) if several else (0, 1)
    mine = range(rank, len(samples), world)
    seen: dict[int, tuple[Any, ...]] = {}
    training = module.training
    module.eval()
    try:
        pieces = validation_batches(samples, mine, batch=batch, workers=workers)
        with torch.no_grad(), contextlib.closing(pieces):
            for piece in pieces:
                if module.stop_asked:
                    break
                found = module.detect([sample.image for sample in piece])
                columns = [found, *(scorer.look(module, piece, found) for scorer in scorers)]
                seen |= zip((sample.index for sample in piece), zip(*columns, strict=True), strict=True)
                if on_batch is not None:
                    on_batch(len(seen), len(mine))
    finally:
        module.train(training)
    parts: list[Any] = [(seen, module.stop_asked)]
    if several:
        parts = [None] * world
        dist.all_gather_object(parts, (seen, module.stop_asked))
    if any(stop for _, stop in parts):
        return None
    result = Validation(scores=())
    if rank == 0:
        everything = {row: one for part, _ in parts for row, one in part.items()}
        detections, *seen_by = map(list, zip(*(everything[row] for row in range(len(samples))), strict=True))
        result = Validation(scores=_score(samples.dataset, scorers, seen_by), found=detections)
    if several:
        shared: list[Any] = [tuple(result.scores)]
        dist.broadcast_object_list(shared, src=0)
        result = Validation(scores=shared[0], found=result.found)
    return result


def predictions(dataset: Dataset, found: Sequence[Detections], *, least: float = 0.3) -> Dataset:
    """Return the set with detections that score ``least`` in the place of labels, to be drawn."""
    kept = [one[one.score >= least] for one in found]
    boxes = Boxes(
        image=np.repeat(np.arange(len(kept)), [len(one) for one in kept]),
        xyxy=np.concatenate([one.xyxy for one in kept]),
        class_id=np.concatenate([one.class_id for one in kept]),
    )
    return dataset.replace(boxes=boxes)


def _score(dataset: Dataset, scorers: Sequence[Scorer], columns: Sequence[Sequence[Any]]) -> tuple[Score, ...]:
    given = zip(scorers, columns, strict=True)
    return tuple(
        score for scorer, seen in given for score in filled(scorer.announce(dataset), scorer.score(dataset, seen))
    )
