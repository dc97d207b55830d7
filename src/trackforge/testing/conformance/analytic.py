"""The rules of `trackforge.protocols.Analytic`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from trackforge.protocols import Analytic
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.testing.conformance.sink import small_steps

__all__ = ["check_analytic"]

Make: TypeAlias = Callable[[], Analytic]


def check_analytic(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Analytic protocol.

    Args:
        make: Returns a new analytic, always with the same settings.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("analytic", make, skip)


@rule("analytic")
def gives_names_and_values(make: Make) -> None:
    """update() and result() give mappings that JSON can hold, from the first frame on, and before any."""
    analytic = make()
    given = [analytic.result(), *(analytic.update(step) for step in small_steps()), analytic.result()]
    for values in given:
        require(isinstance(values, Mapping), f"it gave {values!r:.200}.")
        json.dumps(dict(values), allow_nan=False)


@rule("analytic")
def forgets_on_reset(make: Make) -> None:
    """After reset() the same steps give the same again, and no step is changed."""
    analytic, steps = make(), small_steps()
    before = snapshot(steps)
    once = [dict(analytic.update(step)) for step in steps], dict(analytic.result())
    analytic.reset()
    again = [dict(analytic.update(step)) for step in steps], dict(analytic.result())
    found = difference(again, once, "what it gives")
    require(not found, f"after reset() {found}.")
    found = difference(snapshot(steps), before, "steps")
    require(not found, f"afterwards {found}.")
