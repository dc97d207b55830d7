"""Losses of training, taken on the validation set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trackforge.data.model import Dataset
from trackforge.data.samples import Sample
from trackforge.training.sampling import SampleKey
from trackforge.training.scores import Score, Scorer, losses
from trackforge.types import Detections

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule
    from trackforge.training.recipe import SampleSource

__all__ = ["ValidationLosses"]


class ValidationLosses(Scorer):
    """``val_loss``, and ``val_TERM`` for every term that the module declares: the losses over the validation set.

    Args:
        source: Prepares its pictures.
        collate: Makes a batch of them.
        size: Input ``(height, width)``, pixels.
        terms: Names of the single losses.
    """

    def __init__(
        self,
        source: SampleSource,
        collate: Callable[[Sequence[Any]], Any],
        *,
        size: tuple[int, int],
        terms: Sequence[str] = (),
    ) -> None:
        self.source, self.collate, self.size, self.terms = source, collate, size, terms

    def announce(self, dataset: Dataset) -> Sequence[Score]:  # noqa: ARG002 - losses need nothing of a set
        """Announce; see the class."""
        return losses(self.terms, prefix="val_")

    def look(
        self,
        module: TrainingModule,
        samples: Sequence[Sample],
        found: Sequence[Detections],  # noqa: ARG002
    ) -> Sequence[Mapping[str, Any] | None]:
        """Compute the losses of a batch; they go with its first picture."""
        keys = [SampleKey(s.index, 0, s.index, self.size, strong=False) for s in samples]
        batch = self.collate([self.source[key] for key in keys])
        if hasattr(batch, "to"):
            batch = batch.to(module.device)
        return [module.compute_losses(batch).numbers(), *[None] * (len(samples) - 1)]

    def score(self, dataset: Dataset, seen: Sequence[Mapping[str, Any] | None]) -> Mapping[str, float]:  # noqa: ARG002
        """Divide the sums over the whole set by its normalisers; a term of nothing is NaN, and not in the total."""
        parts = [part for part in seen if part is not None]
        last = parts[-1]
        values, nothing = {}, set()
        for name in last["sums"]:
            loss, count = (sum(part[key][name] for part in parts) for key in ("sums", "counts"))
            values[name] = loss / max(count, last["least"])
            if not loss and not count:
                values[name] = math.nan
                nothing.add(name)
        known = values.keys() - nothing
        total = sum(last["weights"][name] * values[name] for name in values if name in known) + last["constant"]
        return {"val_loss": total, **{f"val_{name}": values[name] for name in self.terms}}
