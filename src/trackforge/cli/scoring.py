"""Scores of a run just made: video to HOTA in one command."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from trackforge.cli.running import Outcome
from trackforge.errors import ConfigError, InvalidInputError, MissingDependencyError, MissingFileError, did_you_mean
from trackforge.io.coco import read_coco
from trackforge.io.mot import read_mot
from trackforge.metrics import PREPROCESSING, DetectionReport, Report, average_precision, evaluate
from trackforge.table import TrackTable

__all__ = ["Scores", "Truth"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Scores:
    """A report, and which sequences were scored up to where they were stopped only."""

    report: Report
    detections: DetectionReport | None
    """Average precision of what the tracker was given; None without faster-coco-eval."""
    cut: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, without the curves; `trackforge eval` gives these."""
        return {
            "preprocessing": self.report.preprocessing,
            "combined": dict(self.report.combined),
            "sequences": {name: dict(scores) for name, scores in self.report.sequences.items()},
            "detections": None if self.detections is None else self.detections.to_dict()["mean"],
            "scored_frames": dict(self.cut),
        }

    def show(self, console: Console) -> None:
        """Print the table."""
        sys.stdout.write(self.report.table() + "\n")
        if self.detections is not None:
            mean = self.detections.mean
            sys.stdout.write(f"detections: AP50 {100 * mean.ap50:.2f}, AP {100 * mean.ap:.2f}\n")
        for name, frames in self.cut.items():
            console.print(Text(f"{name}: only the first {frames} frames were tracked and scored", style="yellow"))


@dataclasses.dataclass(frozen=True)
class Truth:
    """The ground truth of each sequence of a run."""

    tables: Mapping[str, TrackTable]
    preprocessing: Any

    @classmethod
    def find(cls, paths: Sequence[Path], names: Sequence[str], preprocessing: str) -> Truth:
        """Read it, before the work begins.

        Raises:
            ConfigError: There is no such preprocessing.
            MissingFileError: A path does not exist.
            InvalidInputError: A sequence has no truth.
            DataError: A file is malformed.
        """
        if preprocessing not in PREPROCESSING:
            known = ", ".join(PREPROCESSING)
            raise ConfigError(
                f"--preprocessing must be one of {known}; got {preprocessing!r}."
                f"{did_you_mean(preprocessing, PREPROCESSING)}"
            )
        for path in paths:
            if not path.exists():
                raise MissingFileError(f"--truth must name a file or folder; there is no {path}.")
        return cls({name: _truth(name, paths, only=len(names) == 1) for name in names}, preprocessing)

    def score(self, outcomes: Sequence[Outcome]) -> Scores | None:
        """Score what was tracked; a sequence that was stopped counts up to there."""
        tables, truth, cut = {}, {}, {}
        for outcome in outcomes:
            if outcome.table is None or not outcome.frames:
                continue
            tables[outcome.name] = outcome.table
            truth[outcome.name] = self.tables[outcome.name]
            if outcome.stopped:
                cut[outcome.name] = outcome.last + 1
                truth[outcome.name] = _first(truth[outcome.name], outcome.last + 1)
        if not tables:
            return None
        lengths = {
            name: max(outcome.last + 1, int(truth[name].frame.max(initial=-1)) + 1)
            for outcome in outcomes
            if (name := outcome.name) in tables
        }
        report = evaluate(truth, tables, preprocessing=self.preprocessing, lengths=lengths)
        found = {outcome.name: outcome.detected() for outcome in outcomes if outcome.name in tables}
        try:
            precision = average_precision(truth, found, preprocessing=self.preprocessing, lengths=lengths)
        except MissingDependencyError as error:
            log.info("%s", error)
            precision = None
        return Scores(report, precision, cut)


def _first(table: TrackTable, frames: int) -> TrackTable:
    return table[table.frame < frames]


def _truth(name: str, paths: Sequence[Path], *, only: bool) -> TrackTable:
    for path in paths:
        for file in _candidates(path, name, only=only):
            if file.suffix.lower() == ".json":
                found = read_coco(file)
                if name in found or (only and len(found) == 1):
                    return found.get(name) or next(iter(found.values()))
            elif file.is_file():
                return read_mot(file, kind="truth")
    places = ", ".join(map(str, paths))
    raise InvalidInputError(
        f"Every sequence must have ground truth; there is none for {name!r} in {places}. "
        f"Give a file, or a folder with {name}/gt/gt.txt or {name}.txt."
    )


def _candidates(path: Path, name: str, *, only: bool) -> Iterator[Path]:
    if path.is_dir():
        if only or path.name == name:
            yield path / "gt" / "gt.txt"
        yield path / name / "gt" / "gt.txt"
        yield path / f"{name}.txt"
        if only:
            yield path / "gt.txt"
    elif only or name in (path.stem, path.parent.parent.name) or path.suffix.lower() == ".json":
        yield path
