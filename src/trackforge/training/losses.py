"""What a model's losses have to be for core to normalise them over the global batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from trackforge.errors import InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Losses", "Number"]

Number: TypeAlias = "Tensor | float"


@dataclass(frozen=True, eq=False)
class Losses:
    """Named losses of one micro-batch, as **sums**, with what they have to be divided by.

    Core divides by the normaliser *of the global batch* (all processes, all accumulated micro-batches), never less than
    ``least``, so that a step on eight devices is the step on one. The total is
    ``sum(weights[k] * sums[k] / normaliser[k]) + constant``.

    Attributes:
        sums: Scalars by name, with gradient.
        normaliser: What the sums are divided by, e.g. the number of foreground anchors: one for all, or one by name.
            One for all is exact over accumulated micro-batches too. By name, each of these is divided by its own, and
            their mean is optimised, which is slightly another loss than the logged one; so a resumed run must keep
            ``train.accumulate``.
        weights: Factors by name, 1 where absent; numbers, or tensors that are learned (FairMOT's ``exp(-s)``).
        constant: What does not grow with the batch and counts once a step (FairMOT's ``s_det + s_id``).
        least: Lower bound of every normaliser.

    Raises:
        InvalidInputError: There is no sum, or a name of ``normaliser`` or ``weights`` is not one of the sums.
    """

    sums: Mapping[str, Tensor]
    normaliser: Number | Mapping[str, Number]
    weights: Mapping[str, Number] = field(default_factory=dict)
    constant: Tensor | None = None
    least: float = 1.0

    def __post_init__(self) -> None:
        if not self.sums:
            raise InvalidInputError("Losses must have at least one sum; got none.")
        strange = [name for name in self.weights if name not in self.sums]
        if isinstance(self.normaliser, Mapping):
            strange += [*set(self.normaliser) ^ set(self.sums)]
        if strange:
            raise InvalidInputError(
                f"Weights and normalisers must be of sums; got {strange[0]!r} on one side only. "
                f"The sums are: {', '.join(self.sums)}."
            )

    def numbers(self) -> dict[str, Any]:
        """Return all of it as plain numbers: ``sums``, ``counts`` and ``weights`` by name, ``constant``, ``least``."""
        by_name = self.normaliser if isinstance(self.normaliser, Mapping) else dict.fromkeys(self.sums, self.normaliser)
        return {
            "sums": {name: _number(value) for name, value in self.sums.items()},
            "counts": {name: _number(by_name[name]) for name in self.sums},
            "weights": {name: _number(self.weights.get(name, 1.0)) for name in self.sums},
            "constant": 0.0 if self.constant is None else _number(self.constant),
            "least": self.least,
        }


def _number(value: Number) -> float:
    return float(value if isinstance(value, (int, float)) else value.detach())
