"""What a recipe and its module are told about a run."""

from __future__ import annotations

from dataclasses import dataclass

from trackforge.data.model import Dataset

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """A run as the recipe and its module see it.

    Attributes:
        dataset: What is trained on.
        validation: What is validated on, its classes numbered as those of ``dataset``; None without validation.
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
    validation: Dataset | None = None

    @property
    def plain_from(self) -> int:
        """Epoch from which on strong augmentation is off."""
        return max(self.epochs - self.plain_epochs, 0)

    @property
    def words(self) -> str:
        """What is trained on and from what, for people."""
        validated = 0 if self.validation is None else len(self.validation)
        pictures = f"{len(self.dataset)} pictures to train on, {validated} to validate on"
        return f"{pictures}; making the model from {self.weights or 'the weights that its recipe says'}"

    def is_plain(self, epoch: int) -> bool:
        """Whether strong augmentation is off in an epoch, 0-based."""
        return epoch >= self.plain_from
