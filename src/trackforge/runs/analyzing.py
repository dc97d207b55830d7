"""Analysing as a run: films that are tracked, or tracks that are stored, counted and measured.

>>> run = AnalysisRun(sources=("street.mp4",), line=("door=100,200 500,200",), out=("out/",))
>>> run.heat
False
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from trackforge.analytics.spelling import read_shapes
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.intake.addresses import STDOUT, file_path
from trackforge.registry import registry
from trackforge.registry.guess import check_output
from trackforge.runs.component import Component
from trackforge.runs.conclusions import NAMES, conclude
from trackforge.runs.detecting import is_folder
from trackforge.runs.layers import ANALYTICS, Layer, from_job, options
from trackforge.runs.measuring import Measured, analytics_of
from trackforge.runs.places import outputs_of
from trackforge.runs.planning import RunPlan, plan, source_of
from trackforge.runs.stored import StoredComponent
from trackforge.runs.stored_files import form_of, read_stored
from trackforge.runs.tracking import TrackingRun
from trackforge.runs.watching import Watching

__all__ = ["AnalysisPlan", "AnalysisRun", "plan_analysis", "plan_measured"]

log = logging.getLogger(__name__)
DEFAULT = ("trails", "heat")
"""What is made where nobody says what."""
OPTIONS = ("line", "zone", "ground", "heat", "trails", "analytic", "video", "rate", "size", "plots", "still", "pick")
"""Options that a tracking run has not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnalysisRun(Measured, TrackingRun):
    """Sources, components, analytics, outputs and options of an analysis."""

    sources: tuple[str, ...] = setting(
        (),
        help="What to track, as for trackforge track; or tracks that are stored: MOT text, .jsonl, .parquet, .json of "
        "COCO or of Ground Truth's SeqLabel, CVAT's .xml, .labels.json that people have checked.",
    )
    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="Folder for events, counts and tracks as tables, analytics.json, plots and a video with everything drawn "
        "in; or a file, its ending tells the format: .events.csv, .jsonl, .mp4. May be repeated; {name} in it is the "
        "name of the sequence.",
    )
    video: str | None = setting(None, help="Of stored tracks: the film or pictures that they are of, to draw into.")
    rate: float | None = setting(
        None, help="Of stored tracks without times: frames a second.", unit="fps", minimum=0.01
    )
    size: tuple[int, int] | None = setting(
        None, help="Of stored tracks without it: width and height of the pictures, 1920x1080.", unit="px", minimum=1
    )
    plots: Literal["png", "svg", "pdf", "none"] = setting(
        "png", help="Form of the figures in a folder: counts over time, dwell, heat, ways, speeds."
    )
    still: Path | None = setting(
        None, help="Write one picture with a grid of pixels, to read points off, and do nothing else: still.png."
    )
    pick: Path | None = setting(
        None,
        help="Write a page on which to click lines, zones and points of the ground, and do nothing else: pick.html.",
    )


@dataclass(frozen=True)
class AnalysisPlan(RunPlan):
    """An analysis, planned; ``options`` are those of a tracking run that would say the same.

    Attributes:
        given: The options of the analysis.
        into: Folders that were asked for, ``{name}`` in them where there are several sequences.
        stored: Whether tracks are read rather than made.
    """

    given: AnalysisRun = dataclasses.field(default_factory=AnalysisRun)
    into: Sequence[str] = ()
    stored: bool = False
    command: ClassVar[str] = "analyze"

    @property
    def folders(self) -> set[str]:
        """The folders that were given as outputs."""
        return {str(Path(out)) for out in self.given.out if is_folder(out)}

    def shapes(self, size: tuple[int, int]) -> list[dict[str, Any]]:
        """Return the lines and zones that were given, for the page on which others are clicked.

        Args:
            size: ``(width, height)`` of the picture.
        """
        return [
            {"kind": name.removesuffix("s"), "name": shape.name, "points": shape.pixels(size).tolist()}
            for name, least in (("lines", 2), ("zones", 3))
            for component in self.analytics.values()
            if component.name == name
            for shape in read_shapes(name, component.settings.get(name, ""), least=least)
        ]

    def more(self, sequence: str) -> list[tuple[str, str]]:
        """Return what is written for a sequence when it has come to its end: paths and formats."""
        return [(str(Path(one.replace("{name}", sequence)) / name), form) for one in self.into for name, form in NAMES]

    def conclude(self, sequence: str, tracked: Watching) -> list[tuple[str, str]]:
        """Write tables, ``analytics.json`` and plots of a sequence into the folders; return what was written.

        Raises:
            SinkError: A place cannot be written to.
        """
        return [
            made
            for one in self.into
            for made in conclude(Path(one.replace("{name}", sequence)), tracked, self.analytics, self.given.plots)
        ]

    def job(self) -> AnalysisRun:
        """Return the run with everything that was settled, so that it can be written down and repeated."""
        base = super().job()
        values = {f.name: getattr(base, f.name) for f in dataclasses.fields(TrackingRun)}
        if self.stored:
            values |= {"detector": "", "tracker": "", "source": "", "sources": self.given.sources}
        tables = {name: _table(name, one) for name, one in self.analytics.items()}
        kept = {name: getattr(self.given, name) for name in ("video", "rate", "size", "plots")}
        if self.given.out:
            own = {one.sink.name: dict(one.sink.settings) for one in self.outputs if one.sink.settings}
            if self.folders and own.get("jsonl") == {"both": True}:
                del own["jsonl"]  # what a folder has by itself
            values |= {"sink": (), "sinks": own or None, "out": self.given.out}
        return AnalysisRun(**{**values, **kept, "analytics": tables or None})


def _table(name: str, component: Component) -> dict[str, Any]:
    return {**({} if component.name == name else {"name": component.name}), **component.settings}


def plan_analysis(*given: AnalysisRun | Layer) -> AnalysisPlan:
    """Put together what an analysis, or several places about it, say, from weak to strong.

    Raises:
        ConfigError: A setting is wrong, or two outputs would fall upon each other.
        UnknownComponentError: A component, an analytic or a file ending is unknown.
        DataError: Stored tracks cannot be read.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    job = options(AnalysisRun, layers)
    analytics = analytics_of(job, layers)
    if not analytics:
        asked = [name for name in DEFAULT if _there(name)]
        analytics = analytics_of(dataclasses.replace(job, analytic=tuple(asked)), [])
        log.info(
            "nothing was asked for, so %s are made; --line, --zone and --ground count and measure", " and ".join(asked)
        )
    stored = [one for one in job.sources if form_of(file_path(one))]
    if stored and len(stored) < len(job.sources):
        other = next(one for one in job.sources if one not in stored)
        raise ConfigError(
            f"Stored tracks are read by themselves; {stored[0]} comes with {other}. Take them one by one."
        )
    if not stored:
        for name in ("video", "rate", "size"):
            if getattr(job, name) is not None:
                raise ConfigError(f"--{name} belongs to stored tracks (.txt, .jsonl, .parquet, .json). Leave it out.")
    return _stored(job, layers, analytics) if stored else _tracked(job, layers, analytics)


def plan_measured(*layers: Layer, into: Sequence[str] = ()) -> AnalysisPlan:
    """Put together a tracking run with the analytics that are asked for, or with none; its outputs are its own.

    Args:
        layers: What places say, from weak to strong.
        into: Folders for the tables and ``analytics.json`` of a sequence, where there are analytics.

    Raises:
        ConfigError: A setting is wrong, or two outputs would fall upon each other.
        UnknownComponentError: A component, an analytic or a file ending is unknown.
    """
    job = dataclasses.replace(options(AnalysisRun, layers), plots="none")
    analytics = analytics_of(job, layers)
    made = _made(plan(*(_bare(one) for one in layers)), job, analytics, several=False)
    return dataclasses.replace(made, into=tuple(into) if analytics else ())


def _tracked(job: AnalysisRun, layers: Sequence[Layer], analytics: Mapping[str, Component]) -> AnalysisPlan:
    first = plan(*(_bare(layer, out=True) for layer in layers))
    several = len(first.sources) > 1
    base = plan(*_written(job, layers, several=several, steps=True)) if job.out else first
    return _made(base, job, analytics, several=several)


def _stored(job: AnalysisRun, layers: Sequence[Layer], analytics: Mapping[str, Component]) -> AnalysisPlan:
    parts = [(Path(file_path(one)), name) for one in job.sources for name in read_stored(Path(file_path(one)))[0]]
    several = len(parts) > 1
    if several and (job.video is not None or len(job.sources) > 1):
        what = "A video is of one sequence" if job.video is not None else "Stored tracks are taken file by file"
        raise ConfigError(f"{what}; {len(parts)} are given. Name one file of one sequence.")
    known = {"rate": job.rate, "size": job.size}
    facts = {key: value for key, value in known.items() if value is not None}
    table = {"path": parts[0][0], **facts, **({} if several else {"sequence": parts[0][1]})}
    sources: list[Component] = [
        StoredComponent("source", "tracks", {"path": path, "sequence": name, **facts}) for path, name in parts
    ]
    if job.video is not None:
        sources = [source_of(file_path(job.video), layers)]
    written = _written(job, layers, several=several, steps=False) if job.out else [_bare(one) for one in layers]
    options_ = options(TrackingRun, written)
    detector = StoredComponent("detector", "tracks", {**table, **({"sequence": "{name}"} if several else {})})
    base = RunPlan(
        options=dataclasses.replace(options_, sources=job.sources),
        sources=sources,
        detector=detector,
        tracker=StoredComponent("tracker", "tracks"),
        outputs=outputs_of(options_, written, len(sources)),
    )
    return dataclasses.replace(_made(base, job, analytics, several=several), stored=True)


def _made(base: RunPlan, job: AnalysisRun, analytics: Mapping[str, Component], *, several: bool) -> AnalysisPlan:
    values = {f.name: getattr(base, f.name) for f in dataclasses.fields(RunPlan)}
    values["outputs"] = [
        dataclasses.replace(one, optional=True) if one.sink.name == "overlay" and job.out else one
        for one in base.outputs
    ]
    folders = [str(Path(out) / "{name}") if several else str(Path(out)) for out in job.out if is_folder(out)]
    return AnalysisPlan(**{**values, "analytics": analytics}, given=job, into=folders)


def _there(name: str) -> bool:
    return any(spec.name == name for spec, _ in registry().specs("analytic"))


def _bare(layer: Layer, *, out: bool = False) -> Layer:
    """Return a layer as a tracking run knows it."""
    said = {key: value for key, value in layer.options.items() if key not in (*OPTIONS, *(["out"] if out else []))}
    tables = {key: value for key, value in layer.tables.items() if key != ANALYTICS}
    return dataclasses.replace(layer, options=said, tables=tables, sinks=() if out else layer.sinks)


def _written(job: AnalysisRun, layers: Sequence[Layer], *, several: bool, steps: bool) -> list[Layer]:
    """Return the layers with the outputs as tables, for folders all that is written while steps come."""
    tables: list[Mapping[str, Any]] = []
    for out in job.out:
        if out in STDOUT or not is_folder(out):
            tables.append({"path": out})
            continue
        check_output(out)
        folder = Path(out) / "{name}" if several else Path(out)
        tables.append({"path": str(folder / "events.csv"), "name": "events"})
        if steps:
            tables.append({"path": str(folder / "steps.jsonl"), "name": "jsonl", "both": True})
        overlay = registry().find("sink", "overlay")
        if overlay.missing():
            log.warning("no overlay video without %s; run: pip install '%s'", overlay.missing()[0], overlay.install)
        else:
            tables.append({"path": str(folder / "overlay.mp4"), "name": "overlay"})
    return [*(_bare(one, out=True) for one in layers), Layer("-o", sinks=tables)]
