"""``trackforge convert``: files of tracks by their endings, data sets by what they hold."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from trackforge.cli.printing import put

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
    overwrite: Annotated[bool, Parameter(negative="")] = False,
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
    overwrite
        Replace what stands at the target; of data sets see trackforge data convert.
    as_json
        Print JSON.
    """
    from trackforge.io.tables import are_tracks, convert_tables
    from trackforge.io.targets import check_writable

    check_writable([target], kind="either")

    if are_tracks(source, target, from_, to):
        facts = convert_tables(source, target, from_, to, kind=kind, overwrite=overwrite)
        text = f"{facts['boxes']} boxes of {facts['sequences']} sequences in {', '.join(facts['files'])}"
    else:
        from trackforge import data
        from trackforge.cli.flags import split

        report = data.convert(
            source, target, to=to, format=from_, classes=split(classes), images=images, overwrite=overwrite
        )
        facts, text = dataclasses.asdict(report), str(report)
    put((json.dumps(facts, indent=2, default=str) if as_json else text) + "\n")
    return 0
