"""Settings that every user knows by heart, for components that call them differently.

``weights``, ``conf``, ``iou``, ``imgsz``, ``device`` and ``half`` of a run (`trackforge.runs.tracking.Looking`) become
settings of its detector and tracker, found by the role that they declare (`trackforge.config.setting`):

=========== ======================== ==============================================================
of the run  role                     comes to
=========== ======================== ==============================================================
``weights`` ``weights``              the same
``conf``    ``conf``, ``doubt``      for tracking: of the tracker the least score of a confident box; a least score of
                                     doubtful ones (``doubt``) and the detector's become no greater than that, so that
                                     doubtful boxes still continue tracks. Where the tracker minds no scores, and where
                                     nothing tracks, it is the detector's
``iou``     ``iou``                  the same
``imgsz``   ``size``                 height and width
``device``  ``device``               the same; ``0`` is ``cuda:0``
``half``    ``half``                 true, or ``fp16`` where there is a choice of arithmetic
=========== ======================== ==============================================================

What is set of a component itself in the same place, or in a stronger one, counts more: ``--conf .4 --set
tracker.birth_score=.6``. In ``run.toml`` stand the settings that it came to, not these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from trackforge.config import Setting
from trackforge.errors import ConfigError
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, place
from trackforge.runs.tracking import Looking

__all__ = ["CONF", "HABITS", "minding", "settled", "spread", "wanted"]

CONF = "conf"
HABITS = ("weights", CONF, "iou", "imgsz", "device", "half")
"""Settings of a run that become settings of components."""
ROLES = {"imgsz": "size"}
"""Roles that are called differently."""
CURES = {
    "weights": "Name the detector that reads them: --detector yolox.",
    "device": "It runs on the CPU alone.",
    "half": "Leave it out, or export the network with half=true.",
}
J = TypeVar("J", bound=Looking)


def wanted(layers: Sequence[Layer], habit: str) -> bool:
    """Tell whether any place says something about a habit."""
    return any(_said(layer, habit) for layer in layers)


def _said(layer: Layer, habit: str) -> bool:
    value = layer.options.get(habit)
    return value is not None and value is not False


def minding(component: Component) -> bool:
    """Tell whether a component minds scores: has a setting that ``conf`` is for."""
    return any(s.role == "conf" for s in component.spec.settings())


def settled(job: J) -> J:
    """Return a run without its habits, once they have become settings of its components."""
    return dataclasses.replace(job, weights=None, conf=None, iou=None, imgsz=None, device=None, half=False)


def spread(
    layers: Sequence[Layer], component: Component, habits: Sequence[str] = HABITS, *, least: bool = True
) -> list[Layer]:
    """Return the layers with one more below each that says something by habit, with what it means for a component.

    Args:
        layers: From weak to strong.
        component: The one that was chosen; its settings of these roles are meant.
        habits: Those to look for; ``conf`` for the trackers' part of it alone.
        least: Whether ``conf`` is the component's least score; else only its upper limit, since others mind it.

    Raises:
        ConfigError: A habit has no counterpart in the component.
    """
    found: list[Layer] = []
    below: dict[str, Any] = {s.name: s.default for s in component.spec.settings()}
    for layer in layers:
        table: dict[str, Any] = {}
        for habit in habits:
            if _said(layer, habit):
                table |= _meaning(component, habit, layer, below, least=least)
        if table:
            found.append(Layer(layer.where, {component.kind: table}))
        found.append(layer)
        below |= table | dict(layer.tables.get(component.kind, {}))
    return found


def _meaning(
    component: Component, habit: str, layer: Layer, below: Mapping[str, Any], *, least: bool
) -> dict[str, Any]:
    role, value = ROLES.get(habit, habit), layer.options[habit]
    settings = component.spec.settings()
    table: dict[str, Any] = {}
    for s in settings:
        if s.role == role:
            table |= _value(s, habit, value) if least or habit != "conf" else _at_most(s, below[s.name], value)
        elif habit == "conf" and s.role == "doubt":
            table |= _at_most(s, below[s.name], value)
    if not any(s.role == role for s in settings) and not (habit == "conf" and not least):
        raise ConfigError(_missing(component, habit, layer))
    return table


def _value(s: Setting, habit: str, value: Any) -> dict[str, Any]:
    if habit == "imgsz":
        value = (value, value) if isinstance(value, int) else value
    elif habit == "device":
        value = f"cuda:{value}" if str(value).isdigit() else value
    elif habit == "half":
        value = True if s.annotation is bool else "fp16"
    return {s.name: value}


def _at_most(s: Setting, below: Any, most: float) -> dict[str, Any]:
    """Lower what is greater so far; None, for nothing at all, stays, and of what is no number its own check tells."""
    try:
        return {s.name: most} if float(below) > most else {}
    except (TypeError, ValueError):
        return {}


def _missing(component: Component, habit: str, layer: Layer) -> str:
    settings = component.spec.settings()
    has = ", ".join(s.name for s in settings) or "none at all"
    cure = CURES.get(habit, f"Leave it out, or take another {component.kind}.")
    what = place(layer.where, f"{habit} means nothing to the {component.kind} {component.name!r}")
    return f"{what}, which has no such setting. {cure} Its settings: {has}."
