"""Accuracy of trackers on stored detections: one table from one file of settings.

``python -m benchmarks.accuracy benchmarks/mot17.toml`` tracks every sequence with every row's tracker, scores it and
writes ``results/accuracy-<file name>.json``. Settings are the same for all sequences of a row; the format has no other
way to say it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import trackforge
from benchmarks.context import data_dir, save
from trackforge import Detections, Frame, Report, Step, TrackTable
from trackforge.io.mot import SequenceInfo, read_mot, read_seqinfo
from trackforge.protocols import Tracker
from trackforge.runs import replay

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCORES = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "Frag", "FP", "FN")
COUNTS = ("IDSW", "Frag", "FP", "FN")


def steps(tracker: Tracker, detections: TrackTable, info: SequenceInfo, least_score: float) -> Iterable[Step]:
    """Track one sequence from a table of detections, empty frames included."""

    def pairs() -> Iterator[tuple[Frame, Detections]]:
        for index in range(info.length):
            found = detections.detections(index)
            frame = Frame(index=index, size=(info.width, info.height), sequence=info.name)
            yield frame, found[found.score >= least_score]

    return replay(pairs(), tracker)


def run_row(row: Mapping[str, Any], setup: Mapping[str, Any], data: Path, results: Path) -> Report:
    """Track and score all sequences with one row's tracker."""
    truth = data / setup["truth"]
    for sequence in sorted(path.parent for path in truth.glob("*/seqinfo.ini")):
        info = read_seqinfo(sequence / "seqinfo.ini")
        found = read_mot(data / setup["detections"] / f"{sequence.name}.txt", kind="detections")
        tracker = trackforge.tracker(row["tracker"], **row.get("settings", {}))
        with trackforge.sink("mot", path=results / f"{sequence.name}.txt", **setup.get("output", {})) as sink:
            for step in steps(tracker, found, info, row.get("least_score", 0.0)):
                sink.write(step)
    return trackforge.evaluate(truth, results, preprocessing=setup["preprocessing"])


def run(path: Path) -> dict[str, Any]:
    """Run every row of a file of settings; return what goes into the results."""
    setup = tomllib.loads(path.read_text(encoding="utf-8"))
    data, rows = data_dir(), []
    for row in setup["row"]:
        with tempfile.TemporaryDirectory() as folder:
            report = run_row(row, setup, data, Path(folder))
        rows.append(
            {
                **row,
                "scores": _rounded(report.combined),
                "sequences": {name: _rounded(scores) for name, scores in report.sequences.items()},
            }
        )
        print(f"{row['label']:26}", *(f"{name} {value:g}" for name, value in rows[-1]["scores"].items()))
    return {key: setup[key] for key in ("name", "detector", "preprocessing", "output")} | {"rows": rows}


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Percent with two decimals; counts as they are."""
    return {name: int(scores[name]) if name in COUNTS else round(100 * scores[name], 2) for name in SCORES}


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, nargs="?", default=Path(__file__).with_name("mot17.toml"))
    settings = parser.parse_args().settings
    print("wrote", save(f"accuracy-{settings.stem}", run(settings)))


if __name__ == "__main__":
    main()
