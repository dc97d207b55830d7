"""What a run writes must neither fall upon what it reads nor be impossible to write: seen to in advance."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from trackforge.errors import SourceError
from trackforge.io.annotated import picture_names
from trackforge.io.picture_files import find_pictures
from trackforge.io.targets import check_writable, keep_apart
from trackforge.runs.planning import RunPlan

__all__ = ["check_places"]


def check_places(plan: RunPlan, inputs: Sequence[tuple[str, str]]) -> None:
    """Refuse a plan whose outputs cannot be written, or replace something that it reads.

    Args:
        plan: What is going to be done.
        inputs: Name of each sequence, and the source as it was given.

    Raises:
        ConfigError: Two paths are one file, or there is a placeholder that nothing fills in.
        SinkError: A place is not to be written to.
    """
    outputs = [output for output in plan.outputs if output.path and not output.is_stdout]
    places = [output.place(name) for name, _ in inputs for output in outputs]
    places += [path for name, _ in inputs for path, _ in plan.more(name)]
    check_writable([output.path for output in outputs], kind="either", placeholders=["name"])
    check_writable(places, kind="either", placeholders=None)
    read: list[str | Path] = [*(given for _, given in inputs), *plan.options.truth]
    for component in (*plan.sources, plan.detector, plan.tracker):
        for name, _ in inputs:
            settings = component.for_sequence(name).settings.values()
            read += [value for value in settings if isinstance(value, (str, Path)) and _is_file(value)]
    for given in tuple(read):  # a MOTChallenge sequence is read as a folder
        read += [file for part in ("gt/gt.txt", "det/det.txt") if _is_file(file := Path(given) / part)]
    keep_apart(places, read)
    _keep_pictures_apart(plan, [name for name, _ in inputs])


def _keep_pictures_apart(plan: RunPlan, names: Sequence[str]) -> None:
    """See to it that no annotated picture replaces one that is read, of whichever sequence."""
    outputs = [output for output in plan.outputs if output.sink.name == "pictures"]
    sets = []
    for source, name in zip(plan.sources, names, strict=True) if outputs else ():
        if source.name == "images":
            with contextlib.suppress(SourceError):  # it is said where it is opened
                sets.append((name, find_pictures(str(source.settings["path"]))))
    read = [file for _, files in sets for file in files]
    for name, files in sets:
        top = Path(os.path.commonpath([file.parent for file in files]))
        made = list(picture_names(file.relative_to(top).as_posix() for file in files))
        for output in outputs:
            keep_apart([Path(output.place(name)) / one for one in made], read)


def _is_file(value: str | Path) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):  # too long for a path: some other text
        return False
