"""What a job is told, by every place that says something: the later ones win.

Model folder < ``--config`` < ``Environment`` of ``processingjobconfig.json`` < environment < arguments. SageMaker hands
the job's ``Environment`` and ``ContainerArguments`` to the container as well, so the file counts where somebody runs
the container by hand; its arguments are taken only where the command has none, since a script of its own
(``ScriptProcessor``) has arguments that are not for us.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.config import convert, describe
from trackforge.errors import ConfigError
from trackforge.runs.component import mention
from trackforge.runs.layers import ANALYTICS, Layer, from_mapping, from_strings, from_toml
from trackforge.runs.measuring import Measured
from trackforge.runs.tracking import TrackingRun
from trackforge_sagemaker import model_dir
from trackforge_sagemaker.hyperparameters import from_arguments
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing.run import ProcessingRun

__all__ = ["MeasuredRun", "Said", "help_text", "listen"]

PREFIX = "TRACKFORGE_PROCESS_"
OWN = tuple(s.name for s in describe(ProcessingRun))
NOT_HERE = ("sources", "out", "show", "save_crops")
"""Settings of tracking that a job's own stand for, or that a container has no use for."""
COMMAND = ("trackforge-sagemaker", "process")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredRun(Measured, TrackingRun):
    """What may be said of the tracking, and of what is made of the tracks."""


ASKED = frozenset(s.name for s in describe(Measured)) - {ANALYTICS}
"""Options that ask for analytics."""


@dataclass(frozen=True)
class Said:
    """The job, and what is said of the tracking, from weak to strong."""

    run: ProcessingRun
    layers: Sequence[Layer]

    @property
    def names_detector(self) -> bool:
        """Whether any place says which detector, or weights."""
        return any(
            layer.options.get("weights") or set(layer.tables.get("detector", {})) & {"name", "weights"}
            for layer in self.layers
        )

    @property
    def measures(self) -> bool:
        """Whether any place asks for analytics."""
        return any(
            layer.tables.get(ANALYTICS) or any(layer.options.get(name) for name in ASKED) for layer in self.layers
        )


def listen(arguments: Sequence[str], environment: Mapping[str, str], ml: OptMl) -> Said:
    """Gather what all places say.

    Raises:
        ConfigError: A setting is unknown or wrong; the message says where it stands.
        TrackforgeError: There is no model where one was named, or several.
    """
    job = ml.processing_job
    stated = job.get("Environment")
    words = list(arguments) or _words(job)
    places = [
        *_of_environment(stated if isinstance(stated, Mapping) else {}, "the job's Environment"),
        *_of_environment(environment, "the environment"),
        ("the arguments", from_arguments(words)),
    ]
    own: dict[str, Any] = {}
    said: list[Layer] = []
    for where, given in places:
        mine = {key: value for key, value in given.items() if _plain(key) in OWN}
        try:
            own |= convert(ProcessingRun, mine)
        except ConfigError as error:
            raise mention(error, where) from None
        said.append(_checked(from_strings({k: v for k, v in given.items() if k not in mine}, MeasuredRun, where)))
    run = ProcessingRun(**own)
    base = [_checked(from_toml(run.config, MeasuredRun))] if run.config else []
    return Said(run, [*_of_model(run, ml), *base, *said])


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _words(job: Mapping[str, Any]) -> list[str]:
    """Return the arguments of the job's container, as far as they are this command's."""
    app = job.get("AppSpecification")
    words = app.get("ContainerArguments") if isinstance(app, Mapping) else None
    words = [str(word) for word in words] if isinstance(words, list) else []
    while words and Path(words[0]).name in COMMAND:
        words.pop(0)
    return words if not words or words[0].startswith("--") else []


def _of_environment(environment: Mapping[str, Any], where: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each variable that is ours; an empty one says nothing."""
    for key in sorted(environment):
        if key.startswith(PREFIX) and str(environment[key]):
            name = key.removeprefix(PREFIX).lower().replace("__", ".")
            yield f"{where}: {key}", {name: str(environment[key])}


def _checked(layer: Layer) -> Layer:
    """Refuse what a job's own settings stand for."""
    said = [name for name in NOT_HERE if name in layer.options]
    said += [f"source.{name}" for name in ("name", "path") if name in layer.tables.get("source", {})]
    if said or layer.sinks:
        raise ConfigError(
            f"{layer.where + ': ' if layer.where else ''}a processing job takes its sources from its input, and writes "
            f"by its formats; got {', '.join(said) or '[[sink]]'}. Say --input, --output, --formats."
        )
    return layer


def _of_model(run: ProcessingRun, ml: OptMl) -> list[Layer]:
    """Return what the model folder says of the tracking."""
    place = run.model or ml.processing / "model"
    if run.model is None and not (place.is_dir() and any(place.iterdir())):
        return []
    found = model_dir.find(place)
    known = {s.name for s in describe(MeasuredRun)}
    return [from_mapping({key: value for key, value in found.items() if key in known}, MeasuredRun, str(place))]


def help_text() -> str:
    """Return how the command is used."""
    lines = [
        "trackforge-sagemaker process [--NAME VALUE ...]",
        "",
        "Tracks everything below /opt/ml/processing/input.",
        "",
    ]
    for config in (ProcessingRun, MeasuredRun):
        for s in describe(config):
            if s.name not in (*NOT_HERE, "source", "sink", "sinks", ANALYTICS):
                default = "" if s.default in (None, "", ()) else f" ({_shown(s.default)})"
                lines.append(f"  --{s.name.replace('_', '-')}  {s.help}{default}")
        lines.append("")
    lines.append(
        "Settings of components: --detector.score 0.3, --tracker.min-hits 3, --overlay.trail 0, --sink.box detected, "
        "--analytics.lines.margin 3."
    )
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
