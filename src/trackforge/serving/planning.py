"""What a server is going to serve: the detector and the trackers that its settings come to.

The layers of settings, habits such as ``conf`` and the choice of a detector are those of a tracking run
(`trackforge.runs.planning`), so that weights, classes and thresholds mean the same here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge.registry import registry
from trackforge.runs.component import Component
from trackforge.runs.filtering import settled_inside
from trackforge.runs.habits import minding
from trackforge.runs.layers import Layer, from_job, options
from trackforge.runs.measuring import analytics_of
from trackforge.runs.planning import detector_of, tracker_of
from trackforge.runs.refusals import check_scores
from trackforge.serving.run import ServingRun
from trackforge.serving.wanted import analytics_wanted

__all__ = ["ServingPlan", "plan_serving"]

MOST = 100
"""Settings that a request may give to a tracker."""


@dataclasses.dataclass(frozen=True)
class ServingPlan:
    """Everything that was asked for, checked as far as possible before the detector is loaded.

    Attributes:
        run: The options of the server; its components stand beside it.
        layers: What all places said, from weak to strong.
        detector: Where boxes come from.
        tracker: What joins them, where a session asks for no other.
        classes: Classes to keep, as far as the detector does not see to it itself.
        class_agnostic: Whether boxes of different classes suppress each other, likewise.
        why: Why this detector, where nobody asked for it by name: a part of a sentence.
        analytics: What is made of the tracks of every session, by the names of the answers.
    """

    run: ServingRun
    layers: Sequence[Layer]
    detector: Component
    tracker: Component
    classes: Sequence[str] = ()
    class_agnostic: bool = False
    why: str = ""
    analytics: Mapping[str, Component] = dataclasses.field(default_factory=dict)

    @property
    def remembers(self) -> bool:
        """Whether the detector remembers frames, so that every session needs one of its own."""
        return hasattr(self.detector.spec.load(), "reset")

    def tracker_for(self, wanted: str | Mapping[str, Any] | None) -> Component:
        """Return the tracker of a session.

        Args:
            wanted: A name, or a table with ``name`` and settings, as a request gives them; either may be left out.
                What it does not say is as for the whole server, settings of a tracker of the same name included.

        Raises:
            ConfigError: It is no such thing, a setting is unknown or wrong, or names a file of this machine.
            UnknownComponentError: There is no tracker of that name.
        """
        if wanted is None or wanted == "" or wanted == {}:
            return self.tracker
        table: Mapping[str, Any] = {"name": wanted} if isinstance(wanted, str) else wanted
        name = self._named(table)
        made, parts = tracker_of([*self.layers, Layer("tracker", {"tracker": {**table, "name": name}})])
        check_scores(self.detector, (made, *parts))
        return made.with_parts(parts)

    def analytics_for(self, wanted: Mapping[str, Any] | None) -> dict[str, Component]:
        """Return the analytics of a session; see `trackforge.serving.wanted`."""
        return analytics_wanted(wanted, self.analytics)

    def _named(self, table: Any) -> str:
        """Return the name in a table that a request gives, if all is in order with it."""
        if not isinstance(table, Mapping) or len(table) > MOST or not all(isinstance(key, str) for key in table):
            raise ConfigError(
                'tracker must be a name, or a table with "name" and settings: {"name": "byte", "min_hits": 3}.'
            )
        name = table.get("name", self.tracker.name)
        known = [spec.name for spec, _ in registry().specs("tracker")]
        if not isinstance(name, str) or name.casefold() not in map(str.casefold, known):  # never a path
            hint = did_you_mean(name, known) if isinstance(name, str) else ""
            raise ConfigError(f"tracker must name one of {', '.join(known)}; got {_short(name)}.{hint}")
        spec = registry().find("tracker", name)
        paths = {s.name for s in spec.settings() if "Path" in str(s.annotation)}
        if paths & {key.replace("-", "_") for key in table}:
            raise ConfigError(f"A request may not name files of the server; {', '.join(sorted(paths))} does.")
        return spec.name

    def tracker_saved(self, table: Mapping[str, Any]) -> Component:
        """Return the tracker of a session that was saved, with the very settings that it had; raises likewise."""
        return Component("tracker", self._named(table)).but({key: table[key] for key in table if key != "name"})


def plan_serving(*given: ServingRun | Layer) -> ServingPlan:
    """Put together what a declaration, or several places about it, say, from weak to strong.

    Raises:
        ConfigError: A setting is unknown or wrong.
        UnknownComponentError: There is no such detector or tracker.
        WeightsError: There are no such weights.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    run = options(ServingRun, layers)
    tracker, parts = tracker_of(layers)
    scores = any(minding(one) for one in (tracker, *parts))
    choice = detector_of(layers, run.weights, least=not scores)
    detector, classes, class_agnostic = settled_inside(choice.component, run.classes, run.class_agnostic)
    check_scores(detector, (tracker, *parts))
    return ServingPlan(
        run=run,
        layers=layers,
        detector=detector,
        tracker=tracker.with_parts(parts),
        classes=classes,
        class_agnostic=class_agnostic,
        why=choice.why,
        analytics=analytics_of(run, layers),
    )


def told(component: Component) -> dict[str, Any]:
    """Return a component as a client may see it: files by their names, without the folders of this machine."""
    return {"name": component.name, "settings": {key: _plain(value) for key, value in component.settings.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Path) or (isinstance(value, str) and Path(value).is_absolute()):
        return Path(value).name
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


def _short(value: Any) -> str:
    text = json.dumps(value, default=lambda one: type(one).__name__)
    return text if len(text) <= 60 else text[:57] + "..."
