"""Sequences of a MOTChallenge folder, ready to be tuned on."""

from __future__ import annotations

from pathlib import Path

from trackforge.errors import SourceError
from trackforge.io.mot import SequenceInfo, read_mot, read_seqinfo
from trackforge.io.pictures import natural_key
from trackforge.tuning.recordings import Footage
from trackforge.tuning.setups import Component

__all__ = ["blank_source", "footage_of_folder"]


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
