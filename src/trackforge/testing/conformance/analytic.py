"""The rules of `trackforge.protocols.Analytic`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np

from trackforge.errors import StateError
from trackforge.packing import pack, unpack
from trackforge.protocols import Analytic, Drawing, Eventful, Savable, StreamAware
from trackforge.testing.conformance.rules import BrokenRule, difference, require, rule, run, snapshot
from trackforge.testing.conformance.sink import small_steps
from trackforge.types import Step, Stream

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


@rule("analytic")
def is_told_about_the_stream(make: Make) -> None:
    """Where it has open(), that takes any Stream before the first frame, and may be left out."""
    streams = (
        Stream(),
        Stream(name="conformance", rate=10.0, size=(64, 48), length=4, classes=("person",)),
        Stream(rate=1 / 300, classes=("one", "two"), live=True),
    )
    for stream in streams:
        analytic = make()
        if not isinstance(analytic, StreamAware):
            return
        analytic.open(stream)
        for step in small_steps():
            json.dumps(dict(analytic.update(step)), allow_nan=False)


@rule("analytic")
def draws_in_place(make: Make) -> None:
    """Where it has draw(), that changes nothing but the picture's own pixels: no step, no number, nothing beside it."""
    plain, drawn = make(), make()
    if not isinstance(drawn, Drawing):
        return
    for step in small_steps():
        numbers, expected = dict(drawn.update(step)), dict(plain.update(step))
        found = difference(numbers, expected, "what update() gives")
        require(not found, f"where it draws, {found}.")
        before = snapshot(step)
        for size in ((48, 64), (480, 640), (1, 1)):  # a picture may be shown larger or smaller
            answer: object = drawn.draw(np.full((*size, 3), 77, np.uint8), step)  # type: ignore[func-returns-value]
            require(answer is None, f"draw() gave {type(answer).__name__}, where it draws in place.")
        found = difference(snapshot(step), before, "step")
        require(not found, f"after draw() {found}.")
    found = difference(dict(drawn.result()), dict(plain.result()), "result()")
    require(not found, f"where it draws, {found}.")


@rule("analytic")
def tells_what_happened(make: Make) -> None:
    """Where it has events(), each is flat, JSON can hold it, it has frame, time and kind, and none is told twice."""
    analytic = make()
    if not isinstance(analytic, Eventful):
        return
    steps = small_steps()
    require(not analytic.events(), "it has events before the first frame.")
    for step in steps:
        analytic.update(step)
        for event in analytic.events():
            json.dumps(dict(event), allow_nan=False)
            lacks = [name for name in ("frame", "time", "kind") if name not in event]
            require(not lacks, f"an event has no {', '.join(lacks)}: {dict(event)!r:.200}.")
            nested = [name for name, value in event.items() if isinstance(value, (Mapping, list, tuple))]
            require(not nested, f"an event must be flat; {', '.join(nested)} of {dict(event)!r:.200} is not.")
            right = isinstance(event["frame"], int) and 0 <= event["frame"] <= step.frame.index
            require(right, f"the frame of an event is {event['frame']!r}, in frame {step.frame.index}.")
        require(not analytic.events(), "events() tells an event twice.")


@rule("analytic")
def goes_on_from_its_state(make: Make) -> None:
    """Where it has state_dict(), another one that loads it goes on exactly, and so it does from a state as bytes."""
    steps = small_steps()
    whole = _told(make(), steps)
    for cut in range(len(steps) + 1):
        left, right = make(), make()
        if not isinstance(left, Savable) or not isinstance(right, Savable):
            return
        _told(left, steps[:cut])
        state = left.state_dict()
        _told(left, steps[cut:])  # who goes on changes no state that was taken before
        right.load_state_dict(unpack(pack(state)))
        found = difference(_told(right, steps[cut:]), whole[cut:], "what it gives")
        require(not found, f"after a state taken at {cut} updates {found}.")


@rule("analytic")
def refuses_a_foreign_state(make: Make) -> None:
    """Where it has load_state_dict(), that raises StateError for what is not a state of this analytic."""
    for state in ({}, {"format": "of somebody else", "version": 1}):
        analytic = make()
        if not isinstance(analytic, Savable):
            return
        try:
            analytic.load_state_dict(dict(state))
        except StateError:
            continue
        except Exception as error:
            raise BrokenRule(f"{state} raised {type(error).__name__}, not StateError: {error}") from error
        require(False, f"{state} was accepted.")


def _told(analytic: Analytic, steps: list[Step]) -> list[dict[str, object]]:
    """Return what an analytic gives for steps, and its result last."""
    return [*(dict(analytic.update(step)) for step in steps), dict(analytic.result())]
