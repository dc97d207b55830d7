"""A component that many plans share: loading a model for every film of a job would take longer than some films."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trackforge.protocols import Remembering
from trackforge.runs.component import Component

__all__ = ["MadeOnce"]


@dataclass(frozen=True)
class MadeOnce(Component):
    """A component of which one, and no more, is made for each of the settings that it is asked for with.

    Attributes:
        made: What was made so far, by settings; shared by all that share it. Whoever fears that one of them was left in
            disorder clears it.
    """

    made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def create(self, **more: Any) -> Any:
        """Return it as good as new."""
        key = repr((self.kind, self.name, sorted({**more, **self.settings}.items())))
        known = self.made.get(key)
        if known is None:
            self.made.clear()  # one at a time: a second may not fit on the device
            known = self.made[key] = super().create(**more)
        elif isinstance(known, Remembering):
            known.reset()
        return known
