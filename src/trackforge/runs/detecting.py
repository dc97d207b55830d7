"""Detection without tracking as a run: sources, a detector, outputs; carried out as a tracking run is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from trackforge.config import same_setting, setting
from trackforge.errors import ConfigError
from trackforge.intake.addresses import STDOUT, file_path
from trackforge.registry.guess import check_output, exists
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component, Wanted
from trackforge.runs.filtering import settled_inside
from trackforge.runs.layers import Layer, from_job, options
from trackforge.runs.planning import Output, RunPlan, detector_of, expand, plan, source_of
from trackforge.runs.tracking import Looking, TrackingRun, Written

__all__ = ["DetectionPlan", "DetectionRun", "is_folder", "of_pictures", "plan_detection"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionRun(Looking, Written):
    """Sources, detector, outputs and options of a detection run.

    >>> run = DetectionRun(sources=("shots/",), detector="yolox", conf=0.3, out=("out/",))
    >>> run.batch_size
    1
    """

    conf: float | None = setting(None, minimum=0, maximum=1, help="Least score of what is found.")
    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="File to write, its ending tells the format; or a folder: of a film for a MOT file and a video, of "
        "pictures for a COCO file and NAME.jpg with boxes. May be repeated; {name} in it is the name of the sequence. "
        "- writes JSON lines to standard output.",
    )
    segmenter: Wanted = same_setting(TrackingRun, "segmenter")


@dataclass(frozen=True)
class _NoTracker(Component):
    """What stands where a tracker does, and makes no tracks."""

    @property
    def spec(self) -> ComponentSpec:
        """What it is; the registry knows nothing of it, since it is no tracker."""
        return ComponentSpec(
            kind="tracker",
            name="none",
            target="trackforge.online.unlinked:Unlinked",
            summary="No tracking: every detection as it comes.",
        )


@dataclass(frozen=True)
class DetectionPlan(RunPlan):
    """A run without tracking; ``options`` are those of a tracking run that would say the same."""

    command: ClassVar[str] = "detect"

    def components(self) -> Iterator[Component]:
        """Yield every component."""
        return (one for one in super().components() if one is not self.tracker)

    def job(self) -> DetectionRun:  # type: ignore[override]
        """Return the run with everything that was settled, so that it can be written down and repeated."""
        job = super().job()
        return DetectionRun(**{f.name: getattr(job, f.name) for f in dataclasses.fields(DetectionRun)})


def plan_detection(*given: DetectionRun | Layer) -> DetectionPlan:
    """Put together what a run, or several places about it, say, from weak to strong.

    A folder as output stands for a MOT file and a video of each film, or, where all sources are pictures, for a COCO
    file and annotated pictures.

    Raises:
        ConfigError: A setting is wrong, two outputs would fall upon each other, a picture would be replaced, or the
            detector needs films.
        UnknownComponentError: A component or file ending is unknown.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    job = options(DetectionRun, layers)
    sources = _sources(job, layers)
    stills = _all_stills(sources)
    base = plan(*(_written(layers, job.out, several=len(sources) > 1) if job.out and stills else layers))
    choice = detector_of(layers, job.weights, least=True)
    detector, classes, class_agnostic = settled_inside(choice.component, job.classes, job.class_agnostic)
    if stills and _remembers(detector):
        raise ConfigError(
            f"Detector {detector.name!r} compares each frame with those before it, and the pictures of a folder are "
            "taken to have no order. Name one that looks at single pictures: --detector yolox; or if they are the "
            "frames of a film, say how fast: --set source.rate=25."
        )
    values = {f.name: getattr(base, f.name) for f in dataclasses.fields(RunPlan)}
    values |= {"detector": detector, "classes": classes, "class_agnostic": class_agnostic, "why": choice.why}
    values["tracker"] = _NoTracker("tracker", "none")
    made = DetectionPlan(**values)
    if stills:
        made = dataclasses.replace(made, outputs=[_by_folder(one, job.out) for one in made.outputs])
    return made


def _given(job: DetectionRun, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the sources, or the one that the settings name where no option does."""
    tables = [layer.tables.get("source", {}) for layer in reversed(layers)]
    named = next((str(table[key]) for key in ("path", "name") for table in tables if key in table), "")
    return job.sources or ((named,) if named else ())


def _without(layer: Layer, *names: str) -> Layer:
    """Return a layer that says nothing of outputs."""
    said = {key: value for key, value in layer.options.items() if key not in names}
    return dataclasses.replace(layer, options=said)


def _written(layers: Sequence[Layer], outs: Sequence[str], *, several: bool) -> list[Layer]:
    """Return the layers with the outputs as tables, for folders those that pictures have."""
    tables: list[Mapping[str, Any]] = []
    for out in outs:
        if not is_folder(out):
            tables.append({"path": out})
            continue
        check_output(out)
        tables.append({"path": str(Path(out) / "{name}.json")})
        tables.append({"path": str(Path(out) / "{name}") if several else str(Path(out)), "name": "pictures"})
    bare = [dataclasses.replace(_without(layer, "out"), sinks=()) for layer in layers]
    return [*bare, Layer("-o", sinks=tables)]


def is_folder(out: str) -> bool:
    """Tell whether an output is a folder: one that is there, or a name without an ending."""
    return (
        out.endswith(("/", "\\"))
        or (exists(out) and Path(out).is_dir())
        or (out not in STDOUT and not Path(out).suffix)
    )


def _by_folder(output: Output, outs: Sequence[str]) -> Output:
    """Mark the COCO file that stands for a folder: beside it go ``summary.json`` and ``run.toml``."""
    ours = {str(Path(out) / "{name}.json") for out in outs if is_folder(out)}
    return dataclasses.replace(output, optional=True) if output.path in ours else output


def of_pictures(job: DetectionRun, layers: Sequence[Layer]) -> bool:
    """Tell whether all sources of a run are pictures that nobody says are the frames of a film."""
    return _all_stills(_sources(job, layers))


def _sources(job: DetectionRun, layers: Sequence[Layer]) -> list[Component]:
    return [source_of(one, layers) for given in _given(job, layers) for one in expand(file_path(given))]


def _all_stills(sources: Sequence[Component]) -> bool:
    return bool(sources) and all(_is_stills(source) for source in sources)


def _is_stills(source: Component) -> bool:
    """Tell whether a source gives pictures that nobody says are the frames of a film."""
    return source.name == "images" and source.settings.get("rate") is None


def _remembers(detector: Component) -> bool:
    """Tell whether a detector remembers frames, without making it."""
    return hasattr(detector.spec.load(), "reset")
