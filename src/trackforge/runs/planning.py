"""What a run is going to do: which sequences, with which components, into which files."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from trackforge.errors import ConfigError
from trackforge.intake.addresses import STDIN, file_path
from trackforge.intake.folders import natural_key
from trackforge.registry import registry
from trackforge.registry.guess import exists, source_for
from trackforge.runs.choosing import Choice, choose_detector
from trackforge.runs.component import Component
from trackforge.runs.filtering import settled_inside
from trackforge.runs.habits import CONF, minding, settled, spread, wanted
from trackforge.runs.layers import Layer, choose, from_job, options
from trackforge.runs.places import Output, outputs_of
from trackforge.runs.refusals import check_scores
from trackforge.runs.segmenting import segmenter_of
from trackforge.runs.tracking import COMPOSED, TRACKER, TrackingRun
from trackforge.runs.watching import Watching

__all__ = ["Output", "RunPlan", "detector_of", "expand", "plan", "source_of", "tracker_of"]

log = logging.getLogger(__name__)
PARTS = ("associator", "motion")
"""What a composed tracker takes by name."""


@dataclass(frozen=True)
class RunPlan:
    """Everything that was asked for, checked as far as possible before the first frame.

    Attributes:
        options: The options of the run; its components stand beside it.
        sources: One for each sequence.
        detector: Where boxes come from.
        tracker: What joins them.
        outputs: What is written, for every sequence.
        classes: Classes to keep, as far as the detector does not see to it itself.
        class_agnostic: Whether boxes of different classes suppress each other, likewise.
        named: The source that was asked for by name, or empty.
        why: Why this detector, where nobody asked for it by name: a part of a sentence.
        analytics: What is made of the tracks, by the names of the answers.
        segmenter: What makes masks for the outputs, or None.
    """

    options: TrackingRun
    sources: Sequence[Component]
    detector: Component
    tracker: Component
    outputs: Sequence[Output]
    classes: Sequence[str] = ()
    class_agnostic: bool = False
    named: str = ""
    why: str = ""
    analytics: Mapping[str, Component] = field(default_factory=dict)
    segmenter: Component | None = None
    command: ClassVar[str] = "track"
    """The command that carries it out."""

    def components(self) -> Iterator[Component]:
        """Yield every component."""
        yield from self.sources
        yield self.detector
        yield self.tracker
        if self.segmenter is not None:
            yield self.segmenter
        yield from self.analytics.values()
        for output in self.outputs:
            yield output.sink

    @property
    def folders(self) -> set[str]:
        """The folders that were given as outputs: ``summary.json`` and ``run.toml`` go there."""
        return {str(Path(output.path).parent) for output in self.outputs if output.optional}

    def more(self, sequence: str) -> list[tuple[str, str]]:  # noqa: ARG002 - for plans that write some
        """Return what `conclude` writes for a sequence, beside the outputs: paths and formats."""
        return []

    def conclude(self, sequence: str, tracked: Watching) -> list[tuple[str, str]]:  # noqa: ARG002 - likewise
        """Write what can be written when a sequence has come to its end; return paths and formats."""
        return []

    def job(self) -> TrackingRun:
        """Return the run with everything that was settled, so that it can be written down and repeated."""
        source: dict[str, Any] = {"name": self.named} if self.named else {}
        for one in self.sources:
            if not self.named or one.name == self.named:
                source |= {key: value for key, value in one.settings.items() if key != "path"}
        job = dataclasses.replace(settled(self.options), source=source, detector=self.detector, tracker=self.tracker)
        job = dataclasses.replace(job, segmenter=self.segmenter or "")
        if job.out:
            return dataclasses.replace(
                job, sinks={one.sink.name: one.sink.settings for one in self.outputs if one.sink.settings} or None
            )
        outputs = tuple({"path": one.path, **one.sink.table()} for one in self.outputs if not one.by_option)
        shown = {one.sink.name: one.sink.settings for one in self.outputs if one.by_option and one.sink.settings}
        return dataclasses.replace(job, sink=outputs, sinks=shown or None)


def plan(*given: TrackingRun | Layer) -> RunPlan:
    """Put together what a run, or several places about it, say.

    Args:
        given: From weak to strong. Files and folders of ``out`` are the outputs (a folder stands for a MOT file and a
            video a sequence); where there are none, the ``sink`` tables count. A folder of MOTChallenge sequences
            stands for all of them.

    Raises:
        ConfigError: A setting is wrong, or two outputs would fall upon each other.
        UnknownComponentError: A component or file ending is unknown.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    job = options(TrackingRun, layers)
    job = dataclasses.replace(job, sources=job.sources or _sources(layers))
    expanded = [one for source in job.sources for one in expand(file_path(source))]
    if sum(source in STDIN for source in expanded) > 1:
        raise ConfigError("Standard input can be read once; it is named several times. Name it once.")
    outputs = outputs_of(job, layers, len(expanded))
    if job.box is not None:
        outputs = [_writing(output, job.box) for output in outputs]
    tracker, parts = tracker_of(layers)
    scores = any(minding(one) for one in (tracker, *parts))
    choice = detector_of(layers, job.weights, least=not scores)
    detector, classes, class_agnostic = settled_inside(choice.component, job.classes, job.class_agnostic)
    tracker = tracker.with_parts(parts)
    check_scores(detector, (tracker, *parts))
    return RunPlan(
        options=job,
        sources=[source_of(one, layers) for one in expanded],
        detector=detector,
        tracker=tracker,
        outputs=outputs,
        classes=classes,
        class_agnostic=class_agnostic,
        named=_asked(layers, "name"),
        why=choice.why,
        segmenter=segmenter_of(layers, outputs),
    )


def _asked(layers: Sequence[Layer], key: str) -> str:
    """Return what the strongest layer says about the source, or an empty text."""
    return next((str(table[key]) for one in reversed(layers) if key in (table := one.tables.get("source", {}))), "")


def _sources(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the source that the settings name, where no option does."""
    given = _asked(layers, "path") or _asked(layers, "name")
    return (given,) if given else ()


def _writing(output: Output, box: str) -> Output:
    """Return an output with a box other than the sink's own choice, where the sink has one."""
    return dataclasses.replace(output, sink=output.sink.but({"box": box})) if output.sink.has("box") else output


def expand(source: str) -> list[str]:
    """Return the MOTChallenge sequences in a folder of such, in natural order, or else the source itself."""
    folder = Path(source)
    if not (exists(folder) and folder.is_dir()) or exists(folder / "seqinfo.ini") or not os.access(folder, os.R_OK):
        return [source]  # of what must not be looked into the source itself tells
    found = [path.parent for path in folder.glob("*/seqinfo.ini")]
    return [str(path) for path in sorted(found, key=lambda path: natural_key(path.name))] or [source]


def source_of(given: str, layers: Sequence[Layer]) -> Component:
    """Choose the source that reads the path, or that was named: a path that exists wins over a component's name."""
    named = {spec.name for spec, _ in registry().specs("source")}
    if given in named and (given == _asked(layers, "name") or not exists(given)):
        return choose("source", [*layers, Layer("the source", {"source": {"name": given}})])
    source = choose("source", layers, "" if _asked(layers, "name") else source_for(given).name)
    return dataclasses.replace(source, settings={**source.settings, "path": given})


def detector_of(layers: Sequence[Layer], weights: str | None = None, *, least: bool = True) -> Choice:
    """Choose the detector, with what the run says by habit put into it (`trackforge.runs.habits`).

    Args:
        layers: From weak to strong.
        weights: What the run says of them, which tells the detector where nobody names one.
        least: Whether ``conf`` is its least score; else only its upper limit, since a tracker minds scores.

    Raises:
        TrackforgeError: What `choose_detector` raises.
        ConfigError: A habit has no counterpart in it.
    """
    found = choose_detector(layers, weights)
    named = any(layer.tables.get("detector", {}).get("name") for layer in layers)
    base = [] if named else [Layer("", {"detector": found.component.table()})]
    spoken = spread([*base, *layers], found.component, least=least)
    return dataclasses.replace(found, component=choose("detector", spoken))


def tracker_of(layers: Sequence[Layer], also: Collection[str] = ()) -> tuple[Component, list[Component]]:
    """Choose the tracker, and what is put into it: an associator or motion model asked for makes it the composed one.

    Args:
        layers: From weak to strong.
        also: Parts that are wanted by themselves though nobody asks for them.

    Raises:
        ConfigError: The tracker brings its own.
    """
    asked = [kind for kind in PARTS if any(layer.tables.get(kind) for layer in layers)]
    default = COMPOSED if asked else TRACKER
    tracker = _minded(layers, choose("tracker", layers, default), default)
    inner = {"associator"} if wanted(layers, CONF) and tracker.has("associator_settings") else set()
    parts = [tracker.part(kind) for kind in PARTS if kind in {*asked, *also, *inner}]
    chosen = [choose(own.kind, layers, own.name) for own in parts]
    return tracker, [_minded(layers, one, own.name).over(own) for one, own in zip(chosen, parts, strict=True)]


def _minded(layers: Sequence[Layer], component: Component, default: str) -> Component:
    """Put ``conf`` into a tracker or a part of it, where that minds scores."""
    if not minding(component):
        return component
    return choose(component.kind, spread(layers, component, (CONF,)), default)
