"""A search, declared once, and made ready from what several places say about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError, MissingFileError
from trackforge.intake.addresses import file_path, source_name
from trackforge.io.mot import read_seqinfo
from trackforge.io.targets import check_writable
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, choose, from_job, options
from trackforge.runs.planning import expand, source_of, tracker_of
from trackforge.runs.recordings import Footage
from trackforge.runs.repeating import write_run
from trackforge.runs.scoring import Truth
from trackforge.runs.setups import Setup
from trackforge.runs.tracking import DETECTOR, Run
from trackforge.tuning.library import Library, blank_source
from trackforge.tuning.objective import Objective
from trackforge.tuning.problem import Problem, split
from trackforge.tuning.space import Dimension, parse_all
from trackforge.tuning.spaces import search_space
from trackforge.tuning.study import Search, Trial
from trackforge.tuning.tuning import Outcome, tune

__all__ = ["TuningPlan", "TuningRun", "carry_out"]

SHARE = 0.3
"""Frames held out where nothing is said."""
STUDY = "study.journal"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuningRun(Run):
    """What to search for, on what, and how long; outputs in a file that tracking reads too are left alone."""

    sources: tuple[str, ...] = setting((), help="MOT sequences, folders of such, or videos.")
    detections: Path | None = setting(
        None,
        help="Folder with SEQUENCE.txt or SEQUENCE/det/det.txt: tune on these detections, with no detector and no "
        "pictures.",
    )
    tune: tuple[str, ...] = setting(
        (),
        flags=("--tune", "-t"),
        help="What to search: tracker.high_score=0.3:0.8, tracker.max_lost=10:90:int-log, motion.name=xyah,xywh, "
        "detector.score=0.05:0.5, or tracker.min_hits alone for its usual range. May be repeated; without any, the "
        "usual ranges of all numbers of the tracker.",
    )
    search: Mapping[str, Any] | None = setting(
        None, flags=(), help="What to search, as tables by section; 'tune' adds to it."
    )
    truth: tuple[Path, ...] = setting(
        (), help="Ground truth; without it, SEQUENCE/gt/gt.txt beside the sources. May be repeated."
    )
    box: Literal["filtered", "detected"] = setting(
        "filtered", help="Score the motion model's box (filtered), or that of the detection."
    )
    objective: str = setting("HOTA", help="Score to make large, or a sum: HOTA+0.5*IDF1.")
    average: Literal["combined", "sequences"] = setting(
        "combined",
        help="Of all sequences together (combined), or of each by itself, then the mean (sequences).",
    )
    val: tuple[str, ...] = setting((), commas=True, help="Hold out these sequences: a,b.")
    val_share: float | None = setting(
        None,
        minimum=0,
        below=1,
        help="Hold out sequences with about this share of all frames; 0.3 where --val is not given, 0 for none.",
    )
    seed: int = setting(0, minimum=0, help="Of the split and the search.")
    trials: int = setting(100, minimum=1, help="Trials in all. A study that has as many only reports.")
    workers: int = setting(1, minimum=1, help="Processes. With several the trials are not the same every time.")
    pick: Literal["best", "steady"] = setting(
        "steady",
        help="The trial that counts in the end: the one with the greatest gain less its standard error over sequences "
        "(steady), which may be no trial at all but the settings as they were; or that of the greatest score (best).",
    )
    pruning: bool = setting(True, flags=("--no-pruning",), help="Let poor trials go on to their end.")
    out: Path = setting(
        Path("tuning"),
        flags=("--out", "-o"),
        help="Folder for best.toml, trials.csv, tuning.json and figures.",
    )
    study: Path | None = setting(None, help="File of the study; study.journal in the output folder if not given.")


@dataclass(frozen=True)
class TuningPlan:
    """What several places ask for, from weak to strong, and the options that they come to."""

    layers: Sequence[Layer]
    options: TuningRun

    @classmethod
    def of(cls, *given: TuningRun | Layer) -> TuningPlan:
        """Put together what a search, or several places about it, say.

        Raises:
            ConfigError: An option is wrong.
        """
        layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
        return cls(layers, options(TuningRun, layers))

    @property
    def searched(self) -> dict[str, Any]:
        """Values by ``section.setting``, as far as somebody gave any."""
        return parse_all(self.options.tune, self.options.search)

    def setup(self) -> Setup:
        """Return the components.

        Raises:
            ConfigError: A setting is wrong, or a part is asked for that the tracker does not take.
            UnknownComponentError: There is no such component.
        """
        tracker, parts = tracker_of(self.layers, {name.partition(".")[0] for name in self.searched})
        return Setup(tracker, self._detector(), **{part.kind: part for part in parts})

    def _detector(self) -> Component:
        folder = self.options.detections
        if folder is None:
            return choose("detector", self.layers, DETECTOR)
        if any("name" in layer.tables.get("detector", {}) for layer in self.layers):
            raise ConfigError("Give --detections or --detector, not both: stored detections take no detector.")
        if not folder.is_dir():
            raise MissingFileError(f"--detections must name a folder; there is no {folder}.")
        nested = any(folder.glob("*/det/det.txt"))
        path = folder / "{name}" / "det" / "det.txt" if nested else folder / "{name}.txt"
        file = Layer("--detections", {"detector": {"name": "file", "path": path}})
        return choose("detector", [file, *self.layers])

    def space(self) -> tuple[Dimension, ...]:
        """Return what is searched."""
        return search_space(self.setup(), self.searched)

    def footage(self) -> list[Footage]:
        """Return the sequences, with their truth.

        Raises:
            ConfigError: There is none, or two have one name.
            InvalidInputError: One has no truth.
        """
        given = self.options.sources
        sources = [one for source in given for one in expand(file_path(source))]
        if not sources:
            raise ConfigError("tune needs sequences with ground truth. Give some: trackforge tune MOT17/train.")
        names = [Path(one).name if Path(one).is_dir() else source_name(one) for one in sources]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"Sequences need different names; two are called {name!r}. Tune on one of them.")
        places = self.options.truth or [Path(path) for path in (*given, *sources)]
        truth = Truth.find(places, names, self.options.preprocessing)
        return [self._one(name, source, truth) for name, source in zip(names, sources, strict=True)]

    def _one(self, name: str, given: str, truth: Truth) -> Footage:
        info = read_seqinfo(given) if (Path(given) / "seqinfo.ini").is_file() else None
        blank = self.options.detections is not None and info is not None
        source = blank_source(name, info) if blank and info is not None else source_of(given, self.layers)
        return Footage(name, source, truth.tables[name], None if info is None else info.length)

    @property
    def study(self) -> Path:
        """The file of the study."""
        return self.options.study or self.options.out / STUDY

    def job(self) -> TuningRun:
        """Return the search with everything that was settled, so that it can be written down and repeated."""
        setup = self.setup()
        asked: dict[str, Any] = {part.kind: part for part in setup.parts() if self._said(part.kind)}
        detector = setup.detector if self.options.detections is None else self._said("detector")
        settled: dict[str, Any] = {"source": self._said("source"), "detector": detector, "tracker": setup.tracker}
        return dataclasses.replace(self.options, study=None, sink=(), sinks=None, **settled, **asked)

    def _said(self, section: str) -> dict[str, Any] | str:
        """Return what all places together say about a component."""
        said: dict[str, Any] = {}
        for layer in self.layers:
            said |= layer.tables.get(section, {})
        return said or ""

    def write(self) -> Path:
        """Put ``run.toml`` into the folder of outputs: ``trackforge tune --config run.toml`` repeats the search.

        Raises:
            SinkError: The place cannot be written to.
        """
        return write_run(self.options.out, self.job(), "tune", "-o ANOTHER-FOLDER")

    def problem(self) -> Problem:
        """Return the question that the search answers.

        Raises:
            ConfigError: Settings, sequences or options do not go together.
            InvalidInputError: A sequence has no truth, or none would be left to tune on.
            SinkError: The outputs cannot be written.
        """
        said = self.options
        check_writable([said.out], kind="folder")
        check_writable([self.study])
        objective = Objective.parse(said.objective, said.average)  # before anything is read
        setup, space, footage = self.setup(), self.space(), self.footage()
        if said.val and said.val_share is not None:
            raise ConfigError("Give --val or --val-share, not both.")
        lengths = {one.name: one.length or int(one.truth.frame.max(initial=0)) + 1 for one in footage}
        share = (SHARE if len(footage) > 1 else 0) if said.val_share is None else said.val_share
        train, val = split(lengths, said.val or share, said.seed)
        return Problem(
            setup=setup,
            space=space,
            train=[one for one in footage if one.name in train],
            val=[one for one in footage if one.name in val],
            objective=objective,
            preprocessing=said.preprocessing,  # type: ignore[arg-type] # reading truth has checked it
            box=said.box,
            library=Library(setup.detector, space, said.out / "detections"),
        )


def carry_out(
    problem: Problem,
    run: TuningRun,
    *,
    on_trial: Callable[[Trial], object] | None = None,
    begun: Callable[[], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Search as a run says; see `trackforge.tuning.tune`, whose errors it raises."""
    return tune(
        problem,
        run.study or run.out / STUDY,
        trials=run.trials,
        workers=run.workers,
        search=Search(seed=run.seed, pruning=run.pruning, pick=run.pick),
        on_trial=on_trial,
        begun=begun,
        stop=stop,
    )
