"""``trackforge data clip``: films and drives cut for labelling."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from trackforge.cli.flags import Positive
from trackforge.cli.printing import put

__all__ = ["clip"]


def clip(
    sources: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--out", "-o"])],
    frames: Positive = 200,
    form: Annotated[Literal["clips", "frames", "stills"], Parameter(name=["--as"])] = "clips",
    stride: Positive = 1,
    prefix: str = "",
    group_by_time: float | None = None,
    classes: Annotated[list[str] | None, Parameter(negative="")] = None,
    as_json: Annotated[bool, Parameter(name=["--json"], negative="")] = False,
) -> int:
    """Cut films into parts of so many frames for people to label; goes on where it was broken off.

    Parameters
    ----------
    sources
        Films; with --group-by-time a folder of pictures for each camera of a drive, named by time.
    output
        Folder to write.
    frames
        Frames of a part.
    form
        clips: films, with exactly those frames. frames: pictures, sequence files and the input manifest of a labelling
        job of video. stills: pictures, and a manifest with a line for each.
    stride
        Take every so-manieth frame.
    prefix
        Where the folder will be uploaded to, s3://bucket/folder/.
    group_by_time
        Cut a drive at the same times in all cameras, every so many seconds.
    classes
        What people are to draw boxes around, person,car: makes frames and stills a new labelling job.
    as_json
        Print JSON.
    """
    import json

    from trackforge.cli.flags import split
    from trackforge.data.clip_tasks import check_task, write_task
    from trackforge.data.clips import cut_clips
    from trackforge.data.drives import cut_drive
    from trackforge.errors import ConfigError

    wanted, cut = split(classes), "frames" if group_by_time is not None else form
    if wanted:
        if cut == "clips":
            raise ConfigError("Clips are no labelling job; with --classes say --as frames, or --as stills.")
        check_task(wanted, cut)
    if group_by_time is None:
        report = cut_clips(sources, output, frames=frames, form=form, stride=stride, prefix=prefix)
    elif form == "stills":
        raise ConfigError("Groups by time are sequences; --as stills makes none. Leave one out.")
    else:
        report = cut_drive(sources, output, seconds=group_by_time, stride=stride, prefix=prefix)
    if wanted and cut != "clips" and report.clips:
        write_task(output, wanted, cut)
    facts = dataclasses.asdict(report)
    put((json.dumps(facts, indent=2, default=str) if as_json else str(report)) + "\n")
    return int(bool(report.failed))
