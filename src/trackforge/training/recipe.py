"""The seam between the loop and a family of models: a recipe begins a training, the loop carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from trackforge.errors import InvalidInputError
from trackforge.training.plan import Plan
from trackforge.training.sampling import SampleKey

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule
    from trackforge.training.scores import Scorer

__all__ = ["Recipe", "SampleSource", "Training"]


class SampleSource(Protocol):
    """Prepares samples; `trackforge.training.augment.AugmentedSamples` is one. It must be picklable."""

    def __len__(self) -> int:
        """Number of pictures."""

    def __getitem__(self, key: SampleKey, /) -> Any:
        """Prepare one; the same key gives the same sample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """What a recipe makes of a plan: everything that `fit` needs and cannot know.

    Attributes:
        module: The model, with the weights to start from, and its losses; `fit` puts it into train mode.
        train: Prepares training pictures.
        sizes: Input sizes ``(height, width)`` to draw from, the same one for a whole step on all devices.
        size_every: Steps that keep one size.
        val: Prepares the pictures of ``plan.validation`` for validation losses (``train.validate_losses``); they are
            asked for without strong augmentation, in the middle one of ``sizes``. None where there are none.
        collate: Makes a batch of samples; `trackforge.training.augment.collate` where None. A batch must have ``index``
            (rows in the data set, for error messages) and, to move to a GPU, ``to``.
        identity: What else must be the same when the run is resumed: settings that decide its course, a digest of the
            weights it began with. Plain values by name.
        scorers: What validation scores; average precision by COCO's rules where None. Validation losses and a tracker
            are added by settings.

    Raises:
        InvalidInputError: There is no size, or fewer than one step keeps it.
    """

    module: TrainingModule
    train: SampleSource
    sizes: Sequence[tuple[int, int]]
    size_every: int = 1
    val: SampleSource | None = None
    collate: Callable[[Sequence[Any]], Any] | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    scorers: Sequence[Scorer] | None = None

    def __post_init__(self) -> None:
        if not self.sizes or self.size_every < 1:
            raise InvalidInputError(
                f"A training needs an input size, kept for at least one step; got {list(self.sizes)} for "
                f"{self.size_every}. Return sizes such as [(640, 640)] from the recipe's begin."
            )

    @property
    def batching(self) -> Callable[[Sequence[Any]], Any]:
        """What makes a batch."""
        if self.collate is not None:
            return self.collate
        from trackforge.training.augment import collate

        return collate

    @property
    def middle_size(self) -> tuple[int, int]:
        """The size that validation losses are taken at."""
        return sorted(self.sizes)[len(self.sizes) // 2]


@runtime_checkable
class Recipe(Protocol):
    """A trainer: what a plugin offers under the kind ``"trainer"`` so that `fit` can train its models."""

    @property
    def defaults(self) -> Mapping[str, Any]:
        """`FitSettings` that the recipe was published with, where they differ from the general ones."""

    def begin(self, plan: Plan, /) -> Training:
        """Make model, losses and what prepares pictures; called once a run, on every process."""
