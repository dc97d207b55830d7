"""Where the results of a sequence go: its files lie under the output as it lies under the input.

``input/cam1/monday.mp4`` becomes ``output/cam1/monday.txt``, ``.jsonl``, ``.mp4``, ... With the format ``fairmot`` it
is a folder ``output/cam1/monday/`` as AWS's sample of FairMOT lays it out: ``results.txt``, the film and its pictures;
where the job has one sequence, these lie in the output itself, as there. Analytics have a folder beside it,
``output/cam1/monday.analytics/``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trackforge.intake.names import relative_name

__all__ = ["FORMATS", "Place", "placed", "sweep"]

FORMATS: Mapping[str, Sequence[tuple[str, str]]] = {
    "mot": [("mot", ".txt")],
    "jsonl": [("jsonl", ".jsonl")],
    "video": [("overlay", ".mp4")],
    "seqlabel": [("seqlabel", ".seqlabel.json")],
    "coco": [("coco", ".json")],
    "csv": [("csv", ".csv")],
    "parquet": [("parquet", ".parquet")],
    "fairmot": [("fairmot", "/results.txt"), ("overlay", "/{stem}.mp4"), ("pictures", "/frame")],
}
"""By format: names of sinks, and what follows the name of the sequence in their place."""
_MARK = re.compile(r"\.partial-[0-9a-f]{8}")

Place = Mapping[str, Any]
"""An output as a run takes it: ``path`` and ``name`` of the sink."""


def placed(name: str, formats: Iterable[str], output: Path, *, alone: bool, measured: bool = False) -> list[Place]:
    """Return the outputs of a sequence.

    Args:
        name: Of the sequence: where it lies under the input, without its ending.
        formats: Keys of `FORMATS`.
        output: Folder of the results.
        alone: Whether the job has no other sequence.
        measured: Whether there are analytics; then events are the last.

    Raises:
        DataError: The name leads out of the folder, or is none for a file.
    """
    relative = relative_name(name, "An input").as_posix().translate({ord("{"): "(", ord("}"): ")"})
    base = f"{output}/{relative}"
    stem = Path(relative).name
    found: list[Place] = []
    for one in dict.fromkeys(formats):
        for sink, rest in FORMATS[one]:
            begin = str(output) if alone and rest.startswith("/") else base
            found.append({"path": begin + rest.replace("{stem}", stem), "name": sink})
    return [*found, {"path": f"{base}.analytics/events.csv", "name": "events"}] if measured else found


def sweep(places: Iterable[Place]) -> None:
    """Remove what earlier runs that were killed, or an output that failed, left of these outputs on their way."""
    for place in places:
        final = Path(place["path"])
        for path in _partial(final):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _partial(final: Path) -> Iterator[Path]:
    if not final.parent.is_dir():
        return
    for path in final.parent.iterdir():
        if _MARK.search(path.name) and _MARK.sub("", path.name) == final.name:
            yield path
