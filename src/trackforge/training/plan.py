"""What a recipe is told about a run, and what it has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trackforge.data.model import Dataset

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule
    from trackforge.training.sampling import SampleKey

__all__ = ["Plan", "Recipe", "SampleSource"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """A run as the recipe and its module see it.

    Attributes:
        dataset: What is trained on.
        epochs: Passes over it.
        plain_epochs: Last ones, without strong augmentation.
        batch_size: Pictures of a step over all processes: what learning rates are scaled by.
        steps_per_epoch: Steps of the optimiser.
        seed: Of the run.
        weights: File or name to start from; empty for a random start.
    """

    dataset: Dataset
    epochs: int
    batch_size: int
    steps_per_epoch: int
    plain_epochs: int = 0
    seed: int = 0
    weights: str = ""

    @property
    def plain_from(self) -> int:
        """Epoch from which on strong augmentation is off."""
        return max(self.epochs - self.plain_epochs, 0)

    def is_plain(self, epoch: int) -> bool:
        """Whether strong augmentation is off in an epoch, 0-based."""
        return epoch >= self.plain_from


class SampleSource(Protocol):
    """Prepares samples; `trackforge.training.augment.AugmentedSamples` is one. It must be picklable."""

    def __len__(self) -> int:
        """Number of pictures."""

    def __getitem__(self, key: SampleKey, /) -> Any:
        """Prepare one; the same key gives the same sample."""


@runtime_checkable
class Recipe(Protocol):
    """A trainer: what a plugin offers under the kind ``"trainer"`` so that `fit` can train its models.

    It may also have ``collate(samples) -> batch``; `trackforge.training.augment.collate` is taken where it has none. A
    batch must have ``index`` (rows in the data set, for error messages) and, to move to a GPU, ``to``.
    """

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`FitSettings` that the recipe was published with, where they differ from the general ones."""

    def build(self, plan: Plan, /) -> TrainingModule:
        """Make the model, with the weights to start from, and its losses; `fit` puts it into train mode."""

    def pipeline(self, plan: Plan, /) -> SampleSource:
        """Make what prepares training pictures."""

    def sizes(self, plan: Plan, /) -> tuple[Sequence[tuple[int, int]], int]:
        """Return the input sizes ``(height, width)`` to draw from, and how many steps keep one size."""
