"""Counting as a run: a detection run whose outputs are counts and numbered boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.intake.addresses import STDOUT
from trackforge.registry import registry
from trackforge.registry.suffixes import VIDEO_SUFFIXES
from trackforge.runs.detecting import DetectionPlan, DetectionRun, is_folder, of_pictures, plan_detection
from trackforge.runs.habits import minding
from trackforge.runs.layers import Layer, from_job, options
from trackforge.runs.planning import detector_of

__all__ = ["LEAST", "CountPlan", "CountRun", "plan_counting"]

LEAST = 0.2
"""Score from which on an object counts, where nobody says another."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CountRun(DetectionRun):
    """Sources, detector, outputs and options of a count.

    >>> CountRun(sources=("boats.jpg",), detector="ssd", out=("out/",)).conf is None  # that is, LEAST
    True
    """

    conf: float | None = setting(
        None, minimum=0, maximum=1, help=f"Least score of what counts; {LEAST} where it is not given."
    )
    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="Folder for counts as CSV and JSON and for pictures (films: a video) with numbered boxes; or a file: "
        ".csv, .json, .mp4. May be repeated; {name} in it is the name of the sequence. - writes CSV to standard "
        "output.",
    )


@dataclass(frozen=True)
class CountPlan(DetectionPlan):
    """A count, planned."""

    command: ClassVar[str] = "count"

    def job(self) -> CountRun:  # type: ignore[override]
        """Return the run with everything that was settled, so that it can be written down and repeated."""
        job = super().job()
        return CountRun(**{f.name: getattr(job, f.name) for f in dataclasses.fields(CountRun)})


def plan_counting(*given: CountRun | Layer) -> CountPlan:
    """Put together what a count, or several places about it, say, from weak to strong.

    Raises:
        ConfigError: A setting is wrong, or an output has an ending that counts have not.
        UnknownComponentError: There is no such component.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    job = options(CountRun, layers)
    if minding(detector_of(layers, job.weights, least=True).component):
        layers = [Layer("", options={"conf": LEAST}), *layers]
    stills = of_pictures(job, layers)
    tables = [table for out in job.out for table in _tables(out, stills=stills, several=len(job.sources) > 1)]
    if job.out:
        bare = [dataclasses.replace(one, options=_without_out(one.options), sinks=()) for one in layers]
        layers = [*bare, Layer("-o", sinks=tables)]
    made = plan_detection(*layers)
    folders = {str(Path(out)) for out in job.out if is_folder(out)}
    outputs = [
        dataclasses.replace(one, optional=str(Path(one.path).parent) in folders and one.sink.name in _marks(stills))
        for one in made.outputs
    ]
    values = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}
    return CountPlan(**(values | {"outputs": outputs, "options": dataclasses.replace(made.options, out=job.out)}))


def _marks(stills: bool) -> Sequence[str]:
    """Return the sinks of a folder beside which ``summary.json`` goes, and which need not be: a film's video."""
    return ("counts",) if stills else ("overlay",)


def _without_out(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != "out"}


def _tables(out: str, *, stills: bool, several: bool) -> Iterator[dict[str, Any]]:
    """Yield the outputs that one place stands for."""
    if out in STDOUT:
        yield {"path": out, "name": "counts"}
    elif is_folder(out):
        stem = str(Path(out) / "{name}")
        for ending in (".csv", ".json"):
            yield {"path": stem + ending, "name": "counts"}
        if stills:
            yield {"path": stem if several else str(Path(out)), "name": "pictures", "numbers": True}
        elif not registry().find("sink", "overlay").missing():
            yield {"path": stem + ".mp4", "name": "overlay", "numbers": True}
    elif out.lower().endswith((".csv", ".json")):
        yield {"path": out, "name": "counts"}
    elif out.lower().endswith(VIDEO_SUFFIXES):
        yield {"path": out, "name": "overlay", "numbers": True}
    else:
        raise ConfigError(
            f"count writes a folder, .csv, .json or a video; got {out}. For numbered pictures name a folder: -o out/."
        )
