"""Scores of a run just made: video to HOTA in one command."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.errors import (
    ConfigError,
    DataError,
    InvalidInputError,
    MissingDependencyError,
    MissingFileError,
    did_you_mean,
)
from trackforge.io.coco import read_coco, read_coco_classes
from trackforge.io.mot import read_mot
from trackforge.metrics import PREPROCESSING, DetectionReport, Report, average_precision, evaluate
from trackforge.runs.results import SequenceResult
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


@dataclasses.dataclass(frozen=True)
class Truth:
    """The ground truth of each sequence of a run."""

    tables: Mapping[str, TrackTable]
    preprocessing: Any
    classes: tuple[str, ...] = ()
    """Names of the classes, where all of the truth is COCO json that has the same."""

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
                f"preprocessing must be one of {known}; got {preprocessing!r}."
                f"{did_you_mean(preprocessing, PREPROCESSING)}"
            )
        for path in paths:
            if not path.exists():
                raise MissingFileError(f"truth must name a file or folder; there is no {path}.")
        tables = {name: _truth(name, paths, only=len(names) == 1) for name in names}
        return cls(tables, preprocessing, _classes(paths))

    def score(self, results: Sequence[SequenceResult], *, part: bool = False, stride: int = 1) -> Scores | None:
        """Score what was tracked; a sequence that was stopped counts up to there.

        Args:
            results: What came of the sequences, with their tables.
            part: Whether they began somewhere in their films: only what comes from there on counts.
            stride: They were given every so-manieth frame, and only these count.
        """
        tables, truth, cut = {}, {}, {}
        for result in results:
            if result.table is None or not result.frames:
                continue
            tables[result.name] = result.table
            truth[result.name] = self.tables[result.name]
            if result.stopped:
                cut[result.name] = result.frames if part or stride > 1 else result.last + 1
                truth[result.name] = _first(truth[result.name], result.last + 1)
            if part or stride > 1:
                table, first = truth[result.name], result.tally.first if part else 0
                truth[result.name] = table[(table.frame >= first) & ((table.frame - first) % stride == 0)]
        if not tables:
            return None
        lengths = {
            name: max(result.last + 1, int(truth[name].frame.max(initial=-1)) + 1)
            for result in results
            if (name := result.name) in tables
        }
        report = evaluate(truth, tables, preprocessing=self.preprocessing, lengths=lengths)
        found = {result.name: result.detected() for result in results if result.name in tables}
        named = self._by_name({result.name: result.classes for result in results}, found)
        try:
            precision = average_precision(
                truth,
                found if named is None else named,
                preprocessing=self.preprocessing,
                classes=None if named is None else self.classes,
                lengths=lengths,
            )
        except MissingDependencyError as error:
            log.info("%s", error)
            precision = None
        return Scores(report, precision, cut)

    def _by_name(
        self, stated: Mapping[str, Sequence[str]], found: Mapping[str, TrackTable]
    ) -> dict[str, TrackTable] | None:
        """Number the classes of detections as the truth does and leave out others; None where no name is the same."""
        if not any(set(stated[name]) & set(self.classes) for name in found):
            return None
        out = {}
        for name, table in found.items():
            numbers = [self.classes.index(c) if c in self.classes else -1 for c in stated[name]]
            index = np.array([*numbers, -1], np.int64)  # what has no name is of no class of the truth
            label = index[np.clip(table.class_id, -1, len(numbers))]
            kept = table[label >= 0]
            out[name] = TrackTable(
                frame=kept.frame, xyxy=kept.xyxy, score=kept.score, class_id=label[label >= 0], sequence=name
            )
        return out


def _classes(paths: Sequence[Path]) -> tuple[str, ...]:
    if not all(path.suffix.lower() == ".json" for path in paths):
        return ()
    names = set()
    for path in paths:
        try:
            names.add(read_coco_classes(path))
        except DataError:  # it has no categories
            return ()
    return names.pop() if len(names) == 1 else ()


def _first(table: TrackTable, frames: int) -> TrackTable:
    return table[table.frame < frames]


def _truth(name: str, paths: Sequence[Path], *, only: bool) -> TrackTable:
    for path in paths:
        for file in _candidates(path, name, only=only):
            if file.suffix.lower() == ".json":
                found = read_coco(file)
                if name in found or (only and len(found) == 1):
                    return found[name] if name in found else next(iter(found.values()))
            elif file.is_file():
                return read_mot(file, kind="truth", sequence=name)
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
