"""What a search tries its settings on: sequences with their truth, and the detections of them all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trackforge.errors import SourceError
from trackforge.intake.folders import natural_key
from trackforge.io.mot import SequenceInfo, read_mot, read_seqinfo
from trackforge.runs.component import Component
from trackforge.runs.recordings import Floor, Footage, Recordings
from trackforge.tuning.space import Dimension, Range

__all__ = ["FLOORS", "Library", "blank_source", "footage_of_folder"]

FLOORS = ("score", "min_score")
"""Settings of detectors that only leave out boxes of lower scores."""


class Library(Recordings):
    """Detections of sequences, for a search.

    Args:
        detector: The detector as it is without tuning; ``{name}`` in its settings is the name of the sequence.
        space: What is tuned; dimensions of other sections are ignored.
        folder: Where to keep detections, or None for memory only.
    """

    def __init__(self, detector: Component, space: Iterable[Dimension] = (), folder: Path | None = None) -> None:
        floors = [
            Floor(one.name.partition(".")[2], one.low, one.high)
            for one in space
            if isinstance(one, Range) and one.name in {f"detector.{key}" for key in FLOORS}
        ]
        super().__init__(detector, folder, floor=floors[-1] if floors else None)


def footage_of_folder(folder: str | Path, *, truth_file: str = "gt/gt.txt") -> list[Footage]:
    """Return the sequences in a folder, ``<sequence>/seqinfo.ini`` and ``<sequence>/gt/gt.txt``, without pictures.

    For detections that come from files; a detector that looks at pictures needs a `Footage` with another source.

    Raises:
        SourceError: There is no sequence.
        DataError: A file is malformed.
    """
    found = []
    for ini in sorted(Path(folder).glob("*/seqinfo.ini"), key=lambda path: natural_key(path.parent.name)):
        info, name = read_seqinfo(ini), ini.parent.name
        truth = read_mot(ini.parent / truth_file, kind="truth", sequence=name)
        found.append(Footage(name, blank_source(name, info), truth, info.length))
    if not found:
        raise SourceError(f"A folder of sequences must hold <sequence>/seqinfo.ini; {folder} has none.")
    return found


def blank_source(name: str, info: SequenceInfo) -> Component:
    """Return a source of frames without pictures."""
    settings = {"length": info.length, "size": (info.width, info.height), "rate": info.rate, "name": name}
    return Component("source", "frames", settings)
