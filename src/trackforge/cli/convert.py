"""``trackforge convert``: files of tracks by their endings, data sets by what they hold."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

__all__ = ["convert"]


def convert(
    source: Path,
    target: Path,
    /,
    *,
    from_: Annotated[str | None, Parameter(name=["--from"])] = None,
    to: str | None = None,
    kind: Literal["tracks", "truth", "detections"] = "tracks",
    classes: list[str] | None = None,
    images: Literal["copy", "link", "reference", "none"] | None = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
) -> int:
    """Convert tracks and data sets from one format to another.

    Files of tracks are known by their endings: .txt MOTChallenge (or a folder of such), .json COCO, .jsonl,
    .parquet. Folders of pictures with labels are data sets: mot, coco, voc, yolo, jde.

    Parameters
    ----------
    source
        File or folder to read.
    target
        File or folder to write.
    from_
        Format of the source, where it does not tell.
    to
        Format of the target, where its ending does not tell.
    kind
        What MOTChallenge files of tracks hold.
    classes
        Data sets: keep these classes only: person,car.
    images
        Data sets: what becomes of the pictures.
    as_json
        Print JSON.
    """
    forms = (_form(source, from_), _form(target, to))
    if _is_data_set(source, target, from_, to):
        from trackforge import data
        from trackforge.cli.flags import split

        report = data.convert(source, target, to=to, format=from_, classes=split(classes), images=images)
        facts, text = dataclasses.asdict(report), str(report)
    else:
        facts = _tracks(source, target, forms, kind)
        text = f"{facts['boxes']} boxes of {facts['sequences']} sequences in {', '.join(facts['files'])}"
    sys.stdout.write((json.dumps(facts, indent=2, default=str) if as_json else text) + "\n")
    return 0


def _form(path: Path, named: str | None) -> str:
    """Tell the format of a file of tracks; a folder is one of MOTChallenge files."""
    from trackforge.io.tables import FORMATS

    if named is not None:
        return named
    return "mot" if path.is_dir() or not path.suffix else FORMATS.get(path.suffix.lower(), "")


def _is_data_set(source: Path, target: Path, from_: str | None, to: str | None) -> bool:
    """Whether pictures and labels are meant, rather than a tracker's files."""
    from trackforge.io.tables import FORMATS

    if any(name is not None and name not in FORMATS.values() for name in (from_, to)):
        return True
    if source.is_dir() and not any(source.glob("*.txt")):
        return True
    return to is not None and not target.suffix and source.suffix.lower() == ".json"


def _tracks(source: Path, target: Path, forms: tuple[str, str], kind: Any) -> dict[str, Any]:
    from trackforge.errors import ConfigError
    from trackforge.io.tables import FORMATS, read_tables, write_tables

    for path, form in zip((source, target), forms, strict=True):
        if form not in FORMATS.values():
            known = ", ".join(f"{name} ({ending})" for ending, name in FORMATS.items())
            raise ConfigError(f"The ending of {path} tells no format. Name it with --from or --to. Known: {known}.")
    tables = read_tables(source, forms[0], kind=kind)
    files = write_tables(target, tables, forms[1], kind=kind)
    return {
        "sequences": len(tables),
        "boxes": sum(len(table) for table in tables.values()),
        "files": [str(file) for file in files],
    }
