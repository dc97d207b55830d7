"""What runs and servers are told of analytics: lines, zones and so on as flags, everything else as tables by name.

``[analytics.lines]`` holds settings of the analytic of that name; a table of another name says with ``name`` which one
it is for, so that a run may have two of a sort::

    [analytics.lines]
    lines = "door=100,200 500,200"

    [analytics.lorries]
    name = "lines"
    lines = "gate=0,50% 100%,50%"
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from trackforge.analytics.together import Together
from trackforge.config import setting
from trackforge.errors import ConfigError, TrackforgeError
from trackforge.registry import registry
from trackforge.runs.blame import blaming
from trackforge.runs.component import Component, checked, mention
from trackforge.runs.layers import ANALYTICS, Layer, place

__all__ = ["Measured", "analytics_of", "read_ground", "together"]

SHAPES = {"line": ("lines", "lines"), "zone": ("zones", "zones")}
"""Options that are the first setting of an analytic: its name, and the setting."""
_RECTANGLE = re.compile(r"\s*([\d.]+)\s*m?\s*x\s*([\d.]+)\s*m?\s*")
SWITCHES = ("heat", "trails")
"""Options that ask for an analytic as it is by default."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What is to be made of the tracks."""

    line: tuple[str, ...] | str = setting(
        (), help='Line to count at, start and end in pixels or shares: "door=100,200 500,200". May be repeated.'
    )
    zone: tuple[str, ...] | str = setting(
        (), help='Zone to count in, its corners: "queue=0,0 300,0 300,200 0,200". May be repeated.'
    )
    ground: str = setting(
        "",
        help="Four points of the ground, for positions in metres, speeds and distances: each with its place in metres, "
        '"100,500=0,0 900,500=10,0 700,200=10,30 300,200=0,30"; or the corners of a rectangle, from the far left one '
        'on clockwise, with its width and depth: "300,200 700,200 900,500 100,500=10x30".',
    )
    heat: bool = setting(False, help="Make a map of where objects were.")
    trails: bool = setting(False, help="Draw the ways that objects went.")
    analytic: tuple[str, ...] = setting(
        (), commas=True, help="Further analytics by name, those of plugins among them. May be repeated."
    )
    analytics: Mapping[str, Any] | None = setting(
        None, flags=(), help="Settings by name of analytic: [analytics.lines], [analytics.zones] and so on."
    )


def analytics_of(job: Any, layers: Sequence[Layer]) -> dict[str, Component]:
    """Return the analytics that a job with the options of `Measured` asks for, by the names of their answers.

    Args:
        job: What the options come to.
        layers: What all places said, from weak to strong, for the tables.

    Raises:
        UnknownComponentError: There is no such analytic; the message suggests the nearest.
        ConfigError: A setting is unknown or wrong; the message says where it stands.
    """
    tables: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for layer in layers:
        for name, table in layer.tables.get(ANALYTICS, {}).items():
            where = place(layer.where, f"[{ANALYTICS}.{name}]")
            tables.setdefault(name, []).append((where, dict(table)))
    for option, (name, key) in SHAPES.items():
        value = getattr(job, option)
        if value:
            tables.setdefault(name, []).append((f"--{option}", {key: value}))
    if job.ground:
        tables.setdefault("ground", []).append(("--ground", read_ground(job.ground)))
    for name in (*(one for one in SWITCHES if getattr(job, one)), *job.analytic):
        tables.setdefault(name, [])
    return {name: _component(name, said) for name, said in tables.items()}


def read_ground(text: str) -> dict[str, Any]:
    """Return the settings of the analytic ``ground`` that one text says.

    >>> read_ground("3,2 7,2 9,5 1,5=10x30")
    {'points': '3,2 7,2 9,5 1,5', 'rectangle': (10.0, 30.0)}
    >>> read_ground("1,5=0,0 9,5=10,0 7,2=10,30 3,2=0,30")
    {'points': '1,5 9,5 7,2 3,2', 'metres': '0,0 10,0 10,30 0,30'}

    Raises:
        ConfigError: It reads neither way.
    """
    points, _, rest = text.partition("=")
    sides = _RECTANGLE.fullmatch(rest)
    if sides:
        return {"points": points.strip(), "rectangle": (float(sides[1]), float(sides[2]))}
    pairs = [word.split("=") for word in text.split()]
    if not pairs or any(len(pair) != 2 or not all(one.count(",") == 1 for one in pair) for pair in pairs):
        raise ConfigError(
            '--ground must read X,Y=METRES,METRES for each of four points, "100,500=0,0 900,500=10,0 700,200=10,30 '
            '300,200=0,30", or four corners with width and depth, "300,200 700,200 900,500 100,500=10x30"; got '
            f"{text[:200]!r}."
        )
    return {"points": " ".join(a for a, _ in pairs), "metres": " ".join(b for _, b in pairs)}


def _component(name: str, said: Sequence[tuple[str, dict[str, Any]]]) -> Component:
    kind, whose = name, ""
    for where, table in said:
        whose = whose or where
        kind = str(table.pop("name", kind))
    try:
        spec = registry().find("analytic", kind)
    except TrackforgeError as error:
        raise mention(error, whose) from None
    settings: dict[str, Any] = {}
    for where, table in said:
        settings.update(checked(spec, table, where))
    component = Component("analytic", spec.name, settings).ordered()
    try:
        component.create()  # so that what is wrong is said before the work
    except TrackforgeError as error:
        raise mention(error, whose) from None
    return component


def together(analytics: Mapping[str, Component], sequence: str = "", *, lasting: bool = False) -> Together:
    """Make the analytics of one sequence; what one of them does wrong is said to be its fault.

    Args:
        analytics: By the names of their answers.
        sequence: Name of the sequence.
        lasting: Whether one that fails is left out, and the others go on.

    Raises:
        TrackforgeError: What making them raises.
    """
    made = {}
    for name, component in analytics.items():
        with blaming(component, "as it was made"):
            made[name] = component.for_sequence(sequence).create()
    return Together(made, functools.partial(_guard, analytics), lasting=lasting)


def _guard(analytics: Mapping[str, Component], name: str, where: str) -> AbstractContextManager[None]:
    return blaming(analytics[name], where)
