"""Where a labelling project stands, as a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

__all__ = ["Next", "Status"]

Next: TypeAlias = Literal["label", "check", "measure", "train", "done"]
"""What comes next: the model labels; people check; what they changed is measured; training; nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """Where a project stands.

    Attributes:
        folder: Of the project.
        next: What comes next.
        round: Number of the round at hand, from 0.
        sequences: How many there are.
        frames: Frames of all.
        boxes: Boxes on them.
        tracks: Tracks of all sequences.
        checked: Frames that people have checked.
        wanted: Frames that they are asked to look at in this round.
        left: Those among them that they have not checked.
        scores: Of the labels of the latest round that was measured, by the names of goals; empty before.
        goals: What was asked for, and whether it is reached.
        training: What the latest training came to, in words.
        model: The weights that label now; empty for what was asked for.
    """

    folder: str
    next: Next
    round: int = 0
    sequences: int = 0
    frames: int = 0
    boxes: int = 0
    tracks: int = 0
    checked: int = 0
    wanted: int = 0
    left: int = 0
    scores: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    goals: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    training: str = ""
    model: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dataclasses.asdict(self)
