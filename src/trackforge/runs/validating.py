"""A validation, declared once: a detector, a labelled set, and what is written of what comes out."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

from trackforge import __version__
from trackforge.config import check, same_setting, setting
from trackforge.data.formats import read
from trackforge.errors import ConfigError, MissingDependencyError, did_you_mean
from trackforge.intake.addresses import shown_setting
from trackforge.io.targets import check_writable, keep_apart
from trackforge.protocols import notes_of
from trackforge.registry.guess import check_output, exists
from trackforge.runs.choosing import choose_detector
from trackforge.runs.component import Component, Wanted
from trackforge.runs.filtering import narrowed, settled_inside
from trackforge.runs.habits import minding, settled
from trackforge.runs.layers import Layer, from_job, options
from trackforge.runs.planning import detector_of
from trackforge.runs.repeating import write_run
from trackforge.runs.stopwatch import Stopwatch
from trackforge.runs.tracking import Looking
from trackforge.runs.values import plain
from trackforge.validation.naming import parse_map
from trackforge.validation.report import ValidationReport
from trackforge.validation.result import WORST
from trackforge.validation.validating import validate

__all__ = ["ValidationPlan", "ValidationRun", "carry_out_validation", "plan_validation"]

LEAST = 0.001
"""Least score of a box where nobody says one: average precision counts boxes of every score."""
ENDINGS = (".html", ".json", ".csv")
Watch: TypeAlias = Callable[[str, "int | None"], AbstractContextManager[Callable[[], None]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationRun:
    """A labelled set, a detector, and outputs.

    >>> run = ValidationRun(data="coco128", detector="yolox", map=("pedestrian=person",), out=("out/",))
    >>> run.worst
    24

    Raises:
        ConfigError: A setting is wrong.
    """

    data: str = setting(
        "", help="Labelled set: a folder, file or zip archive in any format of `trackforge info dataset`."
    )
    detector: Wanted = same_setting(Looking, "detector")
    weights: str | None = same_setting(Looking, "weights")
    conf: float | None = setting(
        None,
        minimum=0,
        maximum=1,
        help="Least score of a box that counts; without it .001, since average precision counts boxes of every score.",
    )
    iou: float | None = same_setting(Looking, "iou")
    imgsz: int | tuple[int, int] | None = same_setting(Looking, "imgsz")
    device: str | None = same_setting(Looking, "device")
    half: bool = same_setting(Looking, "half")
    classes: tuple[str, ...] = setting((), commas=True, help="Score these classes of the set only: person,bicycle.")
    class_agnostic: bool = same_setting(Looking, "class_agnostic")
    map: tuple[str, ...] = setting(
        (),
        commas=True,
        help="Which class of the set is which of the detector, where they are called differently: pedestrian=person.",
    )
    one_class: bool = setting(False, help="Count all boxes as of one class.")
    score: float | None = setting(
        None,
        minimum=0,
        maximum=1,
        help="Least score at which confusion and mistakes are counted; without it, that of the best mean F1.",
    )
    format: str | None = setting(None, flags=("--from",), help="Format of the set, where it does not tell.")
    split: str | None = setting(None, help="This part of the set only, say val.")
    rule: str | None = setting(None, help="MOTChallenge: which rows are objects: pedestrian, official, all.")
    pictures: Path | None = setting(None, help="Folder of the pictures, where they lie elsewhere than the set says.")
    out: tuple[str, ...] = setting(
        (),
        flags=("--out", "-o"),
        help="File to write: .html (a page with the worst pictures), .json, .csv; or a folder, for val.html and "
        "val.json. May be repeated.",
    )
    worst: int = setting(WORST, minimum=0, unit="pictures", help="How many of the worst pictures the page shows.")
    batch_size: int = same_setting(Looking, "batch_size")
    ahead: int = setting(4, minimum=0, unit="pictures", help="Pictures that are decoded ahead; 0 for one thread only.")

    def __post_init__(self) -> None:
        check(self)
        parse_map(self.map)


@dataclasses.dataclass(frozen=True)
class ValidationPlan:
    """What is going to be done, checked as far as possible before the first picture.

    Attributes:
        options: The options.
        detector: What is scored.
        class_agnostic: Whether boxes of different classes suppress each other, where it does not see to that itself.
        why: Why this detector, where nobody asked for it by name.
        outputs: Files.
        folders: Folders that were given as output.
    """

    options: ValidationRun
    detector: Component
    class_agnostic: bool
    why: str
    outputs: Sequence[Path]
    folders: Sequence[Path]

    def job(self) -> ValidationRun:
        """Return the run with everything that was settled, so that it can be repeated."""
        return dataclasses.replace(settled(self.options), detector=self.detector)  # type: ignore[type-var]


def plan_validation(*given: ValidationRun | Layer) -> ValidationPlan:
    """Put together what a run, or several places about it, say, from weak to strong.

    Raises:
        ConfigError: A setting is wrong.
        MissingDependencyError: What the outputs need is not installed.
        SinkError: An output cannot be written.
        TrackforgeError: As `trackforge.runs.choosing.choose_detector` raises.
    """
    layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
    job = options(ValidationRun, layers)
    if not job.data:
        raise ConfigError("val needs a labelled set: a folder or file. Give one: trackforge val coco128.")
    outputs, folders = _outputs(job.out)
    check_writable(outputs)
    keep_apart(outputs, [job.data, *_labels_at(outputs, Path(job.data))])
    _require("faster_coco_eval", "Average precision", "ap")
    if any(path.suffix.lower() == ".html" for path in outputs):
        _require("jinja2", "The page", "html")
    choice = choose_detector(layers, job.weights)
    if choice.component.name == "file":
        raise ConfigError(
            "val lets a detector look at pictures; detections in a file are scored by: trackforge eval TRUTH FILE "
            "--detections."
        )
    below = [Layer("", options={"conf": LEAST})] if minding(choice.component) else []
    choice = detector_of([*below, *layers], job.weights)
    detector, _, class_agnostic = settled_inside(choice.component, (), job.class_agnostic)
    return ValidationPlan(job, detector, class_agnostic, choice.why, outputs, folders)


def _outputs(outs: Sequence[str]) -> tuple[list[Path], list[Path]]:
    files: list[Path] = []
    folders: list[Path] = []
    for out in outs:
        check_output(out)
        path = Path(out)
        if out.endswith(("/", "\\")) or (exists(out) and path.is_dir()) or not path.suffix:
            folders.append(path)
            files += [path / "val.html", path / "val.json"]
        elif path.suffix.lower() in ENDINGS:
            files.append(path)
        else:
            raise ConfigError(
                f"A validation is written as {', '.join(ENDINGS)}, or into a folder; got {path.name!r}."
                f"{did_you_mean(path.suffix, ENDINGS)} Choose one of these endings."
            )
    return files, folders


def _require(module: str, what: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise MissingDependencyError(
            f"{what} needs {module}, which is not installed; run: pip install 'trackforge-mot[{extra}]'", name=module
        )


def carry_out_validation(plan: ValidationPlan, *, progress: Watch | None = None) -> ValidationReport:
    """Look at every picture of the set, score what was found, and write the outputs.

    Args:
        plan: From `plan_validation`.
        progress: Called with the set's name and the number of pictures; gives what to call after each.

    Raises:
        TrackforgeError: What reading the set, `trackforge.validate` and writing raise.
    """
    job, watch = plan.options, Stopwatch()
    more = {"split": job.split, "rule": job.rule}
    dataset = read(job.data, job.format, pictures=job.pictures, **{k: v for k, v in more.items() if v is not None})
    detector = narrowed(plan.detector.create(), (), plan.class_agnostic)

    def looked(advance: Callable[[], object]) -> ValidationReport:
        return validate(
            dataset,
            watch.detector(detector),
            classes=job.classes,
            map=parse_map(job.map),
            one_class=job.one_class,
            score=job.score,
            batch_size=job.batch_size,
            ahead=job.ahead,
            advance=advance,
        )

    if progress is None:
        report = looked(lambda: None)
    else:
        with progress(dataset.name or dataset.root.name or "pictures", len(dataset)) as advance:
            report = looked(advance)
    stages = {name: round(1000 * took / len(dataset), 3) for name, took in watch.seconds.items()}
    report = dataclasses.replace(
        report, facts=_facts(plan, stages), notes=(*report.notes, *dict.fromkeys(notes_of(detector)))
    )
    for path in plan.outputs:
        _write(report, path, job.worst)
    for folder in plan.folders:
        write_run(folder, plan.job(), "val")
    return report


def _facts(plan: ValidationPlan, stages: Mapping[str, float]) -> dict[str, Any]:
    return {
        "trackforge": __version__,
        "data": plain(shown_setting(plan.options.data)),
        "detector": {
            "name": plan.detector.name,
            "settings": json.loads(json.dumps(plain(shown_setting(dict(plan.detector.settings))))),
            **({"why": plan.why} if plan.why else {}),
        },
        "stage_ms": dict(stages),
    }


def _write(report: ValidationReport, path: Path, worst: int) -> None:
    ending = path.suffix.lower()
    if ending == ".html":
        report.to_html(path, worst=worst)
    elif ending == ".csv":
        report.to_csv(path)
    else:
        report.to_json(path)


def _labels_at(outputs: Sequence[Path], data: Path) -> list[Path]:
    """Return the files of the set that an output would fall upon; what a validation wrote there before is none."""
    if not data.is_dir():
        return []
    there = [path for path in outputs if path.is_file() and path.resolve().is_relative_to(data.resolve())]
    return [path for path in there if path.suffix.lower() != ".html" and not _is_report(path)]


def _is_report(path: Path) -> bool:
    """Tell whether a file is what `trackforge val` writes."""
    try:
        return path.suffix.lower() == ".json" and "mistakes" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False
