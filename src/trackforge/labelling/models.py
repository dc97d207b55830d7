"""The detectors of a project: made once, their classes mapped to those of the labels."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.errors import ConfigError, did_you_mean
from trackforge.labelling.merging import Labels, MergingConfig, merge
from trackforge.labelling.merging_rules import class_map
from trackforge.labelling.run import LabelRun, tracking_layers
from trackforge.protocols import Detector, Remembering
from trackforge.runs.blame import blaming
from trackforge.runs.component import Component
from trackforge.runs.filtering import narrowed
from trackforge.runs.planning import RunPlan, plan
from trackforge.types import Detections

__all__ = ["Model", "Models"]

log = logging.getLogger(__name__)
Ints: TypeAlias = npt.NDArray[np.int64]


class Model:
    """One detector.

    Attributes:
        name: What merging calls it.
        component: What it is.
    """

    def __init__(self, name: str, component: Component, class_agnostic: bool) -> None:
        self.name, self.component, self._agnostic = name, component, class_agnostic
        self._made: dict[str, tuple[Any, Detector]] = {}

    def made(self, sequence: str) -> tuple[Detector, bool]:
        """Return the detector, ready for the first frame of a sequence, and whether it remembers what it has seen."""
        component = self.component.for_sequence(sequence)
        key = repr(component.table())
        if key not in self._made:
            with blaming(component, "as it was made"):
                inner = component.create()
            self._made = {key: (inner, narrowed(inner, (), self._agnostic))}
        inner, one = self._made[key]
        remembers = isinstance(inner, Remembering)
        if remembers:
            inner.reset(sequence)
        return one, remembers


class Models:
    """All detectors of a project, the main one first, and how to track with them.

    Args:
        run: The project.
        detector: The main detector of a later round, as a table; empty for the declared one.

    Raises:
        ConfigError: A setting is wrong.
        UnknownComponentError: There is no such component.
    """

    def __init__(self, run: LabelRun, detector: Mapping[str, Any] | None = None) -> None:
        self.run = run
        self.plan: RunPlan = plan(*tracking_layers(run, detector or None))
        self.all = [Model(self.plan.detector.name, self.plan.detector, self.plan.class_agnostic)]
        for table in run.models():
            other = plan(*tracking_layers(run, table))
            taken = [one.name for one in self.all]
            name = other.detector.name
            name = name if name not in taken else f"{name}-{len(taken) + 1}"
            self.all.append(Model(name, other.detector, other.class_agnostic))
        self._maps: list[Ints] = []
        self._classes: tuple[str, ...] = ()
        self._theirs: list[tuple[str, ...]] = []

    def agree(self, theirs: Sequence[tuple[str, ...]], settled: Sequence[str] = ()) -> tuple[str, ...]:
        """Settle what the classes of the models become, and return those of the labels.

        Args:
            theirs: The classes of each model.
            settled: Those of the labels, where they are settled already.

        Raises:
            ConfigError: A class is wanted that no model knows by such a name, or none is left.
        """
        run = self.run
        self._theirs = list(theirs)
        for model, names in zip(self.all, theirs, strict=True):
            if not names:
                raise ConfigError(
                    f"A model must say what its classes are called; {model.name} does not. Name them: "
                    "--set detector.classes=person,car."
                )
        wanted = settled or run.classes
        rename = tuple(pair for pair in run.rename if not settled or self._means(pair, theirs))
        self._maps, classes = class_map([one.name for one in self.all], theirs, rename, wanted)
        reached = {int(number) for table in self._maps for number in table.tolist() if number >= 0}
        known = sorted({name for names in theirs for name in names})
        for number, name in enumerate(classes):
            if number in reached:
                continue
            hint = did_you_mean(name, known)
            if not settled and (hint or not reached):
                other = f" Or rename what they know: --rename {known[0]}={name}." if known else ""
                raise ConfigError(
                    f"Classes must be known to a model; none knows {name!r}.{hint} They know: {_listed(known)}.{other}"
                )
            if not settled:
                log.warning("no model knows %r: people have to draw it, until one has been trained", name)
        self._classes = classes
        return classes

    @staticmethod
    def _means(pair: str, theirs: Sequence[tuple[str, ...]]) -> bool:
        """Tell whether a pair of names is about a class that a model has: trained on the labels, it has their names."""
        old = pair.partition("=")[0].rpartition(":")[2]
        return old == "*" or any(old in names for names in theirs)

    def merged(self, found: Sequence[Detections]) -> tuple[Detections, int]:
        """Return what the models found in one frame, with the classes of the labels, and on how many they disagree.

        Args:
            found: Of each model.
        """
        own = [self._named(one, table) for one, table in zip(found, self._maps, strict=True)]
        if len(own) == 1:
            return own[0], 0
        settings = MergingConfig(classes=self._classes, overlap=self.run.agree, rules=self.run.rules)
        labels = [Labels(model.name, one, self._classes) for model, one in zip(self.all, own, strict=True)]
        joined = merge(labels, settings).found
        return dataclasses.replace(joined, extra={}), sum(self._alone(own))

    @staticmethod
    def _named(found: Detections, table: Ints) -> Detections:
        if not len(found):
            return found
        inside = (found.class_id >= 0) & (found.class_id < len(table))
        class_id = np.where(inside, table[np.where(inside, found.class_id, 0)], -1)
        return dataclasses.replace(found, class_id=class_id, extra={})[class_id >= 0]

    def _alone(self, own: Sequence[Detections]) -> Iterator[int]:
        """Yield, model by model, how many confident boxes no other model has."""
        for mine in own:
            sure = mine[mine.score >= self.run.doubt]
            others = [one for one in own if one is not mine]
            for other in others:
                overlaps = iou(sure.xyxy.astype(np.float64), other.xyxy.astype(np.float64))
                same = sure.class_id[:, None] == other.class_id[None, :]
                yield int((~((overlaps >= self.run.agree) & same).any(axis=1)).sum()) if len(sure) else 0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "none"
