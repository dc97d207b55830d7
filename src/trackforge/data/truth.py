"""Ground truth for scores, out of data sets in formats that the scores do not read themselves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from trackforge.data.dialects.seqmaps import listed_truth, sniff_seqmaps
from trackforge.data.formats import read, sniff
from trackforge.data.tables import to_tables
from trackforge.errors import DataError
from trackforge.table import TrackTable

__all__ = ["truth_tables"]

log = logging.getLogger(__name__)
READ_ANYWAY = ("mot", "coco")
"""Formats that `trackforge.evaluate` reads, with rules of its own."""


def truth_tables(path: Path, *, regions: bool = False) -> Mapping[str, TrackTable | Path] | None:
    """Return the boxes, or the MOT file, of each sequence of a data set; None for what scores read themselves.

    Args:
        path: Folder or file, of any format with sequences: CVAT, UA-DETRAC, VisDrone, BDD100K, ...; or a list of
            MOTChallenge sequences.
        regions: Keep ignore regions, flagged 0, as scores of detections want them; tracks cannot be scored with boxes
            that have no identity.

    Raises:
        DataError: It is malformed.
        InvalidInputError: It holds stills only.
    """
    if path.is_file() and sniff_seqmaps(path):
        return listed_truth(path)
    if not (path.is_file() or path.is_dir()) or path.suffix.lower() in (".txt", ".csv", ".parquet", ".jsonl"):
        return None
    try:
        name = sniff(path).name
    except DataError:
        return None
    if name in READ_ANYWAY:
        return None
    tables = to_tables(read(path, name))
    count = sum(int((table.extra["flag"] == 0).sum()) for table in tables.values())
    if not regions and count:
        tables = {sequence: table[table.extra["flag"] != 0] for sequence, table in tables.items()}
        log.warning(
            "%s (%s): %d ignore regions are no truth, but what is found in them counts as wrong; the benchmark's own "
            "rules may differ.",
            path,
            name,
            count,
        )
    return tables
