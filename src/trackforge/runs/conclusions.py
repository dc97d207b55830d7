"""The tables, figures and the JSON that stand at the end of an analysis, in its folder."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trackforge.intake.names import plain_name
from trackforge.io.atomic import atomic_path
from trackforge.io.events import rows_csv, write_parquet
from trackforge.runs.component import Component
from trackforge.runs.values import plain
from trackforge.runs.watching import Watching

__all__ = ["NAMES", "conclude", "counts", "others"]

log = logging.getLogger(__name__)
NAMES = (
    ("analytics.json", "analytics"),
    ("counts.csv", "table"),
    ("tracks.csv", "table"),
    ("tracks.parquet", "table"),
)
"""Files in the folder of a sequence, and their formats."""
COUNTS = ("sequence", "analytic", "minute")
ELSEWHERE = ("minutes", "tracks", "crossings", "events")
"""Lists of rows in a result that have a file of their own: counts, tracks, events."""


def counts(sequence: str, result: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for whatever analytics have counted by minute: what their results have as ``minutes``."""
    return [
        {"sequence": sequence, "analytic": analytic, **row}
        for analytic, values in result.items()
        for row in values.get("minutes") or ()
        if isinstance(row, Mapping)
    ]


def others(result: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield what else results have as lists of flat rows, as tables: name of analytic and list, and the rows."""
    for analytic, values in result.items():
        for key, rows in values.items():
            listed = isinstance(rows, (list, tuple)) and rows and all(isinstance(row, Mapping) for row in rows)
            if listed and key not in ELSEWHERE and not any(_nested(row) for row in rows):
                yield plain_name(f"{analytic}-{key}", "An analytic"), list(rows)


def _nested(row: Mapping[str, Any]) -> bool:
    return any(isinstance(value, (Mapping, list, tuple)) for value in row.values())


def conclude(
    folder: Path, seen: Watching, analytics: Mapping[str, Component], plots: str = "none"
) -> list[tuple[str, str]]:
    """Write what came of a sequence into a folder, each file whole or not at all; return paths and formats.

    Args:
        folder: Is made where it is not there.
        seen: The sequence.
        analytics: With which settings it was made.
        plots: Ending of the figures, without a dot; ``none`` for none.

    Raises:
        SinkError: A place cannot be written to.
        PluginError: An analytic fails.
    """
    result = seen.result()
    tracks = seen.tracks(result)
    whole = {
        "sequence": seen.name,
        "analytics": {
            name: {"analytic": one.name, "settings": plain(dict(one.settings)), "result": result.get(name, {})}
            for name, one in analytics.items()
        },
    }
    texts = {
        "analytics.json": json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "counts.csv": rows_csv(counts(seen.name, result), COUNTS),
        "tracks.csv": rows_csv(tracks, ("sequence", "track_id", "class")),
    }
    made: list[tuple[str, str]] = []
    for name, form in NAMES:
        place = folder / name
        if name in texts:
            with atomic_path(place) as path:
                path.write_text(texts[name], encoding="utf-8")
        elif importlib.util.find_spec("pyarrow") is None:
            continue
        else:
            with atomic_path(place) as path:
                write_parquet(path, tracks, ("sequence", "track_id", "class"))
        made.append((str(place), form))
    for name, rows in others(result):
        place = folder / f"{name}.csv"
        with atomic_path(place) as path:
            path.write_text(rows_csv(rows), encoding="utf-8")
        made.append((str(place), "table"))
    return [*made, *_plots(folder, seen, result, plots)]


def _plots(
    folder: Path, seen: Watching, result: Mapping[str, Mapping[str, Any]], ending: str
) -> Iterator[tuple[str, str]]:
    if ending == "none":
        return
    if importlib.util.find_spec("matplotlib") is None:
        log.warning("no figures without matplotlib; run: pip install 'trackforge-mot[plot]', or --plots none")
        return
    from trackforge.analytics.plotting import write_plots

    for path in write_plots(folder, result, still=seen.still, ending=f".{ending}"):
        yield str(path), "figure"
